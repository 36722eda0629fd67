//! The one buffer that packets are sealed into: a run of equal segments to one address leaves as one burst.

use super::transmit::{BURST_BYTES_MAX, Outcome, Transmit};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

/// Datagrams to one address, one after the other, all as long as the first but for the last.
pub(super) struct Burst {
    bytes: Box<[u8]>,
    len: usize,
    to: SocketAddr,
    /// Length of the first datagram.
    segment: usize,
    count: usize,
    /// The last one is shorter: nothing may follow it.
    is_ended: bool,
}

impl Burst {
    pub(super) fn new() -> Self {
        Self {
            bytes: vec![0; BURST_BYTES_MAX].into_boxed_slice(),
            len: 0,
            to: SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0)),
            segment: 0,
            count: 0,
            is_ended: false,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Can a datagram of `len` bytes to `to` go with those that are here?
    pub(super) fn takes(&self, to: SocketAddr, len: usize, segments_max: usize) -> bool {
        self.count == 0
            || (self.count < segments_max
                && !self.is_ended
                && len <= self.segment
                && self.to == to
                && self.len + len <= self.bytes.len())
    }

    /// Where a datagram of `len` bytes is to be written.
    pub(super) fn room(&mut self, len: usize) -> Option<&mut [u8]> {
        self.bytes.get_mut(self.len..self.len + len)
    }

    /// What was written there is a datagram to `to`.
    pub(super) fn add(&mut self, to: SocketAddr, len: usize) {
        if self.count == 0 {
            self.to = to;
            self.segment = len;
        }
        self.is_ended = len < self.segment;
        self.len += len;
        self.count += 1;
    }

    /// Sends what is here. Without datagrams, nothing.
    pub(super) fn flush(&mut self, transmit: &mut dyn Transmit) -> Option<Flushed> {
        let bytes = self
            .bytes
            .get(..self.len)
            .filter(|bytes| !bytes.is_empty())?;
        let segment_size = (self.count > 1).then_some(self.segment);
        let flushed = Flushed {
            datagrams: self.count,
            outcome: transmit.send(self.to, bytes, segment_size),
        };
        self.len = 0;
        self.count = 0;
        self.is_ended = false;
        Some(flushed)
    }
}

/// A burst that was sent.
pub(super) struct Flushed {
    pub(super) datagrams: usize,
    pub(super) outcome: Outcome,
}
