//! A publisher's packets: found their encoding, unwrapped, made canonical, handed to the router.

use super::Core;
use super::allowance::{PACKET_COST_BYTES, Verdict};
use super::arrival::router_codec;
use super::leg::{Incoming, Publisher, Purpose};
use super::tracks::Place;
use crate::media::LegId;
use crate::media::ingress::{self, Form, Packet};
use forwarding::Arrival;
use std::time::{Duration, Instant};

/// A packet that goes no further.
pub(super) enum Refused {
    /// It is of no m-line.
    NoTrack,
    /// The publisher sends more than any camera.
    Flood {
        /// Time to say so in the log.
        warn: bool,
    },
}

impl Publisher {
    /// Where a packet belongs. When it came is noted: of retransmissions and padding too, for those measure the line.
    pub(super) fn admit<'p>(
        &mut self,
        bytes: &'p [u8],
        clock: Duration,
        now: Instant,
    ) -> Result<(Place, Packet<'p>), Refused> {
        let cost = bytes.len() as u64 + PACKET_COST_BYTES;
        if let Verdict::Over { warn } = self.allowance.spend(cost, now) {
            return Err(Refused::Flood { warn });
        }
        let packet = Packet::parse(bytes).ok_or(Refused::NoTrack)?;
        if let Some(arrivals) = &mut self.arrivals
            && let Some(number) = packet.transport_sequence(arrivals.extension)
        {
            arrivals.ssrc = packet.ssrc;
            arrivals.log.handle_packet(number, clock);
        }
        let place = self.place(&packet).ok_or(Refused::NoTrack)?;
        Ok((place, packet))
    }
}

impl Core {
    pub(super) fn handle_published(
        &mut self,
        id: LegId,
        place: Place,
        packet: &Packet<'_>,
        now: Instant,
    ) {
        match place.form {
            Form::Rtx => self.take_retransmission(id, place, packet),
            Form::Red if !packet.is_padding() => self.take_redundant(id, place, packet, now),
            Form::Media | Form::Red => self.take_media(id, place, packet, now),
        };
    }

    /// A hall that floods is limited and named; its neighbours notice nothing.
    pub(super) fn refuse_published(&mut self, id: LegId, refused: &Refused) {
        let Refused::Flood { warn } = refused else {
            self.counters.no_track += 1;
            return;
        };
        self.counters.flood += 1;
        if *warn && let Some(publisher) = self.publisher_of(id) {
            tracing::warn!(site = %publisher.site, leg = id.0, "publisher floods, packets are dropped");
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
}
