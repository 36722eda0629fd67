//! What a slot puts on the wire: packets, packets again, padding, sender reports.

use super::{Slot, frame_number};
use crate::limits::PADDING_PACKETS_MAX;
use crate::numbering::Segment;
use crate::outlet::{Outlet, Sent, Why};
use crate::ring::Stored;
use crate::slot_header::{Dependency, SLOT_HEADER_BYTES_MAX, SlotHeader};
use crate::stream::Stream;
use crate::{Kind, Packet, SenderReport, Sink, StreamId};
use std::time::Duration;

impl Slot {
    /// Sends a packet under its own number, for the first time or bit-identical again: everything
    /// in the header follows from segment and packet.
    pub(super) fn send(
        &self,
        stored: &Stored,
        index: u64,
        segment: &Segment,
        why: Why,
        out: &mut Outlet<'_, impl Sink>,
    ) {
        let mut buffer = [0; SLOT_HEADER_BYTES_MAX];
        let header = self.header(stored, index, segment).write(&mut buffer);
        let packet = Packet {
            leg: out.leg,
            ssrc: self.spec.ssrc,
            index,
            header: header.bytes,
            osn: None,
            payload: stored.payload(),
            padding: stored.padding,
            transport_sequence_at: header.transport_sequence_at,
            kind: self.spec.kind,
            frame_end: stored.header.marker || self.spec.kind == Kind::Audio,
            resend: why != Why::First,
        };
        out.send(packet, why);
    }

    fn header<'a>(&'a self, stored: &'a Stored, index: u64, segment: &Segment) -> SlotHeader<'a> {
        let rewrite = &segment.rewrite;
        let is_first_sound = self.spec.kind == Kind::Audio && index == segment.first;
        let dependency = stored.header.dependency(stored.verbatim().0);
        let frame_number = frame_number(stored).unwrap_or_default();
        SlotHeader {
            // A switch of audio begins a talkspurt (RFC 3551 §4.1): receivers may adapt there.
            marker: stored.header.marker || is_first_sound,
            payload_type: rewrite.payload_type,
            sequence: index as u16,
            timestamp: stored
                .header
                .timestamp
                .wrapping_add(rewrite.timestamp_shift),
            ssrc: self.spec.ssrc,
            is_padded: stored.padding > 0,
            extensions: &self.spec.extensions,
            audio_level: stored.header.audio_level,
            // What may come again under the same index must not change.
            is_counted: rewrite.rtx_payload_type.is_some(),
            dependency: dependency.map(|bytes| Dependency {
                bytes,
                frame_number: frame_number.wrapping_add(rewrite.frame_shift),
            }),
        }
    }

    /// Finds what was sent as this number.
    pub(crate) fn find(&self, number: u16) -> Option<Sent> {
        self.numbering.find(number)
    }

    /// What was sent under this index.
    pub(crate) fn at(&self, index: u64) -> Option<Sent> {
        self.numbering.at(index)
    }

    /// The highest index sent; 0 when none was.
    pub(crate) fn newest(&self) -> u64 {
        self.numbering.newest()
    }

    /// Sends a packet again: in a retransmission packet, else bit-identical.
    pub(crate) fn resend(&mut self, stored: &Stored, index: u64, out: &mut Outlet<'_, impl Sink>) {
        let Some(segment) = self.numbering.segment(index).copied() else {
            return;
        };
        match segment.rewrite.rtx_payload_type.zip(self.spec.rtx) {
            Some(_) => {
                self.retransmit(stored, index, &segment, Why::Again, out);
            }
            None => self.send(stored, index, &segment, Why::Again, out),
        }
    }

    /// Whether it has retransmission packets for what it sent under this index.
    pub(crate) fn can_repeat(&self, index: u64) -> bool {
        let segment = self.numbering.segment(index);
        segment.is_some_and(|segment| segment.rewrite.rtx_payload_type.is_some())
    }

    /// Sends a packet in a retransmission packet, though nobody asked.
    pub(crate) fn repeat(
        &mut self,
        stored: &Stored,
        index: u64,
        why: Why,
        out: &mut Outlet<'_, impl Sink>,
    ) {
        if let Some(segment) = self.numbering.segment(index).copied() {
            self.retransmit(stored, index, &segment, why, out);
        }
    }

    /// RFC 4588 §4: the original number before the payload, all else as it was. Gives the packet's
    /// bytes, 0 when there is no retransmission stream for it.
    fn retransmit(
        &mut self,
        stored: &Stored,
        index: u64,
        segment: &Segment,
        why: Why,
        out: &mut Outlet<'_, impl Sink>,
    ) -> usize {
        let Some(payload_type) = segment.rewrite.rtx_payload_type else {
            return 0;
        };
        let (rtx_ssrc, rtx_index) = self.next_rtx();
        if why != Why::Filling {
            self.repairs.note_sent(index, why == Why::Again);
        }
        let header = SlotHeader {
            payload_type,
            sequence: rtx_index as u16,
            ssrc: rtx_ssrc,
            is_padded: false,
            ..self.header(stored, index, segment)
        };
        let osn = Some(index as u16);
        self.send_rtx(&header, rtx_index, (osn, stored.payload(), 0), why, out)
    }

