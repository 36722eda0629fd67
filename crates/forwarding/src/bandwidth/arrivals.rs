//! The receiver's side: what arrived from a publisher, told back to it.

use super::feedback::{Arrived, Feedback, TICK_US, TICKS_PER_REFERENCE};
use crate::sequence::{first, nearest};
use std::time::Duration;

/// A packet waits no longer than this to be told about, beside the caller's own tick: a sender learns of a queue
/// within a tenth of a second, and the messages stay below a hundredth of a picture's rate.
const INTERVAL: Duration = Duration::from_millis(50);
/// So many arrivals are told about without waiting.
const UNTOLD_EARLY: usize = 128;
/// Arrivals not told about yet. Overflow: not told, counted; the sender takes them for lost, which a publisher that
/// sends 5,000 packets/s should.
const UNTOLD_MAX: usize = 512;
/// Arrivals in one message: even with a gap before each it fits a datagram.
const ARRIVALS_MAX: usize = 190;
/// A jump beyond this is not told packet by packet as lost: the numbering has begun anew. One chunk holds it.
const GAP_MAX: u64 = 8_191;
/// Messages at once. More only serve a publisher whose numbers jump about; the rest is dropped, counted.
const MESSAGES_MAX: u8 = 8;

/// The packets of one publisher's leg, over all its SSRCs, that it has not been told about.
#[derive(Debug, Default)]
pub struct ArrivalLog {
    /// Unwrapped sequence number and arrival in steps of 250 µs; ascending by number.
    untold: Vec<(u64, u64)>,
    oldest_at: Option<Duration>,
    highest: Option<u64>,
    /// The first number that no message told about.
    next: Option<u64>,
    number: u8,
    messages: u8,
    dropped: u64,
    /// The last message, kept for its room.
    feedback: Feedback,
}

impl ArrivalLog {
    /// An empty log.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a packet's transport-wide sequence number. Only of authentic packets: a stranger could forge loss.
    pub fn handle_packet(&mut self, sequence: u16, now: Duration) {
        let unwrapped = match self.highest {
            None => Some(first(sequence)),
            Some(highest) => nearest(highest, sequence),
        };
        let Some(unwrapped) = unwrapped.filter(|_| self.untold.len() < UNTOLD_MAX) else {
            self.dropped += 1;
            return;
        };
        self.highest = self.highest.max(Some(unwrapped));
        let place = self.untold.partition_point(|(other, _)| *other < unwrapped);
        if self
            .untold
            .get(place)
            .is_some_and(|(other, _)| *other == unwrapped)
        {
            return;
        }
        let ticks = now.as_micros() as u64 / TICK_US;
        self.untold.insert(place, (unwrapped, ticks));
        self.oldest_at.get_or_insert(now);
    }

    /// When a message is due; `None` while there is nothing to tell.
    pub fn next_feedback(&self) -> Option<Duration> {
        let oldest = self.oldest_at?;
        Some(if self.untold.len() >= UNTOLD_EARLY {
            oldest
        } else {
            oldest + INTERVAL
        })
    }

    /// The next message, if one is due. Ask until there is none.
    pub fn poll_feedback(&mut self, now: Duration) -> Option<&Feedback> {
        if self.next_feedback().is_none_or(|due| due > now) {
            self.messages = 0;
            return None;
        }
        self.messages += 1;
        let told = self.tell();
        self.untold.drain(..told);
        if self.messages >= MESSAGES_MAX {
            self.dropped += self.untold.len() as u64;
            self.untold.clear();
        }
        if self.untold.is_empty() {
            self.oldest_at = None;
            self.messages = 0;
        }
        Some(&self.feedback)
    }

