//! Missing sequence numbers of a stream: waited for, asked for, given up.

use crate::limits::{HOLES_MAX, REORDER_DELAY, RESEND_ASKS_MAX, RING_PACKETS, ROUND_TRIP_DEFAULT};
use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

/// Answers do not come faster than the origin's own timers, whatever the round trip.
const ANSWER_TIME_MIN: Duration = Duration::from_millis(20);

/// A round trip above this says more about the measurement than about the path.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug)]
struct Hole {
    sequence: u64,
    asks: u8,
    asked_at: Duration,
    due: Duration,
}

impl Hole {
    fn new(sequence: u64, now: Duration) -> Self {
        Self {
            sequence,
            asks: 0,
            asked_at: Duration::ZERO,
            due: now + REORDER_DELAY,
        }
    }
}

/// How long the origin takes to answer, smoothed as in RFC 6298 §2.
#[derive(Debug, Default)]
struct RoundTrip {
    mean: Option<Duration>,
    deviation: Duration,
    /// Own measurements are better than what others tell: they include the origin's queue.
    is_measured: bool,
}

impl RoundTrip {
    fn tell(&mut self, round_trip: Duration) {
        if !self.is_measured {
            self.mean = Some(round_trip);
        }
    }

    fn measure(&mut self, sample: Duration) {
        let mean = self.mean.filter(|_| self.is_measured).unwrap_or(sample);
        self.deviation = (self.deviation * 3 + mean.abs_diff(sample)) / 4;
        self.mean = Some((mean * 7 + sample) / 8);
        self.is_measured = true;
    }

    fn answer_time(&self) -> Duration {
        let mean = self.mean.unwrap_or(ROUND_TRIP_DEFAULT);
        (mean + self.deviation * 4).clamp(ANSWER_TIME_MIN, ANSWER_TIME_MAX)
    }
}

/// Ascending; at most [`HOLES_MAX`], overflow: the oldest are given up, counted.
#[derive(Debug)]
pub(crate) struct Holes {
    open: VecDeque<Hole>,
    /// Whether the origin answers; otherwise a hole is only waited for.
    resend: bool,
    round_trip: RoundTrip,
    pub(crate) repaired: u64,
    pub(crate) lost: u64,
    pub(crate) asked: u64,
}

impl Holes {
    pub(crate) fn new(resend: bool) -> Self {
        Self {
            open: VecDeque::new(),
            resend,
            round_trip: RoundTrip::default(),
            repaired: 0,
            lost: 0,
            asked: 0,
        }
    }

    pub(crate) fn set_round_trip(&mut self, round_trip: Duration) {
        self.round_trip.tell(round_trip);
    }

    pub(crate) fn open(&self) -> usize {
        self.open.len()
    }

    /// Notes that `missing` were skipped, all newer than any hole known.
    pub(crate) fn note(&mut self, missing: Range<u64>, now: Duration) {
        let skipped = (missing.end - missing.start).saturating_sub(HOLES_MAX as u64);
        self.lost += skipped;
        for sequence in missing.start + skipped..missing.end {
            if self.open.len() == HOLES_MAX && self.open.pop_front().is_some() {
                self.lost += 1;
            }
            self.open.push_back(Hole::new(sequence, now));
        }
    }

    /// Notes that `missing` were skipped, all older than any hole known.
    pub(crate) fn note_before(&mut self, missing: Range<u64>, now: Duration) {
        for sequence in missing.rev() {
            if self.open.len() == HOLES_MAX {
                self.lost += 1;
            } else {
                self.open.push_front(Hole::new(sequence, now));
            }
        }
    }

    /// Notes that a skipped number came after all.
    pub(crate) fn fill(&mut self, sequence: u64, now: Duration) {
        match self
            .open
            .binary_search_by_key(&sequence, |hole| hole.sequence)
        {
            Ok(position) => {
                let hole = self.open.remove(position);
                // After two asks nobody knows which was answered (Karn's rule).
                if let Some(hole) = hole.filter(|hole| hole.asks == 1) {
                    self.round_trip.measure(now.saturating_sub(hole.asked_at));
                }
            }
            Err(_) => self.lost = self.lost.saturating_sub(1),
        }
        self.repaired += 1;
    }

    /// Asks for nothing any more.
    pub(crate) fn forget(&mut self) {
        self.open.clear();
    }

