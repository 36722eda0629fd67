//! The last keyframe of a stream and how much of what follows it is in the ring.

use crate::keyframe::Part;
use crate::ring::{Ring, Stored};
use crate::stream::Batch;
use std::time::Duration;

/// Where a decoder may start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keyframe {
    /// Unwrapped number of its first packet known.
    first: u64,
    timestamp: u32,
    /// When its first packet came.
    began_at: Duration,
    /// Whether nothing of it can have come before `first`. A picture whose parameters are still
    /// under way must not be shown without them.
    is_opening: bool,
    /// Everything from `first` to here is in the ring.
    complete_to: u64,
    /// So far.
    bytes: u64,
}

/// Follows a stream packet by packet.
#[derive(Debug, Default)]
pub(crate) struct Pictures {
    last: Option<Keyframe>,
    /// Of the keyframes before, smoothed; 0: none.
    typical_bytes: u64,
    /// Keyframes begun.
    pub(crate) keyframes: u64,
}

impl Pictures {
    /// Looks at a packet just stored; true when a keyframe began with it.
    pub(crate) fn look(&mut self, ring: &Ring, stored: &Stored) -> bool {
        let begins = self.is_new_keyframe(stored);
        if begins {
            self.keyframes += 1;
            self.typical_bytes = self.keyframe_bytes();
            self.last = Some(Keyframe {
                first: stored.sequence(),
                timestamp: stored.header.timestamp,
                began_at: stored.received_at,
                is_opening: false,
                complete_to: stored.sequence(),
                bytes: 0,
            });
        }
        if let Some(last) = &mut self.last {
            last.extend(ring, stored);
        }
        begins
    }

    /// What a keyframe takes; 0: unknown.
    pub(crate) fn keyframe_bytes(&self) -> u64 {
        match (self.typical_bytes, self.last.map_or(0, |last| last.bytes)) {
            (0, bytes) => bytes,
            // What is under way may still grow.
            (typical, bytes) => typical.max(u64::midpoint(typical, bytes)),
        }
    }

    fn is_new_keyframe(&self, stored: &Stored) -> bool {
        stored.keyframe != Part::None
            && self.last.is_none_or(|last| {
                stored.sequence() > last.first && stored.header.timestamp != last.timestamp
            })
    }

    /// The packet a decoder starts at, given what has gone out: of a keyframe young enough, with
    /// everything between it and what goes out now.
    pub(crate) fn entry(&self, batch: &Batch<'_>, age_max: Duration, now: Duration) -> Option<u64> {
        self.last
            .filter(|last| last.is_opening && last.first <= batch.through)
            .filter(|last| last.complete_to + 1 >= batch.first)
            .filter(|last| now.saturating_sub(last.began_at) < age_max)
            .map(|last| last.first)
    }

    pub(crate) fn keyframe_age(&self, now: Duration) -> Option<Duration> {
        Some(now.saturating_sub(self.last?.began_at))
    }
}

impl Keyframe {
    fn extend(&mut self, ring: &Ring, stored: &Stored) {
        if stored.header.timestamp == self.timestamp {
            self.bytes += stored.len() as u64;
        }
        let is_earlier_piece = stored.sequence() < self.first
            && stored.header.timestamp == self.timestamp
            && stored.keyframe != Part::None;
        if is_earlier_piece {
            self.first = stored.sequence();
            self.complete_to = self.first;
        }
        if !self.is_opening {
            self.find_opening(ring);
        }
        while ring.get(self.complete_to + 1).is_some() {
            self.complete_to += 1;
        }
    }

    /// Walks back to the frame's first packet. Bounded by the ring.
    fn find_opening(&mut self, ring: &Ring) {
        loop {
            let first = ring.get(self.first);
            self.is_opening |= first.is_some_and(|stored| stored.keyframe == Part::Opening);
            match ring.get(self.first.saturating_sub(1)) {
                Some(before) if before.header.timestamp == self.timestamp => {
                    self.first = before.sequence();
                }
                before => {
                    self.is_opening |= before.is_some();
                    return;
                }
            }
        }
    }
}
