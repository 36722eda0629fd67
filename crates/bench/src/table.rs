//! A report for people.

use crate::case::Place;
use crate::report::{Capacity, Overhead, Report, Row, Spread, Window, Workers};
use std::fmt::Write;

const HEADS: [&str; 14] = [
    "row",
    "pps",
    "CPU µs/packet",
    "floor",
    "ratio",
    "windows",
    "KiB/leg",
    "join ms",
    "key frame p50",
    "p99 ms",
    "delay p50",
    "p99",
    "max ms",
    "holes",
];

const WORKERS_HEADS: [&str; 10] = [
    "several workers",
    "one apart µs",
    "one beside the load",
    "several",
    "more by µs",
    "windows",
    "more by ratio to floor",
    "windows",
    "threads' shares %",
    "windows each",
];

/// The whole report.
pub fn report(report: &Report) -> String {
    let machine = &report.machine;
    let mut out = format!(
        "{}, {} cores, Linux {}, {} MiB\n\n",
        machine.cpu, machine.cores, machine.kernel, machine.memory_mib
    );
    let mut lines = vec![HEADS.map(str::to_owned).to_vec()];
    lines.extend(report.rows.iter().map(cells));
    out.push_str(&aligned(&lines));
    let alone = report.workers.iter().flat_map(|found| &found.alone);
    for row in report.rows.iter().chain(alone) {
        remarks(&mut out, row);
    }
    if !report.workers.is_empty() {
        let _ = write!(out, "\n{}", workers(&report.workers));
    }
    if let Some(slope) = report.rss_slope_kib_per_leg {
        let _ = writeln!(out, "\nMemory grows by {slope:.1} KiB per hall.");
    }
    if let Some(capacity) = &report.capacity {
        let _ = writeln!(out, "\n{}\n{}", capacity.how, carries(capacity));
    }
    out
}

fn carries(capacity: &Capacity) -> String {
    let halls = capacity.halls_at_2_5_mbit;
    let mut said = format!("This machine carries about {halls} halls at 2.5 Mbit/s");
    let (watching, showing) = (capacity.relays_needed, capacity.relays_needed_with_cameras);
    if showing > 1 {
        let _ = write!(
            said,
            "; relays needed: {watching} when they only watch, {showing} when all show their cameras, for a relay takes {} sessions",
            capacity.sessions_per_relay
        );
    }
    said.push('.');
    said
}

/// How a row is called.
pub fn name(row: &Row) -> String {
    let mut name = format!("{}:{}:{}", row.case, row.legs, row.hops);
    if row.engine != "diemcau" {
        name = format!("{} {name}", row.engine);
    }
    if row.srtp == crate::load::Srtp::Sha1Only {
        name.push_str(":sha1");
    }
    if row.workers > 1 {
        let _ = write!(name, ":{}workers", row.workers);
    } else if row.place == Place::Beside {
        name.push_str(":beside");
    } else if row.place == Place::Spread {
        name.push_str(":spread");
    }
    name
}

fn cells(row: &Row) -> Vec<String> {
    let ms = |value: f64| format!("{value:.2}");
    vec![
        name(row),
        row.pps.to_string(),
        format!("{:.2}", row.cpu_us_per_packet),
        format!("{:.2}", row.floor_us_per_packet),
        format!("{:.2}", row.ratio_to_floor),
        spread(row),
        format!("{:.1}", row.rss_kib_per_leg),
        ms(row.join_cpu_ms),
        first_key_frame_cell(row, |spread| spread.p50),
        first_key_frame_cell(row, |spread| spread.p99),
        ms(row.delay_ms.p50),
        ms(row.delay_ms.p99),
        ms(row.delay_ms.max),
        row.holes.to_string(),
    ]
}

/// In whole milliseconds.
pub(crate) fn first_key_frame_cell(row: &Row, value: fn(Spread) -> f64) -> String {
    row.first_key_frame_ms
        .map_or("–".to_owned(), |spread| format!("{:.0}", value(spread)))
}

/// The least and the most of all windows' ratios to the floor.
fn spread(row: &Row) -> String {
    let ratios = || row.windows.iter().map(Window::ratio);
    let (least, most) = (
        ratios().fold(f64::INFINITY, f64::min),
        ratios().fold(0.0, f64::max),
    );
    if row.windows.is_empty() {
        return "–".to_owned();
    }
    format!("{least:.2}–{most:.2}")
}

