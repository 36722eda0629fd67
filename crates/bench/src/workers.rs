//! What several workers cost beside one, like for like.
//!
//! The load stays on its core. One worker on another core wakes it across cores with everything it sends, one on the
//! load's core does not, and several on all cores of a machine do some of both. So one worker is measured in both
//! places, and several are held beside the mean of the two, weighted as the several are dealt out. With a core to
//! spare for the load no worker has to share its core, and one place is enough. All of them run at the same time and
//! take turns window by window.

use crate::case::{Place, Row};
use crate::engine::Engine;
use crate::measure::{Method, beside_load, measure_in_turn};
use crate::report::{self, Overhead, Workers};
use crate::statistics::median;
use anyhow::{Result, ensure};

/// Measures a row of several workers beside one worker; gives the row itself as well.
///
/// # Errors
/// As [`crate::measure::measure`].
pub fn compare(engine: &dyn Engine, row: &Row, method: &Method) -> Result<(report::Row, Workers)> {
    let beside = beside_load(row.workers);
    let mut rows = vec![*row, one(row, Place::Apart)];
    if beside > 0 {
        rows.push(one(row, Place::Beside));
    }
    let mut measured = measure_in_turn(engine, &rows, method)?;
    ensure!(measured.len() == rows.len(), "every row is measured");
    let several = measured.remove(0);
    let workers = conclude(
        one(row, Place::Apart).to_string(),
        &several,
        measured,
        beside,
    );
    Ok((several, workers))
}

/// The same work for one worker.
fn one(row: &Row, place: Place) -> Row {
    Row {
        workers: 1,
        place,
        ..*row
    }
}

/// `alone`: one worker apart from the load, and beside it when `beside` of the several have to be.
fn conclude(row: String, several: &report::Row, alone: Vec<report::Row>, beside: usize) -> Workers {
    let one_us = |place| {
        let row = alone.iter().find(|row| row.place == place);
        row.map(|row| row.cpu_us_per_packet)
    };
    let over = |value: fn(&report::Window) -> f64| {
        let base = |window: usize| {
            let of = |row: &report::Row| {
                let weight = match row.place {
                    Place::Beside => beside,
                    Place::Apart | Place::Spread => several.workers - beside,
                };
                row.windows
                    .get(window)
                    .map_or(f64::NAN, |window| value(window) * weight as f64)
            };
            alone.iter().map(of).sum::<f64>() / several.workers as f64
        };
        let windows = several.windows.iter().enumerate();
        let over: Vec<f64> = windows
            .map(|(number, window)| value(window) / base(number) - 1.0)
            .collect();
        overhead(&over)
    };
    Workers {
        row,
        workers: several.workers,
        one_apart_us: one_us(Place::Apart).unwrap_or_default(),
        one_beside_us: one_us(Place::Beside),
        several_us: several.cpu_us_per_packet,
        overhead: over(|window| window.cpu_us),
        overhead_of_ratios: over(report::Window::ratio),
        threads: several.threads.clone(),
        windows: several.windows.len(),
        alone,
    }
}

fn overhead(windows: &[f64]) -> Overhead {
    Overhead {
        median: median(windows),
        min: windows.iter().copied().fold(f64::INFINITY, f64::min),
        max: windows.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(workers: usize, place: Place, windows: &[(f64, f64)]) -> report::Row {
        let windows: Vec<report::Window> = windows
            .iter()
            .map(|&(cpu_us, floor_us)| report::Window { cpu_us, floor_us })
            .collect();
        report::Row {
            workers,
            place,
            cpu_us_per_packet: median(&windows.iter().map(|w| w.cpu_us).collect::<Vec<_>>()),
            windows,
            ..report::Row::default()
        }
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    #[test]
    fn two_workers_on_both_cores_stand_beside_the_mean_of_one_on_each() {
        let several = row(2, Place::Spread, &[(3.3, 2.0), (3.0, 2.0), (6.6, 2.0)]);
        // The machine was half as fast in the last window, for everybody.
        let apart = row(1, Place::Apart, &[(4.0, 2.0), (4.0, 2.0), (8.0, 4.0)]);
        let beside = row(1, Place::Beside, &[(2.0, 1.0), (2.0, 1.0), (4.0, 2.0)]);
        let told = conclude("paced:100:1".to_owned(), &several, vec![apart, beside], 1);
        assert!(close(told.overhead.median, 0.1) && close(told.overhead.min, 0.0));
        assert!(close(told.overhead.max, 0.1));
        // 1.65, 1.5 and 3.3 over 2.
        assert!(close(told.overhead_of_ratios.min, -0.25));
        assert!(close(told.overhead_of_ratios.max, 0.65));
        assert!(
            close(told.one_apart_us, 4.0) && told.one_beside_us.is_some_and(|us| close(us, 2.0))
        );
        assert_eq!(told.windows, 3);
    }

    #[test]
    fn with_a_core_for_the_load_one_worker_apart_is_all_there_is_to_compare() {
        let several = row(2, Place::Spread, &[(4.2, 2.0)]);
        let apart = row(1, Place::Apart, &[(4.0, 2.0)]);
        let told = conclude("paced:100:1".to_owned(), &several, vec![apart], 0);
        assert!(close(told.overhead.median, 0.05));
        assert_eq!(told.one_beside_us, None);
    }
}
