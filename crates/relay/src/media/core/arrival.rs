//! Packets that come in: opened, made canonical, handed to the router.

use super::allowance::Verdict;
use super::leg::{Incoming, Publisher, Purpose};
use super::{Core, Origin};
use crate::media::ingress::Packet;
use crate::media::srtp::rtp_seq_ssrc;
use crate::media::{Codec, LegId};
use forwarding::{SourceId, StreamId, StreamSpec};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// A track may start a new SSRC once in this time: an encoder restart takes longer, and a publisher that
/// changes it with every packet must not use up the relay's numbers. Packets of a new SSRC until then are dropped.
const RESTART_INTERVAL: Duration = Duration::from_secs(1);
/// SSRCs a track has left that are remembered.
const RETIRED_MAX: usize = 16;

impl Core {
    pub(super) fn handle_srtp(&mut self, now: Instant, from: SocketAddr, datagram: &mut [u8]) {
        let Some(&id) = self.by_address.get(&from) else {
            self.counters.from_strangers += 1;
            return;
        };
        // RFC 5761 §4: payload types 64 to 95 with the marker bit are RTCP's.
        let is_rtcp = matches!(datagram.get(1), Some(192..=223));
        let Some(receiver) = self.legs.get_mut(&id).and_then(|leg| leg.receiver.as_mut()) else {
            self.counters.not_authentic += 1;
            return;
        };
        let opened = if is_rtcp {
            receiver.open_rtcp(datagram)
        } else {
            receiver.open_rtp(datagram)
        };
        let Some(plain) = opened.ok().and_then(|len| datagram.get(..len)) else {
            self.counters.not_authentic += 1;
            return;
        };
        self.note_heard(id, from, is_rtcp, now);
        if is_rtcp {
            self.handle_rtcp(id, plain, now);
        } else {
            self.handle_rtp(id, plain, now);
        }
    }

    fn note_heard(&mut self, id: LegId, from: SocketAddr, is_rtcp: bool, now: Instant) {
        self.note_source(id, from);
        let Some(leg) = self.legs.get_mut(&id) else {
            return;
        };
        leg.heard_at = now;
        leg.packets_received += u64::from(!is_rtcp);
        if let Purpose::TrunkUp(dialler) = &mut leg.purpose {
            dialler.media_at = now;
        }
    }

    fn handle_rtp(&mut self, id: LegId, packet: &[u8], now: Instant) {
        let clock = self.clock(now);
        match self.legs.get(&id).map(|leg| &leg.purpose) {
            Some(Purpose::Publish(_)) => {
                if !self.is_allowed(id, packet.len(), now) {
                    return;
                }
                let mut canonical = std::mem::take(&mut self.canonical);
                if let Some(stream) = self.canonicalise(id, packet, &mut canonical, now) {
                    self.router
                        .handle_rtp(stream, &canonical, clock, &mut self.wires);
                }
                self.canonical = canonical;
            }
            Some(Purpose::TrunkUp(dialler)) => {
                let announced =
                    rtp_seq_ssrc(packet).and_then(|(_, ssrc)| dialler.streams.get(&ssrc));
                match announced.map(|announced| announced.stream) {
                    Some(stream) => {
                        self.router
                            .handle_rtp(stream, packet, clock, &mut self.wires);
                    }
                    None => self.counters.unannounced += 1,
                }
            }
            // Watchers and children do not send media.
            _ => self.counters.no_track += 1,
        }
    }

