//! Keyframe requests of a stream, from all its legs, made one.

use crate::limits::KEYFRAME_INTERVAL;
use std::time::Duration;

/// At most one request per [`KEYFRAME_INTERVAL`]; what is wanted in between goes out at its end,
/// unless a keyframe comes first.
#[derive(Debug, Default)]
pub(crate) struct KeyframeRequests {
    last: Option<Duration>,
    is_wanted: bool,
    pub(crate) sent: u64,
}

impl KeyframeRequests {
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
                .map_or(Duration::ZERO, |last| last + KEYFRAME_INTERVAL)
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
    fn a_keyframe_in_between_makes_the_waiting_request_needless() {
        let mut requests = KeyframeRequests::default();
        assert!(requests.want(Duration::ZERO));
        assert!(!requests.want(Duration::from_millis(100)));
        requests.satisfy();
        assert_eq!(requests.next_due(), None);
        assert!(!requests.take_due(Duration::from_secs(9)));
    }
}