    /// Packets that were not told about since the start: too many at once, or too wild.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Writes the message about the first of the untold; returns how many it tells about.
    fn tell(&mut self) -> usize {
        let Some(&(oldest, arrived_at)) = self.untold.first() else {
            return 0;
        };
        let next = self.next.unwrap_or(oldest);
        // What was told as missing and came late is told again, alone: a range over numbers that were told already
        // would make the sender count the others of it twice.
        let is_late = oldest < next;
        let start = if is_late || oldest - next > GAP_MAX {
            oldest
        } else {
            next
        };
        let reference = arrived_at / TICKS_PER_REFERENCE;
        let mut previous = (oldest, reference * TICKS_PER_REFERENCE);
        self.feedback.arrivals.clear();
        for &(sequence, at) in self.untold.iter().take(ARRIVALS_MAX) {
            let gap = sequence - previous.0;
            let delta = i16::try_from(at.cast_signed() - previous.1.cast_signed());
            let offset = u16::try_from(sequence - start)
                .ok()
                .filter(|o| *o < u16::MAX);
            let (Ok(delta), Some(offset)) = (delta, offset) else {
                break;
            };
            if gap > GAP_MAX || (is_late && (gap > 1 || sequence >= next)) {
                break;
            }
            self.feedback.arrivals.push(Arrived { offset, delta });
            previous = (sequence, at);
        }
        self.feedback.base = start as u16;
        self.feedback.count = (previous.0 - start) as u16 + 1;
        self.feedback.reference = reference as u32 & 0x00ff_ffff;
        self.feedback.number = self.number;
        self.number = self.number.wrapping_add(1);
        self.next = Some(next.max(previous.0 + 1));
        self.feedback.arrivals.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const MS: Duration = Duration::from_millis(1);

    /// Everything due, as the sender will read it: (base, statuses told), and each arrival in ticks.
    fn told(log: &mut ArrivalLog, now: Duration) -> Vec<(u16, u16, BTreeMap<u16, i64>)> {
        let mut messages = Vec::new();
        while let Some(feedback) = log.poll_feedback(now) {
            let mut bytes = Vec::new();
            feedback.write(&mut bytes);
            assert!(bytes.len() <= 1_160, "fits a datagram: {}", bytes.len());
            let mut read = Feedback::default();
            read.read(&bytes).unwrap();
            let reference = i64::from(read.reference) * 256;
            let arrivals = read
                .arrivals()
                .map(|(offset, at)| (read.base.wrapping_add(offset), reference + at))
                .collect();
            messages.push((read.base, read.count, arrivals));
        }
        messages
    }

    #[test]
    fn a_message_is_due_fifty_milliseconds_after_the_first_arrival() {
        let mut log = ArrivalLog::new();
        assert_eq!(log.next_feedback(), None);
        log.handle_packet(65_535, MS * 100);
        log.handle_packet(0, MS * 110);
        log.handle_packet(2, MS * 111);
        assert!(log.poll_feedback(MS * 149).is_none());
        let messages = told(&mut log, MS * 150);
        let arrivals = BTreeMap::from([(65_535, 400), (0, 440), (2, 444)]);
        assert_eq!(messages, [(65_535, 4, arrivals)]);
        assert_eq!(log.next_feedback(), None);
    }

    #[test]
    fn a_late_packet_is_told_again_alone() {
        let mut log = ArrivalLog::new();
        for sequence in [10, 13] {
            log.handle_packet(sequence, MS);
        }
        assert_eq!(told(&mut log, MS * 60).len(), 1);
        for sequence in [14, 11] {
            log.handle_packet(sequence, MS * 70);
        }
        let ranges: Vec<_> = told(&mut log, MS * 140)
            .iter()
            .map(|(base, count, _)| (*base, *count))
            .collect();
        assert_eq!(ranges, [(11, 1), (14, 1)]);
    }

    #[test]
    fn a_gap_of_thousands_is_told_and_a_new_numbering_is_not() {
        let mut log = ArrivalLog::new();
        log.handle_packet(0, MS);
        log.handle_packet(8_000, MS * 2);
        log.handle_packet(30_000, MS * 3);
        let ranges: Vec<_> = told(&mut log, MS * 60)
            .iter()
            .map(|(base, count, _)| (*base, *count))
            .collect();
        assert_eq!(ranges, [(0, 8_001), (30_000, 1)]);
    }

    #[test]
    fn a_pause_too_long_for_a_delta_starts_another_message() {
        let mut log = ArrivalLog::new();
        log.handle_packet(1, MS);
        log.handle_packet(2, MS * 9_000);
        let messages = told(&mut log, MS * 9_100);
        assert_eq!(messages.len(), 2);
        assert_eq!(messages[1].2, BTreeMap::from([(2, 36_000)]));
    }

    #[test]
    fn a_flood_is_told_in_part_and_counted() {
        let mut log = ArrivalLog::new();
        for sequence in 0..2_000_u16 {
            log.handle_packet(sequence.wrapping_mul(7_919), MS);
        }
        let messages = told(&mut log, MS * 60);
        assert!(messages.len() <= usize::from(MESSAGES_MAX));
        assert!(log.dropped() > 1_000);
    }

    proptest! {
        /// Whatever a line loses, delays and swaps: each arrival is told once, at its time, and each number
        /// that lies between two told ones too.
        #[test]
        fn every_arrival_is_told_once_at_its_time(
            start in any::<u16>(),
            line in prop::collection::vec((0..100_u8, 0..30_u64), 1..600),
        ) {
            let mut log = ArrivalLog::new();
            let mut arrivals: Vec<(u64, u16)> = line
                .iter()
                .enumerate()
                .filter(|(_, (loss, _))| *loss > 5)
                .map(|(n, (_, late))| (n as u64 * 2 + late, start.wrapping_add(n as u16)))
                .collect();
            arrivals.sort_unstable();
            let expected: BTreeMap<u16, i64> =
                arrivals.iter().map(|(ms, sequence)| (*sequence, ms.cast_signed() * 4)).collect();
            let mut found = BTreeMap::new();
            let mut coming = arrivals.into_iter().peekable();
            for ms in 0..1_400_u64 {
                while let Some((_, sequence)) = coming.next_if(|(at, _)| *at == ms) {
                    log.handle_packet(sequence, Duration::from_millis(ms));
                }
                for (_, _, arrivals) in told(&mut log, Duration::from_millis(ms)) {
                    for (sequence, at) in arrivals {
                        prop_assert_eq!(found.insert(sequence, at), None, "told once");
                    }
                }
            }
            prop_assert_eq!(found, expected);
            prop_assert_eq!(log.dropped(), 0);
        }

        #[test]
        fn no_numbers_panic(
            packets in prop::collection::vec((any::<u16>(), 0..20_u32), 0..800),
        ) {
            let mut log = ArrivalLog::new();
            let mut now = Duration::ZERO;
            for (sequence, ms) in packets {
                now += MS * ms;
                log.handle_packet(sequence, now);
                told(&mut log, now);
            }
        }
    }
}
