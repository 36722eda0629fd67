//! Windows: who used how much while how many packets arrived.

use super::{Bench, SETTLE_TIME};
use crate::case::Row;
use crate::child::Child;
use crate::engine::Server;
use crate::floor;
use crate::proc::{self, ThreadTime};
use crate::report::{self, KernelDrops, ThreadShare};
use crate::statistics::median;
use crate::wire::Delay;
use anyhow::{Result, ensure};
use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::Instant;

/// One window of the server.
pub(super) struct Window {
    pub(super) cpu_us_per_packet: f64,
    pub(super) chain_us_per_packet: f64,
    pub(super) packets: u64,
    pub(super) delay: Delay,
    pub(super) load_busy: f64,
}

/// All windows of a row.
#[derive(Default)]
pub(super) struct Steady {
    /// Each window beside CPU of the floor per packet right before or after it: what the machine did meanwhile hit
    /// both.
    pub(super) pairs: Vec<(Window, f64)>,
    /// What each thread of the server that halls are at used in all windows.
    threads: Vec<ThreadTime>,
    /// Of that server with all halls, at the end of the last window.
    pub(super) rss_kib: u64,
}

impl Steady {
    /// The part of a row that windows tell.
    pub(super) fn row(self, engine: &str, row: &Row) -> report::Row {
        let of = |value: fn(&Window) -> f64| {
            let values: Vec<f64> = self.pairs.iter().map(|(window, _)| value(window)).collect();
            median(&values)
        };
        let windows: Vec<report::Window> = self
            .pairs
            .iter()
            .map(|(window, floor)| report::Window {
                cpu_us: window.cpu_us_per_packet,
                floor_us: *floor,
            })
            .collect();
        let floors: Vec<f64> = windows.iter().map(|window| window.floor_us).collect();
        let ratios: Vec<f64> = windows.iter().map(report::Window::ratio).collect();
        let delays = self.pairs.iter().map(|(window, _)| window.delay.max);
        report::Row {
            engine: engine.to_owned(),
            case: row.feed.case.name().to_owned(),
            legs: row.legs,
            hops: row.hops,
            pps: row.feed.pps,
            srtp: row.srtp,
            workers: row.workers,
            place: row.place,
            cpu_us_per_packet: of(|window| window.cpu_us_per_packet),
            floor_us_per_packet: median(&floors),
            ratio_to_floor: median(&ratios),
            delay_ms: Delay {
                p50: of(|window| window.delay.p50),
                p99: of(|window| window.delay.p99),
                max: delays.fold(0.0, f64::max),
            },
            packets: self.pairs.iter().map(|(window, _)| window.packets).sum(),
            chain_cpu_us_per_packet: of(|window| window.chain_us_per_packet),
            load_busy: of(|window| window.load_busy),
            threads: shares(&self.threads),
            windows,
            rounds: 1,
            ..report::Row::default()
        }
    }
}

impl Bench<'_> {
    /// CPU per packet of the server over one window, in which only its publisher sends.
    pub(super) fn window(&mut self) -> Result<Window> {
        self.load.send(true, 1.0)?;
        sleep(SETTLE_TIME);
        let processes = self.server.processes();
        let load = self.load.id();
        let look = || processes.iter().map(|pid| proc::threads(*pid));
        let before = self.load.mark(false)?;
        let (began, threads_before) = (Instant::now(), look().collect::<Result<Vec<_>>>()?);
        let load_before = proc::threads(load)?;
        sleep(self.method.window);
        let (lasted, threads_after) = (began.elapsed(), look().collect::<Result<Vec<_>>>()?);
        let load_after = proc::threads(load)?;
        let after = self.load.mark(false)?;
        self.steady.rss_kib = proc::rss_kib(self.edge()?)?;
        self.load.send(false, 1.0)?;
        let packets = after.delivered - before.delivered;
        ensure!(packets > 0, "no hall receives anything");
        let threads = threads_before.iter().zip(&threads_after);
        let spent: Vec<Vec<ThreadTime>> = threads
            .map(|(before, after)| proc::spent(before, after))
            .collect();
        let us = |threads: &Vec<ThreadTime>| proc::sum_ns(threads) as f64 / 1e3;
        let window = Window {
            cpu_us_per_packet: spent.last().map_or(0.0, us) / packets as f64,
            chain_us_per_packet: spent.iter().map(us).sum::<f64>() / packets as f64,
            packets,
            delay: after.delay_ms,
            load_busy: proc::sum_ns(&proc::spent(&load_before, &load_after)) as f64
                / lasted.as_nanos() as f64,
        };
        self.steady
            .threads
            .extend(spent.into_iter().last().unwrap_or_default());
        Ok(window)
    }

    /// CPU per packet of all floors over one window, in which only they send.
    pub(super) fn floor_window(&mut self) -> Result<f64> {
        self.tell_floors(|_| floor::Command::Send { sending: true })?;
        sleep(SETTLE_TIME);
        let processes: Vec<u32> = self.floors.iter().map(Child::id).collect();
        let look = || processes.iter().map(|pid| proc::cpu_ns(*pid));
        let before = self.load.mark(false)?;
        let cpu_before = look().sum::<Result<u64>>()?;
        sleep(self.method.window);
        let cpu_after = look().sum::<Result<u64>>()?;
        let after = self.load.mark(false)?;
        self.tell_floors(|_| floor::Command::Send { sending: false })?;
        let packets = after.floor_delivered - before.floor_delivered;
        ensure!(packets > 0, "the floor sends nothing");
        ensure!(
            after.floor_holes == 0,
            "{} packets of the floor are lost: the load's core is too busy",
            after.floor_holes
        );
        // A floor has the same threads all its life.
        Ok((cpu_after - cpu_before) as f64 / 1e3 / packets as f64)
    }
}

/// What the kernel has dropped at the server's sockets, and at all others.
pub(super) fn drops(server: &dyn Server) -> Result<KernelDrops> {
    let ports = server.media_ports();
    Ok(KernelDrops {
        relay: proc::udp_drops(|port| ports.contains(&port))?,
        elsewhere: proc::udp_drops(|port| !ports.contains(&port))?,
    })
}

/// Who did the work, out of what each thread used in each window.
fn shares(spent: &[ThreadTime]) -> Vec<ThreadShare> {
    let mut threads: BTreeMap<u32, (&str, u64)> = BTreeMap::new();
    for thread in spent {
        threads.entry(thread.id).or_insert((&thread.name, 0)).1 += thread.cpu_ns;
    }
    let all = proc::sum_ns(spent).max(1);
    let mut shares: Vec<ThreadShare> = threads
        .into_values()
        .map(|(name, cpu_ns)| ThreadShare {
            name: name.to_owned(),
            share: cpu_ns as f64 / all as f64,
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
    fn shares_are_of_what_was_spent_in_all_windows() {
        let thread = |id, cpu_ns| ThreadTime {
            id,
            name: format!("t{id}"),
            cpu_ns,
        };
        let found = shares(&[thread(3, 100), thread(1, 100), thread(2, 0), thread(1, 200)]);
        let names: Vec<&str> = found.iter().map(|share| share.name.as_str()).collect();
        assert_eq!(names, ["t1", "t3"]);
        assert!((found[0].share - 0.75).abs() < 1e-9);
    }
}
