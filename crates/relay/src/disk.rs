//! Small files that must be whole or absent: written beside, synced, renamed.

use crate::plan::PLAN_BYTES_MAX;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Largest file read back: whatever plan was taken comes back after a restart, also when it is written a little longer
/// here than it came.
const FILE_BYTES_MAX: u64 = 2 * PLAN_BYTES_MAX as u64;

/// A file that cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{}: {what}", path.display())]
pub struct DiskError {
    /// Which.
    pub path: PathBuf,
    /// What failed.
    pub what: &'static str,
    /// Why.
    #[source]
    pub source: io::Error,
}

fn failed(path: &Path, what: &'static str) -> impl FnOnce(io::Error) -> DiskError {
    let path = path.to_owned();
    move |source| DiskError { path, what, source }
}

/// Makes the folder, for its owner only.
pub fn make_folder(path: &Path) -> Result<(), DiskError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(failed(path, "cannot make the folder"))
}

/// Replaces a file by this content in one step, readable by its owner only: after a crash at any instant the
/// file is the old or the new one.
pub fn replace(path: &Path, content: &[u8]) -> Result<(), DiskError> {
    let beside = path.with_extension("new");
    let write = || -> io::Result<()> {
        // A file left by a crash may have had other permissions.
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&beside)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        // The rename itself is durable once the folder is.
        File::open(
            path.parent()
                .filter(|p| !p.as_os_str().is_empty())
                .unwrap_or(Path::new(".")),
        )?
        .sync_all()
    };
    write().map_err(failed(path, "cannot write"))
}

/// The content, or `None` when there is no such file.
pub fn read(path: &Path) -> Result<Option<Vec<u8>>, DiskError> {
    let size = match fs::metadata(path) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(path, "cannot read")(error)),
    };
    if size > FILE_BYTES_MAX {
        return Err(failed(path, "too large")(
            io::ErrorKind::FileTooLarge.into(),
        ));
    }
    fs::read(path)
        .map(Some)
        .map_err(failed(path, "cannot read"))
}

/// Replaces a file by this value as JSON.
pub fn replace_json<T: Serialize>(path: &Path, value: &T) -> Result<(), DiskError> {
    let json = serde_json::to_vec(value)
        .map_err(io::Error::from)
        .map_err(failed(path, "cannot write"))?;
    replace(path, &json)
}

/// The value a JSON file holds, or `None` when there is no such file.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, DiskError> {
    let Some(json) = read(path)? else {
        return Ok(None);
    };
    serde_json::from_slice(&json)
        .map(Some)
        .map_err(io::Error::from)
        .map_err(failed(path, "is damaged"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_replaced_file_is_whole_private_and_leaves_nothing_beside() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("plan.json");
        assert_eq!(read_json::<Vec<u8>>(&path).expect("absent is fine"), None);
        for value in [vec![1_u8], vec![2, 3]] {
            replace_json(&path, &value).expect("written");
            assert_eq!(read_json(&path).expect("read"), Some(value));
        }
        let mode = fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }

    #[test]
    fn the_largest_plan_that_is_taken_is_read_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("plan.json");
        let site: protocol::SiteCode = "S".repeat(32).parse().expect("a code");
        // Between quotes, and with a comma.
        let bytes_per_site = site.as_str().len() + 3;
        let plan = protocol::RelayPlan {
            epoch: u64::MAX,
            conference: "conference".parse().expect("an id"),
            sites: vec![site; PLAN_BYTES_MAX / bytes_per_site - 10],
            program: Vec::new(),
            floor: None,
            parents: Vec::new(),
            children: Vec::new(),
        };
        let message = protocol::ToRelay::Plan(plan.clone());
        let length = serde_json::to_vec(&message).expect("JSON").len();
        assert!(length <= PLAN_BYTES_MAX, "{length}");
        replace_json(&path, &plan).expect("written");
        assert_eq!(read_json(&path).expect("read"), Some(plan));
    }

    #[test]
    fn a_damaged_file_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("plan.json");
        fs::write(&path, b"{ \"epoch\":").expect("written");
        let error = read_json::<Vec<u8>>(&path)
            .expect_err("damaged")
            .to_string();
        assert!(error.ends_with("plan.json: is damaged"), "{error}");
    }
}
