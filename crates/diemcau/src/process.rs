//! One role as a process: configuration, logs, start, a line that says it is up, drain on the way out.

use anyhow::{Context, Result};
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tokio_util::sync::CancellationToken;

/// The media libraries tell every state of every session at `info`: 56 halls would drown what matters.
const LOG_DEFAULT: &str = "info,rtc=error,rtc_dtls=error,rtc_ice=warn,rtc_srtp=warn,webrtc=error";

/// Options of every role.
#[derive(Args)]
pub struct Options {
    /// The role's TOML file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// End when standard input closes: for a process that must not outlive the one that started it.
    #[arg(long)]
    exit_with_parent: bool,
}

/// Runs the orchestrator.
pub fn serve(options: &Options) -> Result<ExitCode> {
    run(options, 2, async |text, file, stop| {
        let config = orchestrator::Config::from_toml(&text, &file)?;
        let running = orchestrator::Orchestrator::start(config, stop).await?;
        say_ready(&json!({ "http": running.http_address(), "metrics": running.metrics_address() }));
        running.stopped().await;
        Ok(())
    })
}

/// Runs a relay.
pub fn relay(options: &Options) -> Result<ExitCode> {
    run(options, 2, async |text, file, stop| {
        let config = relay::Config::from_toml(&text, &file)?;
        let running = relay::Relay::start(config, stop).await?;
        say_ready(
            &json!({ "http": running.http_address(), "media": running.media_address(), "metrics": running.metrics_address() }),
        );
        running.stopped().await;
        Ok(())
    })
}

/// Runs hall agents.
pub fn hall(options: &Options) -> Result<ExitCode> {
    let (text, file) = read(&options.config)?;
    let workers = hall::Config::from_toml(&text, &file)?.workers;
    run(options, workers, async |text, file, stop| {
        let config = hall::Config::from_toml(&text, &file)?;
        let running = hall::Agents::start(config, stop).await?;
        say_ready(&json!({ "metrics": running.metrics() }));
        running.stopped().await;
        Ok(())
    })
}

fn run(
    options: &Options,
    workers: usize,
    role: impl AsyncFnOnce(String, String, CancellationToken) -> Result<()>,
) -> Result<ExitCode> {
    telemetry::log::init_from_env(LOG_DEFAULT)?;
    let (text, file) = read(&options.config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers.max(1))
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let stop = telemetry::shutdown::on_signal()?;
        if options.exit_with_parent {
            stop_with_parent(stop.clone());
        }
        role(text, file, stop).await
    })?;
    // Tasks that hang on a dead peer must not keep the process.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    Ok(ExitCode::SUCCESS)
}

fn read(config: &Path) -> Result<(String, String)> {
    let text =
        std::fs::read_to_string(config).with_context(|| format!("reading {}", config.display()))?;
    Ok((text, config.display().to_string()))
}

/// The line a supervisor waits for: where this process is reached.
fn say_ready(addresses: &serde_json::Value) {
    println!("{}", json!({ "ready": addresses }));
}

fn stop_with_parent(stop: CancellationToken) {
    std::thread::spawn(move || {
        let mut input = std::io::stdin().lock();
        // Ends at end of file or on any error: either way nobody is there any more.
        let _ = std::io::copy(&mut input, &mut std::io::sink());
        stop.cancel();
    });
}
