//! What a stream and its keyframes take, and its figures.

use super::Stream;
use crate::allocation::Rung;
use crate::{StreamStats, keyframe_request};
use std::time::Duration;

/// What a trunk says of a stream that flows at a rate not measured yet: its unit is the kilobit, and a little is not nothing.
const UNMEASURED_BPS: u64 = 1_000;

impl Stream {
    /// Someone wants a keyframe; true when the origin is to be asked now.
    pub(crate) fn want_keyframe(&mut self, now: Duration) -> bool {
        self.weigh_keyframes(now);
        self.requests.want(now)
    }

    /// Follows how dear keyframes are.
    pub(crate) fn weigh_keyframes(&mut self, now: Duration) {
        let bytes = self.pictures.keyframe_bytes();
        let interval = keyframe_request::interval(bytes, self.rate.rates(now).0);
        self.requests.set_interval(interval);
    }

    /// This stream as one of its source's layers.
    pub(crate) fn rung(&self, now: Duration) -> Rung {
        let window_bps = self.rate.rates(now).0;
        Rung {
            stream: self.id,
            layer: self.spec.layer,
            bps: match self.paused {
                Some(rate_bps) if rate_bps > UNMEASURED_BPS => rate_bps,
                _ => self.layer_rate.expected_bps(window_bps, now),
            },
            is_alive: match self.paused {
                Some(rate_bps) => rate_bps > 0,
                None => self.layer_rate.is_alive(now),
            },
        }
    }

    /// Remembers what it takes while it flows.
    pub(crate) fn learn_rate(&mut self, now: Duration) {
        let window_bps = self.rate.rates(now).0;
        self.layer_rate.learn(window_bps, now);
    }

    /// All figures but the watchers.
    pub(crate) fn stats(&self, now: Duration) -> StreamStats {
        let (bitrate_bps, frame_rate) = self.rate.rates(now);
        StreamStats {
            holes_open: self.holes.open() as u64,
            holes_repaired: self.holes.repaired,
            holes_lost: self.holes.lost,
            resends_requested: self.holes.asked,
            keyframe_requests: self.requests.sent,
            keyframes: self.pictures.keyframes,
            bitrate_bps,
            frame_rate,
            jitter: self.reception.jitter(),
            silent_for: self.last_packet_at.map(|at| now.saturating_sub(at)),
            keyframe_age: self.pictures.keyframe_age(now),
            audio_level: self.audio_level,
            ..self.counts
        }
    }
}
