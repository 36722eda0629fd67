//! A publisher's packets: found their encoding, unwrapped, made canonical, handed to the router.

use super::Core;
use super::allowance::{PACKET_COST_BYTES, Verdict};
use super::arrival::router_codec;
use super::leg::{Incoming, Publisher, Purpose};
use super::tracks::Place;
use crate::media::LegId;
use crate::media::ingress::{self, Form, Packet};
use forwarding::Arrival;
use std::time::Instant;

impl Core {
    pub(super) fn handle_published(&mut self, id: LegId, bytes: &[u8], now: Instant) {
        if !self.is_allowed(id, bytes.len(), now) {
            return;
        }
        let Some(packet) = Packet::parse(bytes) else {
            self.counters.no_track += 1;
            return;
        };
        self.note_transport(id, &packet);
        let Some(place) = self
            .publisher_of(id)
            .and_then(|publisher| publisher.place(&packet))
        else {
            self.counters.no_track += 1;
            return;
        };
        match place.form {
            Form::Rtx => self.take_retransmission(id, place, &packet),
            Form::Red if !packet.is_padding() => self.take_redundant(id, place, &packet, now),
            Form::Media | Form::Red => self.take_media(id, place, &packet, now),
        };
    }

    /// Notes when a packet came: retransmissions and padding too, for those measure the line.
    fn note_transport(&mut self, id: LegId, packet: &Packet<'_>) {
        let clock = self.shards.clock();
        let Some(Purpose::Publish(publisher)) = self.legs.get_mut(&id).map(|leg| &mut leg.purpose)
        else {
            return;
        };
        if let Some(arrivals) = &mut publisher.arrivals
            && let Some(number) = packet.transport_sequence(arrivals.extension)
        {
            arrivals.ssrc = packet.ssrc;
            arrivals.log.handle_packet(number, clock);
        }
    }

    /// New media.
    fn take_media(
        &mut self,
        id: LegId,
        place: Place,
        packet: &Packet<'_>,
        now: Instant,
    ) -> Option<()> {
        let current = self.encoding(id, place)?.current;
        let incoming = match current.filter(|current| current.ssrc == packet.ssrc) {
            Some(current) => current,
            None => self.start_encoding(id, place, packet.ssrc, now)?,
        };
        let arrival = self.forward(id, place, incoming, packet)?;
        if arrival != Arrival::Accepted || incoming.refused > 0 {
            self.note_arrival(id, place, arrival, now);
        }
        Some(())
    }

    /// A packet that was lost, or, while the publisher measures its line, one that was not: the router has a copy then.
    fn take_retransmission(&mut self, id: LegId, place: Place, packet: &Packet<'_>) -> Option<()> {
        let encoding = self.encoding(id, place)?;
        if encoding.retired.contains(&packet.ssrc) {
            return None;
        }
        encoding.rtx_ssrc = Some(packet.ssrc);
        let incoming = encoding.current?;
        let repeated = packet.repeated()?;
        self.forward(id, place, incoming, &repeated)?;
        Some(())
    }

    /// New sound, and the sound before it where that was lost.
    fn take_redundant(
        &mut self,
        id: LegId,
        place: Place,
        packet: &Packet<'_>,
        now: Instant,
    ) -> Option<()> {
        let codec = self
            .publisher_of(id)?
            .tracks
            .get(place.track)?
            .spec
            .payload_type;
        for block in ingress::blocks(packet, codec)? {
            if block.sequence == packet.sequence {
                self.take_media(id, place, &block, now);
                continue;
            }
            let current = self.encoding(id, place)?.current;
            let misses = |incoming: &Incoming| self.shards.misses(incoming.stream, block.sequence);
            if let Some(incoming) = current.filter(misses) {
                self.forward(id, place, incoming, &block);
            }
        }
        Some(())
    }

    /// Hands a packet in canonical form to the router.
    fn forward(
        &mut self,
        id: LegId,
        place: Place,
        incoming: Incoming,
        packet: &Packet<'_>,
    ) -> Option<Arrival> {
        let Some(Purpose::Publish(publisher)) = self.legs.get(&id).map(|leg| &leg.purpose) else {
            return None;
        };
        let spec = &publisher.tracks.get(place.track)?.spec;
        let codec = router_codec(spec.codec);
        packet.write_canonical(
            &spec.extensions,
            codec,
            incoming.canonical,
            &mut self.canonical,
        );
        Some(self.shards.handle_rtp(incoming.stream, &self.canonical))
    }

    fn publisher_of(&self, id: LegId) -> Option<&Publisher> {
        match &self.legs.get(&id)?.purpose {
            Purpose::Publish(publisher) => Some(publisher),
            _ => None,
        }
    }

    /// A hall that floods is limited and named; its neighbours notice nothing.
    fn is_allowed(&mut self, id: LegId, len: usize, now: Instant) -> bool {
        let Some(Purpose::Publish(publisher)) = self.legs.get_mut(&id).map(|leg| &mut leg.purpose)
        else {
            return false;
        };
        let cost = len as u64 + PACKET_COST_BYTES;
        match publisher.allowance.spend(cost, now) {
            Verdict::Within => true,
            Verdict::Over { warn } => {
                self.counters.flood += 1;
                if warn {
                    tracing::warn!(site = %publisher.site, leg = id.0, "publisher floods, packets are dropped");
                }
                false
            }
        }
    }
}
