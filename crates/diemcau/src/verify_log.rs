//! `diemcau verify-log DATA`: walks every hash chain and names the first broken link.

use anyhow::Result;
use std::path::Path;
use std::process::ExitCode;

/// Checks the log in the folder, or the database file itself.
pub fn run(data: &Path) -> Result<ExitCode> {
    let file = if data.is_dir() {
        data.join(orchestrator::LOG_FILE)
    } else {
        data.to_path_buf()
    };
    let report = orchestrator::log::verify(&file)?;
    print!("{report}");
    Ok(if report.holds() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