/// What a reader of the row has to know beside it.
pub(crate) fn remarks(out: &mut String, row: &Row) {
    let name = name(row);
    if row.auth_failures > 0 {
        let _ = writeln!(
            out,
            "{name}: {} packets did not authenticate.",
            row.auth_failures
        );
    }
    let drops = row.kernel_drops;
    if drops.relay > 0 {
        let _ = writeln!(
            out,
            "{name}: the kernel dropped {} datagrams at the relay's socket: raise net.core.rmem_max to 4 MiB, or the core is full.",
            drops.relay
        );
    }
    if drops.elsewhere > 0 {
        let _ = writeln!(
            out,
            "{name}: the kernel dropped {} datagrams at other sockets: the load's core was too busy, do not trust holes and delay.",
            drops.elsewhere
        );
    }
    if row.load_busy > 0.9 {
        let _ = writeln!(
            out,
            "{name}: the load used {:.0} % of its core, its delays are its own.",
            row.load_busy * 100.0
        );
    }
    if row.workers > 1 {
        let shares: Vec<String> = row
            .threads
            .iter()
            .map(|thread| format!("{} {:.0} %", thread.name, thread.share * 100.0))
            .collect();
        let _ = writeln!(out, "{name}: {}", shares.join(", "));
    }
}

/// What several workers cost beside one.
fn workers(all: &[Workers]) -> String {
    let mut lines = vec![WORKERS_HEADS.map(str::to_owned).to_vec()];
    lines.extend(all.iter().map(workers_cells));
    aligned(&lines)
}

fn workers_cells(found: &Workers) -> Vec<String> {
    let us = |us: f64| format!("{us:.2}");
    let percent = |share: f64| format!("{:+.0} %", share * 100.0);
    let spread = |over: Overhead| format!("{} to {}", percent(over.min), percent(over.max));
    let shares = found.threads.iter().map(|thread| &thread.share);
    let shares: Vec<String> = shares
        .map(|share| format!("{:.0}", share * 100.0))
        .collect();
    vec![
        format!("{}:{}workers", found.row, found.workers),
        us(found.one_apart_us),
        found.one_beside_us.map_or("–".to_owned(), us),
        us(found.several_us),
        percent(found.overhead.median),
        spread(found.overhead),
        percent(found.overhead_of_ratios.median),
        spread(found.overhead_of_ratios),
        shares.join(":"),
        found.windows.to_string(),
    ]
}

/// Columns under each other: the first to the left, the rest to the right.
pub(crate) fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let cell =
        |line: &Vec<String>, column: usize| line.get(column).map_or(0, |cell| cell.chars().count());
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            lines
                .iter()
                .map(|line| cell(line, column))
                .max()
                .unwrap_or(0)
        })
        .collect();
    let mut out = String::new();
    for line in lines {
        for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
            let _ = if column == 0 {
                write!(out, "{cell:<width$}")
            } else {
                write!(out, "  {cell:>width$}")
            };
        }
        out.truncate(out.trim_end().len());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::ThreadShare;

    #[test]
    fn several_workers_are_told_beside_one_in_both_places() {
        let over = |median, min, max| Overhead { median, min, max };
        let share = |share| ThreadShare {
            name: "media".to_owned(),
            share,
        };
        let told = workers(&[Workers {
            row: "paced:100:1".to_owned(),
            workers: 2,
            one_apart_us: 3.0,
            one_beside_us: Some(2.0),
            several_us: 2.6,
            overhead: over(0.04, -0.01, 0.08),
            overhead_of_ratios: over(0.05, 0.02, 0.07),
            threads: vec![share(0.51), share(0.48)],
            windows: 5,
            alone: Vec::new(),
        }]);
        let line = told.lines().last().expect("a line");
        for part in [
            "2workers",
            "3.00",
            "2.00",
            "2.60",
            "+4 %",
            "-1 % to +8 %",
            "+5 %",
            "51:48",
        ] {
            assert!(line.contains(part), "{part}: {told}");
        }
    }

    #[test]
    fn a_row_tells_how_far_its_windows_are_apart() {
        let window = |cpu_us| Window {
            cpu_us,
            floor_us: 2.0,
        };
        let mut row = Row::default();
        assert_eq!(spread(&row), "–");
        row.windows = vec![window(2.5), window(2.1), window(3.0)];
        assert_eq!(spread(&row), "1.05–1.50");
    }

    #[test]
    fn columns_stand_under_each_other_whatever_the_letters() {
        let lines = [
            vec!["a".to_owned(), "µs".to_owned()],
            vec!["bcd".to_owned(), "1.25".to_owned()],
        ];
        assert_eq!(aligned(&lines), "a      µs\nbcd  1.25\n");
    }
}
