//! The clocks, read in one place.
//!
//! Two of them: what leaves this process by date (tokens, the hall's clock) goes by the wall clock; what is
//! measured between two moments (health, reports, views) by one that nobody sets.

use jiff::Timestamp;
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime};

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

/// Now, as the rules take it.
pub fn timestamp() -> Timestamp {
    Timestamp::now()
}

/// One moment by both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Milliseconds since the Unix epoch.
    pub wall_ms: u64,
    /// As [`steady_ms`].
    pub steady_ms: u64,
}

impl Now {
    /// This moment.
    pub fn read() -> Self {
        Self {
            wall_ms: whole_ms(now()),
            steady_ms: steady_ms(),
        }
    }
}

/// Milliseconds since the Unix epoch as this process has counted them: it never goes back nor leaps when
/// somebody sets the wall clock.
pub fn steady_ms() -> u64 {
    static STEADY: LazyLock<Steady> = LazyLock::new(|| Steady {
        begun: Instant::now(),
        begun_wall: now(),
    });
    STEADY.at_ms(Instant::now())
}

/// The wall clock read once, and counted on from there.
struct Steady {
    begun: Instant,
    begun_wall: Duration,
}

impl Steady {
    fn at_ms(&self, now: Instant) -> u64 {
        whole_ms(self.begun_wall + now.saturating_duration_since(self.begun))
    }
}

fn whole_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_does_not_follow_a_wall_clock_that_is_set() {
        let begun = Instant::now();
        // A machine that came up in the year 2000, and was set right a moment later.
        let steady = Steady {
            begun,
            begun_wall: Duration::from_hours(262_968),
        };
        let at = |ms| steady.at_ms(begun + Duration::from_millis(ms));
        assert_eq!(
            (at(0), at(2_000)),
            (946_684_800_000, 946_684_802_000),
            "two seconds later is two seconds more"
        );
        let (first, second) = (steady_ms(), steady_ms());
        assert!(first <= second);
    }
}
