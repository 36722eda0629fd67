//! A neighbour relay: streams pass with their numbering unchanged.

use crate::limits::{PAUSED_KEEPALIVE_PACKETS, RING_PACKETS, SUBSCRIPTIONS_MAX, TRUNK_SSRCS_MAX};
use crate::outlet::{Outlet, SenderCount, Sent, Why};
use crate::ring::Stored;
use crate::stream::{Batch, Stream, TrunkLink};
use crate::{Packet, Refusal, SenderReport, Sink, SourceId, StreamId, sequence};
use std::collections::{BTreeMap, BTreeSet};

/// An SSRC does not begin this close to the wrap: were all packets before it lost, the receiver
/// would guess a rollover counter of zero for ever (RFC 3711 §3.3.1).
const BEGIN_MAX: u64 = 0xffff - 16;

/// A source that comes back this far behind what was sent is taken for a stale one. It holds what a ring does twice over;
/// whatever seems further behind lies ahead, over the wrap.
const STALE_PACKETS: u64 = 2 * RING_PACKETS as u64;

/// What a trunk wants, and what each SSRC has used up of its numbers.
#[derive(Debug, Default)]
pub(crate) struct Trunk {
    subscriptions: BTreeSet<SourceId>,
    /// By SSRC: where in `sendings` it is.
    names: BTreeMap<u32, usize>,
    /// Only grows, so that a position names one SSRC for the whole session.
    sendings: Vec<Sending>,
}

/// One SSRC on one trunk session. Outlives the stream: a source that comes back under the same
/// SSRC must never be sealed again under a number already used (RFC 7714 §8.1).
#[derive(Debug)]
pub(crate) struct Sending {
    stream: StreamId,
    /// Packet index minus the stream's unwrapped number.
    shift: i64,
    /// The least index this stream may use.
    floor: u64,
    highest: u64,
    count: SenderCount,
}

impl Sending {
    /// The rollover counter starts at the leg's own first packet, whatever the stream's is.
    fn begin(stream: &Stream, unwrapped: u64) -> Self {
        let index = unwrapped & 0xffff;
        Self {
            stream: stream.id,
            shift: index.cast_signed() - unwrapped.cast_signed(),
            floor: index,
            highest: index,
            count: SenderCount::default(),
        }
    }

    /// Continues under a stream opened anew, above everything used before: the source may have gone on for any time
    /// meanwhile. The other end finds the rollover counter by trying.
    fn adopt(&mut self, stream: &Stream, unwrapped: u64) -> Option<()> {
        let behind = u64::from((self.highest as u16).wrapping_sub(unwrapped as u16));
        if behind < STALE_PACKETS {
            return None;
        }
        let index = self.highest + (1 << 16) - behind;
        self.stream = stream.id;
        self.shift = index.cast_signed() - unwrapped.cast_signed();
        self.floor = index;
        Some(())
    }

    fn index(&self, unwrapped: u64) -> Option<u64> {
        unwrapped
            .checked_add_signed(self.shift)
            .filter(|index| *index >= self.floor)
    }
}

impl Trunk {
    pub(crate) fn subscribe(&mut self, source: SourceId) -> Result<(), Refusal> {
        let is_full = self.subscriptions.len() >= SUBSCRIPTIONS_MAX;
        if is_full && !self.subscriptions.contains(&source) {
            return Err(Refusal::TooManySubscriptions);
        }
        self.subscriptions.insert(source);
        Ok(())
    }

    pub(crate) fn unsubscribe(&mut self, source: SourceId) {
        self.subscriptions.remove(&source);
    }

    pub(crate) fn is_subscribed(&self, source: SourceId) -> bool {
        self.subscriptions.contains(&source)
    }

    /// Whether this SSRC was ever sent here.
    pub(crate) fn carried(&self, ssrc: u32) -> bool {
        self.names.contains_key(&ssrc)
    }

