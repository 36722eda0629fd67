//! Small files that must be whole or absent: written beside, synced, renamed.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Largest file read back; a plan of a thousand sites has about 100 KiB.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

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
    let json = serde_json::to_vec_pretty(value)
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