    /// Gives up what the ring would no longer take.
    pub(crate) fn leave_behind(&mut self, highest: u64) {
        let is_behind = |hole: &Hole| hole.sequence + RING_PACKETS as u64 <= highest;
        while self.open.front().is_some_and(is_behind) {
            self.open.pop_front();
            self.lost += 1;
        }
    }

    /// Puts the numbers to ask for now into `ask`, in order, and gives up those asked for in vain.
    pub(crate) fn take_due(&mut self, now: Duration, ask: &mut Vec<u16>) {
        let asks_max = if self.resend { RESEND_ASKS_MAX } else { 0 };
        let (answer_time, before) = (self.round_trip.answer_time(), self.open.len());
        self.open.retain_mut(|hole| {
            if hole.due > now {
                return true;
            }
            if hole.asks >= asks_max {
                return false;
            }
            ask.push(hole.sequence as u16);
            hole.asked_at = now;
            hole.due = now + answer_time * (1 << hole.asks);
            hole.asks += 1;
            true
        });
        self.lost += (before - self.open.len()) as u64;
        self.asked += ask.len() as u64;
    }

    /// When [`Self::take_due`] has something to do next.
    pub(crate) fn next_due(&self) -> Option<Duration> {
        self.open.iter().map(|hole| hole.due).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due_at(holes: &mut Holes, ms: u64) -> Vec<u16> {
        let mut ask = Vec::new();
        holes.take_due(Duration::from_millis(ms), &mut ask);
        ask
    }

    #[test]
    fn a_hole_is_asked_for_ever_more_rarely_and_then_given_up() {
        let mut holes = Holes::new(true);
        holes.note(70_000..70_002, Duration::ZERO);
        let wanted = [70_000_u64 as u16, 70_001_u64 as u16];
        assert!(due_at(&mut holes, 9).is_empty(), "perhaps only reordered");
        for ms in [10, 70, 190, 430, 910] {
            assert!(due_at(&mut holes, ms - 1).is_empty(), "too early at {ms}");
            assert_eq!(due_at(&mut holes, ms), wanted, "at {ms} ms");
        }
        assert!(due_at(&mut holes, 1_869).is_empty());
        assert_eq!((holes.open(), holes.lost), (2, 0));
        assert!(due_at(&mut holes, 1_870).is_empty());
        assert_eq!((holes.open(), holes.lost, holes.asked), (0, 2, 10));
    }

    #[test]
    fn a_late_packet_closes_its_hole_even_after_it_was_given_up() {
        let mut holes = Holes::new(false);
        holes.note(5..8, Duration::ZERO);
        holes.fill(6, Duration::ZERO);
        assert!(due_at(&mut holes, 10).is_empty(), "nobody to ask");
        assert_eq!((holes.open(), holes.repaired, holes.lost), (0, 1, 2));
        holes.fill(5, Duration::ZERO);
        assert_eq!((holes.repaired, holes.lost), (2, 1));
    }

    #[test]
    fn answers_teach_the_round_trip() {
        let mut holes = Holes::new(true);
        let at = Duration::from_millis;
        for n in 0..50 {
            let start = n * 100;
            holes.note(n..n + 1, at(start));
            assert_eq!(due_at(&mut holes, start + 10).len(), 1);
            holes.fill(n, at(start + 17));
        }
        holes.note(50..51, at(5_000));
        assert_eq!(due_at(&mut holes, 5_010).len(), 1);
        assert!(due_at(&mut holes, 5_029).is_empty());
        assert_eq!(due_at(&mut holes, 5_030).len(), 1, "no sooner than 20 ms");
        holes.set_round_trip(at(400));
        assert_eq!(due_at(&mut holes, 5_070).len(), 1, "measured, not told");
    }

    #[test]
    fn an_outage_keeps_the_newest_holes_and_the_ring_bounds_them() {
        let mut holes = Holes::new(true);
        holes.note(1..1 + 3 * HOLES_MAX as u64, Duration::ZERO);
        assert_eq!(
            (holes.open(), holes.lost),
            (HOLES_MAX, 2 * HOLES_MAX as u64)
        );
        holes.leave_behind(1 + 3 * HOLES_MAX as u64 + RING_PACKETS as u64);
        assert_eq!((holes.open(), holes.lost), (0, 3 * HOLES_MAX as u64));
    }
}
