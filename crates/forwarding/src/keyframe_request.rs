//! Keyframe requests of a stream, from all its legs, made one.

use crate::limits::{KEYFRAME_INTERVAL_MAX, KEYFRAME_INTERVAL_MIN, KEYFRAME_SHARE};
use std::time::Duration;

/// At most one request per interval; what is wanted in between goes out at its end, unless a
/// keyframe comes first.
#[derive(Debug)]
pub(crate) struct KeyframeRequests {
    last: Option<Duration>,
    interval: Duration,
    is_wanted: bool,
    pub(crate) sent: u64,
}

impl Default for KeyframeRequests {
    fn default() -> Self {
        Self {
            last: None,
            interval: KEYFRAME_INTERVAL_MIN,
            is_wanted: false,
            sent: 0,
        }
    }
}

/// How far keyframes of a size must lie apart in a stream of a rate.
pub(crate) fn interval(keyframe_bytes: u64, rate_bps: u64) -> Duration {
    let bits = keyframe_bytes.saturating_mul(8 * KEYFRAME_SHARE);
    let ms = bits.saturating_mul(1_000).checked_div(rate_bps);
    let interval = Duration::from_millis(ms.unwrap_or_default());
    interval.clamp(KEYFRAME_INTERVAL_MIN, KEYFRAME_INTERVAL_MAX)
}

impl KeyframeRequests {
    /// Least time between two requests; a keyframe younger than this will do for who joins.
    pub(crate) fn interval(&self) -> Duration {
        self.interval
    }

    pub(crate) fn set_interval(&mut self, interval: Duration) {
        self.interval = interval;
    }

    /// Someone wants a keyframe; true when the origin is to be asked now.
    pub(crate) fn want(&mut self, now: Duration) -> bool {
        self.is_wanted = true;
        self.take_due(now)
    }

    /// A keyframe began.
    pub(crate) fn satisfy(&mut self) {
        self.is_wanted = false;
    }

    /// True when the origin is to be asked now.
    pub(crate) fn take_due(&mut self, now: Duration) -> bool {
        let is_due = self.next_due().is_some_and(|due| due <= now);
        if is_due {
            self.is_wanted = false;
            self.last = Some(now);
            self.sent += 1;
        }
        is_due
    }

    /// When a request that waits may go.
    pub(crate) fn next_due(&self) -> Option<Duration> {
        self.is_wanted.then(|| {
            self.last
                .map_or(Duration::ZERO, |last| last + self.interval)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storm_costs_one_request_per_interval() {
        let mut requests = KeyframeRequests::default();
        let asked = (0..2_000)
            .filter(|ms| {
                let now = Duration::from_millis(*ms);
                requests.take_due(now) || requests.want(now)
            })
            .count();
        assert_eq!(asked, 4);
        assert_eq!(requests.sent, 4);
    }

    #[test]
    fn a_keyframe_takes_a_quarter_of_the_rate_at_most() {
        let ms = |bytes, rate| interval(bytes, rate).as_millis();
        assert_eq!(ms(0, 0), 500, "nothing known");
        assert_eq!(ms(10_000, 2_500_000), 500, "small ones cost nothing");
        assert_eq!(ms(80_000, 2_500_000), 1_024);
        assert_eq!(ms(80_000, 100_000), 3_000, "nobody waits longer");
    }

    #[test]
    fn a_keyframe_in_between_makes_the_waiting_request_needless() {
        let mut requests = KeyframeRequests::default();
        assert!(requests.want(Duration::ZERO));
        assert!(!requests.want(Duration::from_millis(100)));
        requests.satisfy();
        assert_eq!(requests.next_due(), None);
        assert!(!requests.take_due(Duration::from_secs(9)));
    }
}
