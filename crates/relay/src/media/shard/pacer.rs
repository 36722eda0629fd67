//! How much leaves towards one leg at once.

use std::collections::VecDeque;
use std::time::Duration;

/// What a leg without a known limit counts as, bits per second: few halls have less in the last mile's first hop, and a
/// frame of a good picture still leaves in two bursts.
const UNLIMITED_BPS: u64 = 50_000_000;
/// Beyond a burst, a limited leg gets its packets at this many times its limit: a keyframe is through in half the time it
/// takes the line, and never all at once.
const PACE: u64 = 2;
/// A burst is never less than this: two packets.
const BURST_BYTES_MIN: u64 = 2_500;
/// Held packets leave in steps of this, or sooner.
pub(super) const STEP: Duration = Duration::from_millis(4);
/// Bytes that wait for a leg: half a second at 4 Mbit/s, more than any keyframe. Overflow: the new packet is dropped,
/// counted: late media is useless, and the leg asks for it again if it is not.
const HELD_BYTES_MAX: usize = 256 * 1024;
/// Spare buffers kept.
const SPARE_MAX: usize = 32;

/// A token bucket with what waits for its tokens. Packets wait sealed and in order.
pub(super) struct Pacer {
    burst: Duration,
    credit_bytes: i64,
    at: Duration,
    held: VecDeque<Held>,
    held_bytes: usize,
    spare: Vec<Vec<u8>>,
}

/// A sealed packet that waits.
pub(super) struct Held {
    pub(super) bytes: Vec<u8>,
    /// Its transport-wide number.
    pub(super) sequence: u16,
}

impl Pacer {
    /// `burst`: how long the leg's rate may be sent at once.
    pub(super) fn new(burst: Duration) -> Self {
        Self {
            burst,
            // The first packets need no time to have passed.
            credit_bytes: BURST_BYTES_MIN.cast_signed(),
            at: Duration::ZERO,
            held: VecDeque::new(),
            held_bytes: 0,
            spare: Vec::new(),
        }
    }

    /// May a packet leave now? If so it counts as gone.
    pub(super) fn admit(&mut self, bytes: usize, limit_bps: Option<u64>, now: Duration) -> bool {
        if !self.held.is_empty() {
            return false;
        }
        self.spend(bytes, limit_bps, now)
    }

    fn spend(&mut self, bytes: usize, limit_bps: Option<u64>, now: Duration) -> bool {
        if self.at != now {
            self.earn(limit_bps, now);
        }
        let may = self.credit_bytes > 0;
        if may {
            self.credit_bytes = self.credit_bytes.saturating_sub_unsigned(bytes as u64);
        }
        may
    }

    fn earn(&mut self, limit_bps: Option<u64>, now: Duration) {
        let (rate_bps, pace) = match limit_bps {
            None => (UNLIMITED_BPS, 1),
            Some(limit_bps) => (limit_bps, PACE),
        };
        let passed_us = now.saturating_sub(self.at).as_micros() as u64;
        let burst_us = self.burst.as_micros() as u64;
        let burst_bytes = (rate_bps.saturating_mul(burst_us) / 8_000_000).max(BURST_BYTES_MIN);
        // Longer than a second earns no more than a burst anyway.
        let earned = rate_bps.saturating_mul(pace * passed_us.min(1_000_000)) / 8_000_000;
        if earned > 0 {
            self.at = now;
            let credit = self.credit_bytes.saturating_add_unsigned(earned);
            self.credit_bytes = credit.min(burst_bytes.cast_signed());
        }
    }

    /// Room for a packet that has to wait; `None`: there is none left.
    pub(super) fn hold(&mut self, bytes: usize, sequence: u16) -> Option<&mut [u8]> {
        if self.held_bytes + bytes > HELD_BYTES_MAX {
            return None;
        }
        let mut room = self.spare.pop().unwrap_or_default();
        room.clear();
        room.resize(bytes, 0);
        self.held_bytes += bytes;
        self.held.push_back(Held {
            bytes: room,
            sequence,
        });
        self.held.back_mut().map(|held| held.bytes.as_mut_slice())
    }

    /// Takes back the room of a packet that could not be sealed.
    pub(super) fn unhold(&mut self) {
        if let Some(held) = self.held.pop_back() {
            self.give_back(held);
        }
    }

    /// The next packet whose turn has come. Its buffer is to be given back.
    pub(super) fn next(&mut self, limit_bps: Option<u64>, now: Duration) -> Option<Held> {
        let bytes = self.held.front()?.bytes.len();
        if !self.spend(bytes, limit_bps, now) {
            return None;
        }
        self.held.pop_front()
    }

    /// A held packet is gone.
    pub(super) fn give_back(&mut self, held: Held) {
        self.held_bytes = self.held_bytes.saturating_sub(held.bytes.len());
        if self.spare.len() < SPARE_MAX {
            self.spare.push(held.bytes);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const PACKET: usize = 1_200;

    fn pacer() -> Pacer {
        Pacer::new(5 * MS)
    }

    /// Packets of a frame that leave at once.
    fn at_once(pacer: &mut Pacer, limit_bps: Option<u64>, now: Duration) -> usize {
        (0..200)
            .take_while(|_| pacer.admit(PACKET, limit_bps, now))
            .count()
    }

    /// Packets that leave within a time, in steps of a millisecond.
    fn leave(pacer: &mut Pacer, limit_bps: Option<u64>, from: Duration, ms: u32) -> usize {
        let mut left = 0;
        for step in 0..ms {
            while let Some(held) = pacer.next(limit_bps, from + MS * step) {
                left += 1;
                pacer.give_back(held);
            }
        }
        left
    }

    #[test]
    fn five_milliseconds_of_the_rate_leave_at_once() {
        // 31,250 bytes of an unlimited leg, 2,500 of one with a megabit; the last one may exceed it.
        assert_eq!(at_once(&mut pacer(), None, MS * 100), 27);
        assert_eq!(at_once(&mut pacer(), Some(1_000_000), MS * 100), 3);
        assert_eq!(at_once(&mut pacer(), Some(8_000_000), MS * 100), 5);
    }

    #[test]
    fn what_is_held_leaves_in_order_at_twice_the_limit() {
        let mut pacer = pacer();
        let limit = Some(1_000_000);
        at_once(&mut pacer, limit, MS * 100);
        for sequence in 0..50 {
            let room = pacer.hold(PACKET, sequence).unwrap();
            assert_eq!(room.len(), PACKET);
        }
        assert!(
            !pacer.admit(PACKET, limit, MS * 101),
            "after those that wait"
        );
        // 250 bytes a millisecond.
        let left = leave(&mut pacer, limit, MS * 100, 100);
        assert!((19..=22).contains(&left), "{left}");
        let next = pacer.next(limit, MS * 300).unwrap();
        assert_eq!(usize::from(next.sequence), left);
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut pacer = pacer();
        let held = (0..1_000)
            .filter(|n| pacer.hold(PACKET, *n).is_some())
            .count();
        assert_eq!(held, HELD_BYTES_MAX / PACKET);
        pacer.unhold();
        assert!(pacer.hold(PACKET, 0).is_some());
        while let Some(held) = pacer.next(Some(u64::MAX / 1_000_000_000), MS * 1_000) {
            pacer.give_back(held);
        }
        assert!(pacer.spare.len() <= SPARE_MAX);
    }
}
