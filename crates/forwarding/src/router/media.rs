//! A packet comes in and goes out.

use super::{Arrival, Router};
use crate::leg::Leg;
use crate::reception::SenderInfo;
use crate::slab::Slab;
use crate::stream::Stream;
use crate::{Action, Kind, Sink, StreamId};
use std::time::Duration;

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
        let now = self.advance(now);
        let Some(stream) = self.streams.get_mut(stream.0) else {
            self.unknown_stream += 1;
            return Arrival::UnknownStream;
        };
        let sequence = match stream.accept(packet, now) {
            Ok(sequence) => sequence,
            Err(arrival) => return arrival,
        };
        to_trunks(stream, sequence, &mut self.legs, sink);
        let is_awaited = to_slots(stream, sequence, &mut self.legs, now, sink);
        if is_awaited && stream.kind() == Kind::Video && stream.requests.want(now) {
            sink.take(Action::RequestKeyframe { stream: stream.id });
        }
        let due = stream.next_due();
        self.wake_at(due);
        Arrival::Accepted
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
        let at = self.advance(now);
        let Some(stream) = self.streams.get_mut(stream.0) else {
            self.unknown_stream += 1;
            return;
        };
        stream
            .reception
            .set_sender_report(SenderInfo { ntp, rtp, at });
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

fn to_trunks(stream: &Stream, sequence: u64, legs: &mut Slab<Leg>, sink: &mut impl Sink) {
    let Some(stored) = stream.ring.get(sequence) else {
        return;
    };
    for link in &stream.trunks {
        let leg = legs.get_mut(link.leg);
        if let Some((trunk, mut out)) = leg.and_then(|leg| leg.trunk_out(sink)) {
            trunk.forward(stream, stored, link.is_active(), &mut out);
        }
    }
}

/// Serves the slots, forgets those that turned away; true when one waits in vain.
fn to_slots(
    stream: &mut Stream,
    sequence: u64,
    legs: &mut Slab<Leg>,
    now: Duration,
    sink: &mut impl Sink,
) -> bool {
    let mut is_awaited = false;
    let mut links = std::mem::take(&mut stream.slots);
    links.retain(|link| {
        let leg = legs.get_mut(link.leg);
        let Some((slot, mut out)) = leg.and_then(|leg| leg.slot_out(link.slot, sink)) else {
            return false;
        };
        if let Some(stored) = stream.ring.get(sequence) {
            slot.forward(stream, stored, now, &mut out);
        }
        is_awaited |= slot.waiting == Some(stream.id);
        slot.follows(stream.id)
    });
    stream.slots = links;
    is_awaited
}
