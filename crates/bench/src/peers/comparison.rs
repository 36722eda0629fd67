//! What a comparison finds, as JSON and for people.

use crate::machine::Machine;
use crate::report::{KernelDrops, Row, Spread};
use crate::statistics::median;
use crate::table::{aligned, first_key_frame_cell, remarks};
use crate::wire::Delay;
use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// What the others are told in times of: the name of [`crate::relays`].
const OURS: &str = "diemcau";

/// A whole comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// What it was measured on.
    pub machine: Machine,
    /// What was measured, ours first.
    pub engines: Vec<Peer>,
    /// For each row and engine the median of the rounds.
    pub rows: Vec<Row>,
    /// Everybody else, in times of ours.
    pub ratios: Vec<Ratio>,
    /// Every single measurement, in its order.
    pub rounds: Vec<Row>,
    /// What could not be measured, and why.
    #[serde(default)]
    pub failed: Vec<String>,
}

/// One engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// As in the rows.
    pub engine: String,
    /// As it says itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// How it was set up.
    pub settings: String,
    /// Why it could not be measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
}

/// CPU per packet of an engine over ours, in the same row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ratio {
    /// The engine.
    pub engine: String,
    /// `paced` or another.
    pub case: String,
    /// Halls.
    pub legs: usize,
    /// How many times as much.
    pub times_ours: f64,
}

impl Comparison {
    /// Nothing measured yet.
    pub fn new(machine: Machine, engines: impl IntoIterator<Item = Peer>) -> Self {
        Self {
            machine,
            engines: engines.into_iter().collect(),
            rows: Vec::new(),
            ratios: Vec::new(),
            rounds: Vec::new(),
            failed: Vec::new(),
        }
    }

    /// Medians and ratios out of the rounds.
    pub fn conclude(&mut self) {
        self.rows.clear();
        for row in &self.rounds {
            if self.rows.iter().any(|known| is_same(known, row)) {
                continue;
            }
            let all: Vec<&Row> = self
                .rounds
                .iter()
                .filter(|other| is_same(other, row))
                .collect();
            self.rows.push(median_of(row, &all));
        }
        self.ratios = self.rows.iter().filter_map(|row| self.ratio(row)).collect();
    }

    fn ratio(&self, row: &Row) -> Option<Ratio> {
        let is_base = |base: &&Row| base.engine == OURS && is_same_work(base, row);
        let base = self.rows.iter().find(is_base)?;
        (row.engine != OURS).then(|| Ratio {
            engine: row.engine.clone(),
            case: row.case.clone(),
            legs: row.legs,
            times_ours: row.cpu_us_per_packet / base.cpu_us_per_packet,
        })
    }
}

fn is_same_work(a: &Row, b: &Row) -> bool {
    let work = |row: &Row| {
        (
            row.case.clone(),
            row.legs,
            row.hops,
            row.pps,
            row.srtp,
            row.workers,
            row.place,
        )
    };
    work(a) == work(b)
}

fn is_same(a: &Row, b: &Row) -> bool {
    a.engine == b.engine && is_same_work(a, b)
}

/// The median of each figure; what must not happen is added up.
fn median_of(first: &Row, all: &[&Row]) -> Row {
    let of = |value: fn(&Row) -> f64| median(&all.iter().map(|row| value(row)).collect::<Vec<_>>());
    let sum = |value: fn(&Row) -> u64| all.iter().map(|row| value(row)).sum::<u64>();
    let longest = all.iter().map(|row| row.delay_ms.max).fold(0.0, f64::max);
    Row {
        cpu_us_per_packet: of(|row| row.cpu_us_per_packet),
        chain_cpu_us_per_packet: of(|row| row.chain_cpu_us_per_packet),
        floor_us_per_packet: of(|row| row.floor_us_per_packet),
        ratio_to_floor: of(|row| row.ratio_to_floor),
        rss_kib_per_leg: of(|row| row.rss_kib_per_leg),
        rss_kib: of(|row| row.rss_kib as f64) as u64,
        join_cpu_ms: of(|row| row.join_cpu_ms),
        first_key_frame_ms: first_key_frame(all),
        delay_ms: Delay {
            p50: of(|row| row.delay_ms.p50),
            p99: of(|row| row.delay_ms.p99),
            max: longest,
        },
        load_busy: of(|row| row.load_busy),
        holes: sum(|row| row.holes),
        auth_failures: sum(|row| row.auth_failures),
        packets: sum(|row| row.packets),
        kernel_drops: KernelDrops {
            relay: sum(|row| row.kernel_drops.relay),
            elsewhere: sum(|row| row.kernel_drops.elsewhere),
        },
        rounds: all.len(),
        windows: all.iter().flat_map(|row| row.windows.clone()).collect(),
        ..first.clone()
    }
}

