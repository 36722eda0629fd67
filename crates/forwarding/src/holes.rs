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

/// How long the origin takes to answer, as RFC 6298 has it: smoothed (§2), not measured on what was asked for twice (§3),
/// and after asking twice kept twice as long until an answer is measured (§5.5 to §5.7).
#[derive(Debug, Default)]
struct RoundTrip {
    /// Of the path, by others' measurement; the origin's queue is not in it.
    told: Option<Duration>,
    /// Mean and deviation of answers.
    measured: Option<(Duration, Duration)>,
    /// Doublings since the last measurement.
    doubled: u8,
}

impl RoundTrip {
    fn measure(&mut self, sample: Duration) {
        self.doubled = 0;
        self.measured = Some(match self.measured {
            None => (sample, sample / 2),
            Some((mean, deviation)) => (
                (mean * 7 + sample) / 8,
                (deviation * 3 + mean.abs_diff(sample)) / 4,
            ),
        });
    }

    fn double(&mut self) {
        if self.answer_time() < ANSWER_TIME_MAX {
            self.doubled += 1;
        }
    }

    fn answer_time(&self) -> Duration {
        let path = self.told.map(|told| told + told / 4);
        let answers = self.measured.map(|(mean, deviation)| mean + deviation * 4);
        let time = path.max(answers).unwrap_or(ROUND_TRIP_DEFAULT);
        (time * (1 << self.doubled)).clamp(ANSWER_TIME_MIN, ANSWER_TIME_MAX)
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
        self.round_trip.told = Some(round_trip);
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
                match hole {
                    Some(Hole { asks: 0, .. }) | None => {}
                    Some(Hole {
                        asks: 1, asked_at, ..
                    }) => self.round_trip.measure(now.saturating_sub(asked_at)),
                    // Nobody knows which ask was answered: the first one, if the time is too short.
                    Some(_) => self.round_trip.double(),
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
            // The second ask is as likely lost as the first, so that it is not late; then the path may be down.
            hole.due = now + answer_time * (1 << hole.asks.saturating_sub(1));
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
        assert!(due_at(&mut holes, 4).is_empty(), "perhaps only reordered");
        for ms in [5, 65, 125, 245, 485, 965] {
            assert!(due_at(&mut holes, ms - 1).is_empty(), "too early at {ms}");
            assert_eq!(due_at(&mut holes, ms), wanted, "at {ms} ms");
        }
        assert!(due_at(&mut holes, 1_924).is_empty());
        assert_eq!((holes.open(), holes.lost), (2, 0));
        assert!(due_at(&mut holes, 1_925).is_empty());
        assert_eq!((holes.open(), holes.lost, holes.asked), (0, 2, 12));
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

    /// Asks for one hole until it is filled, `round_trip_ms` after the first ask; gives the asks.
    fn repair(holes: &mut Holes, sequence: u64, round_trip_ms: u64) -> usize {
        let start = sequence * 10_000;
        holes.note(sequence..sequence + 1, Duration::from_millis(start));
        let answer = start + 5 + round_trip_ms;
        let asks = (start..answer).map(|ms| due_at(holes, ms).len()).sum();
        holes.fill(sequence, Duration::from_millis(answer));
        asks
    }

    #[test]
    fn answers_teach_the_round_trip_near_and_far() {
        for round_trip_ms in [1, 30, 100, 250, 400] {
            let mut holes = Holes::new(true);
            let asks: Vec<_> = (1..40)
                .map(|n| repair(&mut holes, n, round_trip_ms))
                .collect();
            let settled = asks.iter().skip(3).all(|asks| *asks == 1);
            assert!(settled, "{round_trip_ms} ms: {asks:?}");
        }
    }

    #[test]
    fn a_path_that_becomes_longer_is_learnt_again() {
        let mut holes = Holes::new(true);
        let near: Vec<_> = (1..40).map(|n| repair(&mut holes, n, 30)).collect();
        assert_eq!(near.last(), Some(&1));
        let asks: Vec<_> = (40..60).map(|n| repair(&mut holes, n, 300)).collect();
        assert!(asks.iter().skip(5).all(|asks| *asks == 1), "{asks:?}");
    }

    #[test]
    fn an_answer_takes_no_less_time_than_the_path() {
        let mut holes = Holes::new(true);
        holes.set_round_trip(Duration::from_millis(200));
        holes.note(1..2, Duration::ZERO);
        assert_eq!(due_at(&mut holes, 5).len(), 1);
        assert!(due_at(&mut holes, 254).is_empty());
        assert_eq!(due_at(&mut holes, 255).len(), 1);
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
