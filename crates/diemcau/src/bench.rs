//! `diemcau bench`: what this machine can carry.

use anyhow::Result;
use bench::Row;
use clap::{Args, Subcommand};
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

/// What is measured.
#[derive(Subcommand)]
pub enum Bench {
    /// Measure a relay on this machine: CPU per packet beside the least that is possible, memory, joins, delay, and
    /// how many halls the machine carries.
    ///
    /// Everything is real: the relay as it runs in a conference, halls with ICE, DTLS and SRTP, every packet
    /// verified. Nothing leaves the machine. A full run takes about a quarter of an hour; let nothing else run meanwhile.
    Relay(RelayOptions),
    /// Draw CPU against halls out of results of `--json` or `--raw`, one or several, as SVG.
    Curve {
        /// Results.
        #[arg(required = true)]
        results: Vec<PathBuf>,
        /// The picture.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Measure others under the same load: Janus of Debian's package, and an SFU on the async webrtc crate.
    ///
    /// Needs root: everything runs in a network namespace, because Janus takes no loopback address. Installs nothing;
    /// without Janus (apt-get install janus) its rows are missing. A full run takes about fifteen minutes; let nothing
    /// else run meanwhile.
    Peers(PeersOptions),
    /// An SFU on the async webrtc crate, until standard input ends.
    #[command(hide = true)]
    WebrtcSfu {
        /// Address of its HTTP port and of every leg's media port.
        #[arg(long, default_value = "127.0.0.1")]
        address: IpAddr,
    },
    /// The publisher and the halls of a measurement; told what to do over standard input.
    #[command(hide = true)]
    Load,
    /// Copy, seal and send, and nothing else; told what to do over standard input.
    #[command(hide = true)]
    Floor,
}

/// Options of `bench relay`.
#[derive(Args)]
pub struct RelayOptions {
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// Rows to measure instead of the usual ones, each CASE:LEGS[:HOPS] with CASE paced, burst, audio or hall; behind
    /// it 40pps, sha1, 2workers, or beside for one worker on the load's core. A row of several workers is measured in
    /// turn with one worker.
    #[arg(long, value_name = "ROW", value_delimiter = ',')]
    rows: Vec<Row>,
    /// Seconds of each window; a row has five of the relay and five of the floor, a row of several workers
    /// three times as many.
    #[arg(long, default_value_t = 2.0, value_parser = seconds)]
    seconds: f64,
    /// One window for each row, and only the two rows that count.
    #[arg(long)]
    quick: bool,
    /// Leave out the last part, which fills one core to find how many halls it carries.
    #[arg(long)]
    no_capacity: bool,
    /// Write the JSON into this file too.
    #[arg(long, value_name = "FILE")]
    raw: Option<PathBuf>,
}

/// Options of `bench peers`.
#[derive(Args)]
pub struct PeersOptions {
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// Rows to measure instead of the usual ones, written as for `bench relay`.
    #[arg(long, value_name = "ROW", value_delimiter = ',')]
    rows: Vec<Row>,
    /// Engines to measure instead of all: diemcau, webrtc, "janus tuned", janus.
    #[arg(long, value_name = "ENGINE", value_delimiter = ',')]
    engines: Vec<String>,
    /// Seconds of each window.
    #[arg(long, default_value_t = 3.0, value_parser = seconds)]
    seconds: f64,
    /// How often each engine is measured in each row, in turn with the others; figures are medians.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Write the JSON into this file too.
    #[arg(long, value_name = "FILE")]
    raw: Option<PathBuf>,
    /// The address of the namespace this process is in.
    #[arg(long, hide = true)]
    inside: Option<IpAddr>,
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "a number of seconds".to_owned())?;
    if (0.2..=600.0).contains(&seconds) {
        Ok(seconds)
    } else {
        Err("0.2 to 600 seconds".to_owned())
    }
}

/// Runs it.
pub fn run(what: Bench) -> Result<ExitCode> {
    match what {
        Bench::Relay(options) => bench::run(&bench::Options {
            rows: options.rows,
            seconds: options.seconds,
            quick: options.quick,
            json: options.json,
            capacity: !options.no_capacity,
            raw: options.raw,
        })?,
        Bench::Curve { results, out } => bench::curve::draw(&results, &out)?,
        Bench::Peers(options) => {
            return bench::peers::run(&bench::peers::Options {
                rows: options.rows,
                engines: options.engines,
                seconds: options.seconds,
                rounds: options.rounds,
                json: options.json,
                raw: options.raw,
                inside: options.inside,
            });
        }
        Bench::WebrtcSfu { address } => bench::peers::sfu::run(address)?,
        Bench::Load => bench::load::run()?,
        Bench::Floor => bench::floor::run()?,
    }
    Ok(ExitCode::SUCCESS)
}