/// Of the rounds that had a picture.
fn first_key_frame(all: &[&Row]) -> Option<Spread> {
    let spreads: Vec<Spread> = all
        .iter()
        .filter_map(|row| row.first_key_frame_ms)
        .collect();
    let of = |value: fn(&Spread) -> f64| median(&spreads.iter().map(value).collect::<Vec<_>>());
    (!spreads.is_empty()).then(|| Spread {
        p50: of(|spread| spread.p50),
        p99: of(|spread| spread.p99),
    })
}

const HEADS: [&str; 14] = [
    "row",
    "pps",
    "engine",
    "rounds",
    "CPU µs/packet",
    "× ours",
    "× floor",
    "KiB/leg",
    "join ms",
    "key frame p50",
    "p99 ms",
    "delay p50",
    "p99 ms",
    "holes",
];

/// The comparison for people.
pub fn table(comparison: &Comparison) -> String {
    let Machine {
        cpu,
        cores,
        kernel,
        memory_mib,
    } = &comparison.machine;
    let mut out = format!("{cpu}, {cores} cores, Linux {kernel}, {memory_mib} MiB\n");
    for peer in &comparison.engines {
        let version = peer.version.as_deref().unwrap_or_default();
        let about = peer.missing.as_deref().unwrap_or(&peer.settings);
        let _ = writeln!(out, "{} {version}: {about}", peer.engine);
    }
    out.push('\n');
    let mut lines = vec![HEADS.map(str::to_owned).to_vec()];
    lines.extend(comparison.rows.iter().map(|row| cells(comparison, row)));
    out.push_str(&aligned(&lines));
    for row in &comparison.rows {
        remarks(&mut out, row);
    }
    out
}

fn cells(comparison: &Comparison, row: &Row) -> Vec<String> {
    let ours = || if row.engine == OURS { "1" } else { "–" }.to_owned();
    let times = comparison
        .ratio(row)
        .map_or_else(ours, |ratio| format!("{:.1}", ratio.times_ours));
    vec![
        format!("{}:{}", row.case, row.legs),
        row.pps.to_string(),
        row.engine.clone(),
        row.rounds.to_string(),
        format!("{:.2}", row.cpu_us_per_packet),
        times,
        format!("{:.2}", row.ratio_to_floor),
        format!("{:.0}", row.rss_kib_per_leg),
        format!("{:.2}", row.join_cpu_ms),
        first_key_frame_cell(row, |spread| spread.p50),
        first_key_frame_cell(row, |spread| spread.p99),
        format!("{:.2}", row.delay_ms.p50),
        format!("{:.2}", row.delay_ms.p99),
        row.holes.to_string(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn row(engine: &str, cpu: f64, holes: u64) -> Row {
        let spread = json!({ "p50": 1.0, "p99": 2.0, "max": cpu });
        let row = json!({
            "engine": engine, "case": "paced", "legs": 100, "hops": 1, "pps": 250, "srtp": "chromium", "workers": 1,
            "cpu_us_per_packet": cpu, "floor_us_per_packet": 2.0, "ratio_to_floor": cpu / 2.0, "rss_kib_per_leg": 1.0,
            "rss_kib": 10, "join_cpu_ms": 1.0, "first_key_frame_ms": spread, "delay_ms": spread, "holes": holes,
            "auth_failures": 0, "packets": 5, "chain_cpu_us_per_packet": cpu, "load_busy": 0.1,
            "kernel_drops": { "relay": 0, "elsewhere": 0 }, "threads": [],
        });
        serde_json::from_value(row).expect("a row")
    }

    fn peer(engine: &str, missing: Option<&str>) -> Peer {
        Peer {
            engine: engine.to_owned(),
            version: None,
            settings: "as it comes".to_owned(),
            missing: missing.map(str::to_owned),
        }
    }

    #[test]
    fn figures_are_medians_and_what_was_lost_is_added_up() {
        let peers = [
            peer("diemcau", None),
            peer("other", None),
            peer("absent", Some("not installed")),
        ];
        let mut comparison = Comparison::new(Machine::here(), peers);
        for (ours, others, holes) in [(3.0, 30.0, 1), (9.0, 12.0, 0), (4.0, 20.0, 2)] {
            comparison.rounds.push(row("diemcau", ours, 0));
            comparison.rounds.push(row("other", others, holes));
        }
        comparison.conclude();
        assert_eq!(comparison.rows.len(), 2);
        assert!((comparison.rows[1].cpu_us_per_packet - 20.0).abs() < 1e-9);
        assert_eq!(
            (comparison.rows[1].holes, comparison.rows[1].packets),
            (3, 15)
        );
        assert_eq!(comparison.rows[1].rounds, 3);
        assert!((comparison.rows[1].delay_ms.max - 30.0).abs() < 1e-9);
        assert_eq!(comparison.ratios.len(), 1);
        assert!((comparison.ratios[0].times_ours - 5.0).abs() < 1e-9);
        let table = table(&comparison);
        assert!(table.contains("absent : not installed"), "{table}");
        assert!(
            table
                .lines()
                .any(|line| line.contains("other") && line.contains("5.0")),
            "{table}"
        );
    }
}
