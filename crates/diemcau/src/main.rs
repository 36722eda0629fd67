//! `diemcau`: one binary, a sub-command for every role of a conference held in many halls at once.

mod bench;
mod check_config;
mod demo;
mod process;
mod verify_log;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Runs conferences over điểm cầu: orchestrator, relays, halls, and a demo of all of them.
#[derive(Parser)]
#[command(name = "diemcau", version, about, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    role: Role,
}

#[derive(Subcommand)]
enum Role {
    /// Run the orchestrator: rules, plan, head counts, log, console.
    Serve(process::Options),
    /// Run a relay: carries media for a province, a city, a ward.
    Relay(process::Options),
    /// Run headless halls: they join, publish, watch and count.
    Hall(process::Options),
    /// Bring up Thanh Hóa's 55 halls on this machine, with real media.
    Demo(demo::Options),
    /// Measure what this machine can carry.
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Check a configuration file of any role without starting anything.
    CheckConfig {
        /// The TOML file; its role is told from its content.
        file: PathBuf,
    },
    /// Check the hash chains of an orchestrator's log.
    VerifyLog {
        /// The data folder, or the database file in it.
        data: PathBuf,
    },
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().role {
        Role::Serve(options) => process::serve(&options),
        Role::Relay(options) => process::relay(&options),
        Role::Hall(options) => process::hall(&options),
        Role::Demo(options) => demo::run(options),
        Role::Bench(what) => bench::run(what),
        Role::CheckConfig { file } => check_config::run(&file),
        Role::VerifyLog { data } => verify_log::run(&data),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("diemcau: {error:#}");
            ExitCode::FAILURE
        }
    }
}
