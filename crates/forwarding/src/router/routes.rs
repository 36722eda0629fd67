//! Legs, and what goes to them.

use super::feedback::ask;
use super::{Router, SlotView};
use crate::leg::{Leg, Role};
use crate::limits::SLOTS_MAX;
use crate::slab::Key;
use crate::slot::Slot;
use crate::trunk::Trunk;
use crate::{Kind, LegId, Refusal, Sink, SlotSpec, SourceId, StreamId, StreamSpec};
use std::time::Duration;

impl Router {
    /// Adds a neighbour relay. Numbering is passed on unchanged. Add it when it can be sent to,
    /// anew for each DTLS session: packet indices start afresh.
    pub fn add_trunk_leg(&mut self, leg: LegId) -> Result<(), Refusal> {
        self.add_leg(leg, Role::Trunk(Trunk::default()))
    }

    /// Adds a browser or WHEP leg with its slots, in m-line order. Add it when it can be sent to:
    /// its first keyframe goes out as soon as a slot is pointed.
    pub fn add_slot_leg(&mut self, leg: LegId, slots: &[SlotSpec]) -> Result<(), Refusal> {
        if slots.len() > SLOTS_MAX {
            return Err(Refusal::TooManySlots);
        }
        let slots = slots.iter().copied().map(Slot::new).collect();
        self.add_leg(leg, Role::Slots(slots))
    }

    fn add_leg(&mut self, leg: LegId, role: Role) -> Result<(), Refusal> {
        if self.leg_keys.contains_key(&leg) {
            return Err(Refusal::LegTaken);
        }
        let key = self
            .legs
            .insert_with(|_| Leg::new(leg, role))
            .ok_or(Refusal::TooManyLegs)?;
        self.leg_keys.insert(leg, key);
        Ok(())
    }

    /// Removes a leg with all its routes. Unknown: nothing.
    pub fn remove_leg(&mut self, leg: LegId) {
        if let Some(key) = self.leg_keys.remove(&leg) {
            self.legs.remove(key);
            for stream in self.streams.values_mut() {
                stream.trunks.retain(|link| link.leg != key);
                stream.slots.retain(|link| link.leg != key);
            }
        }
    }

    /// Sends every stream of a source, present and future, to a trunk.
    pub fn subscribe(&mut self, trunk: LegId, source: SourceId) -> Result<(), Refusal> {
        let key = *self.leg_keys.get(&trunk).ok_or(Refusal::UnknownLeg)?;
        let leg = self.legs.get_mut(key).ok_or(Refusal::UnknownLeg)?;
        leg.trunk_mut()
            .ok_or(Refusal::NotATrunk)?
            .subscribe(source)?;
        for id in self.streams_of(source) {
            if let Some(stream) = self.streams.get_mut(id.0) {
                stream.link_trunk(key);
            }
        }
        Ok(())
    }

    /// Stops that, save for one packet per [`crate::limits::PAUSED_KEEPALIVE_PACKETS`].
    pub fn unsubscribe(&mut self, trunk: LegId, source: SourceId) {
        let Some(&key) = self.leg_keys.get(&trunk) else {
            return;
        };
        if let Some(trunk) = self.legs.get_mut(key).and_then(Leg::trunk_mut) {
            trunk.unsubscribe(source);
        }
        for id in self.streams_of(source) {
            if let Some(stream) = self.streams.get_mut(id.0) {
                let links = stream.trunks.iter_mut();
                links
                    .filter(|link| link.leg == key)
                    .for_each(|link| link.is_subscribed = false);
            }
        }
    }

    fn streams_of(&self, source: SourceId) -> Vec<StreamId> {
        let kinds = [Kind::Audio, Kind::Video].into_iter();
        kinds
            .filter_map(|kind| self.sources.get(&(source, kind)))
            .flatten()
            .copied()
            .collect()
    }

    /// The streams a trunk carries now: what its feed announcements name.
    pub fn trunk_streams(&self, trunk: LegId) -> impl Iterator<Item = (StreamId, StreamSpec)> {
        let trunk = self.leg(trunk).and_then(Leg::trunk);
        self.streams()
            .filter(move |(_, spec)| trunk.is_some_and(|trunk| trunk.is_subscribed(spec.source)))
    }

    /// Points a slot at a source, or at nothing. Audio switches at the source's next packet; video
    /// at a keyframe: replayed when a complete one younger than
    /// the interval between requests is in the ring, else asked for. Until then the old
    /// picture goes on, for [`crate::limits::SWITCH_HOLD`] at most. Nothing stops at once.
    /// Pointing it where it points changes nothing.
    pub fn point(
        &mut self,
        leg: LegId,
        slot: usize,
        source: Option<SourceId>,
        now: Duration,
        sink: &mut impl Sink,
    ) -> Result<(), Refusal> {
        let now = self.advance(now);
        let key = *self.leg_keys.get(&leg).ok_or(Refusal::UnknownLeg)?;
        let leg = self.legs.get_mut(key).ok_or(Refusal::UnknownLeg)?;
        let target = leg.slots_mut().get_mut(slot).ok_or(Refusal::UnknownSlot)?;
        if target.wanted == source {
            return Ok(());
        }
        target.wanted = source;
        self.settle_leg(key, now);
        self.start_leg(key, now, sink);
        Ok(())
    }

    /// Starts what a leg's slots wait for, or asks for it.
    pub(super) fn start_leg(&mut self, key: Key, now: Duration, sink: &mut impl Sink) {
        for index in 0..SLOTS_MAX {
            let slots = self.legs.get(key).map_or(&[][..], Leg::slots);
            let Some(slot) = slots.get(index) else {
                return;
            };
            if let Some(stream) = slot.to_start() {
                self.start_or_ask(key, index, stream, now, sink);
            }
        }
    }

    /// Shows a waiting slot the keyframe that is there, or asks for one.
    fn start_or_ask(
        &mut self,
        key: Key,
        slot: usize,
        id: StreamId,
        now: Duration,
        sink: &mut impl Sink,
    ) {
        // Others get these packets first, then this slot all of them.
        self.flush(id, now, sink);
        let Some(stream) = self.streams.get_mut(id.0) else {
            return;
        };
        let leg = self.legs.get_mut(key);
        let Some((slot, mut out)) = leg.and_then(|leg| leg.slot_out(slot, sink)) else {
            return;
        };
        if slot.waiting != Some(id) {
            return;
        }
        stream.weigh_keyframes(now);
        let joined = stream.joined();
        if joined.is_some_and(|batch| slot.try_start(stream, &batch, now, &mut out)) {
            return;
        }
        if slot.awaits(id, now) {
            ask(stream, &mut self.legs, now, sink);
        }
        let due = stream.next_due();
        self.wake_at(due);
    }

    /// What a slot does now.
    pub fn slot(&self, leg: LegId, slot: usize) -> Option<SlotView> {
        Some(self.leg(leg)?.slots().get(slot)?.view())
    }
}
