//! The packets of a frame that arrived together and leave together.
//!
//! The kernel sends equal datagrams to one address in one call (UDP GSO), which costs a fraction of
//! a call each. So a frame's packets go out leg by leg, and are made equal where little is missing.

use crate::limits::{GROUP_HOLD, GROUP_PACKETS_MAX, LEVEL_BYTES_MAX};
use crate::ring::{Ring, Stored};
use std::time::Duration;

/// Packets accepted and not yet sent to anybody: of one frame, ascending, each newer than all
/// before it. At most [`GROUP_PACKETS_MAX`]; a full group leaves.
#[derive(Debug, Default)]
pub(crate) struct Group {
    members: Vec<u64>,
    timestamp: u32,
    opened_at: Duration,
    habit: Habit,
}

impl Group {
    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    /// When what is held must leave.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        (!self.is_empty()).then(|| self.opened_at + GROUP_HOLD)
    }

    /// Whether a packet newer than all others must not join those held.
    pub(crate) fn is_closed_to(&self, timestamp: u32) -> bool {
        !self.is_empty() && self.timestamp != timestamp
    }

    /// Takes in the newest packet of a picture; true when more of its frame is worth waiting for.
    pub(crate) fn admit(&mut self, stored: &Stored, now: Duration) -> bool {
        let is_frame_end = stored.header.marker;
        self.habit
            .observe(stored.header.timestamp, is_frame_end, now);
        if self.is_empty() {
            self.timestamp = stored.header.timestamp;
            self.opened_at = now;
        }
        self.members.push(stored.sequence());
        !is_frame_end
            && self.members.len() < GROUP_PACKETS_MAX
            && self.habit.pays()
            && now < self.opened_at + GROUP_HOLD
    }

    /// Takes in a packet that waits for nobody, into an empty group.
    pub(crate) fn admit_alone(&mut self, sequence: u64) {
        self.members.push(sequence);
    }

    /// The members, to be given back by [`Self::put_back`] for their room.
    pub(crate) fn take(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.members)
    }

    pub(crate) fn put_back(&mut self, mut members: Vec<u64>) {
        members.clear();
        self.members = members;
    }
}

/// Whether the packets of a stream's frames come in bursts: counts up when the next one of a frame
/// came within [`GROUP_HOLD`], and down when it did not.
#[derive(Debug)]
struct Habit {
    score: u8,
    last: Option<Last>,
}

#[derive(Clone, Copy, Debug)]
struct Last {
    timestamp: u32,
    at: Duration,
    is_frame_end: bool,
}

const SCORE_MAX: u8 = 8;
/// Below it a stream is paced. A new stream begins here, so that its first late packet settles it.
const SCORE_PAYS: u8 = 4;

impl Default for Habit {
    fn default() -> Self {
        Self {
            score: SCORE_PAYS,
            last: None,
        }
    }
}

impl Habit {
    fn observe(&mut self, timestamp: u32, is_frame_end: bool, now: Duration) {
        let last = self.last.replace(Last {
            timestamp,
            at: now,
            is_frame_end,
        });
        let Some(last) = last.filter(|last| last.timestamp == timestamp && !last.is_frame_end)
        else {
            return;
        };
        self.score = if now.saturating_sub(last.at) <= GROUP_HOLD {
            (self.score + 1).min(SCORE_MAX)
        } else {
            self.score.saturating_sub(1)
        };
    }

    fn pays(&self) -> bool {
        self.score >= SCORE_PAYS
    }
}

/// Pads packets that were never sent up to the largest of their run, where little is missing: an
/// encoder that splits a frame makes pieces a byte or two apart. The last may stay shorter. Gives
/// the bytes added.
///
/// Payloads are compared, not packets: the extensions of a header depend on the leg.
pub(crate) fn level(ring: &mut Ring, members: &[u64]) -> u64 {
    if members.len() < 2 {
        return 0;
    }
    let payload_bytes = |ring: &Ring, sequence: u64| {
        let stored = ring.get(sequence);
        stored.map_or(0, |stored| stored.payload().len())
    };
    let mut added = 0;
    let mut rest = members;
    while let Some(&first) = rest.first() {
        let mut least = payload_bytes(ring, first);
        let mut most = least;
        let mut run = 0;
        for &sequence in rest {
            let bytes = payload_bytes(ring, sequence);
            if most.max(bytes) - least.min(bytes) > LEVEL_BYTES_MAX {
                break;
            }
            (least, most) = (least.min(bytes), most.max(bytes));
            run += 1;
        }
        let (equal, after) = rest.split_at(run);
        let padded = match equal.split_last() {
            Some((_, padded)) if after.is_empty() => padded,
            _ => equal,
        };
        for &sequence in padded {
            let missing = most - payload_bytes(ring, sequence);
            ring.pad(sequence, missing as u8);
            added += missing as u64;
        }
        rest = after;
    }
    added
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn one_late_packet_makes_a_new_stream_paced_and_a_burst_wins_it_back() {
        let mut habit = Habit::default();
        habit.observe(1, false, ms(0));
        assert!(habit.pays(), "a new stream is given a chance");
        habit.observe(1, false, ms(4));
        assert!(!habit.pays());
        for packet in 0..4 {
            habit.observe(1, packet == 3, ms(8 + 4 * packet));
        }
        assert_eq!(habit.score, 0);
        for frame in 2..6 {
            habit.observe(frame, false, ms(u64::from(frame) * 40));
            habit.observe(frame, true, ms(u64::from(frame) * 40));
        }
        assert!(habit.pays(), "four bursts of two");
    }

    #[test]
    fn a_pause_between_frames_says_nothing() {
        let mut habit = Habit::default();
        for frame in 0..10 {
            habit.observe(frame, false, ms(u64::from(frame) * 40));
        }
        assert_eq!(habit.score, SCORE_PAYS, "a lost frame end is no pace");
    }
}
