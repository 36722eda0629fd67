//! This process in figures, read from `/proc` when somebody scrapes: processor time, memory, open
//! files, start time.

use crate::metrics::PREFIX;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Counter, Gauge, Opts, Registry};
use std::fs;

/// The kernel reports processor time to user space in ticks of 1/100 s on every architecture
/// (`USER_HZ`, proc(5)).
const TICKS_PER_SECOND: f64 = 100.0;

/// What `/proc` says about this process.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usage {
    /// User and system time since the start, seconds.
    pub cpu_s: f64,
    /// Resident memory, bytes.
    pub resident_bytes: u64,
    /// Open file descriptors.
    pub open_files: u64,
    /// When the process started, seconds since the Unix epoch.
    pub started_s: f64,
}

impl Usage {
    /// Reads `/proc/self`; `None` where there is none.
    pub fn read() -> Option<Self> {
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        // The second field is the name in parentheses and may itself hold spaces and parentheses.
        let (_, fields) = stat.rsplit_once(") ")?;
        let field = |number: usize| -> Option<f64> {
            // Fields are numbered from 1 in proc(5); the third is the first after the name.
            fields.split(' ').nth(number - 3)?.parse().ok()
        };
        Some(Self {
            cpu_s: (field(14)? + field(15)?) / TICKS_PER_SECOND,
            resident_bytes: resident_bytes()?,
            open_files: fs::read_dir("/proc/self/fd").ok()?.count() as u64,
            started_s: boot_s()? + field(22)? / TICKS_PER_SECOND,
        })
    }
}

fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

fn boot_s() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let line = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
    line.trim().parse().ok()
}

/// Adds this process to what the registry reports.
pub fn register(registry: &Registry) -> Result<(), prometheus::Error> {
    registry.register(Box::new(ProcessCollector::new()?))
}

struct ProcessCollector {
    cpu: Counter,
    resident: Gauge,
    open_files: Gauge,
    started: Gauge,
}

impl ProcessCollector {
    fn new() -> Result<Self, prometheus::Error> {
        let named = |name: &str, help: &str| Opts::new(format!("{PREFIX}process_{name}"), help);
        Ok(Self {
            cpu: Counter::with_opts(named(
                "cpu_seconds_total",
                "User and system processor time of this process.",
            ))?,
            resident: Gauge::with_opts(named(
                "resident_memory_bytes",
                "Memory of this process that is in RAM.",
            ))?,
            open_files: Gauge::with_opts(named("open_fds", "Open file descriptors."))?,
            started: Gauge::with_opts(named(
                "start_time_seconds",
                "When this process started, seconds since the Unix epoch.",
            ))?,
        })
    }
}

impl Collector for ProcessCollector {
    fn desc(&self) -> Vec<&Desc> {
        [
            self.cpu.desc(),
            self.resident.desc(),
            self.open_files.desc(),
            self.started.desc(),
        ]
        .concat()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let Some(usage) = Usage::read() else {
            return Vec::new();
        };
        // Two scrapes at once may both read an older total; a counter only ever goes up.
        self.cpu.inc_by((usage.cpu_s - self.cpu.get()).max(0.0));
        self.resident.set(usage.resident_bytes as f64);
        self.open_files.set(usage.open_files as f64);
        self.started.set(usage.started_s);
        [
            self.cpu.collect(),
            self.resident.collect(),
            self.open_files.collect(),
            self.started.collect(),
        ]
        .concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    #[test]
    fn this_test_has_memory_files_and_a_recent_start() {
        let usage = Usage::read().expect("/proc is there");
        assert!(usage.resident_bytes > 100_000, "{usage:?}");
        assert!(usage.open_files >= 3, "{usage:?}");
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .expect("after 1970")
            .as_secs_f64();
        assert!((now - usage.started_s).abs() < 3600.0, "{usage:?} at {now}");
    }

    #[test]
    fn processor_time_never_falls_between_scrapes() {
        let registry = Registry::new();
        register(&registry).expect("nothing else has these names");
        let cpu = || {
            let families = registry.gather();
            let family = families
                .iter()
                .find(|family| family.name() == "diemcau_process_cpu_seconds_total")
                .expect("collected");
            family.get_metric()[0].get_counter().get_value()
        };
        let first = cpu();
        assert!(cpu() >= first);
    }
}
