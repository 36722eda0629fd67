//! A report for people.

use crate::report::{Report, Row};
use std::fmt::Write;

const HEADS: [&str; 13] = [
    "row",
    "pps",
    "CPU µs/packet",
    "floor",
    "ratio",
    "KiB/leg",
    "join ms",
    "key frame p50",
    "p99 ms",
    "delay p50",
    "p99",
    "max ms",
    "holes",
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
    for row in &report.rows {
        remarks(&mut out, row);
    }
    for row in &report.rows {
        workers(&mut out, row, &report.rows);
    }
    if let Some(slope) = report.rss_slope_kib_per_leg {
        let _ = writeln!(out, "\nMemory grows by {slope:.1} KiB per hall.");
    }
    if let Some(capacity) = &report.capacity {
        let _ = writeln!(
            out,
            "\n{}\nThis machine carries about {} halls at 2.5 Mbit/s.",
            capacity.how, capacity.halls_at_2_5_mbit
        );
    }
    out
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
        format!("{:.1}", row.rss_kib_per_leg),
        ms(row.join_cpu_ms),
        format!("{:.0}", row.first_key_frame_ms.p50),
        format!("{:.0}", row.first_key_frame_ms.p99),
        ms(row.delay_ms.p50),
        ms(row.delay_ms.p99),
        ms(row.delay_ms.max),
        row.holes.to_string(),
    ]
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

/// What several workers cost beside one, and how they share the work.
fn workers(out: &mut String, row: &Row, rows: &[Row]) {
    let alone = rows.iter().find(|other| {
        other.workers == 1
            && (&other.engine, &other.case, other.srtp) == (&row.engine, &row.case, row.srtp)
            && (other.legs, other.hops, other.pps) == (row.legs, row.hops, row.pps)
    });
    let Some(alone) = alone.filter(|_| row.workers > 1) else {
        return;
    };
    let more = (row.cpu_us_per_packet / alone.cpu_us_per_packet - 1.0) * 100.0;
    let _ = writeln!(
        out,
        "{}: a packet costs {:+.0} % beside one worker.",
        name(row),
        more
    );
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

    #[test]
    fn two_workers_are_told_beside_one_of_the_same_row_only() {
        let row = |workers, legs, us| Row {
            engine: "diemcau".to_owned(),
            case: "paced".to_owned(),
            legs,
            hops: 1,
            workers,
            cpu_us_per_packet: us,
            ..Row::default()
        };
        let rows = [row(1, 100, 4.0), row(1, 20, 1.0), row(2, 100, 4.4)];
        let mut out = String::new();
        for row in &rows {
            workers(&mut out, row, &rows);
        }
        assert_eq!(
            out,
            "paced:100:1:2workers: a packet costs +10 % beside one worker.\n"
        );
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
