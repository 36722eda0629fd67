//! How much a publisher may send.

use std::time::{Duration, Instant};

/// 32 Mbit/s in the long run: three layers of a good 1080p camera with their retransmissions, and probes for as much again.
const BYTES_PER_S: u64 = 4_000_000;
/// One second's worth at once: a keyframe never comes near it.
const BURST_BYTES: u64 = 4_000_000;
/// What a packet costs beside its bytes, so that tiny packets are bounded too: 40,000 a second.
const PACKET_COST_BYTES: u64 = 100;
/// A flood is logged this often.
const WARN_EVERY: Duration = Duration::from_secs(10);

/// A token bucket.
pub(super) struct Allowance {
    bytes: u64,
    at: Instant,
    warned_at: Option<Instant>,
}

/// What a packet is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Within the allowance.
    Within,
    /// Beyond it: to be dropped.
    Over {
        /// Time to say so in the log.
        warn: bool,
    },
}

impl Allowance {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            bytes: BURST_BYTES,
            at: now,
            warned_at: None,
        }
    }

    pub(super) fn spend(&mut self, len: usize, now: Instant) -> Verdict {
        let elapsed_us = now.saturating_duration_since(self.at).as_micros() as u64;
        let earned = elapsed_us.saturating_mul(BYTES_PER_S) / 1_000_000;
        if earned > 0 {
            self.at = now;
            self.bytes = self.bytes.saturating_add(earned).min(BURST_BYTES);
        }
        let cost = len as u64 + PACKET_COST_BYTES;
        if let Some(left) = self.bytes.checked_sub(cost) {
            self.bytes = left;
            return Verdict::Within;
        }
        let warn = self
            .warned_at
            .is_none_or(|at| now.saturating_duration_since(at) >= WARN_EVERY);
        if warn {
            self.warned_at = Some(now);
        }
        Verdict::Over { warn }
    }
}
