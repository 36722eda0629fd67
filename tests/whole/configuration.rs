//! The examples in `config/` and `diemcau check-config`.

use anyhow::{Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;
use tests::tool;

fn check(file: &Path) -> Result<Output> {
    Ok(Command::new(tool::diemcau()?)
        .arg("check-config")
        .arg(file)
        .output()?)
}

fn examples() -> Result<Vec<PathBuf>> {
    let folder = fs::read_dir(tests::repository().join("config"))?;
    let files = folder.map(|entry| entry.map(|entry| entry.path()));
    let mut files = files.collect::<Result<Vec<_>, _>>()?;
    files.retain(|file| {
        file.extension()
            .is_some_and(|extension| extension == "toml")
    });
    ensure!(files.len() >= 3, "an example for each role: {files:?}");
    Ok(files)
}

#[test]
fn every_example_is_taken() -> Result<()> {
    for file in examples()? {
        let output = check(&file)?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {complaint}", file.display());
    }
    Ok(())
}

#[test]
fn an_example_with_a_slip_is_refused_with_file_line_and_key() -> Result<()> {
    let folder = TempDir::new()?;
    for file in examples()? {
        let good = fs::read_to_string(&file)?;
        let slipped = folder.path().join("slipped.toml");
        fs::write(
            &slipped,
            format!("{good}\n[metrik]\nlisten = \"127.0.0.1:1\"\n"),
        )?;
        let output = check(&slipped)?;
        let complaint = String::from_utf8(output.stderr)?;
        assert!(
            !output.status.success(),
            "{} with a slip is taken",
            file.display()
        );
        let line = good.lines().count() + 2;
        let place = format!("slipped.toml:{line}:");
        assert!(
            complaint.contains(&place),
            "{complaint} does not name {place}"
        );
        assert!(complaint.contains("metrik"), "{complaint}");
    }
    Ok(())
}
