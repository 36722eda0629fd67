//! The kernel's accounts of a process: `/proc/<pid>`.

use anyhow::{Context, Result};
use std::collections::HashMap;
use std::fs;

/// CPU time of one thread since its start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadTime {
    /// Kernel's id.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// User and system, nanoseconds.
    pub cpu_ns: u64,
}

/// CPU time of every thread of a process.
///
/// # Errors
/// When there is no such process, or the kernel keeps no scheduler statistics.
pub fn threads(pid: u32) -> Result<Vec<ThreadTime>> {
    let folder = format!("/proc/{pid}/task");
    let entries = fs::read_dir(&folder).with_context(|| format!("process {pid} has ended"))?;
    let mut threads = Vec::new();
    for entry in entries.flatten() {
        let read = |file: &str| fs::read_to_string(entry.path().join(file));
        // A thread may end meanwhile.
        let (Ok(times), Ok(name)) = (read("schedstat"), read("comm")) else {
            continue;
        };
        let cpu_ns = times.split(' ').next().and_then(|ns| ns.parse().ok());
        threads.push(ThreadTime {
            id: entry.file_name().to_string_lossy().parse()?,
            name: name.trim().to_owned(),
            cpu_ns: cpu_ns
                .context("/proc/<pid>/schedstat: a kernel with CONFIG_SCHED_INFO is needed")?,
        });
    }
    Ok(threads)
}

/// What each thread used between two looks. One that has ended meanwhile is not in it, and one whose id the kernel has
/// given to another used nothing rather than less than nothing.
pub fn spent(before: &[ThreadTime], after: &[ThreadTime]) -> Vec<ThreadTime> {
    let known: HashMap<u32, u64> = before
        .iter()
        .map(|thread| (thread.id, thread.cpu_ns))
        .collect();
    let spent = |thread: &ThreadTime| ThreadTime {
        cpu_ns: thread
            .cpu_ns
            .saturating_sub(known.get(&thread.id).copied().unwrap_or(0)),
        ..thread.clone()
    };
    after.iter().map(spent).collect()
}

/// Of all these threads.
pub fn sum_ns(threads: &[ThreadTime]) -> u64 {
    threads.iter().map(|thread| thread.cpu_ns).sum()
}

/// CPU time of a process, user and system, nanoseconds. Threads that have ended are not in it.
///
/// # Errors
/// As [`threads`].
pub fn cpu_ns(pid: u32) -> Result<u64> {
    Ok(sum_ns(&threads(pid)?))
}

/// Resident memory of a process, KiB.
///
/// # Errors
/// When there is no such process.
pub fn rss_kib(pid: u32) -> Result<u64> {
    // The counters in `status` are off by up to 64 pages per core; these are exact.
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))
        .with_context(|| format!("memory of process {pid}"))?;
    field(&text, "Rss:").context("Rss in smaps_rollup")
}

/// The number behind `key` at the beginning of a line.
pub fn field(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Datagrams the kernel dropped at UDP sockets of these local ports, since they were opened.
///
/// # Errors
/// When `/proc/net/udp` cannot be read.
pub fn udp_drops(is_ours: impl Fn(u16) -> bool) -> Result<u64> {
    let table = fs::read_to_string("/proc/net/udp").context("/proc/net/udp")?;
    Ok(drops(&table, is_ours))
}

fn drops(table: &str, is_ours: impl Fn(u16) -> bool) -> u64 {
    let of = |line: &str| {
        let mut fields = line.split_whitespace();
        let (_, port) = fields.nth(1)?.rsplit_once(':')?;
        let port = u16::from_str_radix(port, 16).ok()?;
        let dropped: u64 = fields.last()?.parse().ok()?;
        is_ours(port).then_some(dropped)
    };
    table.lines().skip(1).filter_map(of).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_very_process_has_time_and_memory() {
        let me = std::process::id();
        let first = cpu_ns(me).expect("times");
        let mut sum = 0_u64;
        for i in 0..20_000_000_u64 {
            sum = std::hint::black_box(sum.wrapping_add(i));
        }
        assert!(cpu_ns(me).expect("times") > first, "{sum}");
        assert!(rss_kib(me).expect("memory") > 500);
        assert!(threads(0).is_err());
    }

    #[test]
    fn a_thread_that_ends_takes_nothing_from_what_the_others_spent() {
        let thread = |id, cpu_ns| ThreadTime {
            id,
            name: format!("t{id}"),
            cpu_ns,
        };
        let before = [thread(1, 1_000), thread(2, 5_000), thread(4, 900)];
        let after = [thread(1, 1_300), thread(3, 100), thread(4, 10)];
        let found = spent(&before, &after);
        assert_eq!(found, [thread(1, 300), thread(3, 100), thread(4, 0)]);
        assert_eq!(sum_ns(&found), 400);
    }

    #[test]
    fn drops_are_read_by_port() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
            1: 0100007F:1F90 00000000:0000 07 00000000:00000000 00:00000000 00000000 0 0 1 2 0 7\n\
            2: 0100007F:1F91 00000000:0000 07 00000000:00000000 00:00000000 00000000 0 0 1 2 0 5\n";
        assert_eq!(drops(table, |port| port == 8_080), 7);
        assert_eq!(drops(table, |_| true), 12);
    }
}
