//! Packets that come in: opened and handed to the router.

use super::leg::{Leg, Purpose};
use super::{Core, Origin};
use crate::media::srtp::rtp_seq_ssrc;
use crate::media::{Codec, LegId};
use forwarding::{SourceId, StreamId, StreamSpec};
use std::net::SocketAddr;
use std::time::Instant;

impl Core {
    pub(super) fn handle_srtp(&mut self, now: Instant, from: SocketAddr, datagram: &mut [u8]) {
        let Some(&id) = self.by_address.get(&from) else {
            self.counters.from_strangers += 1;
            return;
        };
        // RFC 5761 §4: payload types 64 to 95 with the marker bit are RTCP's.
        let is_rtcp = matches!(datagram.get(1), Some(192..=223));
        let leg = self.legs.get_mut(&id);
        let opened = leg.and_then(|leg| open(leg, datagram, is_rtcp, now));
        let Some((len, selected)) = opened else {
            self.counters.not_authentic += 1;
            return;
        };
        if selected != Some(from) {
            self.select_address(id, from);
        }
        let plain = &datagram[..len];
        if is_rtcp {
            self.handle_rtcp(id, plain, now);
        } else {
            self.handle_rtp(id, plain, now);
        }
    }

    pub(super) fn handle_rtp(&mut self, id: LegId, packet: &[u8], now: Instant) {
        match self.legs.get_mut(&id).map(|leg| &mut leg.purpose) {
            Some(Purpose::Publish(publisher)) => {
                match publisher.admit(packet, self.shards.clock(), now) {
                    Ok((place, packet)) => self.handle_published(id, place, &packet, now),
                    Err(refused) => self.refuse_published(id, &refused),
                }
            }
            Some(Purpose::TrunkUp(dialler)) => {
                let announced =
                    rtp_seq_ssrc(packet).and_then(|(_, ssrc)| dialler.streams.get(&ssrc));
                match announced.map(|announced| announced.stream) {
                    Some(stream) => {
                        self.shards.handle_rtp(stream, packet);
                    }
                    None => self.counters.unannounced += 1,
                }
            }
            // Watchers and children do not send media.
            _ => self.counters.no_track += 1,
        }
    }

    /// Opens a stream and tells the trunks that carry its source before its first packet.
    pub(super) fn open_stream(
        &mut self,
        spec: StreamSpec,
        origin: Origin,
        now: Instant,
    ) -> Option<StreamId> {
        self.shards.set_now(now);
        if self.streams_of(spec.source).next().is_none() {
            self.clocks.forget(spec.source);
        }
        match self.shards.open_stream(spec) {
            Ok(stream) => {
                self.take_origin(stream, origin);
                self.set_clock(stream, spec.source);
                self.version += 1;
                self.announce_start(spec);
                Some(stream)
            }
            Err(refusal) => {
                tracing::warn!(ssrc = spec.ssrc, %refusal, "stream refused");
                None
            }
        }
    }

    /// A second parent's copy: what is known of the stream stays.
    fn take_origin(&mut self, stream: StreamId, origin: Origin) {
        let demand = self.origins.get(&stream).and_then(|known| known.demand);
        let origin = Origin {
            demand: demand.or(origin.demand),
            ..origin
        };
        self.origins.insert(stream, origin);
    }

    pub(super) fn close_stream(&mut self, stream: StreamId) {
        if let Some(spec) = self.shards.stream_spec(stream) {
            self.announce_end(spec);
        }
        self.origins.remove(&stream);
        self.shards.close_stream(stream);
        // A parent that still announces it opens it again.
        for leg in self.legs.values_mut() {
            if let Purpose::TrunkUp(dialler) = &mut leg.purpose {
                dialler.streams.retain(|_, known| known.stream != stream);
            }
        }
        self.version += 1;
    }

    /// The streams of a source.
    pub(super) fn streams_of(&self, source: SourceId) -> impl Iterator<Item = StreamId> {
        self.shards
            .streams()
            .filter(move |(_, spec)| spec.source == source)
            .map(|(stream, _)| stream)
    }
}

/// Decrypts in place what a leg has sent; gives the length, and where the leg is as far as was known.
fn open(
    leg: &mut Leg,
    datagram: &mut [u8],
    is_rtcp: bool,
    now: Instant,
) -> Option<(usize, Option<SocketAddr>)> {
    let receiver = leg.receiver.as_mut()?;
    let len = if is_rtcp {
        receiver.open_rtcp(datagram).ok()?
    } else {
        receiver.open_rtp(datagram).ok()?
    };
    leg.note_heard(is_rtcp, now);
    Some((len, leg.path.selected))
}

/// The same codec in the router's words.
pub(super) fn router_codec(codec: Codec) -> forwarding::Codec {
    match codec {
        Codec::Opus => forwarding::Codec::Opus,
        Codec::H264 => forwarding::Codec::H264,
        Codec::Vp8 => forwarding::Codec::Vp8,
        Codec::Vp9 => forwarding::Codec::Vp9,
        Codec::Av1 => forwarding::Codec::Av1,
    }
}
