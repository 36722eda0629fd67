//! A slot: one m-line of a browser or WHEP leg, whose content changes and whose numbering does not.

use crate::limits::SWITCH_HOLD;
use crate::numbering::Numbering;
use crate::outlet::{Outlet, SenderCount, Sent};
use crate::ring::Stored;
use crate::rtp::{SLOT_HEADER_BYTES_MAX, SlotHeader};
use crate::stream::{Batch, SlotLink, Stream};
use crate::{Kind, Packet, SenderReport, Sink, SlotSpec, SlotView, SourceId, StreamId, sequence};
use std::time::Duration;

/// Least distance between the last picture of one source and the first of the next: two frames
/// with one timestamp would be taken for one frame.
const SWITCH_GAP: Duration = Duration::from_millis(20);

/// A slot empty for longer goes on as if it had been empty this long: a timestamp may not move by
/// half its range or it seems to go back (6.6 hours at 90 kHz).
const SWITCH_GAP_MAX: Duration = Duration::from_hours(1);

/// What a slot plays, waits for, and has sent.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) spec: SlotSpec,
    pub(crate) wanted: Option<SourceId>,
    pub(crate) playing: Option<StreamId>,
    pub(crate) waiting: Option<StreamId>,
    /// When what plays must stop, although what is waited for has not begun.
    hold_until: Option<Duration>,
    numbering: Numbering,
    /// The latest timestamp sent, and when its first packet was.
    last_timestamp: u32,
    last_sent_at: Option<Duration>,
    count: SenderCount,
}

impl Slot {
    pub(crate) fn new(spec: SlotSpec) -> Self {
        Self {
            spec,
            wanted: None,
            playing: None,
            waiting: None,
            hold_until: None,
            numbering: Numbering::new(),
            last_timestamp: 0,
            last_sent_at: None,
            count: SenderCount::default(),
        }
    }

    pub(crate) fn view(&self) -> SlotView {
        SlotView {
            wanted: self.wanted,
            playing: self.playing,
            waiting: self.waiting,
        }
    }

    /// Turns to its source's current stream, if it can play that, and has packets find it.
    pub(crate) fn settle(&mut self, current: Option<&mut Stream>, link: SlotLink, now: Duration) {
        let stream = current.filter(|stream| self.takes(stream));
        self.turn_to(stream.as_ref().map(|stream| stream.id), now);
        if let Some(stream) = stream {
            stream.link_slot(link);
        }
    }

    /// Whether it could play a stream.
    fn takes(&self, stream: &Stream) -> bool {
        self.wanted == Some(stream.spec.source)
            && self.spec.kind == stream.kind()
            && self.spec.payload_types.get(stream.spec.codec).is_some()
    }

    /// Whether packets of a stream concern it.
    pub(crate) fn follows(&self, stream: StreamId) -> bool {
        self.playing == Some(stream) || self.waiting == Some(stream)
    }

    /// Turns to a stream, or to none. A picture may go on for a while, sound stops.
    fn turn_to(&mut self, stream: Option<StreamId>, now: Duration) {
        self.waiting = stream.filter(|stream| self.playing != Some(*stream));
        let stays = stream.is_some() && self.waiting.is_none();
        if stays {
            self.hold_until = None;
        } else if self.wanted.is_none() || self.spec.kind == Kind::Audio {
            self.stop();
        } else if self.playing.is_some() {
            self.hold_until.get_or_insert(now + SWITCH_HOLD);
        }
    }

    /// Stops what plays.
    pub(crate) fn stop(&mut self) {
        self.playing = None;
        self.hold_until = None;
    }

    /// Takes the packets of its stream that go out now.
    pub(crate) fn forward(
        &mut self,
        stream: &Stream,
        batch: &Batch<'_>,
        now: Duration,
        out: &mut Outlet<'_, impl Sink>,
    ) {
        if self.hold_until.is_some_and(|until| until <= now) {
            self.stop();
        }
        if self.waiting == Some(stream.id) && self.try_start(stream, batch, now, out) {
            return;
        }
        if self.playing != Some(stream.id) {
            return;
        }
        for stored in batch.members.iter().filter_map(|n| stream.ring.get(*n)) {
            if !self.go_on(stored, now, out) {
                self.begin_again(stream, batch, now, out);
                return;
            }
        }
    }

    /// Begins what it waits for, if that has a packet to begin with; true when it did.
    pub(crate) fn try_start(
        &mut self,
        stream: &Stream,
        batch: &Batch<'_>,
        now: Duration,
        out: &mut Outlet<'_, impl Sink>,
    ) -> bool {
        let entry = match self.spec.kind {
            Kind::Audio => Some(batch.through),
            Kind::Video => stream.pictures.entry(batch, now),
        };
        let Some(entry) = entry else {
            return false;
        };
        if !self.begin_segment(stream, entry) {
            return false;
        }
        self.waiting = None;
        self.hold_until = None;
        self.playing = Some(stream.id);
        out.stats.switches += 1;
        self.report_now(stream, now, out);
        for stored in (entry..=batch.through).filter_map(|n| stream.ring.get(n)) {
            self.go_on(stored, now, out);
        }
        true
    }

