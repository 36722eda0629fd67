//! What was measured on.

use crate::proc::field;
use serde::{Deserialize, Serialize};
use std::fs;

/// The machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// As the processor calls itself.
    pub cpu: String,
    /// Cores this process may use.
    pub cores: usize,
    /// Kernel release.
    pub kernel: String,
    /// MiB.
    pub memory_mib: u64,
}

impl Machine {
    /// This one.
    pub fn here() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let cpuinfo = read("/proc/cpuinfo");
        let model = cpuinfo
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split_once(':'));
        Self {
            cpu: model.map_or("unknown", |(_, name)| name.trim()).to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            memory_mib: field(&read("/proc/meminfo"), "MemTotal:").unwrap_or(0) / 1024,
        }
    }
}

/// What the machine must allow for this many legs.
///
/// # Errors
/// With what to do, when it does not.
pub fn check(legs: usize) -> anyhow::Result<()> {
    // A socket for each leg, one for each leg of the floor, and some.
    let files = 2 * legs as u64 + 100;
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let allowed = field(&limits, "Max open files").unwrap_or(u64::MAX);
    anyhow::ensure!(
        allowed >= files,
        "{legs} legs need {files} open files, {allowed} are allowed: ulimit -n {files}"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_known() {
        let machine = Machine::here();
        assert!(machine.cores > 0 && machine.memory_mib > 100, "{machine:?}");
        assert!(!machine.kernel.is_empty());
        assert!(check(1).is_ok());
        assert!(check(usize::MAX / 4).is_err_and(|error| error.to_string().contains("ulimit -n")));
    }
}
