//! Streams come and go.

use super::Router;
use crate::leg::Leg;
use crate::limits::LAYER_REVIEW;
use crate::slot::Slot;
use crate::stream::Stream;
use crate::{Kind, Layer, Refusal, SourceId, StreamId, StreamSpec};
use std::time::Duration;

impl Router {
    /// Opens a stream. It becomes its source's current stream of its kind: slots pointed at the
    /// source move to it at its first keyframe, trunks subscribed to the source carry it.
    ///
    /// The same spec again gives the same id: a second parent's copy joins the first one's ring.
    pub fn open_stream(&mut self, spec: StreamSpec, now: Duration) -> Result<StreamId, Refusal> {
        let now = self.advance(now);
        if let Some(open) = self.stream_by_ssrc(spec.ssrc) {
            return self.open_again(open, spec);
        }
        let key = self
            .streams
            .insert_with(|key| Stream::new(StreamId(key), spec, now))
            .ok_or(Refusal::TooManyStreams)?;
        let id = StreamId(key);
        let kind = spec.codec.kind();
        self.stream_ids.insert(spec.ssrc, id);
        self.sources
            .entry((spec.source, kind))
            .or_default()
            .push(id);
        self.link_trunks(id, spec.source);
        if spec.layer != Layer::LOWEST {
            self.review_due.get_or_insert(now + LAYER_REVIEW);
        }
        self.settle_slots(spec.source, kind, now);
        Ok(id)
    }

    fn open_again(&self, open: StreamId, spec: StreamSpec) -> Result<StreamId, Refusal> {
        self.stream_spec(open)
            .filter(|is| (is.source, is.codec, is.layer) == (spec.source, spec.codec, spec.layer))
            .map(|_| open)
            .ok_or(Refusal::SsrcTaken)
    }

    /// Ends a stream; slots that played it wait for the source's next one. What it holds for its
    /// frame is dropped, counted. Unknown: nothing.
    ///
    /// A stream silent for a minute should be closed: after 16,384 missed packets its numbering
    /// cannot be continued.
    pub fn close_stream(&mut self, stream: StreamId) {
        let Some(closed) = self.streams.remove(stream.0) else {
            return;
        };
        self.stream_ids.remove(&closed.spec.ssrc);
        self.held.retain(|held| *held != stream);
        self.unsent += closed.group.len() as u64;
        let name = (closed.spec.source, closed.kind());
        if let Some(open) = self.sources.get_mut(&name) {
            open.retain(|id| *id != stream);
            if open.is_empty() {
                self.sources.remove(&name);
            }
        }
        for link in closed.slots {
            let leg = self.legs.get_mut(link.leg);
            if let Some(slot) = leg.and_then(|leg| leg.slots_mut().get_mut(link.slot))
                && slot.playing == Some(stream)
            {
                slot.stop();
            }
        }
        self.settle_slots(name.0, name.1, self.now);
    }

    /// Chooses anew for every leg that has a slot pointed at a source.
    fn settle_slots(&mut self, source: SourceId, kind: Kind, now: Duration) {
        let mut keys = std::mem::take(&mut self.keys);
        keys.extend(self.leg_keys.values().copied());
        for key in keys.drain(..) {
            let slots = self.legs.get(key).map_or(&[][..], Leg::slots);
            let concerns = |slot: &Slot| slot.wanted == Some(source) && slot.spec.kind == kind;
            if slots.iter().any(concerns) {
                self.settle_leg(key, now);
                // What waits now is started, or asked for, as soon as there is a sink.
                self.review_due = Some(now);
            }
        }
        self.keys = keys;
    }

    fn link_trunks(&mut self, id: StreamId, source: SourceId) {
        let Some(stream) = self.streams.get_mut(id.0) else {
            return;
        };
        for &key in self.leg_keys.values() {
            let trunk = self.legs.get(key).and_then(|leg| leg.trunk());
            if trunk.is_some_and(|trunk| trunk.is_subscribed(source)) {
                stream.link_trunk(key);
            }
        }
    }

    /// The open stream of an SSRC.
    pub fn stream_by_ssrc(&self, ssrc: u32) -> Option<StreamId> {
        self.stream_ids.get(&ssrc).copied()
    }

    /// What a stream was opened with.
    pub fn stream_spec(&self, stream: StreamId) -> Option<StreamSpec> {
        Some(self.streams.get(stream.0)?.spec)
    }

    /// All open streams.
    pub fn streams(&self) -> impl Iterator<Item = (StreamId, StreamSpec)> {
        self.streams.values().map(|stream| (stream.id, stream.spec))
    }

    /// Tells the round trip to a stream's origin, which paces its resend requests.
    pub fn set_round_trip(&mut self, stream: StreamId, round_trip: Duration) {
        if let Some(stream) = self.streams.get_mut(stream.0) {
            stream.holes.set_round_trip(round_trip);
        }
    }
}
