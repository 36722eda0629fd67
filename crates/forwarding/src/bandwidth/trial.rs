//! Was it us? After the sender has given way, the sign that made it must go; else it was not ours.

use super::detector::Verdict;
use super::span::Span;

/// The sender must send so much less than the link delivered for the trial to say anything.
const GAVE_WAY: f64 = 0.92;
/// How long it must have done so.
const QUEUE_TRIAL_US: i64 = 1_000_000;
const LOSS_TRIAL_US: i64 = 1_500_000;
const LOSS_TRIAL_PACKETS: u32 = 60;
/// A queue that still is this much of what it was when the sender gave way is not fed by the sender.
const QUEUE_STAYS: f64 = 0.9;
/// The same of loss.
const LOSS_STAYS: f64 = 0.5;
/// A trial that never got its lower rate ends: the lowest layer cannot give way.
const TRIAL_SPANS_MAX: u32 = 60;

/// A limit that was lowered, and what for.
#[derive(Debug)]
pub(super) struct Trial {
    /// The limit before; `None`: there was none.
    pub(super) limit_before: Option<u64>,
    sign: Sign,
    capacity_bps: u64,
    /// What was seen since the sender gave way.
    lowered: Span,
    queue_first_us: Option<i64>,
    spans: u32,
}

#[derive(Clone, Copy, Debug)]
enum Sign {
    Queue,
    Loss(f64),
}

/// How a trial stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Finding {
    Open,
    /// The sign went, or nothing can be said.
    Over,
    /// The queue is there whatever is sent: so long.
    ForeignQueue(i64),
    /// The line loses this share whatever is sent.
    RandomLoss(f64),
}

impl Trial {
    /// Begins with a verdict; `before` is an earlier trial that it goes on.
    pub(super) fn begin(
        verdict: Verdict,
        limit: Option<u64>,
        before: Option<Self>,
    ) -> Option<Self> {
        let (sign, capacity_bps) = match verdict {
            Verdict::Queue { capacity_bps } => (Sign::Queue, capacity_bps),
            Verdict::Loss { capacity_bps, loss } => (Sign::Loss(loss), capacity_bps),
            Verdict::Calm | Verdict::Unsure => return before,
        };
        Some(Self {
            limit_before: before.map_or(limit, |before| before.limit_before),
            sign,
            capacity_bps,
            lowered: Span::default(),
            queue_first_us: None,
            spans: 0,
        })
    }

    pub(super) fn observe(&mut self, span: Span, threshold_us: i64) -> Finding {
        self.spans += 1;
        if self.spans > TRIAL_SPANS_MAX {
            return Finding::Over;
        }
        if span.sent_bps() as f64 > self.capacity_bps as f64 * GAVE_WAY {
            self.lowered = Span::default();
            self.queue_first_us = None;
            return Finding::Open;
        }
        self.lowered = Span::sum([self.lowered, span].into_iter());
        match self.sign {
            Sign::Queue => self.judge_queue(span, threshold_us),
            Sign::Loss(before) => self.judge_loss(before),
        }
    }

    fn judge_queue(&mut self, span: Span, threshold_us: i64) -> Finding {
        let first_us = *self.queue_first_us.get_or_insert(span.queue_us);
        if span.queue_us <= threshold_us {
            return Finding::Over;
        }
        if self.lowered.sending_us < QUEUE_TRIAL_US {
            return Finding::Open;
        }
        if span.queue_us as f64 >= first_us as f64 * QUEUE_STAYS {
            return Finding::ForeignQueue(span.queue_us);
        }
        Finding::Over
    }

    fn judge_loss(&self, before: f64) -> Finding {
        if self.lowered.sending_us < LOSS_TRIAL_US || self.lowered.packets() < LOSS_TRIAL_PACKETS {
            return Finding::Open;
        }
        let loss = self.lowered.loss();
        if loss >= before * LOSS_STAYS {
            // A few packets lost less by chance would make the next second look like congestion again.
            let packets = f64::from(self.lowered.packets());
            let deviation = (loss * (1.0 - loss) / packets).sqrt();
            return Finding::RandomLoss(loss + deviation);
        }
        Finding::Over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(kbps: u64, queue_ms: i64, lost: u32) -> Span {
        let packets = 20 - lost;
        Span {
            received: packets,
            lost,
            bytes_received: kbps * 25 * u64::from(packets) / 20,
            bytes_lost: kbps * 25 * u64::from(lost) / 20,
            arrival_us: 200_000,
            sending_us: 200_000,
            queue_us: queue_ms * 1_000,
            queue_mean_us: 0,
        }
    }

    fn trial(verdict: Verdict, spans: impl Iterator<Item = Span>) -> Finding {
        let mut trial = Trial::begin(verdict, None, None).unwrap();
        spans
            .map(|span| trial.observe(span, 25_000))
            .find(|finding| *finding != Finding::Open)
            .unwrap_or(Finding::Open)
    }

    const QUEUE: Verdict = Verdict::Queue {
        capacity_bps: 1_000_000,
    };
    const LOSS: Verdict = Verdict::Loss {
        capacity_bps: 1_000_000,
        loss: 0.2,
    };

    #[test]
    fn a_queue_that_falls_was_ours_and_one_that_stays_was_not() {
        let falling = (0..20).map(|n| span(600, 400 - n * 30, 0));
        assert_eq!(trial(QUEUE, falling), Finding::Over);
        let staying = (0..20).map(|_| span(600, 40, 0));
        assert_eq!(trial(QUEUE, staying), Finding::ForeignQueue(40_000));
        let not_yet = (0..20).map(|_| span(1_500, 40, 0));
        assert_eq!(trial(QUEUE, not_yet), Finding::Open);
    }

    #[test]
    fn loss_that_stays_is_the_lines_own() {
        let staying = (0..20).map(|_| span(600, 0, 4));
        assert!(matches!(trial(LOSS, staying), Finding::RandomLoss(loss) if loss > 0.19));
        let gone = (0..20).map(|_| span(600, 0, 0));
        assert_eq!(trial(LOSS, gone), Finding::Over);
    }

    #[test]
    fn a_lowest_layer_that_cannot_give_way_ends_the_trial() {
        let same = (0..100).map(|_| span(1_000, 40, 0));
        assert_eq!(trial(QUEUE, same), Finding::Over);
    }
}
