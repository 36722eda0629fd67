//! A packet comes in and goes out.

use super::feedback::ask;
use super::repeats::Repeats;
use super::{Arrival, Router};
use crate::leg::Leg;
use crate::reception::SenderInfo;
use crate::slab::Slab;
use crate::slot::Slot;
use crate::stream::{Batch, SlotLink, Stream};
use crate::{Kind, Sink, StreamId};
use std::time::Duration;

/// Slots whose state is fetched at once: their packets are built in some microseconds, so that it is still there.
const FETCHED_TOGETHER: usize = 8;

impl Router {
    /// Takes a decrypted RTP packet in canonical form: the stream's SSRC, canonical payload type, and of header
    /// extensions only the audio level, with id 1, and the dependency descriptor, with id 2, in the one-byte or the
    /// two-byte form (RFC 8285 §4).
    pub fn handle_rtp(
        &mut self,
        stream: StreamId,
        packet: &[u8],
        now: Duration,
        sink: &mut impl Sink,
    ) -> Arrival {
        let now = self.advance(now);
        let Some(stream) = self.streams.get_mut(stream.0) else {
            self.unknown_stream += 1;
            return Arrival::UnknownStream;
        };
        let placed = match stream.check(packet) {
            Ok(placed) => placed,
            Err(arrival) => return arrival,
        };
        let mut out = Way {
            legs: &mut self.legs,
            repeats: &mut self.repeats,
            sink,
        };
        if stream.must_flush(&placed.0, placed.1) {
            self.held.retain(|held| *held != stream.id);
            out.send_group(stream, now);
        }
        stream.accept(packet, placed, now);
        let was_held = !stream.group.is_empty();
        match (stream.admit(placed.1, now), was_held) {
            (true, true) => {}
            (true, false) => self.held.push(stream.id),
            (false, _) => {
                if was_held {
                    self.held.retain(|held| *held != stream.id);
                }
                out.send_group(stream, now);
            }
        }
        let due = stream.next_due();
        self.wake_at(due);
        Arrival::Accepted
    }

    /// Sends what a stream holds for its frame.
    pub(super) fn flush(&mut self, stream: StreamId, now: Duration, sink: &mut impl Sink) {
        self.held.retain(|held| *held != stream);
        if let Some(stream) = self.streams.get_mut(stream.0) {
            let mut out = Way {
                legs: &mut self.legs,
                repeats: &mut self.repeats,
                sink,
            };
            out.send_group(stream, now);
            let due = stream.next_due();
            self.wake_at(due);
        }
    }

    /// Sends what was held long enough.
    pub(super) fn flush_due(&mut self, now: Duration, sink: &mut impl Sink) {
        while let Some(first) = self.held.first().copied() {
            if self.deadline(first).is_some_and(|deadline| deadline > now) {
                return;
            }
            self.flush(first, now, sink);
        }
    }

    fn deadline(&self, stream: StreamId) -> Option<Duration> {
        self.streams.get(stream.0)?.group.deadline()
    }

    /// When the next held packets must leave.
    pub(super) fn next_flush(&self) -> Option<Duration> {
        self.deadline(*self.held.first()?)
    }

    /// Takes the origin's sender report: NTP time (32.32) and the RTP timestamp of that instant.
    /// Trunks get both verbatim, slots with their timestamp offset, once in
    /// [`crate::limits::SENDER_REPORT_INTERVAL`].
    pub fn handle_sender_report(
        &mut self,
        stream: StreamId,
        ntp: u64,
        rtp: u32,
        now: Duration,
        sink: &mut impl Sink,
    ) {
        let at = self.advance(now);
        let Some(stream) = self.streams.get_mut(stream.0) else {
            self.unknown_stream += 1;
            return;
        };
        stream
            .reception
            .set_sender_report(SenderInfo { ntp, rtp, at });
        if !stream.reception.may_pass_report(at) {
            return;
        }
        for link in stream.trunks.iter().filter(|link| link.is_active()) {
            let leg = self.legs.get_mut(link.leg);
            if let Some((trunk, mut out)) = leg.and_then(|leg| leg.trunk_out(sink)) {
                trunk.report(stream, ntp, rtp, &mut out);
            }
        }
        for link in &stream.slots {
            let leg = self.legs.get_mut(link.leg);
            if let Some((slot, mut out)) = leg.and_then(|leg| leg.slot_out(link.slot, sink)) {
                slot.report(stream, ntp, rtp, &mut out);
            }
        }
    }
}