    /// Sends new packets; of a paused stream only what keeps the rollover counter in step.
    pub(crate) fn forward(
        &mut self,
        stream: &Stream,
        batch: &Batch<'_>,
        link: &mut TrunkLink,
        out: &mut Outlet<'_, impl Sink>,
    ) {
        for stored in batch.members.iter().filter_map(|n| stream.ring.get(*n)) {
            match self.claim(stream, stored.sequence(), link) {
                Claim::Index(index) => {
                    if let Some(sending) = self.sending_mut(link.sending) {
                        sending.highest = sending.highest.max(index);
                        sending.count.count(stored.payload().len());
                    }
                    out.send(packet(stream, stored, out.leg, index, false), Why::First);
                }
                Claim::Paused => {}
                Claim::Refused => out.stats.unsendable += 1,
            }
        }
    }

    fn sending_mut(&mut self, position: Option<usize>) -> Option<&mut Sending> {
        self.sendings.get_mut(position?)
    }

    fn claim(&mut self, stream: &Stream, unwrapped: u64, link: &mut TrunkLink) -> Claim {
        if link.sending.is_none() {
            link.sending = self.names.get(&stream.spec.ssrc).copied();
        }
        let is_active = link.is_active();
        let Some(sending) = self.sending_mut(link.sending) else {
            return self.begin(stream, unwrapped, link);
        };
        if sending.stream != stream.id && sending.adopt(stream, unwrapped).is_none() {
            return Claim::Refused;
        }
        match sending.index(unwrapped) {
            None => Claim::Refused,
            Some(index) if !is_active && index < sending.highest + PAUSED_KEEPALIVE_PACKETS => {
                Claim::Paused
            }
            Some(index) => Claim::Index(index),
        }
    }

    fn begin(&mut self, stream: &Stream, unwrapped: u64, link: &mut TrunkLink) -> Claim {
        if !link.is_active() || unwrapped & 0xffff > BEGIN_MAX {
            return Claim::Paused;
        }
        if self.sendings.len() >= TRUNK_SSRCS_MAX {
            return Claim::Refused;
        }
        let sending = Sending::begin(stream, unwrapped);
        let index = sending.floor;
        link.sending = Some(self.sendings.len());
        self.names.insert(stream.spec.ssrc, self.sendings.len());
        self.sendings.push(sending);
        Claim::Index(index)
    }

    fn by_ssrc(&self, ssrc: u32) -> Option<&Sending> {
        self.sendings.get(*self.names.get(&ssrc)?)
    }

    /// Finds what was sent (or, while paused, would have been) as this number: the bytes and index
    /// of then.
    pub(crate) fn find(&self, ssrc: u32, number: u16) -> Option<Sent> {
        let sending = self.by_ssrc(ssrc)?;
        let index = sequence::nearest(sending.highest, number)?;
        if index > sending.highest || index < sending.floor {
            return None;
        }
        Some(Sent {
            stream: sending.stream,
            unwrapped: index.checked_add_signed(-sending.shift)?,
            index,
        })
    }

    /// Sends a packet again, bit-identical.
    pub(crate) fn resend(
        stream: &Stream,
        stored: &Stored,
        index: u64,
        out: &mut Outlet<'_, impl Sink>,
    ) {
        out.send(packet(stream, stored, out.leg, index, true), Why::Again);
    }

    /// Passes a sender report on verbatim.
    pub(crate) fn report(
        &self,
        stream: &Stream,
        ntp: u64,
        rtp: u32,
        out: &mut Outlet<'_, impl Sink>,
    ) {
        if let Some(sending) = self.by_ssrc(stream.spec.ssrc) {
            out.report(SenderReport {
                leg: out.leg,
                ssrc: stream.spec.ssrc,
                ntp,
                rtp,
                packets: sending.count.packets,
                octets: sending.count.octets,
            });
        }
    }
}

/// Whether a packet may go.
enum Claim {
    Index(u64),
    Paused,
    Refused,
}

fn packet<'a>(
    stream: &Stream,
    stored: &'a Stored,
    leg: crate::LegId,
    index: u64,
    resend: bool,
) -> Packet<'a> {
    let (header, payload) = stored.verbatim();
    let kind = stream.kind();
    Packet {
        leg,
        ssrc: stream.spec.ssrc,
        index,
        header,
        osn: None,
        payload,
        padding: stored.padding,
        transport_sequence_at: None,
        kind,
        frame_end: stored.header.marker || kind == crate::Kind::Audio,
        resend,
    }
}
