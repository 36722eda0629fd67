//! Measuring one row: a server, the load and the floor, in turn.

mod cores;
mod windows;

pub use cores::{Cores, beside_load};

use crate::case::Row;
use crate::child::Child;
use crate::engine::{Engine, Server, Setup};
use crate::load::Srtp;
use crate::load_process::Load;
use crate::report::{self, KernelDrops, Spread};
use crate::wire::{Command, Joined, Reply};
use crate::{floor, machine, proc};
use anyhow::{Context, Result, bail, ensure};
use std::net::IpAddr;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;
use tempfile::TempDir;
use windows::{Steady, drops};

/// The resend ring of a feed is full after this long, so that memory grows by halls only.
const FILL_TIME: Duration = Duration::from_millis(2_500);
/// So many packets fill it: a relay keeps 512.
const FILL_PACKETS: f64 = 600.0;
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
    /// The floor has the first window; who is first changes with every pair.
    pub floor_first: bool,
    /// Address of all media sockets.
    pub ip: IpAddr,
}

/// Times a feed's rate, so that [`FILL_TIME`] is enough for a slow one too.
fn fill_speed(pps: u32) -> f64 {
    (FILL_PACKETS / (f64::from(pps) * FILL_TIME.as_secs_f64())).max(1.0)
}

/// One row, running.
struct Bench<'a> {
    method: &'a Method,
    row: &'a Row,
    engine: &'a str,
    server: Box<dyn Server>,
    load: Load,
    floors: Vec<Child>,
    drops_before: KernelDrops,
    /// With nobody but the publisher.
    rss_alone_kib: u64,
    join_cpu_ms: f64,
    joined: Joined,
    steady: Steady,
    _folder: TempDir,
}

/// Measures one row with a fresh server.
///
/// # Errors
/// When a process does not start, or a hall cannot join.
pub fn measure(engine: &dyn Engine, row: &Row, method: &Method) -> Result<report::Row> {
    let mut found = measure_in_turn(engine, std::slice::from_ref(row), method)?;
    found.pop().context("a row measured")
}

/// Measures rows whose servers run at the same time and take turns window by window, so that a machine that drifts
/// drifts for all. Those who wait send nothing.
///
/// # Errors
/// As [`measure`].
pub fn measure_in_turn(
    engine: &dyn Engine,
    rows: &[Row],
    method: &Method,
) -> Result<Vec<report::Row>> {
    let mut benches = Vec::new();
    for row in rows {
        let mut bench = Bench::start(engine, row, method)?;
        bench.prepare()?;
        benches.push(bench);
    }
    in_turn(&mut benches, method)?;
    benches.into_iter().map(Bench::finish).collect()
}

