//! The wall clock, read in one place.

use std::time::{Duration, SystemTime};

/// Since the Unix epoch. A clock set before 1970 reads as the epoch.
pub fn now() -> Duration {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
}

/// Seconds since the Unix epoch.
pub fn now_s() -> u64 {
    now().as_secs()
}
