//! A publisher's m-lines: which stream each one sends, and when it may start another.

use super::arrival::router_codec;
use super::leg::{Incoming, Publisher, Purpose, Track};
use super::{Core, Origin};
use crate::media::LegId;
use crate::media::ingress::Packet;
use forwarding::{Arrival, Layer, StreamSpec};
use std::time::{Duration, Instant};

/// A track may start a new stream once in this time: an encoder restart takes longer, and a publisher that
/// changes its SSRC with every packet must not use up the relay's numbers, nor its trunks'. Packets of a new SSRC
/// until then are dropped. Each start doubles the time, up to the longest one.
pub(super) const RESTART_INTERVAL: Duration = Duration::from_secs(1);
const RESTART_INTERVAL_MAX: Duration = Duration::from_secs(30);
/// A stream that lived this long came from a sound encoder: the next restart is the first again.
const RESTARTS_FORGOTTEN: Duration = Duration::from_mins(10);
/// SSRCs a track has left that are remembered.
const RETIRED_MAX: usize = 16;
/// Packets in a row outside the router's window after which the publisher has begun a new numbering under its old
/// SSRC: a fifth of a second of a picture, a second of sound.
const REFUSED_MAX: u32 = 50;

impl Track {
    fn may_start(&self, now: Instant) -> bool {
        self.started_at
            .is_none_or(|at| now.saturating_duration_since(at) >= self.restart_after)
    }

    fn note_start(&mut self, now: Instant) {
        let before = self.started_at.replace(now);
        let lived = before.map(|at| now.saturating_duration_since(at));
        self.restart_after = match lived {
            Some(lived) if lived < RESTARTS_FORGOTTEN => {
                (self.restart_after * 2).min(RESTART_INTERVAL_MAX)
            }
            _ => RESTART_INTERVAL,
        };
    }
}

impl Core {
    /// A first packet, an encoder restart: a new SSRC is a new stream, always.
    pub(super) fn start_track(
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
        if !track.may_start(now) || track.retired.contains(&ssrc) {
            return None;
        }
        track.note_start(now);
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
            layer: Layer::LOWEST,
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
            refused: 0,
        };
        let Some(Purpose::Publish(publisher)) = self.legs.get_mut(&id).map(|leg| &mut leg.purpose)
        else {
            return None;
        };
        publisher.tracks.get_mut(index)?.current = Some(incoming);
        Some(incoming)
    }

    /// A publisher whose numbers stay outside the window gets a new stream with its next packet.
    pub(super) fn note_arrival(&mut self, id: LegId, index: usize, arrival: Arrival, now: Instant) {
        let Some(Purpose::Publish(publisher)) = self.legs.get_mut(&id).map(|leg| &mut leg.purpose)
        else {
            return;
        };
        let Some(track) = publisher.tracks.get_mut(index) else {
            return;
        };
        let may_start = track.may_start(now);
        let Some(current) = &mut track.current else {
            return;
        };
        match arrival {
            Arrival::BehindWindow | Arrival::BeyondWindow => current.refused += 1,
            Arrival::Accepted => current.refused = 0,
            Arrival::Duplicate | Arrival::Malformed | Arrival::UnknownStream => {}
        }
        if current.refused < REFUSED_MAX || !may_start {
            return;
        }
        let stream = current.stream;
        track.current = None;
        tracing::warn!(site = %publisher.site, leg = id.0, "publisher has jumped in its numbering, its stream starts anew");
        self.close_stream(stream);
    }
}

pub(super) fn track_of(publisher: &Publisher, packet: &Packet<'_>) -> Option<usize> {
    let by_number = |track: &Track| track.current.is_some_and(|c| c.ssrc == packet.ssrc);
    let of_type = |track: &Track| packet.payload_type == track.spec.payload_type;
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
