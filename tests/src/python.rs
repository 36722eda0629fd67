//! aiortc, a WebRTC stack that shares nothing with ours, in a virtual environment of its own.

use crate::tool;
use crate::{repository, workshop};
use anyhow::{Context, Result};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::process::Command;

/// Debian's Python, not one that a version manager shadows it with.
const PYTHON: &str = "/usr/bin/python3";

/// Why this machine cannot run the scripts; `None` when it can.
pub fn missing() -> Option<String> {
    let there = Path::new(PYTHON).is_file() && Path::new("/usr/lib/python3").is_dir();
    let usable = there
        && tool::run(std::process::Command::new(PYTHON).args(["-c", "import ensurepip, venv"]))
            .is_ok();
    (!usable).then(|| "Python with venv is not installed (Debian: python3-venv)".to_owned())
}

/// Runs `tests/python/SCRIPT` with these arguments to its end; its last line of output is JSON.
pub async fn run(script: &str, arguments: &[&str]) -> Result<Value> {
    let python = tokio::task::spawn_blocking(environment).await??;
    let output = Command::new(python)
        .arg(scripts().join(script))
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await?;
    let (said, complained) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    anyhow::ensure!(
        output.status.success(),
        "{script}: {}\n{said}\n{complained}",
        output.status
    );
    let last = said
        .lines()
        .last()
        .with_context(|| format!("{script} said nothing"))?;
    serde_json::from_str(last).with_context(|| format!("{script} said {last}"))
}

fn scripts() -> PathBuf {
    repository().join("tests/python")
}

/// The environment's interpreter, installed from the pinned list when that changed.
fn environment() -> Result<PathBuf> {
    let folder = workshop().join("python");
    let list = scripts().join("requirements.txt");
    let inside = |program: &str| folder.join("bin").join(program);
    tool::installed(&folder, &list, || {
        tool::run(
            std::process::Command::new(PYTHON)
                .args(["-m", "venv", "--clear"])
                .arg(&folder),
        )?;
        let mut pip = std::process::Command::new(inside("pip"));
        pip.args([
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--only-binary",
            ":all:",
            "-r",
        ]);
        tool::run(pip.arg(&list)).map(drop)
    })?;
    Ok(inside("python"))
}
