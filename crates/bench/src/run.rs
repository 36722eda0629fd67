//! A whole run: rows one after the other, then the capacity.

use crate::case::{Row, default_rows, quick_rows};
use crate::engine::Engine;
use crate::machine::Machine;
use crate::measure::{Method, measure};
use crate::relays::Relays;
use crate::report::{self, Report};
use crate::{capacity, table, workers};
use anyhow::{Context, Result, bail};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

/// What was asked for.
#[derive(Clone, Debug)]
pub struct Options {
    /// Rows; empty for the usual ones.
    pub rows: Vec<Row>,
    /// Seconds of one window.
    pub seconds: f64,
    /// A short run that says less.
    pub quick: bool,
    /// JSON instead of a table.
    pub json: bool,
    /// Find the capacity too.
    pub capacity: bool,
    /// The same JSON into this file.
    pub raw: Option<PathBuf>,
}

/// Windows of server and floor in a full run; the median of fewer says nothing.
const WINDOWS: usize = 5;

/// Runs the benchmark and prints what it finds. Progress goes to standard error.
///
/// # Errors
/// When a row cannot be measured; what could be is printed all the same.
pub fn run(options: &Options) -> Result<()> {
    let method = Method {
        program: std::env::current_exe().context("this program's own file")?,
        window: Duration::from_secs_f64(options.seconds),
        windows: if options.quick { 1 } else { WINDOWS },
        floor_first: false,
        ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
    };
    let rows = match (&options.rows[..], options.quick) {
        ([], true) => quick_rows(),
        ([], false) => default_rows(),
        (rows, _) => rows.to_vec(),
    };
    let engine = Relays {
        program: method.program.clone(),
    };
    let mut report = Report {
        machine: Machine::here(),
        rows: Vec::new(),
        workers: Vec::new(),
        failed: Vec::new(),
        capacity: None,
        rss_slope_kib_per_leg: None,
    };
    for row in &rows {
        eprint!("{} {row} … ", engine.name());
        match measure_row(&engine, row, &method, &mut report) {
            Ok(said) => eprintln!("{said}"),
            Err(error) => {
                eprintln!("failed");
                report.failed.push(format!("{row}: {error:#}"));
            }
        }
    }
    report.rss_slope_kib_per_leg = report::rss_slope(&report.rows);
    if options.capacity {
        eprintln!("capacity …");
        match capacity::find(&engine, &method) {
            Ok(capacity) => report.capacity = Some(capacity),
            Err(error) => report.failed.push(format!("capacity: {error:#}")),
        }
    }
    let json = serde_json::to_string_pretty(&report)?;
    if let Some(file) = &options.raw {
        std::fs::write(file, &json).with_context(|| format!("writing {}", file.display()))?;
    }
    println!(
        "{}",
        if options.json {
            json
        } else {
            table::report(&report)
        }
    );
    if !report.failed.is_empty() {
        bail!("{}", report.failed.join("\n"));
    }
    Ok(())
}

/// Measures one row into the report, several workers beside one; says what it found in a line.
fn measure_row(
    engine: &dyn Engine,
    row: &Row,
    method: &Method,
    report: &mut Report,
) -> Result<String> {
    let found = if row.workers > 1 {
        let (found, beside_one) = workers::compare(engine, row, method)?;
        report.workers.push(beside_one);
        found
    } else {
        measure(engine, row, method)?
    };
    let said = format!(
        "{:.2} µs/packet, floor {:.2}, ratio {:.2}, {} holes",
        found.cpu_us_per_packet, found.floor_us_per_packet, found.ratio_to_floor, found.holes
    );
    report.rows.push(found);
    Ok(said)
}
