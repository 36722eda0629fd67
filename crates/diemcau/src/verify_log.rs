//! `diemcau verify-log DATA`: walks every hash chain and names the first broken link.

use anyhow::Result;
use std::path::Path;
use std::process::ExitCode;

/// Checks the log in the folder, or the database file itself.
pub fn run(data: &Path) -> Result<ExitCode> {
    let report = orchestrator::log::verify(data)?;
    print!("{report}");
    Ok(if report.holds() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
