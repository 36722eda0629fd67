//! The router: owner of streams, legs and the routes between them.

use crate::{
    Codec, Kind, LegId, LegStats, PayloadTypes, ReceptionReport, Refusal, RouterStats, Sink,
    SourceId, StreamId, StreamStats,
};
use std::time::Duration;

/// A stream to open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamSpec {
    /// Who publishes it.
    pub source: SourceId,
    /// Its codec, which gives kind and clock rate.
    pub codec: Codec,
    /// Its SSRC inside relays and on trunks.
    pub ssrc: u32,
    /// Whether the origin answers NACKs: then holes are asked for.
    pub resend: bool,
}

/// A slot of a leg: an m-line whose content changes and whose numbering does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotSpec {
    /// Audio or video.
    pub kind: Kind,
    /// The SSRC sent.
    pub ssrc: u32,
    /// What the leg negotiated; a source in any other codec leaves the slot empty.
    pub payload_types: PayloadTypes,
    /// The id of ssrc-audio-level (RFC 6464) on this leg, 1 to 14; `None` drops the extension.
    pub audio_level_id: Option<u8>,
}

/// What a slot does now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlotView {
    /// Where it is pointed.
    pub wanted: Option<SourceId>,
    /// The stream it plays.
    pub playing: Option<StreamId>,
    /// The stream whose keyframe (audio: next packet) it waits for.
    pub waiting: Option<StreamId>,
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// New, stored and passed on.
    Accepted,
    /// There was a copy already.
    Duplicate,
    /// Older than the ring: dropped.
    BehindWindow,
    /// A jump too far ahead: dropped.
    BeyondWindow,
    /// Not a packet of this stream: dropped.
    Malformed,
    /// The stream is not open: dropped.
    UnknownStream,
}

/// Owner of streams, legs and the routes between them. See the [crate] page.
///
/// `now` never goes back between calls; when it does, the router treats it as standing still.
#[derive(Debug, Default)]
pub struct Router {}

/// Streams.
impl Router {
    /// An empty router.
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens a stream. It becomes its source's current stream of its kind: slots pointed at the
    /// source move to it at its first keyframe, trunks subscribed to the source carry it.
    ///
    /// The same spec again gives the same id: a second parent's copy joins the first one's ring.
    pub fn open_stream(&mut self, spec: StreamSpec, now: Duration) -> Result<StreamId, Refusal> {
        let _ = (spec, now);
        Err(Refusal::TooManyStreams)
    }

    /// Ends a stream; slots that played it wait for the source's next one. Unknown: nothing.
    ///
    /// A stream silent for a minute should be closed: after 16,384 missed packets its numbering
    /// cannot be continued.
    pub fn close_stream(&mut self, stream: StreamId) {
        let _ = stream;
    }

    /// The open stream of an SSRC.
    pub fn stream_by_ssrc(&self, ssrc: u32) -> Option<StreamId> {
        let _ = ssrc;
        None
    }

    /// What a stream was opened with.
    pub fn stream_spec(&self, stream: StreamId) -> Option<StreamSpec> {
        let _ = stream;
        None
    }

    /// All open streams.
    pub fn streams(&self) -> impl Iterator<Item = (StreamId, StreamSpec)> {
        std::iter::empty()
    }

    /// Tells the round trip to a stream's origin, which paces its resend requests.
    pub fn set_round_trip(&mut self, stream: StreamId, round_trip: Duration) {
        let _ = (stream, round_trip);
    }
}

/// Legs and routes.
impl Router {
    /// Adds a neighbour relay. Numbering is passed on unchanged. Add it when it can be sent to.
    pub fn add_trunk_leg(&mut self, leg: LegId) -> Result<(), Refusal> {
        let _ = leg;
        Err(Refusal::TooManyLegs)
    }

    /// Adds a browser or WHEP leg with its slots, in m-line order. Add it when it can be sent to:
    /// its first keyframe goes out as soon as a slot is pointed.
    pub fn add_slot_leg(&mut self, leg: LegId, slots: &[SlotSpec]) -> Result<(), Refusal> {
        let _ = (leg, slots);
        Err(Refusal::TooManyLegs)
    }

    /// Removes a leg with all its routes. Unknown: nothing.
    pub fn remove_leg(&mut self, leg: LegId) {
        let _ = leg;
    }

