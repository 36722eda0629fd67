//! What legs ask for, and what time brings.

use super::Router;
use crate::leg::{Leg, Role};
use crate::limits::RESEND_BATCH_MAX;
use crate::outlet::{Outlet, Sent};
use crate::slab::{Key, Slab};
use crate::stream::{SlotLink, Stream};
use crate::trunk::Trunk;
use crate::{Action, LegId, Sink, StreamId};
use std::time::Duration;

impl Router {
    /// Takes a leg's NACK: `ssrc` and `sequences` in the leg's own numbering. What the rings hold is
    /// sent again, as far as [`crate::limits::RESEND_BYTES_PER_S`] allows; what is missing here too
    /// has been asked for upstream already and goes out when it comes.
    pub fn handle_nack(
        &mut self,
        leg: LegId,
        ssrc: u32,
        sequences: &[u16],
        now: Duration,
        sink: &mut impl Sink,
    ) {
        let now = self.advance(now);
        let key = self.leg_keys.get(&leg).copied();
        let leg = key.and_then(|key| Some((key, self.legs.get_mut(key)?)));
        let Some((key, leg)) = leg.filter(|(_, leg)| leg.sends(ssrc)) else {
            self.unknown_feedback += 1;
            return;
        };
        for number in sequences {
            let sent = resend(leg, ssrc, *number, &self.streams, now, sink);
            if let Some((slot, index)) = sent.filter(|_| leg.repeats_ahead()) {
                self.repeats.second(SlotLink { leg: key, slot }, index, now);
            }
        }
    }

    /// Takes a leg's PLI or FIR for `ssrc` in the leg's own numbering.
    pub fn handle_keyframe_request(
        &mut self,
        leg: LegId,
        ssrc: u32,
        now: Duration,
        sink: &mut impl Sink,
    ) {
        let now = self.advance(now);
        let key = self.leg_keys.get(&leg).copied();
        let stream = key.and_then(|key| self.asked_stream(key, ssrc));
        let Some(stream) = stream.and_then(|id| self.streams.get_mut(id.0)) else {
            self.unknown_feedback += 1;
            return;
        };
        ask(stream, &mut self.legs, now, sink);
        let due = stream.next_due();
        self.wake_at(due);
    }

    /// The video stream behind a leg's SSRC.
    fn asked_stream(&mut self, key: Key, ssrc: u32) -> Option<StreamId> {
        let open = self.stream_by_ssrc(ssrc);
        let source = open.and_then(|id| Some(self.stream_spec(id)?.source));
        let leg = self.legs.get_mut(key)?;
        let stream = match &leg.role {
            // Announced is enough: a hall nobody watched sends little until it is asked.
            Role::Trunk(trunk) => {
                open.filter(|_| source.is_some_and(|source| trunk.is_subscribed(source)))
            }
            Role::Slots(slots) => slots
                .iter()
                .find(|slot| slot.spec.ssrc == ssrc)
                .and_then(|slot| slot.waiting.or(slot.playing)),
        }?;
        leg.stats.keyframe_requests += 1;
        let kind = self.streams.get(stream.0)?.kind();
        (kind == crate::Kind::Video).then_some(stream)
    }

    /// Does what has become due. Cheap when nothing has.
    pub fn handle_timeout(&mut self, now: Duration, sink: &mut impl Sink) {
        let now = self.advance(now);
        self.flush_due(now, sink);
        self.send_repeats(now, sink);
        if self.review_due.is_some_and(|due| due <= now) {
            self.review_layers(now, sink);
        }
        if self.wake.is_none_or(|wake| wake > now) {
            return;
        }
        self.wake = None;
        let mut next = None;
        for stream in self.streams.values_mut() {
            self.ask.clear();
            stream.holes.take_due(now, &mut self.ask);
            for sequences in self.ask.chunks(RESEND_BATCH_MAX) {
                let stream = stream.id;
                sink.take(Action::RequestResend { stream, sequences });
            }
            if stream.requests.take_due(now) {
                send_request(stream, &mut self.legs, now, sink);
                if is_awaited(stream, &self.legs, now) {
                    stream.want_keyframe(now);
                }
            }
            next = [next, stream.next_due()].into_iter().flatten().min();
        }
        self.wake_at(next);
    }

    /// When [`Self::handle_timeout`] should be called next, at the latest; `None`: no need.
    /// May be earlier than anything is due, and may lie in the past.
    pub fn next_timeout(&self) -> Option<Duration> {
        let dues = [
            self.wake,
            self.next_flush(),
            self.review_due,
            self.repeats.due(),
        ];
        dues.into_iter().flatten().min()
    }
}

/// Asks for a stream's keyframe, unless it was asked for a moment ago.
pub(super) fn ask(stream: &mut Stream, legs: &mut Slab<Leg>, now: Duration, sink: &mut impl Sink) {
    if stream.want_keyframe(now) {
        send_request(stream, legs, now, sink);
    }
}

fn send_request(stream: &Stream, legs: &mut Slab<Leg>, now: Duration, sink: &mut impl Sink) {
    for link in &stream.slots {
        if let Some(slot) = legs.slot_mut(*link) {
            slot.note_asked(stream.id, now);
        }
    }
    sink.take(Action::RequestKeyframe { stream: stream.id });
}

/// Whether a slot waits for the stream's keyframe: then one request may not be enough.
fn is_awaited(stream: &Stream, legs: &Slab<Leg>, now: Duration) -> bool {
    stream.slots.iter().any(|link| {
        let slot = legs.slot(*link);
        slot.is_some_and(|slot| slot.awaits(stream.id, now))
    })
}

/// Sends a packet again; gives slot and index if a slot did.
fn resend(
    leg: &mut Leg,
    ssrc: u32,
    number: u16,
    streams: &Slab<Stream>,
    now: Duration,
    sink: &mut impl Sink,
) -> Option<(usize, u64)> {
    let found = find(leg, ssrc, number).and_then(|sent| {
        let stream = streams.get(sent.stream.0)?;
        Some((stream, stream.ring.get(sent.unwrapped)?, sent.index))
    });
    let Some((stream, stored, index)) = found else {
        leg.stats.resends_missing += 1;
        return None;
    };
    if !leg.may_resend(stored.len(), now) {
        return None;
    }
    let mut out = Outlet {
        leg: leg.id,
        stats: &mut leg.stats,
        sink,
    };
    match &mut leg.role {
        Role::Trunk(_) => {
            Trunk::resend(stream, stored, index, &mut out);
            None
        }
        Role::Slots(slots) => {
            let position = slots.iter().position(|slot| slot.spec.ssrc == ssrc)?;
            slots.get_mut(position)?.resend(stored, index, &mut out);
            Some((position, index))
        }
    }
}

fn find(leg: &Leg, ssrc: u32, number: u16) -> Option<Sent> {
    match &leg.role {
        Role::Trunk(trunk) => trunk.find(ssrc, number),
        Role::Slots(slots) => slots
            .iter()
            .find(|slot| slot.spec.ssrc == ssrc)?
            .find(number),
    }
}
