//! `diemcau bench peers`: what others take for the same work, under the same load and beside the same floor.
//!
//! Everything runs in a network namespace ([`namespace`]), one engine after the other, each on the same core with the
//! same load on the other; after all of them have been measured once, the next round begins. Figures are medians of the
//! rounds ([`comparison`]), so that a machine that drifts drifts for all.
//!
//! | engine | module |
//! |---|---|
//! | ours | [`crate::relays`] |
//! | Janus of Debian's package, with two event loops and with its defaults | [`janus`], [`room`] |
//! | an ordinary SFU on the async `webrtc` crate | [`webrtc`], [`sfu`] |

pub mod comparison;
pub mod janus;
pub mod namespace;
pub mod room;
pub mod sfu;
mod sockets;
pub mod webrtc;

pub use room::Room;

use crate::case::{Case, Row};
use crate::engine::Engine;
use crate::machine::Machine;
use crate::measure::{Method, measure};
use crate::relays::Relays;
use anyhow::{Context, Result, bail};
use comparison::{Comparison, Peer};
use janus::Janus;
use namespace::{ADDRESS, Namespace};
use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use webrtc::WebrtcSfu;

/// Event loops of the Janus that somebody has tuned: a thread for each core of a small machine. Here they share the one
/// core that every server has.
const EVENT_LOOPS: u8 = 2;

/// What was asked for.
#[derive(Clone, Debug)]
pub struct Options {
    /// Rows; empty for the usual ones.
    pub rows: Vec<Row>,
    /// Names of engines; empty for all.
    pub engines: Vec<String>,
    /// Seconds of one window.
    pub seconds: f64,
    /// How often each engine is measured in each row.
    pub rounds: usize,
    /// JSON instead of a table.
    pub json: bool,
    /// The same JSON into this file.
    pub raw: Option<PathBuf>,
    /// The address of the namespace this process is in; `None`: it has to make one.
    pub inside: Option<IpAddr>,
}

/// Runs the comparison and prints what it finds. Progress goes to standard error.
///
/// # Errors
/// Without root, and when an engine that is there cannot be measured; what could be is printed all the same.
pub fn run(options: &Options) -> Result<ExitCode> {
    match options.inside {
        Some(ip) => compare(options, ip).map(|()| ExitCode::SUCCESS),
        None => outside(),
    }
}

/// Makes the namespace, and runs this very command again inside.
#[tokio::main(flavor = "current_thread")]
async fn outside() -> Result<ExitCode> {
    let namespace = Namespace::new()?;
    let program = std::env::current_exe().context("this program's own file")?;
    let inside = ["--inside".to_owned(), ADDRESS.to_string()].map(OsString::from);
    let arguments = std::env::args_os().skip(1).chain(inside);
    let mut child =
        tokio::process::Command::from(namespace.command(&program, arguments)).spawn()?;
    let mut terminate = signal(SignalKind::terminate())?;
    // Whoever interrupts this process has interrupted the other as well; the namespace has to go after it.
    loop {
        tokio::select! {
            ended = child.wait() => {
                let failed = ended?.code().and_then(|code| u8::try_from(code).ok());
                return Ok(failed.map_or(ExitCode::FAILURE, ExitCode::from));
            }
            interrupted = tokio::signal::ctrl_c() => interrupted?,
            _ = terminate.recv() => child.start_kill()?,
        }
    }
}

/// The rows that count, and the same for few halls: what a packet costs falls as halls share it.
fn usual_rows() -> Vec<Row> {
    let row = |case, legs| Row::new(case, legs, 1);
    let of = |legs| [Case::Paced, Case::Burst].map(|case| row(case, legs));
    [100, 20].into_iter().flat_map(of).collect()
}

fn compare(options: &Options, ip: IpAddr) -> Result<()> {
    let method = Method {
        program: std::env::current_exe().context("this program's own file")?,
        window: Duration::from_secs_f64(options.seconds),
        windows: 1,
        floor_first: false,
        ip,
    };
    let rows = if options.rows.is_empty() {
        usual_rows()
    } else {
        options.rows.clone()
    };
    let peers = chosen(peers(&method.program), &options.engines)?;
    let mut comparison =
        Comparison::new(Machine::here(), peers.iter().map(|(peer, _)| peer.clone()));
    for round in 1..=options.rounds {
        let method = Method {
            floor_first: round % 2 == 0,
            ..method.clone()
        };
        for row in &rows {
            for (peer, engine) in peers.iter().filter(|(peer, _)| peer.missing.is_none()) {
                eprint!("round {round}: {row} {} … ", peer.engine);
                match measure(&**engine, row, &method) {
                    Ok(found) => {
                        eprintln!(
                            "{:.2} µs/packet, {} holes",
                            found.cpu_us_per_packet, found.holes
                        );
                        comparison.rounds.push(found);
                    }
                    Err(error) => {
                        eprintln!("failed");
                        let why = format!("round {round}: {} {row}: {error:#}", peer.engine);
                        comparison.failed.push(why);
                    }
                }
            }
        }
    }
    comparison.conclude();
    print(&comparison, options)?;
    if comparison.failed.is_empty() {
        return Ok(());
    }
    bail!("{}", comparison.failed.join("\n"))
}

fn print(comparison: &Comparison, options: &Options) -> Result<()> {
    let json = serde_json::to_string_pretty(comparison)?;
    if let Some(file) = &options.raw {
        std::fs::write(file, &json).with_context(|| format!("writing {}", file.display()))?;
    }
    let table = || comparison::table(comparison);
    println!("{}", if options.json { json } else { table() });
    Ok(())
}

/// Those of these names.
fn chosen(
    mut peers: Vec<(Peer, Box<dyn Engine>)>,
    names: &[String],
) -> Result<Vec<(Peer, Box<dyn Engine>)>> {
    let known: Vec<String> = peers.iter().map(|(peer, _)| peer.engine.clone()).collect();
    if let Some(name) = names.iter().find(|name| !known.contains(name)) {
        bail!("no engine {name:?}; there are {}", known.join(", "));
    }
    peers.retain(|(peer, _)| names.is_empty() || names.contains(&peer.engine));
    Ok(peers)
}

/// Ours first: the others are told in times of it.
fn peers(program: &std::path::Path) -> Vec<(Peer, Box<dyn Engine>)> {
    let program = || program.to_path_buf();
    let janus = |event_loops| -> (Peer, Box<dyn Engine>) {
        let engine = Janus { event_loops };
        (engine.described(), Box::new(engine))
    };
    let ours = Relays { program: program() };
    let sfu = WebrtcSfu { program: program() };
    vec![
        (
            Peer {
                engine: ours.name().to_owned(),
                version: Some(env!("CARGO_PKG_VERSION").to_owned()),
                settings: "one worker, the rest as a relay starts".to_owned(),
                missing: None,
            },
            Box::new(ours),
        ),
        (sfu.described(), Box::new(sfu)),
        janus(Some(EVENT_LOOPS)),
        janus(None),
    ]
}
