//! The wall clock, read in one place.

use jiff::Timestamp;
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

/// Milliseconds since the Unix epoch.
pub fn now_ms() -> u64 {
    u64::try_from(now().as_millis()).unwrap_or(u64::MAX)
}

/// Now, as the rules take it.
pub fn timestamp() -> Timestamp {
    Timestamp::now()
}
