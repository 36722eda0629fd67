//! Is the link full? Told by the queue that stands, and by loss that does not stop.

use super::span::Span;
use std::collections::VecDeque;

/// A queue shorter than this on an even line is no congestion: a frame's own packets, a phone's radio.
const QUEUE_MIN_US: i64 = 25_000;
/// However uneven the line, a queue this long is one.
const QUEUE_MAX_US: i64 = 150_000;
/// The threshold over what the line shows while nothing is wrong: over the smallest delays, and over how far the
/// mean lies above them.
const NOISE_FACTOR: f64 = 2.5;
const SPREAD_FACTOR: f64 = 1.5;
/// How fast that is learnt, per span.
const NOISE_GAIN: f64 = 0.1;
/// A queue that grew by this since it was first seen to stand is growing.
const GROWTH_US: i64 = 5_000;
/// A queue that stands so long without falling is congestion too.
const STANDING_US: i64 = 1_000_000;
/// Loss beyond what the line loses anyway. Below it retransmissions repair what a viewer would see.
pub(super) const LOSS_MAX: f64 = 0.10;
/// Loss that says a standing queue is full.
const LOSS_OF_FULL_QUEUE: f64 = 0.03;
/// Loss must go on for this long before it counts.
const LOSS_US: i64 = 600_000;
/// A line that loses less than this share of what it did has become better; chance alone does not do that.
const BETTER: f64 = 0.75;
/// Standard deviations that are no chance: one false alarm in hours.
const CERTAIN: f64 = 2.5;
/// Spans looked back at: one second.
const RECENT: usize = 5;
/// Spans for the long mean: about three seconds.
const LONG: usize = 16;
/// Fewer packets in a span decide nothing.
const PACKETS_MIN: u32 = 5;

/// What a span says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Verdict {
    /// The link carries what is sent.
    Calm,
    /// Too little to tell, or not long enough.
    Unsure,
    /// A queue stands: the link is full, and this is what it delivers.
    Queue { capacity_bps: u64 },
    /// Much is lost, for long, without a queue: this share, 0 to 1.
    Loss { capacity_bps: u64, loss: f64 },
}

/// Judges span after span.
///
/// The smallest delay in a span is the sign, as CoDel has it (RFC 8289 §3.2): jitter, frames sent at once and a radio
/// that stalls all let some packet through unhindered; a queue that stands lets none. What is delivered while it stands
/// is the capacity of the link, whatever else was meant to be sent.
#[derive(Debug)]
pub(super) struct Detector {
    /// Newest last.
    spans: VecDeque<Span>,
    /// The smallest delay of quiet spans, smoothed.
    noise_us: f64,
    /// How far the mean lies above it.
    spread_us: f64,
    /// What the line loses whatever is sent, 0 to 1.
    inherent_loss: f64,
    standing: Option<Standing>,
}

/// A queue that has not emptied since a while.
#[derive(Clone, Copy, Debug)]
struct Standing {
    spans: u32,
    us: i64,
    first_us: i64,
    was_lossy: bool,
}

impl Detector {
    pub(super) fn new() -> Self {
        Self {
            spans: VecDeque::with_capacity(LONG),
            noise_us: 0.0,
            spread_us: 0.0,
            inherent_loss: 0.0,
            standing: None,
        }
    }

    /// A queue longer than this is congestion, if it stands.
    pub(super) fn threshold_us(&self) -> i64 {
        let uneven = (self.noise_us * NOISE_FACTOR).max(self.spread_us * SPREAD_FACTOR);
        (uneven as i64).clamp(QUEUE_MIN_US, QUEUE_MAX_US)
    }

    /// How uneven the delays of quiet spans are.
    pub(super) fn spread_us(&self) -> i64 {
        self.spread_us as i64
    }

    /// Loss that the line alone does not explain, 0 to 1.
    pub(super) fn excess_loss(&self, loss: f64) -> f64 {
        ((loss - self.inherent_loss) / (1.0 - self.inherent_loss)).max(0.0)
    }

