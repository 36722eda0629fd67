//! All sending halves behind one face: the core says what is to be done, each leg's own shard does it.

use super::LegId;
use super::departures::Totals;
use super::rtcp::{Block, Writer};
use super::shard::{Connection, LegOrder, Shard, WireFigures, Wish};
use super::transmit::Transmit;
use forwarding::{
    Arrival, Layer, ReceptionReport, Refusal, SourceId, StreamId, StreamSpec, StreamStats,
};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The sending halves.
pub(super) struct Shards {
    /// The one in the core's own thread; its router is the one that asks for what is missing.
    here: Shard,
    cname: String,
}

impl Shards {
    pub(super) fn new(cname: String, transmit: Box<dyn Transmit>, now: Instant) -> Self {
        Self {
            here: Shard::new(cname.clone(), transmit, now),
            cname,
        }
    }

    /// The CNAME of everything that is sent.
    pub(super) fn cname(&self) -> &str {
        &self.cname
    }

    /// Tells the time, before anything else.
    pub(super) fn set_now(&mut self, now: Instant) {
        self.here.set_now(now);
    }

    /// The time told, since the start.
    pub(super) fn clock(&self) -> Duration {
        self.here.clock()
    }

    /// Does what has become due.
    pub(super) fn handle_timeout(&mut self) {
        self.here.handle_timeout();
    }

    /// When [`Self::handle_timeout`] is due.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.here.next_timeout()
    }

    /// Sends a datagram as it is: STUN and DTLS.
    pub(super) fn push(&mut self, to: SocketAddr, bytes: impl AsRef<[u8]>) {
        self.here.wires.push(to, bytes);
    }

    /// Sends what has been collected.
    pub(super) fn flush(&mut self) {
        self.here.wires.departures.flush();
    }

    /// What the streams' origins are to be asked for.
    pub(super) fn take_wishes(&mut self) -> Vec<Wish> {
        std::mem::take(&mut self.here.wires.wishes)
    }
}

/// Streams: every shard has all of them.
impl Shards {
    pub(super) fn open_stream(&mut self, spec: StreamSpec) -> Result<StreamId, Refusal> {
        let clock = self.here.clock();
        self.here.router.open_stream(spec, clock)
    }

    pub(super) fn close_stream(&mut self, stream: StreamId) {
        self.here.router.close_stream(stream);
    }

    /// Takes a decrypted packet in canonical form.
    pub(super) fn handle_rtp(&mut self, stream: StreamId, packet: &[u8]) -> Arrival {
        self.here.handle_rtp(stream, packet)
    }

    /// Whether a packet of this number would be new to a stream that has begun.
    pub(super) fn misses(&self, stream: StreamId, sequence: u16) -> bool {
        self.here.router.misses(stream, sequence)
    }

    pub(super) fn handle_sender_report(&mut self, stream: StreamId, ntp: u64, rtp: u32) {
        self.here.handle_sender_report(stream, ntp, rtp);
    }

    pub(super) fn set_round_trip(&mut self, stream: StreamId, round_trip: Duration) {
        self.here.router.set_round_trip(stream, round_trip);
    }

    pub(super) fn stream_by_ssrc(&self, ssrc: u32) -> Option<StreamId> {
        self.here.router.stream_by_ssrc(ssrc)
    }

    pub(super) fn stream_spec(&self, stream: StreamId) -> Option<StreamSpec> {
        self.here.router.stream_spec(stream)
    }

    pub(super) fn streams(&self) -> impl Iterator<Item = (StreamId, StreamSpec)> {
        self.here.router.streams()
    }

    pub(super) fn stream_stats(&self, stream: StreamId, now: Instant) -> Option<StreamStats> {
        self.here.stream_stats(stream, now)
    }

    /// Does any leg play, await or demand it?
    pub(super) fn is_wanted(&self, stream: StreamId) -> bool {
        self.here.router.is_wanted(stream)
    }

