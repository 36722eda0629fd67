//! `diemcau demo`: the whole conference on one machine, every role a process of its own.
//!
//! The orchestrator, three relays (province → city → ward) and the hall agents run as children of this
//! process, exactly as they would on their own machines, so that any of them can be killed and is started
//! again on the same data, as a service manager would do.

mod api;
mod children;
mod layout;
mod ports;
mod progress;
mod summary;
mod tls;

use anyhow::{Context, Result};
use children::{Children, Role};
use clap::Args;
use layout::Layout;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Options of the demo.
#[derive(Args, Clone)]
pub struct Options {
    /// How many halls join, of the 55.
    #[arg(long, default_value_t = 55, value_parser = clap::value_parser!(u16).range(1..=55))]
    halls: u16,
    /// End by itself after this time, with a summary (`60s`, `5m`); without it the demo runs until Ctrl-C.
    #[arg(long = "for", value_name = "TIME", value_parser = positive_time)]
    run_for: Option<Duration>,
    /// Decides in which order and when the halls report their counts.
    #[arg(long, default_value_t = 2021)]
    seed: u64,
    /// Keep the data here; a second start goes on where the first ended. Default: a fresh temporary folder.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The address everything listens on and is reached at; for others to reach it, the one they use.
    #[arg(long, default_value = "127.0.0.1", value_parser = own_address)]
    address: IpAddr,
    /// Print events and the summary as JSON lines instead of a progress bar and tables.
    #[arg(long)]
    json: bool,
}

/// Runs the demo to its end. The exit code is a failure when any hall saw no program.
pub fn run(options: Options) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(conduct(options))
}

async fn conduct(options: Options) -> Result<ExitCode> {
    let mut layout = Layout::prepare(&options)?;
    let screen = progress::Screen::new(options.json);
    let mut children = Children::new(screen.clone());
    let stop = telemetry::shutdown::on_signal()?;

    let outcome = tokio::select! {
        outcome = evening(&options, &layout, &mut children, &screen) => outcome,
        () = stop.cancelled() => Ok(ExitCode::SUCCESS),
    };
    screen.stopping();
    children.stop().await;
    if outcome.is_err() {
        let folder = layout.keep().display();
        eprintln!("diemcau: configuration and logs of this demo are in {folder}");
    }
    outcome
}

fn positive_time(text: &str) -> Result<Duration, String> {
    let time: jiff::SignedDuration = text
        .parse()
        .map_err(|error| format!("{error}; write 60s or 5m"))?;
    Duration::try_from(time).map_err(|_| "a time cannot be negative".to_owned())
}

fn own_address(text: &str) -> Result<IpAddr, String> {
    let address: IpAddr = text
        .parse()
        .map_err(|_| "expected an IP address".to_owned())?;
    if address.is_unspecified() || address.is_multicast() {
        return Err("give the one address that others use, such as 192.168.1.10".to_owned());
    }
    Ok(address)
}

/// From an empty machine to the last count.
async fn evening(
    options: &Options,
    layout: &Layout,
    children: &mut Children,
    screen: &progress::Screen,
) -> Result<ExitCode> {
    let started = std::time::Instant::now();
    layout.write_orchestrator()?;
    children
        .start(
            Role::Orchestrator,
            &layout.serve_config(),
            layout.environment(),
        )
        .await?;
    for relay in layout.relays() {
        layout.write_relay(relay)?;
        children
            .start(
                Role::Relay(relay.id),
                &layout.relay_config(relay),
                Vec::new(),
            )
            .await?;
    }

    let operator = api::Operator::sign_in(layout)
        .await
        .context("signing in to the orchestrator")?;
    let links = operator.site_links(layout).await?;
    layout.write_halls(&links)?;
    operator.step_to("ready").await?;
    children
        .start(Role::Halls, &layout.halls_config(), Vec::new())
        .await?;

    let halls_seen = tokio::select! {
        seen = progress::wait_for_halls(layout, screen, options.run_for) => seen,
        never = children.watch() => match never {},
    };
    operator.step_to("live").await?;
    screen.ready(layout, &links, halls_seen, started.elapsed());

    let Some(run_for) = options.run_for else {
        match children.watch().await {}
    };
    let remaining = run_for.saturating_sub(started.elapsed());
    tokio::select! {
        () = tokio::time::sleep(remaining) => {}
        never = children.watch() => match never {},
    }
    let summary = summary::Summary::collect(layout, &operator).await?;
    screen.summary(&summary);
    Ok(if summary.is_good() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_nobody_can_use_is_refused_with_an_example() {
        for text in ["0.0.0.0", "::", "224.0.0.1"] {
            assert!(
                own_address(text).is_err_and(|told| told.contains("192.168.1.10")),
                "{text}"
            );
        }
        assert!(own_address("localhost").is_err());
        assert_eq!(own_address("127.0.0.9"), Ok(IpAddr::from([127, 0, 0, 9])));
    }

    #[test]
    fn a_time_is_taken_as_people_write_it_and_never_negative() {
        assert_eq!(positive_time("60s"), Ok(Duration::from_mins(1)));
        assert_eq!(positive_time("5m"), Ok(Duration::from_mins(5)));
        for text in ["-5s", "soon", ""] {
            assert!(positive_time(text).is_err(), "{text}");
        }
    }
}
