//! What a run finds, as `--json` prints it.

use crate::case::Place;
use crate::load::Srtp;
use crate::machine::Machine;
use crate::statistics::percentile;
use crate::wire::Delay;
use serde::{Deserialize, Serialize};

/// A whole run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// What it was measured on.
    pub machine: Machine,
    /// The table.
    pub rows: Vec<Row>,
    /// Each row of several workers beside one worker.
    #[serde(default)]
    pub workers: Vec<Workers>,
    /// What could not be measured, and why.
    #[serde(default)]
    pub failed: Vec<String>,
    /// How much one machine carries; absent when it was not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity: Option<Capacity>,
    /// How memory grows with each leg, between two rows that differ in legs only, KiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rss_slope_kib_per_leg: Option<f64>,
}

/// One row.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The server measured.
    #[serde(default = "ours")]
    pub engine: String,
    /// `paced`, `burst`, `audio` or `hall`.
    pub case: String,
    /// Halls that watch.
    pub legs: usize,
    /// Relays the feed passes.
    pub hops: usize,
    /// Packets a second to each hall, of video, or of sound when there is no video.
    pub pps: u32,
    /// What the halls list.
    pub srtp: Srtp,
    /// Sending threads of the relay.
    pub workers: usize,
    /// The cores they send from.
    #[serde(default)]
    pub place: Place,
    /// CPU (user and system) of the relay that the halls are at, per packet that a hall received and verified; median of the windows.
    pub cpu_us_per_packet: f64,
    /// The same of copy, AES-128-GCM and send alone, in turn with it.
    pub floor_us_per_packet: f64,
    /// The first over the second, window by window; median.
    pub ratio_to_floor: f64,
    /// Memory with all halls minus memory with none, over the halls.
    pub rss_kib_per_leg: f64,
    /// Memory with all halls.
    pub rss_kib: u64,
    /// CPU over a join of all halls while nothing is published, over the halls. HTTP is plain.
    pub join_cpu_ms: f64,
    /// From the start of a hall's POST to the last packet of its first keyframe, all joining at once (100 at a time beyond that).
    /// Absent where there is no picture.
    pub first_key_frame_ms: Option<Spread>,
    /// From the publisher's socket to the hall.
    pub delay_ms: Delay,
    /// Packets that never came, with nothing repaired: the halls ask for no packet again.
    pub holes: u64,
    /// Packets that did not authenticate.
    pub auth_failures: u64,
    /// Packets verified while CPU was measured.
    pub packets: u64,
    /// CPU of all relays of the chain, per packet.
    pub chain_cpu_us_per_packet: f64,
    /// Share of its core the load used: beyond 0.9 its figures of delay are its own.
    pub load_busy: f64,
    /// Datagrams the kernel dropped at the relays' sockets and elsewhere.
    pub kernel_drops: KernelDrops,
    /// The threads that used more than 1 % of the relay's CPU.
    pub threads: Vec<ThreadShare>,
    /// Every window beside its floor, in their order.
    #[serde(default)]
    pub windows: Vec<Window>,
    /// How many measurements these figures are the medians of.
    #[serde(default = "once")]
    pub rounds: usize,
}

fn once() -> usize {
    1
}

/// CPU per packet in one window of the server and in the window of the floor beside it, microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// Of the relay that the halls are at.
    pub cpu_us: f64,
    /// Of the floor.
    pub floor_us: f64,
}

impl Window {
    /// The first over the second.
    pub fn ratio(&self) -> f64 {
        self.cpu_us / self.floor_us
    }
}

/// Several workers beside one, measured in turn window by window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Workers {
    /// The row of one worker.
    pub row: String,
    /// How many the several are.
    pub workers: usize,
    /// CPU µs/packet of one worker on a core that is not the load's.
    pub one_apart_us: f64,
    /// Of one worker on the load's core; absent when none of the several has to be there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub one_beside_us: Option<f64>,
    /// Of the several.
    pub several_us: f64,
    /// How much more the several take than one on the same mix of cores, by µs.
    pub overhead: Overhead,
    /// The same by the ratios to the floor, which is on the same cores each time.
    pub overhead_of_ratios: Overhead,
    /// How the several share the work.
    pub threads: Vec<ThreadShare>,
    /// How often each had its turn.
    pub windows: usize,
    /// One worker: what the several are held beside.
    pub alone: Vec<Row>,
}

