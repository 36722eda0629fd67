//! The web app's own checks, run on the copy that was built: types, unit tests, formatting.

use std::path::Path;
use std::process::Command;

/// Runs a tool of the web app; its output is the message when it fails.
fn node(tool: &str, args: &[&str]) {
    let Some(web) = option_env!("DIEMCAU_CONSOLE_WEB").map(Path::new) else {
        return println!(
            "skipped: built from DIEMCAU_CONSOLE_DIST, the sources' tools are not installed"
        );
    };
    let output = Command::new("node")
        .arg(web.join("node_modules").join(tool))
        .args(args)
        .current_dir(web)
        .env("CI", "1")
        .output()
        .expect("Node, which has built the web app, starts");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{tool}:\n{said}");
}

#[test]
fn the_types_hold() {
    node("typescript/bin/tsc", &["--noEmit"]);
}

#[test]
fn the_unit_tests_pass() {
    node("vitest/vitest.mjs", &["run"]);
}

#[test]
fn the_sources_are_formatted() {
    node("prettier/bin/prettier.cjs", &["--check", "."]);
}