    /// A hall that floods is limited and named; its neighbours notice nothing.
    fn is_allowed(&mut self, id: LegId, len: usize, now: Instant) -> bool {
        let Some(Purpose::Publish(publisher)) = self.legs.get_mut(&id).map(|leg| &mut leg.purpose)
        else {
            return false;
        };
        match publisher.allowance.spend(len, now) {
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

    /// Finds or opens the stream of a publisher's packet and writes its canonical form.
    fn canonicalise(
        &mut self,
        id: LegId,
        bytes: &[u8],
        out: &mut Vec<u8>,
        now: Instant,
    ) -> Option<StreamId> {
        let packet = Packet::parse(bytes)?;
        let Some(Purpose::Publish(publisher)) = self.legs.get(&id).map(|leg| &leg.purpose) else {
            return None;
        };
        let Some(index) = track_of(publisher, &packet) else {
            self.counters.no_track += 1;
            return None;
        };
        let track = &publisher.tracks[index];
        let current = track.current.filter(|current| current.ssrc == packet.ssrc);
        let incoming = match current {
            Some(current) => current,
            None => self.start_track(id, index, packet.ssrc, now)?,
        };
        let Some(Purpose::Publish(publisher)) = self.legs.get(&id).map(|leg| &leg.purpose) else {
            return None;
        };
        let track = publisher.tracks.get(index)?;
        packet.write_canonical(
            &track.spec,
            router_codec(track.spec.codec),
            incoming.canonical,
            out,
        );
        Some(incoming.stream)
    }

    /// A first packet, an encoder restart: a new SSRC is a new stream, always.
    fn start_track(
        &mut self,
        id: LegId,
        index: usize,
        ssrc: u32,
        now: Instant,
    ) -> Option<Incoming> {
        let Some(Purpose::Publish(publisher)) = self.legs.get_mut(&id).map(|leg| &mut leg.purpose)
        else {
            return None;
        };
        let source = publisher.source;
        let track = publisher.tracks.get_mut(index)?;
        let too_soon = track
            .started_at
            .is_some_and(|at| now.saturating_duration_since(at) < RESTART_INTERVAL);
        if too_soon || track.retired.contains(&ssrc) {
            return None;
        }
        track.started_at = Some(now);
        let previous = track.current.take();
        if let Some(previous) = previous {
            if track.retired.len() >= RETIRED_MAX {
                track.retired.pop_front();
            }
            track.retired.push_back(previous.ssrc);
        }
        let codec = router_codec(track.spec.codec);
        // Only now: what is refused above must not use up the block.
        let canonical = self.allocate_ssrc();
        // Browsers negotiate NACK for video only.
        let spec = StreamSpec {
            source,
            codec,
            ssrc: canonical,
            resend: codec.kind() == forwarding::Kind::Video,
        };
        if let Some(previous) = previous {
            self.close_stream(previous.stream);
        }
        let stream = self.open_stream(
            spec,
            Origin {
                leg: id,
                ssrc,
                orphan_since: None,
            },
            now,
        )?;
        let incoming = Incoming {
            ssrc,
            canonical,
            stream,
        };
        let Some(Purpose::Publish(publisher)) = self.legs.get_mut(&id).map(|leg| &mut leg.purpose)
        else {
            return None;
        };
        publisher.tracks.get_mut(index)?.current = Some(incoming);
        Some(incoming)
    }

    /// Opens a stream and tells the trunks that carry its source before its first packet.
    pub(super) fn open_stream(
        &mut self,
        spec: StreamSpec,
        origin: Origin,
        now: Instant,
    ) -> Option<StreamId> {
        match self.router.open_stream(spec, self.clock(now)) {
            Ok(stream) => {
                self.origins.insert(stream, origin);
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

    pub(super) fn close_stream(&mut self, stream: StreamId) {
        if let Some(spec) = self.router.stream_spec(stream) {
            self.announce_end(spec);
        }
        self.origins.remove(&stream);
        self.router.close_stream(stream);
        self.version += 1;
    }

    /// The streams of a source.
    pub(super) fn streams_of(&self, source: SourceId) -> impl Iterator<Item = StreamId> {
        self.router
            .streams()
            .filter(move |(_, spec)| spec.source == source)
            .map(|(stream, _)| stream)
    }
}

fn track_of(publisher: &Publisher, packet: &Packet<'_>) -> Option<usize> {
    let by_number =
        |track: &super::leg::Track| track.current.is_some_and(|c| c.ssrc == packet.ssrc);
    let of_type = |track: &super::leg::Track| packet.payload_type == track.spec.payload_type;
    publisher
        .tracks
        .iter()
        .position(|track| by_number(track) && of_type(track))
        .or_else(|| {
            publisher
                .tracks
                .iter()
                .position(|track| packet.belongs_to(&track.spec))
        })
}

/// The same codec in the router's words.
pub(super) fn router_codec(codec: Codec) -> forwarding::Codec {
    match codec {
        Codec::Opus => forwarding::Codec::Opus,
        Codec::H264 => forwarding::Codec::H264,
        Codec::Vp8 => forwarding::Codec::Vp8,
    }
}
