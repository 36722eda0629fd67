//! The router: owner of streams, legs and the routes between them.

mod feedback;
mod figures;
mod layers;
mod media;
mod repeats;
mod routes;
mod streams;
mod upstream;

use crate::leg::Leg;
use crate::limits::{LEGS_MAX, STREAMS_MAX};
use crate::slab::{Key, Slab};
use crate::stream::Stream;
use crate::{Codec, Kind, Layer, LegId, SourceId, StreamId};
use repeats::Repeats;
use std::collections::BTreeMap;
use std::time::Duration;

/// A stream to open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamSpec {
    /// Who publishes it.
    pub source: SourceId,
    /// Its codec, which gives kind and clock rate.
    pub codec: Codec,
    /// Which of the source's qualities it is; streams of one layer replace each other.
    pub layer: Layer,
    /// Its SSRC inside relays and on trunks.
    pub ssrc: u32,
    /// Whether the origin answers NACKs: then holes are asked for.
    pub resend: bool,
}

/// What a slot does now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlotView {
    /// Where it is pointed.
    pub wanted: Option<SourceId>,
    /// The stream it plays.
    pub playing: Option<StreamId>,
    /// The stream whose keyframe (audio: next packet) it waits for.
    pub waiting: Option<StreamId>,
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// New, stored and passed on.
    Accepted,
    /// There was a copy already.
    Duplicate,
    /// Older than the ring: dropped. A publisher that goes on like this has started anew without
    /// telling: open a stream of another SSRC for it.
    BehindWindow,
    /// A jump too far ahead: dropped. The same holds.
    BeyondWindow,
    /// Not a packet of this stream: dropped.
    Malformed,
    /// The stream is not open: dropped.
    UnknownStream,
}

/// Owner of streams, legs and the routes between them. See the [crate] page.
///
/// `now` never goes back between calls; when it does, the router treats it as standing still.
#[derive(Debug)]
pub struct Router {
    streams: Slab<Stream>,
    legs: Slab<Leg>,
    stream_ids: BTreeMap<u32, StreamId>,
    leg_keys: BTreeMap<LegId, Key>,
    /// Open streams by source, oldest first: of each layer the last is the current one.
    sources: BTreeMap<(SourceId, Kind), Vec<StreamId>>,
    now: Duration,
    /// Streams that hold packets for their frame, the earliest deadline first.
    held: Vec<StreamId>,
    repeats: Repeats,
    /// Nothing else is due before.
    wake: Option<Duration>,
    /// When layers are chosen anew.
    review_due: Option<Duration>,
    /// Kept between calls for their room.
    ask: Vec<u16>,
    keys: Vec<Key>,
    unsent: u64,
    unknown_stream: u64,
    unknown_feedback: u64,
}

impl Default for Router {
    fn default() -> Self {
        Self::new()
    }
}

impl Router {
    /// An empty router.
    pub fn new() -> Self {
        Self {
            streams: Slab::new(STREAMS_MAX),
            legs: Slab::new(LEGS_MAX),
            stream_ids: BTreeMap::new(),
            leg_keys: BTreeMap::new(),
            sources: BTreeMap::new(),
            now: Duration::ZERO,
            held: Vec::new(),
            repeats: Repeats::default(),
            wake: None,
            review_due: None,
            ask: Vec::new(),
            keys: Vec::new(),
            unsent: 0,
            unknown_stream: 0,
            unknown_feedback: 0,
        }
    }

    /// Moves the clock on, never back.
    fn advance(&mut self, now: Duration) -> Duration {
        self.now = self.now.max(now);
        self.now
    }

    fn wake_at(&mut self, due: Option<Duration>) {
        self.wake = [self.wake, due].into_iter().flatten().min();
    }

    fn leg(&self, leg: LegId) -> Option<&Leg> {
        self.legs.get(*self.leg_keys.get(&leg)?)
    }
}
