//! Measuring one row: a server, the load and the floor, in turn.

mod windows;

use crate::case::Row;
use crate::child::Child;
use crate::engine::{Engine, Server, Setup};
use crate::load::Srtp;
use crate::load_process::Load;
use crate::report::{self, Spread};
use crate::statistics::percentile;
use crate::wire::{Command, Joined, Reply};
use crate::{floor, machine, proc};
use anyhow::{Context, Result, bail, ensure};
use std::net::IpAddr;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;
use windows::{Steady, shares};

/// The resend ring of a feed is full after this long, so that memory grows by halls only.
const FILL_TIME: Duration = Duration::from_millis(2_500);
/// A change of who sends is over.
const SETTLE_TIME: Duration = Duration::from_millis(300);
/// What is under way has arrived.
const REST_TIME: Duration = Duration::from_millis(500);
/// The floor answers within this time.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// How to measure.
#[derive(Clone, Debug)]
pub struct Method {
    /// The `diemcau` binary.
    pub program: PathBuf,
    /// Length of one window.
    pub window: Duration,
    /// Windows of the server, and as many of the floor.
    pub windows: usize,
    /// Address of all media sockets.
    pub ip: IpAddr,
}

/// Cores: the server and the floor on one, the load on another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cores {
    /// For the server; `None`: any.
    pub server: Option<usize>,
    /// For the floor.
    pub floor: Option<usize>,
    /// For the load.
    pub load: Option<usize>,
}

impl Cores {
    /// A server with several workers takes what it gets; on a machine with one core nobody is bound to it.
    pub fn of(row: &Row) -> Self {
        let several = std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1);
        let only = |core: usize| several.then_some(core);
        Self {
            server: only(0).filter(|_| row.workers == 1),
            floor: only(0),
            load: only(1).filter(|_| row.workers == 1),
        }
    }
}

/// One row, running.
struct Bench<'a> {
    method: &'a Method,
    row: &'a Row,
    server: Box<dyn Server>,
    load: Load,
    floor: Child,
}

/// Measures one row with a fresh server.
///
/// # Errors
/// When a process does not start, or a hall cannot join.
pub fn measure(engine: &dyn Engine, row: &Row, method: &Method) -> Result<report::Row> {
    machine::check(row.legs)?;
    let folder = tempfile::tempdir()?;
    let cores = Cores::of(row);
    let server = engine.start(&Setup {
        row,
        folder: folder.path(),
        ip: method.ip,
        core: cores.server,
    })?;
    let load = Load::start(method, row, &*server, folder.path(), cores.load)?;
    let floor = Child::start(
        "floor",
        folder.path(),
        &method.program,
        &["bench", "floor"],
        cores.floor,
    )?;
    let bench = Bench {
        method,
        row,
        server,
        load,
        floor,
    };
    bench.run(engine.name())
}

impl Bench<'_> {
    fn run(mut self, engine: &str) -> Result<report::Row> {
        let processes = self.server.processes();
        let edge = *processes.last().context("a server with a process")?;
        let drops_before = self.drops()?;
        self.load.done(&Command::Publish)?;
        self.load.send(true, 1.0)?;
        sleep(FILL_TIME);
        let rss_alone = proc::rss_kib(edge)?;
        self.load.send(false, 1.0)?;
        let join_cpu_ms = self.join_in_silence(edge)?;
        self.load.send(true, 1.0)?;
        sleep(SETTLE_TIME);
        let joined = self.load.join(self.row.legs, true)?;
        self.check_profile(&joined, engine)?;
        self.open_floor()?;
        sleep(FILL_TIME);
        let steady = self.steady(edge)?;
        let rss = proc::rss_kib(edge)?;
        self.load.send(false, 1.0)?;
        sleep(REST_TIME);
        let rest = self.load.mark(true)?;
        let drops = self.drops()?.since(drops_before);
        Ok(report::Row {
            rss_kib_per_leg: (rss as f64 - rss_alone as f64) / self.row.legs as f64,
            rss_kib: rss,
            join_cpu_ms,
            first_key_frame_ms: Spread {
                p50: percentile(&joined.first_keyframe_ms, 0.5),
                p99: percentile(&joined.first_keyframe_ms, 0.99),
            },
            holes: rest.holes,
            auth_failures: rest.auth_failures,
            kernel_drops: drops,
            ..steady.row(engine, self.row)
        })
    }

    /// Server and floor in turn.
    fn steady(&mut self, edge: u32) -> Result<Steady> {
        let mut steady = Steady::default();
        let before = proc::threads(edge)?;
        for _ in 0..self.method.windows {
            steady.windows.push(self.window()?);
            self.load.send(false, 1.0)?;
            steady.floors.push(self.floor_window()?);
            self.load.send(true, 1.0)?;
        }
        steady.threads = shares(&before, &proc::threads(edge)?);
        Ok(steady)
    }

    /// All halls join while nothing is published, so that nothing but joining costs; then they leave.
    fn join_in_silence(&mut self, edge: u32) -> Result<f64> {
        sleep(SETTLE_TIME);
        let before = proc::cpu_ns(edge)?;
        self.load.join(self.row.legs, false)?;
        sleep(SETTLE_TIME);
        let spent_ns = proc::cpu_ns(edge)? - before;
        self.load.done(&Command::Leave)?;
        sleep(SETTLE_TIME);
        Ok(spent_ns as f64 / 1e6 / self.row.legs as f64)
    }

    fn check_profile(&self, joined: &Joined, engine: &str) -> Result<()> {
        let wanted = if self.row.srtp == Srtp::Chromium {
            joined.connected
        } else {
            0
        };
        ensure!(
            engine != "diemcau" || joined.gcm == wanted,
            "{} of {} halls got AES-GCM, {wanted} should have",
            joined.gcm,
            joined.connected
        );
        Ok(())
    }

    fn open_floor(&mut self) -> Result<()> {
        let Reply::Floor { legs } = self.load.ask(&Command::Floor {
            legs: self.row.legs,
        })?
        else {
            bail!("the load does not say where the floor is")
        };
        self.tell_floor(&floor::Command::Begin {
            legs,
            feed: self.row.feed,
        })
    }

    fn tell_floor(&mut self, command: &floor::Command) -> Result<()> {
        self.floor.tell(command)?;
        self.floor.hear::<Reply>(ANSWER_WITHIN).map(drop)
    }
}
