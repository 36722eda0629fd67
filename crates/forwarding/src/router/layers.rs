//! Which layer goes where: what subscribers ask for, what their lines carry, what children want.

use super::Router;
use super::feedback::ask;
use crate::allocation::{Allocation, Ladder, Wish};
use crate::leg::Leg;
use crate::limits::{LAYER_REVIEW, SLOTS_MAX};
use crate::slab::Key;
use crate::slot::Slot;
use crate::stream::{SlotLink, TrunkLink};
use crate::{Kind, Layer, LegDemand, LegId, Sink, StreamId};
use std::time::Duration;

impl Router {
    /// Somebody outside the router wants a keyframe of a stream: coalesced like everybody's.
    pub fn want_keyframe(&mut self, stream: StreamId, now: Duration, sink: &mut impl Sink) {
        let now = self.advance(now);
        let Some(stream) = self.streams.get_mut(stream.0) else {
            return;
        };
        if stream.kind() == Kind::Video {
            ask(stream, &mut self.legs, now, sink);
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
        sink: &mut impl Sink,
    ) {
        let now = self.advance(now);
        let Some(&key) = self.leg_keys.get(&leg) else {
            return;
        };
        let slots = self.legs.get_mut(key).map(Leg::slots_mut);
        let slot = slots.and_then(|slots| slots.get_mut(slot));
        if let Some(slot) = slot.filter(|slot| slot.spec.layer_max != layer) {
            slot.spec.layer_max = layer;
            self.settle_leg(key, now);
            self.start_leg(key, now, sink);
        }
    }

    /// What a leg's line carries by its estimate, bit/s of RTP; `None`: no limit is known. Layers are
    /// chosen anew: the lowest for every slot first, then in slot order the best that fits.
    ///
    /// A slot goes on with what it plays until the keyframe of its new layer is there. Only when the
    /// line carries less than half of what is played it stops at once: what is more would fill the
    /// queue in front of the line, and the keyframe would wait behind it.
    pub fn set_leg_rate(
        &mut self,
        leg: LegId,
        rate_bps: Option<u64>,
        now: Duration,
        sink: &mut impl Sink,
    ) {
        let now = self.advance(now);
        let Some(&key) = self.leg_keys.get(&leg) else {
            return;
        };
        let leg = self.legs.get_mut(key);
        if let Some(leg) = leg.filter(|leg| leg.rate_bps != rate_bps) {
            leg.rate_bps = rate_bps;
            self.settle_leg(key, now);
            self.start_leg(key, now, sink);
        }
    }

    /// What a slot leg takes and would take, by measured rates. `None`: no such leg.
    pub fn leg_demand(&self, leg: LegId, now: Duration) -> Option<LegDemand> {
        let key = self.leg_keys.get(&leg)?;
        Some(self.allocation(*key, now)?.demand())
    }

    /// What a leg's slots could be shown.
    fn allocation(&self, key: Key, now: Duration) -> Option<Allocation> {
        let leg = self.legs.get(key)?;
        let mut allocation = Allocation::default();
        for (index, slot) in leg.slots().iter().enumerate() {
            let playing = slot.playing.and_then(|id| self.streams.get(id.0));
            let playing_bps = playing.map_or(0, |stream| stream.rung(now).bps);
            allocation.flowing_bps += playing_bps;
            match slot.spec.kind {
                Kind::Audio => allocation.fixed_bps += playing_bps,
                Kind::Video => allocation.add(self.wish(index, slot, now)),
            }
        }
        Some(allocation)
    }

    fn wish(&self, index: usize, slot: &Slot, now: Duration) -> Wish {
        let ladder = self.ladder(slot, now);
        let layer = |stream: Option<StreamId>| Some(ladder.find(stream?)?.layer);
        let playing = layer(slot.playing);
        Wish {
            slot: index,
            current: layer(slot.waiting).or(playing),
            playing,
            layer_max: slot.spec.layer_max,
            may_rise: slot.may_rise(now),
            choice: None,
            ladder,
        }
    }

    /// The layers a slot could play. A source of one layer has that, alive or not.
    fn ladder(&self, slot: &Slot, now: Duration) -> Ladder {
        let mut ladder = Ladder::default();
        let wanted = slot.wanted.map(|source| (source, slot.spec.kind));
        let open = wanted.and_then(|name| self.sources.get(&name));
        for stream in open.into_iter().flatten() {
            if let Some(stream) = self.streams.get(stream.0).filter(|is| slot.takes(is)) {
                ladder.insert(stream.rung(now));
            }
        }
        ladder.guess_rates();
        ladder
    }

    /// Turns a leg's slots to the streams they are to play.
    pub(super) fn settle_leg(&mut self, key: Key, now: Duration) {
        let Some(mut allocation) = self.allocation(key, now) else {
            return;
        };
        let rate_bps = self.legs.get(key).and_then(|leg| leg.rate_bps);
        allocation.decide(rate_bps);
        let is_jammed = allocation.is_jammed(rate_bps);
        for wish in allocation.wishes.into_iter().flatten() {
            let link = SlotLink {
                leg: key,
                slot: wish.slot,
            };
            self.turn(link, wish.choice.map(|rung| rung.stream), now);
            let Some(slot) = self.slot_mut(link) else {
                continue;
            };
            if wish.is_forced_down() {
                slot.fall(now);
            }
            if is_jammed && wish.goes_down() {
                slot.stop();
            }
        }
        self.settle_sound(key, now);
    }

    fn settle_sound(&mut self, key: Key, now: Duration) {
        for index in 0..SLOTS_MAX {
            let link = SlotLink {
                leg: key,
                slot: index,
            };
            let Some(slot) = self.slot_mut(link) else {
                return;
            };
            if slot.spec.kind == Kind::Audio {
                let wanted = slot.wanted.map(|source| (source, Kind::Audio));
                let open = wanted.and_then(|name| self.sources.get(&name)?.last());
                self.turn(link, open.copied(), now);
            }
        }
    }

    fn slot_mut(&mut self, link: SlotLink) -> Option<&mut Slot> {
        self.legs.slot_mut(link)
    }

    fn turn(&mut self, link: SlotLink, stream: Option<StreamId>, now: Duration) {
        let stream = stream.and_then(|id| self.streams.get_mut(id.0));
        if let Some(slot) = self.legs.slot_mut(link) {
            slot.settle(stream, link, now);
        }
    }

    /// Follows layers that fell silent, came back or changed their size.
    pub(super) fn review_layers(&mut self, now: Duration, sink: &mut impl Sink) {
        let mut has_layers = false;
        for stream in self.streams.values_mut() {
            if stream.kind() == Kind::Video {
                stream.learn_rate(now);
                has_layers |= stream.spec.layer != Layer::LOWEST;
            }
        }
        self.review_due = has_layers.then(|| now + LAYER_REVIEW);
        let mut keys = std::mem::take(&mut self.keys);
        keys.extend(self.leg_keys.values().copied());
        for key in keys.drain(..) {
            let is_settled = self.legs.get(key).is_some_and(|leg| leg.slots().is_empty());
            if has_layers && !is_settled {
                self.settle_leg(key, now);
            }
            self.start_leg(key, now, sink);
        }
        self.keys = keys;
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
        let follows = |link: &SlotLink| {
            let slot = self.legs.slot(*link);
            slot.is_some_and(|slot| slot.follows(stream.id))
        };
        stream.trunks.iter().any(TrunkLink::is_active) || stream.slots.iter().any(follows)
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
