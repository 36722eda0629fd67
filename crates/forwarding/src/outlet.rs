//! The way out to one leg: counts what passes.

use crate::{Action, LegId, LegStats, Packet, SenderReport, Sink, StreamId};

/// A leg's id and figures, and the sink.
pub(crate) struct Outlet<'a, S> {
    pub(crate) leg: LegId,
    pub(crate) stats: &'a mut LegStats,
    pub(crate) sink: &'a mut S,
}

impl<S: Sink> Outlet<'_, S> {
    pub(crate) fn send(&mut self, packet: Packet<'_>, why: Why) {
        match why {
            Why::First => {
                self.stats.packets += 1;
                self.stats.bytes += packet.len() as u64;
            }
            Why::Again => self.stats.resends += 1,
            Why::Ahead => self.stats.repeats += 1,
            Why::Filling => self.stats.filling_bytes += packet.len() as u64,
        }
        self.sink.take(Action::Send(packet));
    }

    pub(crate) fn report(&mut self, report: SenderReport) {
        self.sink.take(Action::SenderReport(report));
    }
}

/// Why a packet is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// It is new to the leg.
    First,
    /// The leg asked for it again, or told that it did not arrive.
    Again,
    /// It may not have arrived.
    Ahead,
    /// To fill the leg's line.
    Filling,
}

/// Packets and payload octets sent under one SSRC, as a sender report counts them
/// (RFC 3550 §6.4.1: resends are left out here, as a resend is no new media).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SenderCount {
    pub(crate) packets: u32,
    pub(crate) octets: u32,
}

impl SenderCount {
    pub(crate) fn count(&mut self, octets: usize) {
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(octets as u32);
    }
}

/// Something sent before: where it lies and the index it had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) stream: StreamId,
    pub(crate) unwrapped: u64,
    pub(crate) index: u64,
}
