//! Measuring one row: a server, the load and the floor, in turn.

use crate::case::Row;
use crate::child::Child;
use crate::engine::{Engine, Server, Setup};
use crate::load::Srtp;
use crate::proc::{self, ThreadTime};
use crate::report::{self, KernelDrops, Spread, ThreadShare};
use crate::statistics::{median, percentile};
use crate::wire::{Command, Delay, Joined, Marked, Reply};
use crate::{floor, machine};
use anyhow::{Context, Result, bail, ensure};
use std::collections::HashMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// So many halls join at once; more do so in groups.
const JOIN_AT_ONCE: usize = 100;
/// The resend ring of a feed is full after this long, so that memory grows by halls only.
const FILL_TIME: Duration = Duration::from_millis(2_500);
/// A change of who sends is over.
const SETTLE_TIME: Duration = Duration::from_millis(300);
/// What is under way has arrived.
const REST_TIME: Duration = Duration::from_millis(500);
/// The load answers everything but a join within this time.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

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

/// The load process.
pub struct Load(Child);

impl Load {
    /// Starts one that knows the server and the feed.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(
        method: &Method,
        row: &Row,
        server: &dyn Server,
        folder: &Path,
        core: Option<usize>,
    ) -> Result<Self> {
        let child = Child::start("load", folder, &method.program, &["bench", "load"], core)?;
        let mut load = Self(child);
        load.done(&Command::Begin {
            ip: method.ip,
            srtp: row.srtp,
            target: server.target(),
            feed: row.feed,
            lines: row.feed.case.lines(),
        })?;
        Ok(load)
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    fn ask(&mut self, command: &Command) -> Result<Reply> {
        self.0.tell(command)?;
        match self.0.hear(ANSWER_WITHIN)? {
            Reply::Failed { why } => bail!("{why}"),
            reply => Ok(reply),
        }
    }

    /// Tells it something that has no answer but that it is done.
    ///
    /// # Errors
    /// When it cannot be done.
    pub fn done(&mut self, command: &Command) -> Result<()> {
        self.ask(command).map(drop)
    }

    /// Starts or stops the publisher.
    ///
    /// # Errors
    /// When nobody publishes.
    pub fn send(&mut self, sending: bool, speed: f64) -> Result<()> {
        self.done(&Command::Send { sending, speed })
    }

    /// Lets so many halls join.
    ///
    /// # Errors
    /// When one of them cannot.
    pub fn join(&mut self, legs: usize, to_first_keyframe: bool) -> Result<Joined> {
        let command = Command::Join {
            legs,
            at_once: JOIN_AT_ONCE,
            to_first_keyframe,
        };
        let Reply::Joined(joined) = self.ask(&command)? else {
            bail!("the load does not say who joined")
        };
        match &joined.trouble {
            Some(trouble) => bail!("{trouble}"),
            None => Ok(joined),
        }
    }

    /// What has been received.
    ///
    /// # Errors
    /// When the load has ended.
    pub fn mark(&mut self, at_rest: bool) -> Result<Marked> {
        let Reply::Marked(marked) = self.ask(&Command::Mark { at_rest })? else {
            bail!("the load does not say what it received")
        };
        Ok(marked)
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

/// One window of the server.
struct Window {
    cpu_us_per_packet: f64,
    chain_us_per_packet: f64,
    packets: u64,
    delay: Delay,
    load_busy: f64,
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
        let edge = *self
            .server
            .processes()
            .last()
            .context("a server with a process")?;
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
        let mut windows = Vec::new();
        let mut floors = Vec::new();
        let threads_before = proc::threads(edge)?;
        for _ in 0..self.method.windows {
            windows.push(self.window()?);
            self.load.send(false, 1.0)?;
            floors.push(self.floor_window()?);
            self.load.send(true, 1.0)?;
        }
        let threads = shares(&threads_before, &proc::threads(edge)?);
        let rss = proc::rss_kib(edge)?;
        self.load.send(false, 1.0)?;
        sleep(REST_TIME);
        let rest = self.load.mark(true)?;
        let drops_after = self.drops()?;
        let of = |value: fn(&Window) -> f64| median(&windows.iter().map(value).collect::<Vec<_>>());
        let (cpu, floor) = (of(|window| window.cpu_us_per_packet), median(&floors));
        Ok(report::Row {
            engine: engine.to_owned(),
            case: self.row.feed.case.name().to_owned(),
            legs: self.row.legs,
            hops: self.row.hops,
            pps: self.row.feed.pps,
            srtp: self.row.srtp,
            workers: self.row.workers,
            cpu_us_per_packet: cpu,
            floor_us_per_packet: floor,
            ratio_to_floor: cpu / floor,
            rss_kib_per_leg: (rss as f64 - rss_alone as f64) / self.row.legs as f64,
            rss_kib: rss,
            join_cpu_ms,
            first_key_frame_ms: Spread {
                p50: percentile(&joined.first_keyframe_ms, 0.5),
                p99: percentile(&joined.first_keyframe_ms, 0.99),
            },
            delay_ms: Delay {
                p50: of(|window| window.delay.p50),
                p99: of(|window| window.delay.p99),
                max: windows
                    .iter()
                    .map(|window| window.delay.max)
                    .fold(0.0, f64::max),
            },
            holes: rest.holes,
            auth_failures: rest.auth_failures,
            packets: windows.iter().map(|window| window.packets).sum(),
            chain_cpu_us_per_packet: of(|window| window.chain_us_per_packet),
            load_busy: of(|window| window.load_busy),
            kernel_drops: KernelDrops {
                relay: drops_after.relay - drops_before.relay,
                elsewhere: drops_after.elsewhere.saturating_sub(drops_before.elsewhere),
            },
            threads,
        })
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

    /// CPU per packet of the server over one window.
    fn window(&mut self) -> Result<Window> {
        sleep(SETTLE_TIME);
        let processes = self.server.processes();
        let load = self.load.id();
        let cpu = || {
            processes
                .iter()
                .map(|pid| proc::cpu_ns(*pid))
                .collect::<Result<Vec<u64>>>()
        };
        let before = self.load.mark(false)?;
        let (began, cpu_before, load_before) = (Instant::now(), cpu()?, proc::cpu_ns(load)?);
        sleep(self.method.window);
        let (lasted, cpu_after, load_after) = (began.elapsed(), cpu()?, proc::cpu_ns(load)?);
        let after = self.load.mark(false)?;
        let packets = after.delivered - before.delivered;
        ensure!(packets > 0, "no hall receives anything");
        let spent: Vec<f64> = cpu_after
            .iter()
            .zip(&cpu_before)
            .map(|(after, before)| (after - before) as f64 / 1e3)
            .collect();
        Ok(Window {
            cpu_us_per_packet: spent.last().unwrap_or(&0.0) / packets as f64,
            chain_us_per_packet: spent.iter().sum::<f64>() / packets as f64,
            packets,
            delay: after.delay_ms,
            load_busy: (load_after - load_before) as f64 / lasted.as_nanos() as f64,
        })
    }

    /// CPU per packet of the floor over one window.
    fn floor_window(&mut self) -> Result<f64> {
        self.tell_floor(&floor::Command::Send { sending: true })?;
        sleep(SETTLE_TIME);
        let pid = self.floor.id();
        let before = self.load.mark(false)?;
        let cpu_before = proc::cpu_ns(pid)?;
        sleep(self.method.window);
        let cpu_after = proc::cpu_ns(pid)?;
        let after = self.load.mark(false)?;
        self.tell_floor(&floor::Command::Send { sending: false })?;
        let packets = after.floor_delivered - before.floor_delivered;
        ensure!(packets > 0, "the floor sends nothing");
        ensure!(
            after.floor_holes == 0,
            "{} packets of the floor are lost: the load's core is too busy",
            after.floor_holes
        );
        Ok((cpu_after - cpu_before) as f64 / 1e3 / packets as f64)
    }

    fn drops(&self) -> Result<KernelDrops> {
        let ports = self.server.media_ports();
        Ok(KernelDrops {
            relay: proc::udp_drops(|port| ports.contains(&port))?,
            elsewhere: proc::udp_drops(|port| !ports.contains(&port))?,
        })
    }
}

/// Who did the work between two looks.
fn shares(before: &[ThreadTime], after: &[ThreadTime]) -> Vec<ThreadShare> {
    let known: HashMap<u32, u64> = before
        .iter()
        .map(|thread| (thread.id, thread.cpu_ns))
        .collect();
    let spent = |thread: &ThreadTime| thread.cpu_ns - known.get(&thread.id).copied().unwrap_or(0);
    let all: u64 = after.iter().map(spent).sum();
    let mut shares: Vec<ThreadShare> = after
        .iter()
        .map(|thread| ThreadShare {
            name: thread.name.clone(),
            share: spent(thread) as f64 / all.max(1) as f64,
        })
        .filter(|thread| thread.share > 0.01)
        .collect();
    shares.sort_by(|a, b| b.share.total_cmp(&a.share));
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_what_was_spent_between_two_looks() {
        let thread = |id, cpu_ns| ThreadTime {
            id,
            name: format!("t{id}"),
            cpu_ns,
        };
        let found = shares(
            &[thread(1, 1_000), thread(2, 50)],
            &[thread(1, 1_300), thread(2, 50), thread(3, 100)],
        );
        let names: Vec<&str> = found.iter().map(|share| share.name.as_str()).collect();
        assert_eq!(names, ["t1", "t3"]);
        assert!((found[0].share - 0.75).abs() < 1e-9);
    }
}
