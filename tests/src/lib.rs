//! Whole processes, real browsers, real networks: what a test needs to tell a story about them.
//!
//! | module | gives |
//! |---|---|
//! | [`process`] | a `diemcau` process on free ports, its addresses, its end |
//! | [`demo`] | a whole `diemcau demo`: every role a process, what it says, an operator |
//! | [`operator`] | the orchestrator's API, signed in |
//! | [`machine`] | this machine, for one conference at a time |
//! | [`browser`] | Chromium with a fake camera, and WHIP/WHEP sessions in it |
//! | [`python`] | aiortc in an environment of its own |
//! | [`namespace`] | a network namespace with a cable to this machine |
//! | [`prometheus`] | `promtool`, and a Prometheus that scrapes |
//! | [`wait`] | waiting for an event under a generous deadline |
//! | [`skip`] | how a test says that this machine lacks something |

pub mod browser;
pub mod demo;
pub mod machine;
pub mod namespace;
pub mod operator;
pub mod process;
pub mod prometheus;
pub mod python;
pub mod skip;
pub mod tool;
pub mod wait;

use std::path::{Path, PathBuf};

/// The root of the repository.
pub fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Where the tests keep what they install, under cargo's target folder: found from the running test
/// binary, `target/debug/deps/…`.
pub fn workshop() -> PathBuf {
    let target = std::env::current_exe()
        .ok()
        .and_then(|binary| binary.ancestors().nth(3).map(Path::to_path_buf))
        .unwrap_or_else(|| repository().join("target"));
    target.join("tests")
}