    /// Asks the stream's origin for a keyframe, unless that has just been done.
    pub(super) fn want_keyframe(&mut self, stream: StreamId) {
        self.here.want_keyframe(stream);
    }

    pub(super) fn reception_report(&mut self, stream: StreamId) -> Option<ReceptionReport> {
        let clock = self.here.clock();
        self.here.router.reception_report(stream, clock)
    }
}

/// Legs: each is one shard's.
impl Shards {
    /// A leg can be sent to from now on.
    pub(super) fn connect(&mut self, leg: LegId, connection: Connection) -> Result<(), Refusal> {
        self.tell(leg, LegOrder::Connect(Box::new(connection)))
    }

    pub(super) fn is_connected(&self, leg: LegId) -> bool {
        self.figures(leg).is_some()
    }

    /// How a leg is served; `None` for one that is not connected.
    pub(super) fn figures(&self, leg: LegId) -> Option<WireFigures> {
        self.here.wires.figures(leg)
    }

    /// What left by all shards.
    pub(super) fn totals(&self) -> Totals {
        self.here.wires.departures.totals
    }

    pub(super) fn move_to(&mut self, leg: LegId, to: SocketAddr) {
        self.say(leg, LegOrder::MoveTo(to));
    }

    pub(super) fn remove_leg(&mut self, leg: LegId) {
        self.say(leg, LegOrder::Remove);
    }

    /// Sends every stream of a source, present and future, to a trunk.
    pub(super) fn subscribe(&mut self, trunk: LegId, source: SourceId) -> Result<(), Refusal> {
        self.tell(trunk, LegOrder::Subscribe(source))
    }

    pub(super) fn unsubscribe(&mut self, trunk: LegId, source: SourceId) {
        self.say(trunk, LegOrder::Unsubscribe(source));
    }

    /// The streams a trunk carries now.
    pub(super) fn trunk_streams(
        &self,
        trunk: LegId,
    ) -> impl Iterator<Item = (StreamId, StreamSpec)> {
        self.here.router.trunk_streams(forwarding::LegId(trunk.0))
    }

    /// Points a slot at a source, or at nothing.
    pub(super) fn point(
        &mut self,
        leg: LegId,
        slot: usize,
        source: Option<SourceId>,
    ) -> Result<(), Refusal> {
        self.tell(leg, LegOrder::Point { slot, source })
    }

    pub(super) fn set_layer_max(&mut self, leg: LegId, slot: usize, layer: Layer) {
        self.say(leg, LegOrder::LayerMax { slot, layer });
    }

    /// Whether a child wants this stream now.
    pub(super) fn set_trunk_demand(&mut self, trunk: LegId, ssrc: u32, wanted: bool) {
        self.say(trunk, LegOrder::Demand { ssrc, wanted });
    }

    pub(super) fn handle_nack(&mut self, leg: LegId, ssrc: u32, sequences: Vec<u16>) {
        self.say(leg, LegOrder::Nack { ssrc, sequences });
    }

    pub(super) fn handle_keyframe_request(&mut self, leg: LegId, ssrc: u32) {
        self.say(leg, LegOrder::KeyframeRequest { ssrc });
    }

    /// Notes how a peer receives us.
    pub(super) fn note_block(&mut self, leg: LegId, block: Block) {
        self.say(leg, LegOrder::Block(block));
    }

    pub(super) fn note_round_trip(&mut self, leg: LegId, round_trip: Duration) {
        self.say(leg, LegOrder::RoundTrip(round_trip));
    }

    /// Seals and sends a compound.
    pub(super) fn send_rtcp(&mut self, leg: LegId, compound: Writer) {
        self.say(leg, LegOrder::Rtcp(compound));
    }

    /// An order whose refusal changes nothing: the leg is gone, or the figure is for nobody.
    fn say(&mut self, leg: LegId, order: LegOrder) {
        let _ = self.tell(leg, order);
    }

    fn tell(&mut self, leg: LegId, order: LegOrder) -> Result<(), Refusal> {
        self.here.apply_to_leg(leg, order)
    }
}
