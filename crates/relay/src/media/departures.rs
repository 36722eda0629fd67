//! Everything that leaves, in order: bursts of sealed packets, and datagrams by themselves.

use super::burst::Burst;
use super::transmit::Transmit;
use std::net::SocketAddr;
use std::ops::AddAssign;

/// The burst under construction, the way out, and what went by it.
pub(super) struct Departures {
    burst: Burst,
    transmit: Box<dyn Transmit>,
    pub(super) totals: Totals,
}

/// Since start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    /// Datagrams.
    pub(super) packets: u64,
    pub(super) bytes: u64,
    /// Packets that could not be sealed.
    pub(super) dropped: u64,
    /// Datagrams that the socket did not take.
    pub(super) refused: u64,
    /// Bursts of two datagrams and more.
    pub(super) bursts: u64,
    /// Datagrams in them.
    pub(super) in_bursts: u64,
    /// Bursts that had to go datagram by datagram.
    pub(super) split: u64,
    /// Packets that waited for their leg's pace.
    pub(super) paced: u64,
    /// Packets for which too many waited already.
    pub(super) pace_dropped: u64,
    /// Packets sent again.
    pub(super) resent: u64,
    /// Bytes of padding that tried for more.
    pub(super) probe_bytes: u64,
    /// Times the limit of a leg's line fell.
    pub(super) limit_falls: u64,
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.packets += other.packets;
        self.bytes += other.bytes;
        self.dropped += other.dropped;
        self.refused += other.refused;
        self.bursts += other.bursts;
        self.in_bursts += other.in_bursts;
        self.split += other.split;
        self.paced += other.paced;
        self.pace_dropped += other.pace_dropped;
        self.resent += other.resent;
        self.probe_bytes += other.probe_bytes;
        self.limit_falls += other.limit_falls;
    }
}

impl Departures {
    pub(super) fn new(transmit: Box<dyn Transmit>) -> Self {
        Self {
            burst: Burst::new(),
            transmit,
            totals: Totals::default(),
        }
    }

    /// Adds a datagram of `len` bytes that `write` puts in place; it leaves when the run of its like ends. `false`
    /// when it could not be written.
    pub(super) fn add<E>(
        &mut self,
        to: SocketAddr,
        len: usize,
        write: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> bool {
        if !self.burst.takes(to, len, self.transmit.segments_max()) {
            self.flush();
        }
        let written = self.burst.room(len).is_some_and(|room| write(room).is_ok());
        if written {
            self.burst.add(to, len);
            self.count(len);
        } else {
            self.totals.dropped += 1;
        }
        written
    }

    /// Sends one datagram after all that was added before.
    pub(super) fn send(&mut self, to: SocketAddr, bytes: &[u8]) {
        self.flush();
        self.count(bytes.len());
        self.totals.refused += self.transmit.send(to, bytes, None).refused;
    }

    /// Sends what was added.
    pub(super) fn flush(&mut self) {
        if self.burst.is_empty() {
            return;
        }
        let Some(flushed) = self.burst.flush(self.transmit.as_mut()) else {
            return;
        };
        self.totals.refused += flushed.outcome.refused;
        self.totals.split += u64::from(flushed.outcome.was_split);
        if flushed.datagrams > 1 {
            self.totals.bursts += 1;
            self.totals.in_bursts += flushed.datagrams as u64;
        }
    }

    fn count(&mut self, len: usize) {
        self.totals.packets += 1;
        self.totals.bytes += len as u64;
    }
}
