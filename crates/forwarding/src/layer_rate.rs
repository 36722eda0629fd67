//! What a stream takes when it flows, remembered while it does not.

use crate::limits::LAYER_SILENCE;
use std::time::Duration;

/// A window of [`crate::rate::RateMeter`] is full after this long.
const WINDOW: Duration = Duration::from_secs(2);

/// Smooths the measured rate; says whether the stream lives.
#[derive(Debug)]
pub(crate) struct LayerRate {
    /// Smoothed, bit/s; 0: never measured.
    known_bps: u64,
    /// Since when there was no silence.
    flowing_since: Option<Duration>,
    last_at: Option<Duration>,
    /// When it was opened, or told to flow again: from then on it may take its time.
    begun_at: Duration,
}

impl LayerRate {
    pub(crate) fn new(now: Duration) -> Self {
        Self {
            known_bps: 0,
            flowing_since: None,
            last_at: None,
            begun_at: now,
        }
    }

    /// It is opened, or told to flow again.
    pub(crate) fn begin(&mut self, now: Duration) {
        self.begun_at = now;
    }

    /// A packet came.
    pub(crate) fn note(&mut self, now: Duration) {
        let was_silent = self.last_at.is_none_or(|at| now > at + LAYER_SILENCE);
        if was_silent {
            self.flowing_since = Some(now);
        }
        self.last_at = Some(now);
    }

    /// Learns from a full window, every [`crate::limits::LAYER_REVIEW`].
    pub(crate) fn learn(&mut self, window_bps: u64, now: Duration) {
        if self.is_alive(now) && self.is_window_full(now) {
            self.known_bps = match self.known_bps {
                0 => window_bps,
                known => (known * 3 + window_bps) / 4,
            };
        }
    }

    fn is_window_full(&self, now: Duration) -> bool {
        self.flowing_since
            .is_some_and(|since| since + WINDOW <= now)
    }

    /// What it takes, bit/s; 0: never measured.
    pub(crate) fn expected_bps(&self, window_bps: u64, now: Duration) -> u64 {
        match self.known_bps {
            known if known > 0 && self.is_window_full(now) => known,
            known => known.max(window_bps),
        }
    }

    pub(crate) fn is_alive(&self, now: Duration) -> bool {
        let last_sign = self.last_at.unwrap_or_default().max(self.begun_at);
        now <= last_sign + LAYER_SILENCE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_rate_is_remembered_over_a_pause() {
        let mut rate = LayerRate::new(ms(0));
        for at in (0..4_000).step_by(100) {
            rate.note(ms(at));
            rate.learn(800, ms(at));
        }
        assert_eq!(rate.expected_bps(1_000, ms(4_000)), 800, "smoothed");
        rate.note(ms(60_000));
        assert_eq!(rate.expected_bps(10, ms(60_000)), 800, "not the new window");
    }

    #[test]
    fn a_stream_may_take_a_second_to_begin_and_no_longer() {
        let mut rate = LayerRate::new(ms(500));
        assert!(rate.is_alive(ms(1_500)));
        assert!(!rate.is_alive(ms(1_501)));
        rate.note(ms(2_000));
        assert!(rate.is_alive(ms(3_000)));
        assert!(!rate.is_alive(ms(3_001)));
        rate.begin(ms(9_000));
        assert!(rate.is_alive(ms(10_000)));
    }
}
