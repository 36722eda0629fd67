//! How much a hall may send.

use std::time::{Duration, Instant};

/// A flood is logged this often.
const WARN_EVERY: Duration = Duration::from_secs(10);

/// What may be spent.
pub(super) struct Rate {
    per_s: u64,
    /// At once.
    burst: u64,
}

/// Bytes of a publisher's media. 32 Mbit/s in the long run: three layers of a good 1080p camera with their
/// retransmissions, and probes for as much again. One second's worth at once: a keyframe never comes near it.
pub(super) const MEDIA: Rate = Rate {
    per_s: 4_000_000,
    burst: 4_000_000,
};
/// What a packet costs beside its bytes, so that tiny packets are bounded too: 40,000 a second.
pub(super) const PACKET_COST_BYTES: u64 = 100;
/// What a session says in RTCP, items. Chromium sends 20 feedbacks, a few reports and, on a line that loses a tenth, some
/// 150 NACKs a second. At once as much as half of what a worker's queue holds: a hall alone never fills it.
pub(super) const REPORTS: Rate = Rate {
    per_s: 1_000,
    burst: 2_000,
};

/// A token bucket.
pub(super) struct Allowance {
    rate: &'static Rate,
    left: u64,
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
    pub(super) fn new(rate: &'static Rate, now: Instant) -> Self {
        Self {
            rate,
            left: rate.burst,
            at: now,
            warned_at: None,
        }
    }

    pub(super) fn spend(&mut self, cost: u64, now: Instant) -> Verdict {
        let elapsed_us = now.saturating_duration_since(self.at).as_micros() as u64;
        let earned = elapsed_us.saturating_mul(self.rate.per_s) / 1_000_000;
        if earned > 0 {
            self.at = now;
            self.left = self.left.saturating_add(earned).min(self.rate.burst);
        }
        if let Some(left) = self.left.checked_sub(cost) {
            self.left = left;
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
