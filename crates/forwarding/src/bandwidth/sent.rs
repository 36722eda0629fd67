//! The sender's side: what left towards a leg, until the leg has told what became of it.

use super::feedback::{Feedback, TICK_US};
use crate::sequence::nearest;
use std::hint::black_box;
use std::num::NonZeroU32;
use std::time::Duration;

/// Packets remembered, a power of two: half a second at 10 Mbit/s, two at a program's rate. Feedback comes after a round
/// trip and a tenth of a second; what it tells about older packets is ignored. Sixteen bytes each.
const SENT_MAX: u64 = 512;
/// The first number is not zero, so that numbers told about just before it stay positive.
const FIRST: u64 = 1 << 16;
/// Reference times are 24 bits of 64 ms.
const REFERENCE_US: i64 = 64_000;

/// What a packet carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// The SSRC it left under.
    pub ssrc: u32,
    /// Its number in the stream; in a retransmission packet that of the one it repeats.
    pub number: u16,
}

/// The packets sent to one leg, by transport-wide sequence number.
#[derive(Debug)]
pub(super) struct SentLog {
    entries: Box<[Entry; SENT_MAX as usize]>,
    /// Unwrapped number of the next packet.
    next: u64,
    /// Unwrapped reference time of the last message.
    reference: Option<i64>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    /// Microseconds, wrapping after an hour: an entry lives for seconds.
    sent_us: u32,
    bytes: u16,
    /// The content's.
    number: u16,
    ssrc: Option<NonZeroU32>,
    state: State,
}

