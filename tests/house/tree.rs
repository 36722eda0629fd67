//! What lies in the repository: the entries of its top level, and words that no file may hold.

use anyhow::{Context, Result, ensure};
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

/// The whole top level; a new entry is a decision, not an accident.
const TOP: &[&str] = &[
    ".ci",
    ".gitignore",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "config",
    "crates",
    "deploy",
    "docs",
    "tests",
];

/// Lock files name registries by their nature.
const LOCK_FILES: &[&str] = &["Cargo.lock", "package-lock.json"];

/// Words put together here, so that this file does not hold them either.
fn forbidden() -> Vec<(String, &'static str)> {
    let word = |parts: &[&str]| parts.concat();
    vec![
        (word(&["/wo", "rk/"]), "a path of one machine"),
        (word(&["/ro", "ot/"]), "a path of one machine"),
        (word(&["/ho", "me/"]), "a path of one machine"),
        (word(&["/tm", "p/"]), "a path of one machine"),
        (
            word(&["registry.npm", "js.org"]),
            "a package registry outside a lock file",
        ),
        (
            word(&["py", "pi.org"]),
            "a package registry outside a lock file",
        ),
        (
            word(&["index.crates", ".io"]),
            "a package registry outside a lock file",
        ),
        (word(&["todo", "!("]), "an unfinished piece"),
        (word(&["unimplemented", "!("]), "an unfinished piece"),
    ]
}

/// Files that git tracks or would track.
pub fn files() -> Result<Vec<String>> {
    let listed = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(tests::repository())
        .output()
        .context("git runs")?;
    ensure!(
        listed.status.success(),
        "git ls-files: {}",
        String::from_utf8_lossy(&listed.stderr)
    );
    let names = String::from_utf8(listed.stdout)?;
    let files: Vec<String> = names
        .split('\0')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect();
    ensure!(
        files.iter().any(|file| file == "Cargo.toml"),
        "git lists nothing"
    );
    Ok(files)
}

#[test]
fn the_top_level_holds_what_it_should() -> Result<()> {
    let top: BTreeSet<String> = files()?
        .iter()
        .filter_map(|file| file.split('/').next())
        .map(str::to_owned)
        .collect();
    let strangers: Vec<&String> = top
        .iter()
        .filter(|entry| !TOP.contains(&entry.as_str()))
        .collect();
    assert!(strangers.is_empty(), "not of the top level: {strangers:?}");
    for needed in [
        "Cargo.toml",
        "crates",
        "config",
        "deploy",
        "tests",
        "docs",
        "README.md",
    ] {
        assert!(top.contains(needed), "{needed} is missing");
    }
    Ok(())
}

/// A path that begins with a dot is one of this repository.
fn holds(line: &str, word: &str) -> bool {
    line.match_indices(word)
        .any(|(at, _)| !line[..at].ends_with('.'))
}

#[test]
fn no_file_holds_a_forbidden_word() -> Result<()> {
    let forbidden = forbidden();
    let mut found = Vec::new();
    for file in files()? {
        let name = file.rsplit('/').next().unwrap_or(&file);
        if LOCK_FILES.contains(&name) {
            continue;
        }
        // A file that is not text (a picture, a model) holds no words; one just deleted, none either.
        let Ok(text) = fs::read_to_string(tests::repository().join(&file)) else {
            continue;
        };
        for (line, content) in text.lines().enumerate() {
            for (word, why) in &forbidden {
                if holds(content, word) {
                    found.push(format!("{file}:{}: {word} is {why}", line + 1));
                }
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    Ok(())
}