    /// Sends every stream of a source, present and future, to a trunk.
    pub fn subscribe(&mut self, trunk: LegId, source: SourceId) -> Result<(), Refusal> {
        let _ = (trunk, source);
        Err(Refusal::UnknownLeg)
    }

    /// Stops that, save for one packet per [`crate::limits::PAUSED_KEEPALIVE_PACKETS`].
    pub fn unsubscribe(&mut self, trunk: LegId, source: SourceId) {
        let _ = (trunk, source);
    }

    /// The streams a trunk carries now: what its feed announcements name.
    pub fn trunk_streams(&self, trunk: LegId) -> impl Iterator<Item = (StreamId, StreamSpec)> {
        let _ = trunk;
        std::iter::empty()
    }

    /// Points a slot at a source, or at nothing. Audio switches at the source's next packet; video
    /// at a keyframe: replayed when a complete one younger than
    /// [`crate::limits::KEYFRAME_INTERVAL`] is in the ring, else asked for. Until then the old
    /// picture goes on, for [`crate::limits::SWITCH_HOLD`] at most. Nothing stops at once.
    pub fn point(
        &mut self,
        leg: LegId,
        slot: usize,
        source: Option<SourceId>,
        now: Duration,
        sink: &mut impl Sink,
    ) -> Result<(), Refusal> {
        let _ = (leg, slot, source, now, sink);
        Err(Refusal::UnknownLeg)
    }

    /// What a slot does now.
    pub fn slot(&self, leg: LegId, slot: usize) -> Option<SlotView> {
        let _ = (leg, slot);
        None
    }
}

/// Packets, feedback and time.
impl Router {
    /// Takes a decrypted RTP packet in canonical form: the stream's SSRC, canonical payload type,
    /// only the audio level extension, with id 1 in the one-byte form (RFC 8285 §4.2).
    pub fn handle_rtp(
        &mut self,
        stream: StreamId,
        packet: &[u8],
        now: Duration,
        sink: &mut impl Sink,
    ) -> Arrival {
        let _ = (stream, packet, now, sink);
        Arrival::UnknownStream
    }

    /// Takes the origin's sender report: NTP time (32.32) and the RTP timestamp of that instant.
    /// Trunks get both verbatim, slots with their timestamp offset.
    pub fn handle_sender_report(
        &mut self,
        stream: StreamId,
        ntp: u64,
        rtp: u32,
        now: Duration,
        sink: &mut impl Sink,
    ) {
        let _ = (stream, ntp, rtp, now, sink);
    }

    /// Takes a leg's NACK: `ssrc` and `sequences` in the leg's own numbering.
    pub fn handle_nack(
        &mut self,
        leg: LegId,
        ssrc: u32,
        sequences: &[u16],
        now: Duration,
        sink: &mut impl Sink,
    ) {
        let _ = (leg, ssrc, sequences, now, sink);
    }

    /// Takes a leg's PLI or FIR for `ssrc` in the leg's own numbering.
    pub fn handle_keyframe_request(
        &mut self,
        leg: LegId,
        ssrc: u32,
        now: Duration,
        sink: &mut impl Sink,
    ) {
        let _ = (leg, ssrc, now, sink);
    }

    /// Does what has become due. Cheap when nothing has.
    pub fn handle_timeout(&mut self, now: Duration, sink: &mut impl Sink) {
        let _ = (now, sink);
    }

    /// When [`Self::handle_timeout`] should be called next, at the latest; `None`: no need.
    /// May be earlier than anything is due, and may lie in the past.
    pub fn next_timeout(&self) -> Option<Duration> {
        None
    }
}

/// Figures.
impl Router {
    /// A stream's figures.
    pub fn stream_stats(&self, stream: StreamId, now: Duration) -> Option<StreamStats> {
        let _ = (stream, now);
        None
    }

    /// The reception report block about a stream; its fraction lost counts from the last call.
    /// `None` before the first packet.
    pub fn reception_report(&mut self, stream: StreamId, now: Duration) -> Option<ReceptionReport> {
        let _ = (stream, now);
        None
    }

    /// A leg's figures.
    pub fn leg_stats(&self, leg: LegId) -> Option<LegStats> {
        let _ = leg;
        None
    }

    /// The router's own figures.
    pub fn stats(&self) -> RouterStats {
        RouterStats::default()
    }
}