    /// The line loses this much whatever is sent.
    pub(super) fn set_inherent_loss(&mut self, loss: f64) {
        self.inherent_loss = loss.clamp(0.0, 0.9);
        self.forget();
    }

    /// The last second; `None` while it has not been seen whole.
    pub(super) fn last_second(&self) -> Option<Span> {
        (self.spans.len() >= RECENT).then(|| Span::sum(self.newest(RECENT)))
    }

    /// Sent in the mean of the last seconds, bits per second.
    pub(super) fn sent_bps(&self) -> u64 {
        Span::sum(self.newest(LONG)).sent_bps()
    }

    pub(super) fn newest(&self, count: usize) -> impl Iterator<Item = Span> + '_ {
        self.spans.iter().rev().take(count).copied()
    }

    /// What was seen belongs to another rate or another way.
    pub(super) fn forget(&mut self) {
        self.spans.clear();
        self.standing = None;
    }

    fn push(&mut self, span: Span) {
        if self.spans.len() >= LONG {
            self.spans.pop_front();
        }
        self.spans.push_back(span);
    }

    /// While a trial runs, loss and a queue that merely stands are that trial's matter.
    pub(super) fn judge(&mut self, span: Span, is_tried: bool) -> Verdict {
        if span.packets() < PACKETS_MIN {
            return self.judge_trickle(span);
        }
        self.push(span);
        let by_queue = self.judge_queue(span, is_tried);
        if matches!(by_queue, Verdict::Queue { .. }) {
            return by_queue;
        }
        if by_queue == Verdict::Calm {
            self.learn(span);
        }
        match self.judge_loss(span) {
            Verdict::Calm => by_queue,
            Verdict::Loss { .. } if is_tried => Verdict::Unsure,
            by_loss => by_loss,
        }
    }

    /// A few pictures a second: too little to find a full line by, enough to see that nothing is wrong.
    fn judge_trickle(&mut self, span: Span) -> Verdict {
        self.standing = None;
        if span.queue_us > self.threshold_us() || span.lost > 0 {
            self.forget();
            return Verdict::Unsure;
        }
        self.push(span);
        Verdict::Calm
    }

    fn judge_queue(&mut self, span: Span, is_tried: bool) -> Verdict {
        if span.received == 0 {
            return Verdict::Calm;
        }
        if span.queue_us <= self.threshold_us() {
            self.standing = None;
            return Verdict::Calm;
        }
        let is_lossy = span.lost >= 2 && self.excess_loss(span.loss()) > LOSS_OF_FULL_QUEUE;
        let Some(mut standing) = self.standing else {
            self.standing = Some(Standing {
                spans: 1,
                us: 0,
                first_us: span.queue_us,
                was_lossy: is_lossy,
            });
            return Verdict::Unsure;
        };
        standing.spans += 1;
        standing.us += span.arrival_us;
        let grows = span.queue_us >= standing.first_us + GROWTH_US;
        let stands = !is_tried
            && standing.us >= STANDING_US
            && span.queue_us >= standing.first_us - standing.first_us / 10;
        if grows || (is_lossy && standing.was_lossy) || stands {
            self.standing = None;
            let capacity_bps = span.delivered_bps();
            return Verdict::Queue { capacity_bps };
        }
        standing.was_lossy = is_lossy;
        if standing.us >= STANDING_US {
            // It falls: whatever made it is over.
            standing.us = 0;
            standing.first_us = span.queue_us;
        }
        self.standing = Some(standing);
        Verdict::Unsure
    }

    fn judge_loss(&self, span: Span) -> Verdict {
        if self.excess_loss(span.loss()) <= LOSS_MAX {
            return Verdict::Calm;
        }
        for count in [RECENT, LONG] {
            let recent = Span::sum(self.newest(count));
            if recent.sending_us >= LOSS_US && self.loses_for_certain(recent) {
                // The longer window may still hold what was before.
                let newest = Span::sum(self.newest(RECENT));
                return Verdict::Loss {
                    capacity_bps: newest.delivered_bps(),
                    loss: newest.loss(),
                };
            }
        }
        Verdict::Unsure
    }

    /// More than chance makes of a line that loses as much as is borne.
    fn loses_for_certain(&self, span: Span) -> bool {
        let borne = self.inherent_loss + (1.0 - self.inherent_loss) * LOSS_MAX;
        let packets = f64::from(span.packets());
        let by_chance = CERTAIN * (packets * borne * (1.0 - borne)).sqrt();
        f64::from(span.lost) > packets * borne + by_chance
    }

    fn learn(&mut self, span: Span) {
        self.noise_us += (span.queue_us as f64 - self.noise_us) * NOISE_GAIN;
        let spread = span.queue_mean_us.saturating_sub(span.queue_us) as f64;
        self.spread_us += (spread - self.spread_us) * NOISE_GAIN;
        // A line that became better is believed within seconds; one that became worse is tried first.
        let loss = Span::sum(self.newest(LONG)).loss();
        if loss < self.inherent_loss * BETTER {
            self.inherent_loss += (loss - self.inherent_loss) * NOISE_GAIN;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A fifth of a second at 1 Mbit/s.
    fn span(queue_ms: i64, lost: u32) -> Span {
        Span {
            received: 20,
            lost,
            bytes_received: 25_000,
            bytes_lost: 1_250 * u64::from(lost),
            arrival_us: 200_000,
            sending_us: 200_000,
            queue_us: queue_ms * 1_000,
            queue_mean_us: queue_ms * 1_000 + 5_000,
        }
    }

    fn verdicts(spans: &[Span]) -> Vec<Verdict> {
        let mut detector = Detector::new();
        spans
            .iter()
            .map(|span| detector.judge(*span, false))
            .collect()
    }

    const FULL: Verdict = Verdict::Queue {
        capacity_bps: 1_000_000,
    };

    #[test]
    fn a_growing_queue_tells_the_capacity() {
        let spans = [span(0, 0), span(40, 0), span(90, 0)];
        assert_eq!(verdicts(&spans), [Verdict::Calm, Verdict::Unsure, FULL]);
    }

    #[test]
    fn a_full_queue_that_drops_is_congestion_and_one_that_empties_is_not() {
        let full = [span(0, 0), span(60, 8), span(60, 8)];
        assert_eq!(verdicts(&full).last(), Some(&FULL));
        let keyframe: Vec<_> = (0..12).rev().map(|n| span(n * 20, 0)).collect();
        assert!(!verdicts(&keyframe).contains(&FULL));
        let even = [span(60, 0); 7];
        assert!(verdicts(&even).contains(&FULL), "stands for a second");
    }

    #[test]
    fn random_loss_is_borne_to_a_tenth_and_an_outage_is_none() {
        let five_percent = [span(3, 1); 40];
        assert!(verdicts(&five_percent).iter().all(|v| *v == Verdict::Calm));
        let fifth = [span(3, 5); 4];
        let verdict = *verdicts(&fifth).last().unwrap();
        assert!(matches!(verdict, Verdict::Loss { .. }), "{verdict:?}");
        let outage = [span(3, 0), span(3, 40), span(3, 0), span(3, 0), span(3, 0)];
        let all = verdicts(&outage);
        assert!(
            !all.iter().any(|v| matches!(v, Verdict::Loss { .. })),
            "{all:?}"
        );
    }

    #[test]
    fn an_uneven_line_raises_the_threshold_and_is_forgotten() {
        let mut detector = Detector::new();
        for _ in 0..200 {
            detector.judge(span(20, 0), false);
        }
        assert!(detector.threshold_us() > 45_000);
        for _ in 0..200 {
            detector.judge(span(0, 0), false);
        }
        assert_eq!(detector.threshold_us(), QUEUE_MIN_US);
    }

    #[test]
    fn what_the_line_loses_anyway_is_not_held_against_it() {
        let mut detector = Detector::new();
        detector.set_inherent_loss(0.2);
        assert!((0..20).all(|_| detector.judge(span(3, 5), false) == Verdict::Calm));
        for _ in 0..200 {
            detector.judge(span(3, 0), false);
        }
        assert!(detector.excess_loss(0.2) > 0.19, "it became better");
    }
}
