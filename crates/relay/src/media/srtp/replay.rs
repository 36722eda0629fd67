//! Which packet indexes have come already (RFC 3711 §3.3.2), and which index a sequence number means (§3.3.1).

use super::Rejected;

/// Indexes remembered behind the highest. It must span what a resend may reach back: 1,024 packets are 2 s of a
/// 6 Mbit/s picture.
const WINDOW: u64 = 1024;
const WORDS: usize = (WINDOW / 64) as usize;

/// Replay state of one SSRC.
#[derive(Default)]
pub(super) struct Replay {
    highest: u64,
    started: bool,
    /// Bit `index % WINDOW` is set when that index came.
    seen: [u64; WORDS],
    /// Packets in a row that did not open.
    pub(super) failures: u32,
}

impl Replay {
    /// The index nearest to the highest one whose low 16 bits are `seq`; `None` when that lies before the first period.
    pub(super) fn estimate(&self, seq: u16) -> Option<u64> {
        let distance = seq.wrapping_sub(self.highest as u16).cast_signed();
        self.highest.checked_add_signed(i64::from(distance))
    }

    /// The first index after the highest one whose low 16 bits are `seq`.
    pub(super) fn next(&self, seq: u16) -> u64 {
        self.highest + u64::from(seq.wrapping_sub(self.highest as u16))
    }

    /// Does it lie behind the window?
    pub(super) fn is_behind(&self, index: u64) -> bool {
        self.started && index + WINDOW <= self.highest
    }

    /// Rejects what came already or lies behind the window.
    pub(super) fn check(&self, index: u64) -> Result<(), Rejected> {
        let new = !self.started
            || index > self.highest
            || (self.highest - index < WINDOW && self.seen[word(index)] & bit(index) == 0);
        if new { Ok(()) } else { Err(Rejected) }
    }

    /// Notes an authentic packet.
    pub(super) fn accept(&mut self, index: u64) {
        self.failures = 0;
        if !self.started {
            self.started = true;
            self.highest = index;
        } else if index > self.highest {
            if index - self.highest >= WINDOW {
                self.seen = [0; WORDS];
            } else {
                for skipped in self.highest + 1..index {
                    self.seen[word(skipped)] &= !bit(skipped);
                }
            }
            self.highest = index;
        }
        self.seen[word(index)] |= bit(index);
    }
}

fn word(index: u64) -> usize {
    ((index % WINDOW) / 64) as usize
}

fn bit(index: u64) -> u64 {
    1 << (index % 64)
}