impl Entry {
    fn content(&self) -> Option<Content> {
        let ssrc = self.ssrc?.get();
        let number = self.number;
        Some(Content { ssrc, number })
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Never sent, or sent and told about.
    #[default]
    Done,
    Flying,
    /// Told as missing; it may only be late.
    Missing,
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fate {
    /// Unwrapped.
    pub(super) sequence: u64,
    pub(super) bytes: u16,
    pub(super) sent_us: i64,
    /// On the receiver's clock; `None`: missing.
    pub(super) arrived_us: Option<i64>,
    /// It was told as missing before.
    pub(super) was_missing: bool,
    /// `None`: padding alone.
    pub(super) content: Option<Content>,
}

impl SentLog {
    pub(super) fn new() -> Self {
        Self {
            entries: Box::new([Entry::default(); SENT_MAX as usize]),
            next: FIRST,
            reference: None,
        }
    }

    /// The number of the next packet, which carries this.
    pub(super) fn reserve(&mut self, content: Option<Content>) -> u16 {
        let sequence = self.next;
        self.next += 1;
        // The number that goes out of memory here may never have left.
        *self.entry(sequence) = Entry {
            number: content.map_or(0, |content| content.number),
            ssrc: content.and_then(|content| NonZeroU32::new(content.ssrc)),
            ..Entry::default()
        };
        sequence as u16
    }

    /// Begins to read the place that the next packet will have.
    pub(super) fn fetch(&self) {
        black_box(self.entries[place(self.next)].bytes);
    }

    /// The number that comes next, unwrapped.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// A packet leaves.
    pub(super) fn note_sent(&mut self, sequence: u16, bytes: usize, now: Duration) {
        let Some(sequence) = nearest(self.next - 1, sequence).filter(|s| self.remembers(*s)) else {
            return;
        };
        let entry = self.entry(sequence);
        entry.sent_us = now.as_micros() as u32;
        entry.bytes = u16::try_from(bytes).unwrap_or(u16::MAX);
        entry.state = State::Flying;
    }

    /// Tells the fate of every packet the message says something new about, by ascending number.
    pub(super) fn handle_feedback(
        &mut self,
        feedback: &Feedback,
        now: Duration,
        visit: &mut dyn FnMut(Fate),
    ) {
        let reference = self.unwrap_reference(feedback.reference);
        let Some(base) = nearest(self.next - 1, feedback.base()) else {
            return;
        };
        let now_us = now.as_micros() as u64;
        let mut arrivals = feedback.arrivals().peekable();
        let told = base..base + u64::from(feedback.count());
        let oldest = self.next.saturating_sub(SENT_MAX);
        for sequence in told.start.max(oldest)..told.end.min(self.next) {
            let offset = (sequence - base) as u16;
            while arrivals.next_if(|(other, _)| *other < offset).is_some() {}
            let arrived_us = arrivals
                .next_if(|(other, _)| *other == offset)
                .map(|(_, ticks)| reference * REFERENCE_US + ticks * TICK_US.cast_signed());
            let entry = self.entry(sequence);
            let was_missing = match (entry.state, arrived_us) {
                (State::Done, _) | (State::Missing, None) => continue,
                (state, _) => state == State::Missing,
            };
            entry.state = match arrived_us {
                Some(_) => State::Done,
                None => State::Missing,
            };
            let age = (now_us as u32).wrapping_sub(entry.sent_us);
            let fate = Fate {
                sequence,
                bytes: entry.bytes,
                sent_us: now_us.cast_signed() - i64::from(age),
                arrived_us,
                was_missing,
                content: entry.content(),
            };
            visit(fate);
        }
    }

    fn remembers(&self, sequence: u64) -> bool {
        sequence < self.next && sequence + SENT_MAX >= self.next
    }

    fn entry(&mut self, sequence: u64) -> &mut Entry {
        &mut self.entries[place(sequence)]
    }

    fn unwrap_reference(&mut self, reference: u32) -> i64 {
        let unwrapped = match self.reference {
            None => i64::from(reference),
            Some(last) => {
                // 24 bits, with sign: the nearest of the times that look alike.
                let ahead = (reference << 8).wrapping_sub((last as u32) << 8);
                last + i64::from(ahead.cast_signed() >> 8)
            }
        };
        self.reference = Some(unwrapped);
        unwrapped
    }
}

/// The mask keeps the index below the length, a power of two.
fn place(sequence: u64) -> usize {
    (sequence & (SENT_MAX - 1)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bandwidth::ArrivalLog;
    use proptest::prelude::*;

    const MS: Duration = Duration::from_millis(1);

    fn fates(log: &mut SentLog, feedback: &Feedback, now: Duration) -> Vec<Fate> {
        let mut fates = Vec::new();
        log.handle_feedback(feedback, now, &mut |fate| fates.push(fate));
        fates
    }

    /// Sends one packet per millisecond; those that `arrives` says do so 20 ms later on a clock 7 s ahead.
    fn exchange(log: &mut SentLog, count: u64, arrives: impl Fn(u64) -> bool) -> Vec<Feedback> {
        let mut arrivals = ArrivalLog::new();
        let mut told = Vec::new();
        for n in 0..count {
            let now = Duration::from_millis(n);
            let sequence = log.reserve(None);
            log.note_sent(sequence, 1_000, now);
            if arrives(n) {
                arrivals.handle_packet(sequence, now + MS * 7_020);
            }
            while let Some(feedback) = arrivals.poll_feedback(now + MS * 7_020) {
                told.push(feedback.clone());
            }
        }
        told
    }

    #[test]
    fn every_packet_told_about_has_its_times_and_each_fate_comes_once() {
        let mut log = SentLog::new();
        let messages = exchange(&mut log, 160, |n| n % 10 != 3);
        let now = MS * 200;
        let mut all = Vec::new();
        for message in &messages {
            all.extend(fates(&mut log, message, now));
            assert_eq!(fates(&mut log, message, now), [], "told before");
        }
        assert!(all.len() > 150);
        for (n, fate) in all.iter().enumerate() {
            assert_eq!(fate.sent_us, i64::try_from(n).unwrap() * 1_000);
            let arrived = (n % 10 != 3).then_some(fate.sent_us + 7_020_000);
            assert_eq!(fate.arrived_us, arrived);
        }
    }

    #[test]
    fn numbers_wrap_and_what_was_never_sent_has_no_fate() {
        let mut log = SentLog::new();
        for _ in 0..65_530 {
            log.reserve(None);
        }
        let messages = exchange(&mut log, 120, |_| true);
        let known: usize = messages
            .iter()
            .map(|message| fates(&mut log, message, MS * 150).len())
            .sum();
        assert!(known > 100);
        let mut stranger = ArrivalLog::new();
        stranger.handle_packet(30_000, MS);
        let message = stranger.poll_feedback(MS * 60).unwrap().clone();
        assert_eq!(fates(&mut log, &message, MS * 150), []);
    }

    #[test]
    fn the_receivers_clock_wraps_after_twelve_days() {
        let mut log = SentLog::new();
        let mut arrivals = ArrivalLog::new();
        let wrap = Duration::from_millis(64 << 24);
        let before_wrap = Duration::from_millis((64 << 24) - 200);
        let mut came = Vec::new();
        for n in 0..4 {
            let sequence = log.reserve(None);
            log.note_sent(sequence, 100, MS * (n * 100));
            arrivals.handle_packet(sequence, before_wrap + MS * (n * 100));
            let message = arrivals.poll_feedback(wrap * 2).unwrap().clone();
            came.extend(fates(&mut log, &message, MS * 500));
        }
        let arrived: Vec<_> = came.iter().map(|fate| fate.arrived_us.unwrap()).collect();
        assert!(arrived.windows(2).all(|pair| pair[1] - pair[0] == 100_000));
    }

    proptest! {
        #[test]
        fn hostile_feedback_has_no_more_fates_than_packets_sent(
            sent in 0..3_000_u64,
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 8..60), 1..30),
        ) {
            let mut log = SentLog::new();
            for n in 0..sent {
                let sequence = log.reserve(None);
                log.note_sent(sequence, 1_200, Duration::from_millis(n));
            }
            let mut arrived = 0;
            let mut feedback = Feedback::default();
            for bytes in &messages {
                if feedback.read(bytes).is_ok() {
                    let fates = fates(&mut log, &feedback, Duration::from_millis(sent));
                    arrived += fates.iter().filter(|fate| fate.arrived_us.is_some()).count() as u64;
                }
            }
            prop_assert!(arrived <= sent.min(SENT_MAX));
        }
    }
}
