//! Programs that the tests call, and what they install for themselves.

use crate::{repository, workshop};
use anyhow::{Context, Result, bail, ensure};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Where a program lies on the search path; system folders count even when the path lacks them.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// What to say when a program is missing; `None` when it is there.
pub fn missing(program: &str, package: &str) -> Option<String> {
    find(program)
        .is_none()
        .then(|| format!("{program} is not installed (Debian: {package})"))
}

/// Runs a command to its end; its output becomes the error when it fails.
pub fn run(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .with_context(|| format!("starting {command:?}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if !output.status.success() {
        bail!(
            "{command:?}: {}\n{}\n{}",
            output.status,
            text(&output.stdout),
            text(&output.stderr)
        );
    }
    Ok(text(&output.stdout))
}

/// The `diemcau` binary of this tree: `DIEMCAU_BIN` when set (the test command builds it once),
/// else built now, with the features the whole workspace has, so that nothing is built twice.
pub fn diemcau() -> Result<PathBuf> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let built = BUILT.get_or_init(|| build().map_err(|error| format!("{error:#}")));
    built.clone().map_err(anyhow::Error::msg)
}

fn build() -> Result<PathBuf> {
    if let Some(binary) = std::env::var_os("DIEMCAU_BIN") {
        return Ok(binary.into());
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    run(Command::new(cargo)
        .args(["build", "--quiet", "--workspace", "--bin", "diemcau"])
        .current_dir(repository()))?;
    let binary = workshop().with_file_name("debug").join("diemcau");
    ensure!(binary.is_file(), "cargo built no {}", binary.display());
    Ok(binary)
}

/// Brings a folder up to date by `install`, once per content of `lock`: the next run finds it.
///
/// A lock on the folder keeps two test binaries from installing into it at once.
pub fn installed(folder: &Path, lock: &Path, install: impl FnOnce() -> Result<()>) -> Result<()> {
    fs::create_dir_all(folder)?;
    let turn = File::create(folder.with_extension("lock"))?;
    turn.lock()?;
    let wanted = fs::read(lock).with_context(|| format!("reading {}", lock.display()))?;
    let mark = folder.join("installed");
    if fs::read(&mark).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    install()?;
    fs::write(mark, wanted)?;
    Ok(())
}