/// How much more, window by window: 0.1 is 10 %.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Overhead {
    /// In the middle.
    pub median: f64,
    /// In the best window.
    pub min: f64,
    /// In the worst.
    pub max: f64,
}

fn ours() -> String {
    "diemcau".to_owned()
}

/// A distribution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Half of all are below.
    pub p50: f64,
    /// 99 of 100 are below.
    pub p99: f64,
}

impl Spread {
    /// Of these; `None` when there is none.
    pub fn of(values: &[f64]) -> Option<Self> {
        (!values.is_empty()).then(|| Self {
            p50: percentile(values, 0.5),
            p99: percentile(values, 0.99),
        })
    }
}

/// Datagrams that found a full socket buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelDrops {
    /// The relays could not read in time.
    pub relay: u64,
    /// The load could not, or another process.
    pub elsewhere: u64,
}

impl KernelDrops {
    /// What came after `before`. A socket that was closed takes its count along.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self {
            relay: self.relay.saturating_sub(before.relay),
            elsewhere: self.elsewhere.saturating_sub(before.elsewhere),
        }
    }
}

/// What one thread did of the relay's work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ThreadShare {
    /// Its name.
    pub name: String,
    /// 0 to 1.
    pub share: f64,
}

/// How much one machine carries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Capacity {
    /// Halls with picture and sound, 2.5 Mbit/s each, on all cores.
    pub halls_at_2_5_mbit: u64,
    /// On one core.
    pub halls_per_core: u64,
    /// By so many the figure of one core is multiplied.
    pub cores: usize,
    /// How busy that core was.
    pub core_busy: f64,
    /// Packets a second that core sent.
    pub packets_per_s: f64,
    /// Delay then.
    pub delay_ms: Delay,
    /// Halls that were really there.
    #[serde(default)]
    pub legs: usize,
    /// So many times the packets of a hall went to each of them.
    #[serde(default)]
    pub rate: f64,
    /// Whether halls per core are more or fewer than were there: converted by that rate.
    #[serde(default)]
    pub extrapolated_by_rate: bool,
    /// Sessions one relay process takes: a hall that only watches takes one, one that shows its camera two.
    #[serde(default)]
    pub sessions_per_relay: u64,
    /// Relay processes that so many halls need when they only watch.
    #[serde(default)]
    pub relays_needed: u64,
    /// And when each shows its camera.
    #[serde(default)]
    pub relays_needed_with_cameras: u64,
    /// How it was found.
    pub how: String,
}

/// How memory grows with halls: between the two rows farthest apart of those with at least 100 legs that differ in legs
/// only. At another rate the relay keeps other packets for resending, under other ciphers other keys.
pub fn rss_slope(rows: &[Row]) -> Option<f64> {
    let large = || {
        rows.iter().filter(|row| {
            row.legs >= 100
                && (row.hops, row.workers, row.place) == (1, 1, Place::Apart)
                && row.case == "paced"
        })
    };
    let alike = |a: &Row, b: &Row| (&a.engine, a.pps, a.srtp) == (&b.engine, b.pps, b.srtp);
    let pairs = large().flat_map(|most| {
        let fewer = large().filter(move |least| alike(least, most) && least.legs < most.legs);
        fewer.map(move |least| (least, most))
    });
    let (least, most) = pairs.max_by_key(|(least, most)| most.legs - least.legs)?;
    Some((most.rss_kib as f64 - least.rss_kib as f64) / (most.legs - least.legs) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(legs: usize, pps: u32, rss_kib: u64) -> Row {
        Row {
            case: "paced".to_owned(),
            hops: 1,
            workers: 1,
            legs,
            pps,
            rss_kib,
            ..Row::default()
        }
    }

    #[test]
    fn memory_is_compared_at_one_rate_only() {
        let mut rows = vec![row(100, 250, 50_000), row(1_000, 20, 28_000)];
        assert_eq!(rss_slope(&rows), None);
        rows.push(row(300, 250, 60_000));
        assert_eq!(rss_slope(&rows), Some(50.0));
        rows.push(row(100, 20, 10_000));
        assert_eq!(rss_slope(&rows), Some(20.0));
        rows.push(row(20, 20, 0));
        assert_eq!(rss_slope(&rows), Some(20.0), "few legs say little");
    }
}
