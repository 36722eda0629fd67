//! A publisher's m-lines and their layers: which stream each one sends, and when it may start another.

use super::arrival::router_codec;
use super::leg::{Encoding, Incoming, Publisher, Purpose, Track};
use super::{Core, Origin};
use crate::media::ingress::{Form, Packet};
use crate::media::{LegId, PublishedTrack};
use forwarding::{Arrival, Layer, StreamSpec};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// An encoding may start a new stream once in this time: an encoder restart takes longer, and a publisher that
/// changes its SSRC with every packet must not use up the relay's numbers, nor its trunks'. Packets of a new SSRC
/// until then are dropped. Each start doubles the time, up to the longest one.
const RESTART_INTERVAL: Duration = Duration::from_secs(1);
const RESTART_INTERVAL_MAX: Duration = Duration::from_secs(30);
/// A stream that lived this long came from a sound encoder: the next restart is the first again.
const RESTARTS_FORGOTTEN: Duration = Duration::from_mins(10);
/// SSRCs an encoding has left that are remembered: of sixteen streams and their retransmissions.
const RETIRED_MAX: usize = 32;
/// Packets in a row outside the router's window after which the publisher has begun a new numbering under its old
/// SSRC: a fifth of a second of a picture, a second of sound.
const REFUSED_MAX: u32 = 50;

/// Where in a publisher's m-lines a packet belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) track: usize,
    /// The layer, 0 the lowest or only one.
    pub(super) encoding: usize,
    pub(super) form: Form,
}

impl Publisher {
    /// Where a packet belongs: where its SSRC is known, else where the SDP names its SSRC, else where its MID says, else
    /// to the first m-line with its payload type. A layer is named by its RID until its SSRC is known.
    pub(super) fn place(&self, packet: &Packet<'_>) -> Option<Place> {
        let tracks = || self.tracks.iter().enumerate();
        let candidates =
            || tracks().filter_map(|(at, track)| Some((at, track, packet.form(&track.spec)?)));
        let known = candidates().find_map(|(track, known, form)| {
            let encoding = known.encoding_of(packet.ssrc, form)?;
            Some(Place {
                track,
                encoding,
                form,
            })
        });
        let named = |(track, named, form): (usize, &Track, Form)| {
            let encoding = packet.layer(&named.spec, form)?;
            Some(Place {
                track,
                encoding,
                form,
            })
        };
        known
            .or_else(|| {
                candidates()
                    .find(|(_, track, _)| track.spec.ssrcs.contains(&packet.ssrc))
                    .and_then(named)
            })
            .or_else(|| {
                candidates()
                    .find(|(_, track, _)| packet.is_named(&track.spec) == Some(true))
                    .and_then(named)
            })
            // A browser that restarts its encoder may send an SSRC its offer did not name.
            .or_else(|| {
                candidates()
                    .find(|(_, track, _)| packet.is_named(&track.spec).is_none())
                    .and_then(named)
            })
    }

    pub(super) fn encoding(&mut self, place: Place) -> Option<&mut Encoding> {
        self.tracks
            .get_mut(place.track)?
            .encodings
            .get_mut(place.encoding)
    }

    /// What every encoding sends now.
    pub(super) fn incoming(&self) -> impl Iterator<Item = Incoming> {
        let encodings = self.tracks.iter().flat_map(|track| &track.encodings);
        encodings.filter_map(|encoding| encoding.current)
    }
}

impl Track {
    pub(super) fn new(spec: PublishedTrack) -> Self {
        let layers = spec.rids.len().max(1);
        let encodings = (0..layers).map(|_| Encoding::new()).collect();
        Self { spec, encodings }
    }

    /// The encoding that sends in this form under this SSRC.
    fn encoding_of(&self, ssrc: u32, form: Form) -> Option<usize> {
        self.encodings.iter().position(|encoding| match form {
            Form::Rtx => encoding.rtx_ssrc == Some(ssrc),
            // Remembered beyond the stream: a browser names its layer only until we have answered.
            Form::Media | Form::Red => encoding.ssrc == Some(ssrc),
        })
    }
}

impl Encoding {
    fn new() -> Self {
        Self {
            ssrc: None,
            current: None,
            rtx_ssrc: None,
            started_at: None,
            restart_after: RESTART_INTERVAL,
            retired: VecDeque::new(),
        }
    }

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

    /// Leaves the SSRC it has, for good, for another; gives the stream that ends by it.
    fn turn_to(&mut self, ssrc: u32) -> Option<Incoming> {
        if let Some(left) = self.ssrc.replace(ssrc).filter(|left| *left != ssrc) {
            self.retire(left);
            // What it repeats is of the stream that ends: in the next one the same numbers are other packets.
            if let Some(rtx) = self.rtx_ssrc.take() {
                self.retire(rtx);
            }
        }
        self.current.take()
    }

    fn retire(&mut self, left: u32) {
        if self.retired.len() >= RETIRED_MAX {
            self.retired.pop_front();
        }
        self.retired.push_back(left);
    }
}

impl Core {
    /// A first packet, an encoder restart: a new SSRC is a new stream, always.
    pub(super) fn start_encoding(
        &mut self,
        id: LegId,
        place: Place,
        ssrc: u32,
        now: Instant,
    ) -> Option<Incoming> {
        let Some(Purpose::Publish(publisher)) = self.legs.get_mut(&id).map(|leg| &mut leg.purpose)
        else {
            return None;
        };
        let source = publisher.source;
        let track = publisher.tracks.get_mut(place.track)?;
        let encoding = track.encodings.get_mut(place.encoding)?;
        if !encoding.may_start(now) || encoding.retired.contains(&ssrc) {
            return None;
        }
        encoding.note_start(now);
        let previous = encoding.turn_to(ssrc);
        let (codec, resend) = (router_codec(track.spec.codec), track.spec.feedback_nack);
        // Only now: what is refused above must not use up the block.
        let canonical = self.allocate_ssrc();
        let spec = StreamSpec {
            source,
            codec,
            layer: Layer(place.encoding as u8),
            ssrc: canonical,
            resend,
        };
        if let Some(previous) = previous {
            self.close_stream(previous.stream);
        }
        let origin = Origin {
            leg: id,
            ssrc,
            orphan_since: None,
            demand: None,
        };
        let incoming = Incoming {
            ssrc,
            canonical,
            stream: self.open_stream(spec, origin, now)?,
            refused: 0,
        };
        self.encoding(id, place)?.current = Some(incoming);
        Some(incoming)
    }

    pub(super) fn encoding(&mut self, id: LegId, place: Place) -> Option<&mut Encoding> {
        match &mut self.legs.get_mut(&id)?.purpose {
            Purpose::Publish(publisher) => publisher.encoding(place),
            _ => None,
        }
    }

    /// A publisher whose numbers stay outside the window gets a new stream with its next packet.
    pub(super) fn note_arrival(&mut self, id: LegId, place: Place, arrival: Arrival, now: Instant) {
        let Some(Purpose::Publish(publisher)) = self.legs.get_mut(&id).map(|leg| &mut leg.purpose)
        else {
            return;
        };
        let encodings = publisher
            .tracks
            .get_mut(place.track)
            .map(|track| &mut track.encodings);
        let Some(encoding) = encodings.and_then(|all| all.get_mut(place.encoding)) else {
            return;
        };
        let may_start = encoding.may_start(now);
        let Some(current) = &mut encoding.current else {
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
        encoding.current = None;
        tracing::warn!(site = %publisher.site, leg = id.0, "publisher has jumped in its numbering, its stream starts anew");
        self.close_stream(stream);
    }
}