/// The way out to all legs.
struct Way<'a, S> {
    legs: &'a mut Slab<Leg>,
    repeats: &'a mut Repeats,
    sink: &'a mut S,
}

impl<S: Sink> Way<'_, S> {
    /// Sends a stream's group, all of it to one leg after the other.
    fn send_group(&mut self, stream: &mut Stream, now: Duration) {
        if stream.group.is_empty() {
            return;
        }
        let members = stream.begin_sending();
        let batch = stream.batch(&members);
        self.serve_trunks(stream, &batch);
        let is_awaited = self.serve_slots(stream, &batch, now);
        stream.group.put_back(members);
        if is_awaited && stream.kind() == Kind::Video {
            ask(stream, self.legs, now, self.sink);
        }
    }

    fn serve_trunks(&mut self, stream: &mut Stream, batch: &Batch<'_>) {
        let mut links = std::mem::take(&mut stream.trunks);
        for link in &mut links {
            let leg = self.legs.get_mut(link.leg);
            if let Some((trunk, mut out)) = leg.and_then(|leg| leg.trunk_out(self.sink)) {
                trunk.forward(stream, batch, link, &mut out);
            }
        }
        stream.trunks = links;
    }

    /// Serves the slots, forgets those that turned away; true when one waits in vain.
    fn serve_slots(&mut self, stream: &mut Stream, batch: &Batch<'_>, now: Duration) -> bool {
        let mut links = std::mem::take(&mut stream.slots);
        let (mut is_awaited, mut turned_away) = (false, false);
        for together in links.chunks(FETCHED_TOGETHER) {
            for link in together {
                self.fetch(*link);
            }
            for link in together {
                let served = self.serve_slot(*link, stream, batch, now);
                is_awaited |= served == Served::Waits;
                turned_away |= served == Served::TurnedAway;
            }
        }
        if turned_away {
            let slot = |link| self.legs.slot(link);
            links.retain(|link| slot(*link).is_some_and(|slot| slot.follows(stream.id)));
        }
        stream.slots = links;
        is_awaited
    }

    /// Begins to read what a slot's packets need. With hundreds of legs, and the kernel's work for one before the
    /// next, none of it is in the processor's cache; asked for together, it comes together.
    fn fetch(&mut self, link: SlotLink) {
        if let Some(leg) = self.legs.get(link.leg) {
            leg.slots().get(link.slot).map(Slot::fetch);
            self.sink.expect(leg.id);
        }
    }

    fn serve_slot(
        &mut self,
        link: SlotLink,
        stream: &Stream,
        batch: &Batch<'_>,
        now: Duration,
    ) -> Served {
        let Some(leg) = self.legs.get_mut(link.leg) else {
            return Served::TurnedAway;
        };
        let repeats_ahead = leg.repeats_ahead();
        let Some((slot, mut out)) = leg.slot_out(link.slot, self.sink) else {
            return Served::TurnedAway;
        };
        let newest_before = slot.newest();
        slot.forward(stream, batch, now, &mut out);
        if repeats_ahead {
            self.repeats.follow(link, slot, newest_before, now);
        }
        if slot.awaits(stream.id, now) {
            Served::Waits
        } else if slot.follows(stream.id) {
            Served::Follows
        } else {
            Served::TurnedAway
        }
    }
}

/// What a slot makes of a stream whose packets it was shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Served {
    /// It waits for a keyframe that is worth asking for.
    Waits,
    Follows,
    TurnedAway,
}
