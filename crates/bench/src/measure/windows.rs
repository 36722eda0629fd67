//! Windows: who used how much while how many packets arrived.

use super::{Bench, SETTLE_TIME};
use crate::case::Row;
use crate::floor;
use crate::proc::{self, ThreadTime};
use crate::report::{self, KernelDrops, ThreadShare};
use crate::statistics::median;
use crate::wire::Delay;
use anyhow::{Result, ensure};
use std::collections::HashMap;
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
    pub(super) windows: Vec<Window>,
    /// CPU of the floor per packet, in the window after each.
    pub(super) floors: Vec<f64>,
    pub(super) threads: Vec<ThreadShare>,
}

impl Steady {
    /// The part of a row that windows tell.
    pub(super) fn row(self, engine: &str, row: &Row) -> report::Row {
        let of =
            |value: fn(&Window) -> f64| median(&self.windows.iter().map(value).collect::<Vec<_>>());
        // Each window beside the floor that followed it: what the machine did meanwhile hit both.
        let pairs = self.windows.iter().zip(&self.floors);
        let ratios: Vec<f64> = pairs
            .map(|(window, floor)| window.cpu_us_per_packet / floor)
            .collect();
        let delays = self.windows.iter().map(|window| window.delay.max);
        report::Row {
            engine: engine.to_owned(),
            case: row.feed.case.name().to_owned(),
            legs: row.legs,
            hops: row.hops,
            pps: row.feed.pps,
            srtp: row.srtp,
            workers: row.workers,
            cpu_us_per_packet: of(|window| window.cpu_us_per_packet),
            floor_us_per_packet: median(&self.floors),
            ratio_to_floor: median(&ratios),
            delay_ms: Delay {
                p50: of(|window| window.delay.p50),
                p99: of(|window| window.delay.p99),
                max: delays.fold(0.0, f64::max),
            },
            packets: self.windows.iter().map(|window| window.packets).sum(),
            chain_cpu_us_per_packet: of(|window| window.chain_us_per_packet),
            load_busy: of(|window| window.load_busy),
            threads: self.threads,
            ..report::Row::default()
        }
    }
}

impl Bench<'_> {
    /// CPU per packet of the server over one window.
    pub(super) fn window(&mut self) -> Result<Window> {
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
    pub(super) fn floor_window(&mut self) -> Result<f64> {
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

    pub(super) fn drops(&self) -> Result<KernelDrops> {
        let ports = self.server.media_ports();
        Ok(KernelDrops {
            relay: proc::udp_drops(|port| ports.contains(&port))?,
            elsewhere: proc::udp_drops(|port| !ports.contains(&port))?,
        })
    }
}

/// Who did the work between two looks.
pub(super) fn shares(before: &[ThreadTime], after: &[ThreadTime]) -> Vec<ThreadShare> {
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
