//! `diemcau check-config FILE`: says whether a file would be taken, and by which role.

use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::ExitCode;

/// Checks the file; the role is told from the tables only that role has.
pub fn run(file: &Path) -> Result<ExitCode> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    let name = file.display().to_string();
    let table: toml::Table = telemetry::config::load(&text, &name)?;
    let role = if table.contains_key("halls") {
        hall::Config::from_toml(&text, &name)?;
        "hall agents"
    } else if table.contains_key("media") || table.contains_key("id") {
        relay::Config::from_toml(&text, &name)?;
        "a relay"
    } else if table.contains_key("http") {
        orchestrator::Config::from_toml(&text, &name)?;
        "the orchestrator"
    } else {
        bail!(
            "{name}: found none of [http] (orchestrator), id and [media] (relay), [[halls]] (hall agents)"
        );
    };
    println!("{name}: good, for {role}");
    Ok(ExitCode::SUCCESS)
}
