//! One step of a climb: padding that fills up to a rate, and what became of it.

use super::climb::scale;
use super::sent::Fate;
use super::span::bps;
use std::time::Duration;

/// How long a rung lasts: a queue it makes is half as long at most.
const RUNG: Duration = Duration::from_millis(100);
/// How long the last one lasts. A token bucket lets a short burst through at any rate; 32 KiB of it are
/// used up in this time by what a next layer adds.
const SUSTAIN: Duration = Duration::from_millis(1_500);
/// A sustained step is judged so often by itself, and given up at once.
const WINDOW_US: i64 = 100_000;
/// Padding at once.
const PADDING_BYTES_MAX: u64 = 16_000;
/// What a step may add to the queue before it counts as too much, on an even line.
const QUEUE_RUNG_US: i64 = 12_000;
const QUEUE_SUSTAINED_US: i64 = 20_000;
/// Padding is planned so far ahead; the caller comes back within it.
const AHEAD: Duration = Duration::from_millis(10);

/// What the line looked like before a step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before {
    pub(super) queue_us: i64,
    pub(super) spread_us: i64,
    /// Share of packets, 0 to 1, that a step may lose.
    pub(super) loss_max: f64,
}

/// What a climb is for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Aim {
    /// The least that is of use.
    pub(super) useful_bps: u64,
    /// The most.
    pub(super) goal_bps: u64,
}

/// What a step tries.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    /// The last one, which proves; the others are rungs.
    pub(super) is_sustained: bool,
    pub(super) target_bps: u64,
    /// What the rung below has passed at.
    pub(super) passed_bps: u64,
}

/// A step under way.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) aim: Aim,
    pub(super) plan: Plan,
    pub(super) before: Before,
    began: Duration,
    /// When padding is planned next.
    pub(super) due: Duration,
    sent_bytes: u64,
    /// Unwrapped number of its first packet, and of the one after its last.
    first: u64,
    pub(super) end: Option<u64>,
    received: u32,
    lost: u32,
    told_bytes: u64,
    /// The smallest delay in the present window: a rung's last 40 ms, a tenth of a second of a sustained step.
    window_from_us: i64,
    window_queue_us: Option<i64>,
}

impl Step {
    /// Begins with the packet that has the number `first`.
    pub(super) fn new(aim: Aim, plan: Plan, before: Before, first: u64, now: Duration) -> Self {
        let window = if plan.is_sustained {
            Duration::from_micros(WINDOW_US.unsigned_abs())
        } else {
            RUNG * 3 / 5
        };
        Self {
            aim,
            plan,
            before,
            began: now,
            due: now,
            sent_bytes: 0,
            first,
            end: None,
            received: 0,
            lost: 0,
            told_bytes: 0,
            window_from_us: (now + window).as_micros() as i64,
            window_queue_us: None,
        }
    }

    pub(super) fn note_sent(&mut self, bytes: usize) {
        self.sent_bytes += bytes as u64;
    }

    /// Bytes of padding that are due; `None` when the step's time is over.
    pub(super) fn padding(&mut self, now: Duration) -> Option<u64> {
        let elapsed = now.saturating_sub(self.began);
        let length = if self.plan.is_sustained {
            SUSTAIN
        } else {
            RUNG
        };
        if elapsed >= length {
            return None;
        }
        self.due = now + AHEAD / 2;
        let us = (elapsed + AHEAD).as_micros() as u64;
        let due = self.plan.target_bps.saturating_mul(us) / 8_000_000;
        Some(due.saturating_sub(self.sent_bytes).min(PADDING_BYTES_MAX))
    }

    /// Whether all of it has been told about, with this fate.
    pub(super) fn is_told(&self, fate: &Fate) -> bool {
        self.end.is_some_and(|end| fate.sequence + 1 >= end)
    }

    fn queue_max_us(&self) -> i64 {
        let added = if self.plan.is_sustained {
            QUEUE_SUSTAINED_US
        } else {
            QUEUE_RUNG_US
        };
        self.before.queue_us + added + self.before.spread_us
    }

    /// Counts a fate; `true` when a sustained step has to end now. What was sent before the step is not counted.
    pub(super) fn observe(&mut self, fate: &Fate, queue_us: i64) -> bool {
        if fate.sequence < self.first {
            return false;
        }
        self.told_bytes += u64::from(fate.bytes);
        if fate.arrived_us.is_none() {
            self.lost += 1;
            return self.plan.is_sustained && self.loses_too_much();
        }
        self.received += 1;
        let is_beyond = fate.sent_us >= self.window_from_us;
        if !self.plan.is_sustained {
            if is_beyond {
                self.note_queue(queue_us);
            }
            return false;
        }
        if !is_beyond {
            self.note_queue(queue_us);
            return false;
        }
        let smallest = self.window_queue_us.replace(queue_us);
        self.window_from_us = fate.sent_us + WINDOW_US;
        smallest.is_some_and(|smallest| smallest > self.queue_max_us())
    }

    fn note_queue(&mut self, queue_us: i64) {
        let smallest = self.window_queue_us.unwrap_or(queue_us);
        self.window_queue_us = Some(smallest.min(queue_us));
    }

    /// A rung has few packets: two of them may be lost by chance.
    fn loses_too_much(&self) -> bool {
        let all = f64::from(self.received + self.lost);
        self.lost > 2 && f64::from(self.lost) > all * self.before.loss_max + 1.0
    }

    /// Whether the line did not carry it, once all is told.
    pub(super) fn was_too_much(&self) -> bool {
        let queue_us = self.window_queue_us.unwrap_or(self.before.queue_us);
        self.received == 0 || queue_us > self.queue_max_us() || self.loses_too_much()
    }

    /// What the link carried. Loss within the line's own is carried too, and so is what a lost message would have
    /// told about, if that is not much.
    pub(super) fn carried_bps(&self) -> u64 {
        let is_told = self.told_bytes >= self.sent_bytes / 10 * 7;
        let bytes = if is_told {
            self.sent_bytes
        } else {
            self.told_bytes
        };
        bps(bytes, SUSTAIN.as_micros() as i64).min(scale(self.plan.target_bps, 1.25))
    }
}