    /// One packet of padding alone, in the retransmission stream (RFC 3550 §5.1). Gives its bytes.
    fn pad_once(
        &mut self,
        bytes: usize,
        segment: &Segment,
        out: &mut Outlet<'_, impl Sink>,
    ) -> usize {
        let Some(payload_type) = segment.rewrite.rtx_payload_type else {
            return 0;
        };
        let (ssrc, index) = self.next_rtx();
        let header = SlotHeader {
            marker: false,
            payload_type,
            sequence: index as u16,
            timestamp: self.last_timestamp,
            ssrc,
            is_padded: true,
            extensions: &self.spec.extensions,
            audio_level: None,
            is_counted: true,
            dependency: None,
        };
        let padding = bytes.clamp(1, usize::from(u8::MAX)) as u8;
        self.send_rtx(&header, index, (None, &[], padding), Why::Filling, out)
    }

    /// The numbers of the retransmission stream are its own and none comes twice.
    fn next_rtx(&mut self) -> (u32, u64) {
        let index = self.next_rtx;
        self.next_rtx += 1;
        (self.spec.rtx.map_or(0, |rtx| rtx.ssrc), index)
    }

    fn send_rtx(
        &self,
        header: &SlotHeader<'_>,
        index: u64,
        (osn, payload, padding): (Option<u16>, &[u8], u8),
        why: Why,
        out: &mut Outlet<'_, impl Sink>,
    ) -> usize {
        let mut buffer = [0; SLOT_HEADER_BYTES_MAX];
        let written = header.write(&mut buffer);
        let packet = Packet {
            leg: out.leg,
            ssrc: header.ssrc,
            index,
            header: written.bytes,
            osn,
            payload,
            padding,
            transport_sequence_at: written.transport_sequence_at,
            kind: self.spec.kind,
            frame_end: true,
            resend: true,
        };
        out.send(packet, why);
        packet.len()
    }

    /// The stream whose packets it may send once more to fill its leg's line, if it can fill it.
    pub(crate) fn filling(&self) -> Option<StreamId> {
        let segment = self.numbering.current()?;
        segment.rewrite.rtx_payload_type.map(|_| segment.stream)
    }

    /// Sends about `bytes` of retransmission packets nobody asked for: what was sent last, the newest
    /// first, of use where it was lost; for less than half of one padding alone. Gives the bytes sent.
    pub(crate) fn pad(
        &mut self,
        stream: Option<&Stream>,
        bytes: usize,
        out: &mut Outlet<'_, impl Sink>,
    ) -> usize {
        let Some(segment) = self.numbering.current().copied() else {
            return 0;
        };
        let mut sent = 0;
        let mut newest = stream.map_or(0, |stream| stream.sent_to);
        for _ in 0..PADDING_PACKETS_MAX {
            if sent >= bytes {
                break;
            }
            let index = self.numbering.index(newest);
            let known = index.filter(|index| self.numbering.is_used(*index));
            let stored = stream.and_then(|stream| stream.ring.get(newest));
            sent += match stored.zip(known) {
                Some((stored, index)) if stored.len() <= 2 * (bytes - sent) => {
                    self.retransmit(stored, index, &segment, Why::Filling, out)
                }
                _ => self.pad_once(bytes - sent, &segment, out),
            };
            newest = newest.saturating_sub(1);
        }
        sent
    }

    /// Passes a sender report on, in the slot's timestamps.
    pub(crate) fn report(
        &mut self,
        stream: &Stream,
        ntp: u64,
        rtp: u32,
        out: &mut Outlet<'_, impl Sink>,
    ) {
        let Some(segment) = self.numbering.current() else {
            return;
        };
        if self.playing == Some(stream.id) && segment.stream == stream.id {
            let rtp = rtp.wrapping_add(segment.rewrite.timestamp_shift);
            self.timing.follow(stream.spec.source, ntp, rtp);
            out.report(SenderReport {
                leg: out.leg,
                ssrc: self.spec.ssrc,
                ntp: ntp.wrapping_add_signed(stream.clock_offset),
                rtp,
                packets: self.count.packets,
                octets: self.count.octets,
            });
        }
    }

    /// After a switch the receiver's mapping is wrong until the next report: it gets one at once.
    pub(super) fn report_now(
        &mut self,
        stream: &Stream,
        now: Duration,
        out: &mut Outlet<'_, impl Sink>,
    ) {
        if let Some((ntp, rtp)) = stream.reception.mapping_at(now) {
            self.report(stream, ntp, rtp, out);
        }
    }
}
