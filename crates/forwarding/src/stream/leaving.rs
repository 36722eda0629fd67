//! What leaves a stream, and when.

use super::Stream;
use crate::Kind;
use crate::group;
use crate::rtp::Header;
use std::time::Duration;

/// Packets that go out now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batch<'a> {
    /// Their unwrapped numbers, ascending; none when somebody joins.
    pub(crate) members: &'a [u64],
    /// What lies before has gone out: a decoder that starts now needs all of it in the ring.
    pub(crate) first: u64,
    /// The newest packet that has gone out or goes out now.
    pub(crate) through: u64,
}

impl Stream {
    /// Has a packet just accepted wait for its frame, or not; true when it waits. What was held
    /// must have left before it was stored if [`Self::must_flush`] said so.
    pub(crate) fn admit(&mut self, sequence: u64, now: Duration) -> bool {
        let is_newest = self.highest == Some(sequence);
        match self.ring.get(sequence) {
            Some(stored)
                if is_newest && self.kind() == Kind::Video && !stored.header.is_empty() =>
            {
                let is_heard = !(self.trunks.is_empty() && self.slots.is_empty());
                self.group.admit(stored, now) && is_heard
            }
            _ => {
                self.group.admit_alone(sequence);
                false
            }
        }
    }

    /// Whether what is held must leave before a packet is stored: that is of another frame, comes
    /// late, or is padding alone.
    pub(crate) fn must_flush(&self, header: &Header, sequence: u64) -> bool {
        let is_late = self.highest.is_some_and(|highest| sequence < highest);
        let is_stray = is_late || header.is_empty() || self.group.is_closed_to(header.timestamp);
        !self.group.is_empty() && is_stray
    }

    /// Takes what is held, made equal, to send it.
    pub(crate) fn begin_sending(&mut self) -> Vec<u64> {
        let members = self.group.take();
        self.counts.padding_bytes += group::level(&mut self.ring, &members);
        self.counts.groups += 1;
        members
    }

    /// The members of a group as they go out. Something late has gone out before what is newer.
    pub(crate) fn batch<'a>(&mut self, members: &'a [u64]) -> Batch<'a> {
        let is_newer = |first: &&u64| **first > self.sent_to;
        let live = members.first().filter(is_newer).copied();
        self.sent_to = members.last().copied().max(Some(self.sent_to)).unwrap_or(0);
        Batch {
            members,
            first: live.unwrap_or(self.sent_to + 1),
            through: self.sent_to,
        }
    }

    /// What somebody who joins now may be shown: all that went out to the others.
    pub(crate) fn joined(&self) -> Option<Batch<'static>> {
        (self.sent_to > 0).then_some(Batch {
            members: &[],
            first: self.sent_to + 1,
            through: self.sent_to,
        })
    }
}
