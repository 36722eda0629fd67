//! A slot's own packet numbers: contiguous over switches, and traceable to the streams they name.

use crate::limits::{RING_PACKETS, SEGMENTS_MAX};
use crate::outlet::Sent;
use crate::{StreamId, sequence};
use std::collections::VecDeque;

/// A run of packets from one stream under one renumbering.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment {
    /// Packet index it begins at; it ends where the next begins.
    pub(crate) first: u64,
    pub(crate) stream: StreamId,
    /// Packet index minus the stream's unwrapped number.
    shift: i64,
    pub(crate) rewrite: Rewrite,
}

/// What a segment changes in its packets, beside their numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rewrite {
    /// Timestamp sent minus the stream's.
    pub(crate) timestamp_shift: u32,
    /// Frame number sent minus the stream's, in the dependency descriptor.
    pub(crate) frame_shift: u16,
    pub(crate) payload_type: u8,
    /// Of its retransmission packets; `None`: it is resent bit-identical.
    pub(crate) rtx_payload_type: Option<u8>,
}

/// Which packet each index named.
#[derive(Debug)]
pub(crate) struct Numbering {
    /// At most [`SEGMENTS_MAX`]; overflow: the oldest is forgotten and its NACKs are misses.
    segments: VecDeque<Segment>,
    /// Index of the next packet never sent before. The first is 1: a receiver must see a number
    /// below 2^15 first to guess the rollover counter right (RFC 3711 §3.3.1).
    next: u64,
}

impl Numbering {
    pub(crate) fn new() -> Self {
        Self {
            segments: VecDeque::with_capacity(SEGMENTS_MAX),
            next: 1,
        }
    }

    /// From here on `entry` of a stream has the next index, and what follows it those after.
    pub(crate) fn begin(&mut self, stream: StreamId, entry: u64, rewrite: Rewrite) {
        if self.segments.len() == SEGMENTS_MAX {
            self.segments.pop_front();
        }
        self.segments.push_back(Segment {
            first: self.next,
            stream,
            shift: self.next.cast_signed() - entry.cast_signed(),
            rewrite,
        });
    }

    /// The segment that is going on.
    pub(crate) fn current(&self) -> Option<&Segment> {
        self.segments.back()
    }

    /// The index of a packet of the stream that is going on; `None` for one from before the
    /// segment's entry, whose number belongs to what was shown then.
    pub(crate) fn index(&self, unwrapped: u64) -> Option<u64> {
        let segment = self.current()?;
        let index = unwrapped.checked_add_signed(segment.shift)?;
        (index >= segment.first).then_some(index)
    }

    /// Whether an index names a packet already.
    pub(crate) fn is_used(&self, index: u64) -> bool {
        index < self.next
    }

    /// Whether so much is missing before an index that no ring can fill it.
    pub(crate) fn is_beyond_repair(&self, index: u64) -> bool {
        index >= self.next + RING_PACKETS as u64
    }

    /// An index is used now.
    pub(crate) fn use_up(&mut self, index: u64) {
        self.next = self.next.max(index + 1);
    }

    /// The segment an index used before belongs to.
    pub(crate) fn segment(&self, index: u64) -> Option<&Segment> {
        let mut newest_first = self.segments.iter().rev();
        newest_first.find(|segment| segment.first <= index)
    }

    /// The highest index used; 0 when none is.
    pub(crate) fn newest(&self) -> u64 {
        self.next - 1
    }

    /// What was sent (or would have been, had it come) as this number.
    pub(crate) fn find(&self, number: u16) -> Option<Sent> {
        self.at(sequence::nearest(self.newest(), number)?)
    }

    /// What was sent (or would have been, had it come) under this index.
    pub(crate) fn at(&self, index: u64) -> Option<Sent> {
        if !self.is_used(index) {
            return None;
        }
        let segment = self.segment(index)?;
        Some(Sent {
            stream: segment.stream,
            unwrapped: index.checked_add_signed(-segment.shift)?,
            index,
        })
    }
}
