//! A slot: one m-line of a browser or WHEP leg, whose content changes and whose numbering does not.

mod repairs;
mod sending;
mod timing;

use crate::limits::{LAYER_ASK_INTERVAL, LAYER_ASKS_MAX, LAYER_REST, SWITCH_HOLD};
use crate::numbering::{Numbering, Rewrite};
use crate::outlet::{Outlet, SenderCount, Why};
use crate::ring::Stored;
use crate::stream::{Batch, SlotLink, Stream};
use crate::{Kind, Sink, SlotSpec, SlotView, SourceId, StreamId, sequence};
use repairs::Repairs;
use std::hint::black_box;
use std::time::Duration;
use timing::Timing;

/// A keyframe may have come so long before the newest picture of the same source: layers of one
/// frame do not arrive at one instant.
const REWIND_MAX: Duration = Duration::from_millis(20);

/// What a slot plays, waits for, and has sent.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) spec: SlotSpec,
    pub(crate) wanted: Option<SourceId>,
    pub(crate) playing: Option<StreamId>,
    pub(crate) waiting: Option<StreamId>,
    /// When what plays must stop, although what is waited for has not begun.
    hold_until: Option<Duration>,
    /// Requests sent for the keyframe it waits for.
    asked: u8,
    asked_at: Duration,
    /// When its line last forced it to a lower layer.
    fell_at: Option<Duration>,
    numbering: Numbering,
    /// Whose picture or sound it sent last.
    shown: Option<SourceId>,
    timing: Timing,
    /// The latest timestamp sent, and when its first packet was.
    last_timestamp: u32,
    last_sent_at: Option<Duration>,
    /// The dependency descriptor's, above all sent.
    next_frame_number: u16,
    count: SenderCount,
    /// Index of the next retransmission packet.
    next_rtx: u64,
    pub(crate) repairs: Repairs,
}

impl Slot {
    pub(crate) fn new(spec: SlotSpec) -> Self {
        Self {
            spec,
            wanted: None,
            playing: None,
            waiting: None,
            hold_until: None,
            asked: 0,
            asked_at: Duration::ZERO,
            fell_at: None,
            numbering: Numbering::new(),
            shown: None,
            timing: Timing::default(),
            last_timestamp: 0,
            last_sent_at: None,
            next_frame_number: 0,
            count: SenderCount::default(),
            next_rtx: 1,
            repairs: Repairs::default(),
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
        let is_linked = stream.as_ref().is_some_and(|it| self.follows(it.id));
        self.turn_to(stream.as_ref().map(|stream| stream.id), now);
        if let Some(stream) = stream.filter(|_| !is_linked) {
            stream.link_slot(link);
        }
    }

    /// Whether it could play a stream.
    pub(crate) fn takes(&self, stream: &Stream) -> bool {
        self.wanted == Some(stream.spec.source)
            && self.spec.kind == stream.kind()
            && self.spec.payload_types.get(stream.spec.codec).is_some()
    }

    /// Whether it sends packets of this SSRC, or retransmissions.
    pub(crate) fn sends(&self, ssrc: u32) -> bool {
        self.spec.ssrc == ssrc || self.spec.rtx.is_some_and(|rtx| rtx.ssrc == ssrc)
    }

    /// Whether packets of a stream concern it.
    pub(crate) fn follows(&self, stream: StreamId) -> bool {
        self.playing == Some(stream) || self.waiting == Some(stream)
    }

    /// The video stream it waits for and nobody was asked for yet.
    pub(crate) fn to_start(&self) -> Option<StreamId> {
        let is_unasked = self.spec.kind == Kind::Video && self.asked == 0;
        self.waiting.filter(|_| is_unasked)
    }

    /// Whether a keyframe of the stream is worth asking for: always to begin; to go from one layer to another
    /// [`LAYER_ASKS_MAX`] times, and then rarely.
    pub(crate) fn awaits(&self, stream: StreamId, now: Duration) -> bool {
        let has_picture = self.playing.is_some() && self.shown == self.wanted;
        let has_asked = self.asked >= LAYER_ASKS_MAX && now < self.asked_at + LAYER_ASK_INTERVAL;
        self.waiting == Some(stream) && !(has_picture && has_asked)
    }

    pub(crate) fn note_asked(&mut self, stream: StreamId, now: Duration) {
        if self.waiting == Some(stream) {
            self.asked = self.asked.saturating_add(1);
            self.asked_at = now;
        }
    }

    /// Its line forced it down.
    pub(crate) fn fall(&mut self, now: Duration) {
        self.fell_at = Some(now);
    }

    pub(crate) fn may_rise(&self, now: Duration) -> bool {
        self.fell_at.is_none_or(|at| at + LAYER_REST <= now)
    }

    /// Turns to a stream, or to none. A picture may go on for a while, sound stops; another layer or
    /// another stream of the same source is waited for without haste.
    fn turn_to(&mut self, stream: Option<StreamId>, now: Duration) {
        let waiting = stream.filter(|stream| self.playing != Some(*stream));
        if waiting != self.waiting {
            self.asked = 0;
        }
        self.waiting = waiting;
        let stays = stream.is_some() && self.waiting.is_none();
        let is_same_source = self.shown == self.wanted;
        if self.wanted.is_none() || self.spec.kind == Kind::Audio && !stays {
            self.stop();
        } else if stays || is_same_source {
            self.hold_until = None;
        } else if self.playing.is_some() {
            self.hold_until.get_or_insert(now + SWITCH_HOLD);
        }
    }

    /// Stops what plays.
    pub(crate) fn stop(&mut self) {
        self.playing = None;
        self.hold_until = None;
    }

    /// Begins to read what [`Self::forward`] needs.
    pub(crate) fn fetch(&self) {
        let segment = self.numbering.current();
        let near = (self.spec.ssrc, self.count.packets, self.last_timestamp);
        black_box((segment.map(|segment| segment.first), near));
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
            Kind::Video => stream
                .pictures
                .entry(batch, stream.requests.interval(), now),
        };
        let Some(entry) = entry else {
            return false;
        };
        if self.would_rewind(stream, entry) || !self.begin_segment(stream, entry, now) {
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

    /// Whether a keyframe is older than what was shown of the same source.
    fn would_rewind(&self, stream: &Stream, entry: u64) -> bool {
        let is_same = self.shown == Some(stream.spec.source) && self.spec.kind == Kind::Video;
        let ends = self.last_sent_at.zip(stream.ring.get(entry));
        is_same && ends.is_some_and(|(last, entry)| entry.received_at + REWIND_MAX < last)
    }

    fn begin_segment(&mut self, stream: &Stream, entry: u64, now: Duration) -> bool {
        let codec = stream.spec.codec;
        let (Some(stored), Some(payload_type)) =
            (stream.ring.get(entry), self.spec.payload_types.get(codec))
        else {
            return false;
        };
        let timestamp = self.first_timestamp(stream, stored, now);
        self.shown = Some(stream.spec.source);
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
    /// making the receiver ask for thousands of packets. What it waits for already goes first.
    fn begin_again(
        &mut self,
        stream: &Stream,
        batch: &Batch<'_>,
        now: Duration,
        out: &mut Outlet<'_, impl Sink>,
    ) {
        self.stop();
        if self.waiting.is_none() {
            self.waiting = Some(stream.id);
            self.try_start(stream, batch, now, out);
        }
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