/// Every second round goes backwards, and the floor before its server: nobody is always the one after another.
fn in_turn(benches: &mut [Bench<'_>], method: &Method) -> Result<()> {
    for number in 0..method.windows {
        let backwards = (number % 2 == 1) != method.floor_first;
        if backwards {
            benches.iter_mut().rev().try_for_each(Bench::turn_back)?;
        } else {
            benches.iter_mut().try_for_each(Bench::turn)?;
        }
    }
    Ok(())
}

impl<'a> Bench<'a> {
    fn start(engine: &'a dyn Engine, row: &'a Row, method: &'a Method) -> Result<Self> {
        machine::check(row.legs)?;
        let folder = tempfile::tempdir()?;
        let cores = Cores::of(row)?;
        let server = engine.start(&Setup {
            row,
            folder: folder.path(),
            ip: method.ip,
            cores: &cores.server,
        })?;
        let load = Load::start(method, row, &*server, folder.path(), cores.load)?;
        let floor = |(number, core): (usize, &Option<usize>)| {
            Child::start(
                &format!("floor {}", number + 1),
                folder.path(),
                &method.program,
                &["bench", "floor"],
                core.as_slice(),
            )
        };
        // A floor without legs would have nothing to do.
        let floors = cores.floors.iter().take(row.legs).enumerate().map(floor);
        let floors = floors.collect::<Result<_>>()?;
        Ok(Self {
            method,
            row,
            engine: engine.name(),
            drops_before: drops(&*server)?,
            server,
            load,
            floors,
            rss_alone_kib: 0,
            join_cpu_ms: 0.0,
            joined: Joined::default(),
            steady: Steady::default(),
            _folder: folder,
        })
    }

    /// The process that halls are attached to.
    fn edge(&self) -> Result<u32> {
        let processes = self.server.processes();
        processes.last().copied().context("a server with a process")
    }

    /// All halls are there; nobody sends.
    fn prepare(&mut self) -> Result<()> {
        let edge = self.edge()?;
        self.load.done(&Command::Publish)?;
        self.load.send(true, fill_speed(self.row.feed.pps))?;
        sleep(FILL_TIME);
        self.rss_alone_kib = proc::rss_kib(edge)?;
        self.load.send(false, 1.0)?;
        self.join_cpu_ms = self.join_in_silence(edge)?;
        self.load.send(true, 1.0)?;
        sleep(SETTLE_TIME);
        self.joined = self.load.join(self.row.legs, true)?;
        self.check_profile()?;
        self.open_floors()?;
        sleep(FILL_TIME);
        self.load.send(false, 1.0)
    }

    /// A window of the server and one of the floor.
    fn turn(&mut self) -> Result<()> {
        let window = self.window()?;
        let floor = self.floor_window()?;
        self.steady.pairs.push((window, floor));
        Ok(())
    }

    /// The same, the floor first.
    fn turn_back(&mut self) -> Result<()> {
        let floor = self.floor_window()?;
        let window = self.window()?;
        self.steady.pairs.push((window, floor));
        Ok(())
    }

    fn finish(mut self) -> Result<report::Row> {
        sleep(REST_TIME);
        let rest = self.load.mark(true)?;
        let drops = drops(&*self.server)?.since(self.drops_before);
        let (rss, alone) = (self.steady.rss_kib, self.rss_alone_kib);
        Ok(report::Row {
            rss_kib_per_leg: (rss as f64 - alone as f64) / self.row.legs as f64,
            rss_kib: rss,
            join_cpu_ms: self.join_cpu_ms,
            first_key_frame_ms: Spread::of(&self.joined.first_keyframe_ms),
            holes: rest.holes,
            auth_failures: rest.auth_failures,
            kernel_drops: drops,
            ..self.steady.row(self.engine, self.row)
        })
    }

    /// All halls join while nothing is published, so that nothing but joining costs; then they leave.
    fn join_in_silence(&mut self, edge: u32) -> Result<f64> {
        sleep(SETTLE_TIME);
        let before = proc::threads(edge)?;
        self.load.join(self.row.legs, false)?;
        sleep(SETTLE_TIME);
        let spent_ns = proc::sum_ns(&proc::spent(&before, &proc::threads(edge)?));
        self.load.done(&Command::Leave)?;
        sleep(SETTLE_TIME);
        Ok(spent_ns as f64 / 1e6 / self.row.legs as f64)
    }

    fn check_profile(&self) -> Result<()> {
        let joined = &self.joined;
        let wanted = if self.row.srtp == Srtp::Chromium {
            joined.connected
        } else {
            0
        };
        ensure!(
            self.engine != "diemcau" || joined.gcm == wanted,
            "{} of {} halls got AES-GCM, {wanted} should have",
            joined.gcm,
            joined.connected
        );
        Ok(())
    }

    /// The legs are dealt out to the floors like cards.
    fn open_floors(&mut self) -> Result<()> {
        let Reply::Floor { legs } = self.load.ask(&Command::Floor {
            legs: self.row.legs,
        })?
        else {
            bail!("the load does not say where the floor is")
        };
        let (floors, feed) = (self.floors.len(), self.row.feed);
        self.tell_floors(|number| floor::Command::Begin {
            legs: legs.iter().skip(number).step_by(floors).copied().collect(),
            feed,
        })
    }

    /// Tells each floor something by its number; all have heard it before any answer is waited for.
    fn tell_floors(&mut self, command: impl Fn(usize) -> floor::Command) -> Result<()> {
        for (number, floor) in self.floors.iter_mut().enumerate() {
            floor.tell(&command(number))?;
        }
        for floor in &mut self.floors {
            floor.hear::<Reply>(ANSWER_WITHIN)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ring_of_a_slow_feed_is_filled_faster_than_the_feed_is() {
        assert!((fill_speed(250) - 1.0).abs() < 1e-9);
        assert!((fill_speed(20) - 12.0).abs() < 1e-9);
    }
}
