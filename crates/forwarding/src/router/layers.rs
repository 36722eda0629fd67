//! Which layer goes where: what subscribers ask for, what their lines carry, what children want.

use super::Router;
use crate::{Action, Kind, Layer, LegId, Sink, StreamId};
use std::time::Duration;

impl Router {
    /// Somebody outside the router wants a keyframe of a stream: coalesced like everybody's.
    pub fn want_keyframe(&mut self, stream: StreamId, now: Duration, sink: &mut impl Sink) {
        let now = self.advance(now);
        let Some(stream) = self.streams.get_mut(stream.0) else {
            return;
        };
        if stream.kind() == Kind::Video && stream.requests.want(now) {
            sink.take(Action::RequestKeyframe { stream: stream.id });
        }
        let due = stream.next_due();
        self.wake_at(due);
    }

    /// The best layer a slot's subscriber asks for. Unknown leg or slot: nothing.
    pub fn set_layer_max(
        &mut self,
        leg: LegId,
        slot: usize,
        layer: Layer,
        now: Duration,
        _sink: &mut impl Sink,
    ) {
        self.advance(now);
        let key = self.leg_keys.get(&leg).copied();
        let leg = key.and_then(|key| self.legs.get_mut(key));
        if let Some(slot) = leg.and_then(|leg| leg.slots_mut().get_mut(slot)) {
            slot.spec.layer_max = layer;
        }
    }

    /// What a leg's line carries by its estimate, bit/s of RTP; `None`: no limit is known.
    pub fn set_leg_rate(
        &mut self,
        leg: LegId,
        rate_bps: Option<u64>,
        now: Duration,
        _sink: &mut impl Sink,
    ) {
        self.advance(now);
        let key = self.leg_keys.get(&leg).copied();
        if let Some(leg) = key.and_then(|key| self.legs.get_mut(key)) {
            leg.rate_bps = rate_bps;
        }
    }

    /// Whether a child wants the stream of an SSRC, subscribed to by source, now; until it says so
    /// it does. What it does not want is paused. Unknown trunk or SSRC: nothing.
    pub fn set_trunk_demand(&mut self, trunk: LegId, ssrc: u32, wanted: bool) {
        let Some(&leg) = self.leg_keys.get(&trunk) else {
            return;
        };
        let stream = self.stream_by_ssrc(ssrc);
        if let Some(stream) = stream.and_then(|id| self.streams.get_mut(id.0)) {
            let links = stream.trunks.iter_mut();
            links
                .filter(|link| link.leg == leg)
                .for_each(|link| link.is_wanted = wanted);
        }
    }

    /// Whether any slot plays or awaits the stream, or any trunk demands it.
    pub fn is_wanted(&self, stream: StreamId) -> bool {
        let Some(stream) = self.streams.get(stream.0) else {
            return false;
        };
        let follows = |link: &crate::stream::SlotLink| {
            let slot = self
                .legs
                .get(link.leg)
                .and_then(|leg| leg.slots().get(link.slot));
            slot.is_some_and(|slot| slot.follows(stream.id))
        };
        stream.trunks.iter().any(|link| link.is_active()) || stream.slots.iter().any(follows)
    }

    /// Fills a leg's line with about `bytes` of retransmission packets that carry nothing new, so
    /// that its estimate can find more room; at most [`crate::limits::PADDING_PACKETS_MAX`] packets.
    /// Gives the bytes sent: 0 on a leg without a retransmission stream, or with nothing sent yet.
    pub fn pad(&mut self, leg: LegId, bytes: usize, now: Duration, sink: &mut impl Sink) -> usize {
        self.advance(now);
        let Some(&key) = self.leg_keys.get(&leg) else {
            return 0;
        };
        let Some(leg) = self.legs.get_mut(key) else {
            return 0;
        };
        let found = leg.slots().iter().position(|slot| slot.filling().is_some());
        let Some((slot, mut out)) = found.and_then(|index| leg.slot_out(index, sink)) else {
            return 0;
        };
        let stream = slot.filling().and_then(|id| self.streams.get(id.0));
        slot.pad(stream, bytes, &mut out)
    }
}