    fn begin_segment(&mut self, stream: &Stream, entry: u64) -> bool {
        let codec = stream.spec.codec;
        let (Some(stored), Some(payload_type)) =
            (stream.ring.get(entry), self.spec.payload_types.get(codec))
        else {
            return false;
        };
        let timestamp = match self.last_sent_at {
            None => stored.header.timestamp,
            Some(at) => {
                let passed = stored.received_at.saturating_sub(at);
                let gap = passed.clamp(SWITCH_GAP, SWITCH_GAP_MAX);
                let ticks = sequence::ticks(gap, codec.clock_rate_hz());
                self.last_timestamp.wrapping_add(ticks)
            }
        };
        let shift = timestamp.wrapping_sub(stored.header.timestamp);
        self.numbering.begin(stream.id, entry, shift, payload_type);
        true
    }

    /// Sends a packet of the stream that plays; false when too much before it is missing.
    fn go_on(&mut self, stored: &Stored, now: Duration, out: &mut Outlet<'_, impl Sink>) -> bool {
        let Some(index) = self.numbering.index(stored.sequence()) else {
            return true;
        };
        if self.numbering.is_beyond_repair(index) {
            return false;
        }
        self.numbering.use_up(index);
        self.count.count(stored.payload().len());
        if let Some(timestamp) = self.send(stored, index, false, out) {
            self.note_time(timestamp, now);
        }
        true
    }

    fn note_time(&mut self, timestamp: u32, now: Duration) {
        let is_first = self.last_sent_at.is_none();
        if is_first || sequence::timestamp_after(timestamp, self.last_timestamp) {
            self.last_timestamp = timestamp;
            self.last_sent_at = Some(now);
        }
    }

    /// A gap wider than the ring can never be repaired: it is taken for a switch instead of
    /// making the receiver ask for thousands of packets.
    fn begin_again(
        &mut self,
        stream: &Stream,
        batch: &Batch<'_>,
        now: Duration,
        out: &mut Outlet<'_, impl Sink>,
    ) {
        self.stop();
        self.waiting = Some(stream.id);
        self.try_start(stream, batch, now, out);
    }

    /// Finds what was sent as this number.
    pub(crate) fn find(&self, number: u16) -> Option<Sent> {
        self.numbering.find(number)
    }

    /// Sends a packet again, bit-identical.
    pub(crate) fn resend(&self, stored: &Stored, index: u64, out: &mut Outlet<'_, impl Sink>) {
        self.send(stored, index, true, out);
    }

    /// Everything in the header follows from segment and packet, so that a resend is the same.
    /// Gives the timestamp sent.
    fn send(
        &self,
        stored: &Stored,
        index: u64,
        resend: bool,
        out: &mut Outlet<'_, impl Sink>,
    ) -> Option<u32> {
        let segment = self.numbering.segment(index)?;
        let is_audio = self.spec.kind == Kind::Audio;
        let header = SlotHeader {
            // A switch of audio begins a talkspurt (RFC 3551 §4.1): receivers may adapt there.
            marker: stored.header.marker || is_audio && index == segment.first,
            payload_type: segment.payload_type,
            sequence: index as u16,
            timestamp: stored
                .header
                .timestamp
                .wrapping_add(segment.timestamp_shift),
            ssrc: self.spec.ssrc,
            is_padded: stored.padding > 0,
            audio_level: self
                .spec
                .extensions
                .audio_level
                .zip(stored.header.audio_level),
        };
        let mut buffer = [0; SLOT_HEADER_BYTES_MAX];
        out.send(Packet {
            leg: out.leg,
            ssrc: self.spec.ssrc,
            index,
            header: header.write(&mut buffer),
            osn: None,
            payload: stored.payload(),
            padding: stored.padding,
            transport_sequence_at: None,
            kind: self.spec.kind,
            frame_end: stored.header.marker || is_audio,
            resend,
        });
        Some(header.timestamp)
    }

    /// Passes a sender report on, in the slot's timestamps.
    pub(crate) fn report(
        &self,
        stream: &Stream,
        ntp: u64,
        rtp: u32,
        out: &mut Outlet<'_, impl Sink>,
    ) {
        let Some(segment) = self.numbering.current() else {
            return;
        };
        if self.playing == Some(stream.id) && segment.stream == stream.id {
            out.report(SenderReport {
                leg: out.leg,
                ssrc: self.spec.ssrc,
                ntp,
                rtp: rtp.wrapping_add(segment.timestamp_shift),
                packets: self.count.packets,
                octets: self.count.octets,
            });
        }
    }

    /// After a switch the receiver's mapping is wrong until the next report: it gets one at once.
    fn report_now(&self, stream: &Stream, now: Duration, out: &mut Outlet<'_, impl Sink>) {
        if let Some((ntp, rtp)) = stream.reception.mapping_at(now) {
            self.report(stream, ntp, rtp, out);
        }
    }
}
