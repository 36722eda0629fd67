//! One sending half: routes, and the wires of the legs that it sends to.

mod line;
mod link;
mod order;
mod pacer;
mod wires;

use super::LegId;
use super::transmit::Transmit;
use forwarding::{Arrival, Refusal, Router, StreamId, StreamSpec, StreamStats};
use line::Line;
pub(super) use link::{Figures, FromWorker, Link, WorkerEnd, link};
pub(super) use order::{Connection, LegOrder, Order, Sending, StreamOrder};
use std::time::{Duration, Instant};
use wires::Wires;
pub(super) use wires::{WireFigures, Wish};

/// A router with its sink. Every shard has all streams; each leg is one shard's.
pub(super) struct Shard {
    started_at: Instant,
    /// How long a leg's rate may be sent at once.
    burst: Duration,
    pub(super) router: Router,
    pub(super) wires: Wires,
}

impl Shard {
    /// `burst`: how long a leg's rate may be sent at once.
    pub(super) fn new(
        cname: String,
        burst: Duration,
        transmit: Box<dyn Transmit>,
        now: Instant,
    ) -> Self {
        Self {
            started_at: now,
            burst,
            router: Router::new(),
            wires: Wires::new(cname, transmit, now),
        }
    }

    /// Tells the time, before anything else.
    pub(super) fn set_now(&mut self, now: Instant) {
        self.wires.now = self.wires.now.max(now);
    }

    /// The time in the router's words.
    pub(super) fn clock(&self) -> Duration {
        self.wires.now.saturating_duration_since(self.started_at)
    }

    /// Does what has become due.
    pub(super) fn handle_timeout(&mut self) {
        let clock = self.clock();
        self.router.handle_timeout(clock, &mut self.wires);
        self.attend();
    }

    /// When [`Self::handle_timeout`] is due.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let due = [self.router.next_timeout(), self.wires.attention.due()];
        let due = due.into_iter().flatten().min()?;
        Some(self.started_at + due)
    }

    pub(super) fn stream_stats(&self, stream: StreamId, now: Instant) -> Option<StreamStats> {
        let clock = now.saturating_duration_since(self.started_at);
        self.router.stream_stats(stream, clock)
    }

    pub(super) fn handle_rtp(&mut self, stream: StreamId, packet: &[u8]) -> Arrival {
        let clock = self.clock();
        self.router
            .handle_rtp(stream, packet, clock, &mut self.wires)
    }

    pub(super) fn want_keyframe(&mut self, stream: StreamId) {
        let clock = self.clock();
        self.router.want_keyframe(stream, clock, &mut self.wires);
    }

    pub(super) fn handle_sender_report(&mut self, stream: StreamId, ntp: u64, rtp: u32) {
        let clock = self.clock();
        self.router
            .handle_sender_report(stream, ntp, rtp, clock, &mut self.wires);
    }

    /// Does to a stream what another shard's router has done. It asks for nothing that is missing: one router does.
    pub(super) fn apply_to_stream(&mut self, ssrc: u32, order: &StreamOrder) {
        let clock = self.clock();
        if let StreamOrder::Open(spec) = order {
            let spec = StreamSpec {
                resend: false,
                ..*spec
            };
            if let Err(refusal) = self.router.open_stream(spec, clock) {
                tracing::warn!(ssrc, %refusal, "stream refused by a worker's router");
            }
            return;
        }
        let Some(stream) = self.router.stream_by_ssrc(ssrc) else {
            return;
        };
        match order {
            StreamOrder::Open(_) => {}
            StreamOrder::Rtp(packet) => drop(self.handle_rtp(stream, packet)),
            StreamOrder::SenderReport { ntp, rtp } => self.handle_sender_report(stream, *ntp, *rtp),
            StreamOrder::Paused(paused) => self.router.set_paused(stream, *paused),
            StreamOrder::ClockOffset(offset) => self.router.set_clock_offset(stream, *offset),
            StreamOrder::Close => self.router.close_stream(stream),
        }
    }

    pub(super) fn apply_to_leg(&mut self, id: LegId, order: LegOrder) -> Result<(), Refusal> {
        let clock = self.clock();
        let leg = router_leg(id);
        let (router, wires) = (&mut self.router, &mut self.wires);
        match order {
            LegOrder::Connect(connection) => self.connect(id, *connection)?,
            LegOrder::MoveTo(to) => wires.move_to(id, to),
            LegOrder::Remove => {
                router.remove_leg(leg);
                wires.remove(id);
            }
            LegOrder::Subscribe(source) => router.subscribe(leg, source)?,
            LegOrder::Unsubscribe(source) => router.unsubscribe(leg, source),
            LegOrder::Point { slot, source } => router.point(leg, slot, source, clock, wires)?,
            LegOrder::LayerMax { slot, layer } => {
                router.set_layer_max(leg, slot, layer, clock, wires);
            }
            LegOrder::Demand { ssrc, wanted } => router.set_trunk_demand(leg, ssrc, wanted),
            LegOrder::Nack { ssrc, sequences } => {
                router.handle_nack(leg, ssrc, &sequences, clock, wires);
            }
            LegOrder::KeyframeRequest { ssrc } => {
                router.handle_keyframe_request(leg, ssrc, clock, wires);
            }
            LegOrder::Feedback(message) => self.handle_feedback(id, &message),
            LegOrder::Block(block) => {
                router.note_leg_loss(leg, block.fraction_lost);
                wires.note_block(id, block);
            }
            LegOrder::RoundTrip(round_trip) => wires.note_round_trip(id, round_trip),
            LegOrder::Rtcp(compound) => wires.send_rtcp(id, compound),
        }
        Ok(())
    }

    fn connect(&mut self, leg: LegId, connection: Connection) -> Result<(), Refusal> {
        let Connection {
            to,
            sender,
            sending,
        } = connection;
        let line = sending
            .has_transport_sequence()
            .then(|| Box::new(Line::new(self.burst)));
        self.wires.connect(leg, to, sender, line);
        match sending {
            Sending::Slots(slots) => self.router.add_slot_leg(router_leg(leg), &slots),
            Sending::Trunk => self.router.add_trunk_leg(router_leg(leg)),
            Sending::Reports => Ok(()),
        }
    }
}

/// The same leg in the router's numbering.
fn router_leg(leg: LegId) -> forwarding::LegId {
    forwarding::LegId(leg.0)
}
