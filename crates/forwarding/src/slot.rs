//! A slot: one m-line of a browser or WHEP leg, whose content changes and whose numbering does not.

mod sending;

use crate::limits::SWITCH_HOLD;
use crate::numbering::{Numbering, Rewrite};
use crate::outlet::{Outlet, SenderCount, Why};
use crate::ring::Stored;
use crate::stream::{Batch, SlotLink, Stream};
use crate::{Kind, Sink, SlotSpec, SlotView, SourceId, StreamId, sequence};
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
    /// The dependency descriptor's, above all sent.
    next_frame_number: u16,
    count: SenderCount,
    /// Index of the next retransmission packet.
    next_rtx: u64,
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
            next_frame_number: 0,
            count: SenderCount::default(),
            next_rtx: 1,
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
        let frame_number = frame_number(stored);
        let rewrite = Rewrite {
            timestamp_shift: timestamp.wrapping_sub(stored.header.timestamp),
            frame_shift: self
                .next_frame_number
                .wrapping_sub(frame_number.unwrap_or_default()),
            payload_type,
            rtx_payload_type: self.spec.rtx.and_then(|rtx| rtx.payload_types.get(codec)),
        };
        self.numbering.begin(stream.id, entry, rewrite);
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
        if let Some(segment) = self.numbering.segment(index).copied() {
            self.send(stored, index, &segment, Why::First, out);
            self.note_frame(stored, &segment.rewrite, now);
        }
        true
    }

    /// Follows what the next source goes on from.
    fn note_frame(&mut self, stored: &Stored, rewrite: &Rewrite, now: Duration) {
        if let Some(number) = frame_number(stored) {
            let next = number.wrapping_add(rewrite.frame_shift).wrapping_add(1);
            let ahead = next.wrapping_sub(self.next_frame_number).cast_signed();
            if ahead > 0 {
                self.next_frame_number = next;
            }
        }
        let timestamp = stored
            .header
            .timestamp
            .wrapping_add(rewrite.timestamp_shift);
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
}

/// The frame number of a packet's dependency descriptor.
fn frame_number(stored: &Stored) -> Option<u16> {
    let (header, _) = stored.verbatim();
    match stored.header.dependency(header)? {
        [_, n0, n1, ..] => Some(u16::from_be_bytes([*n0, *n1])),
        _ => None,
    }
}
