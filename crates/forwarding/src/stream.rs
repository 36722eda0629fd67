//! One RTP stream: what came, what is missing, who gets it.

mod figures;
mod leaving;
mod links;

pub(crate) use leaving::Batch;
pub(crate) use links::{SlotLink, TrunkLink};

use crate::group::Group;
use crate::holes::Holes;
use crate::keyframe;
use crate::keyframe_request::KeyframeRequests;
use crate::layer_rate::LayerRate;
use crate::limits::{FORWARD_JUMP_MAX, PACKET_BYTES_MAX, RING_PACKETS};
use crate::picture::Pictures;
use crate::rate::RateMeter;
use crate::reception::Reception;
use crate::ring::Ring;
use crate::rtp::Header;
use crate::{Arrival, Kind, StreamId, StreamSpec, StreamStats, sequence};
use std::time::Duration;

/// An Opus packet without sound: its configuration, and a frame of one byte at most.
const RESTING_BYTES_MAX: usize = 2;

/// Owner of a stream's ring and of everything counted about it.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) id: StreamId,
    pub(crate) spec: StreamSpec,
    pub(crate) ring: Ring,
    pub(crate) pictures: Pictures,
    pub(crate) requests: KeyframeRequests,
    pub(crate) holes: Holes,
    pub(crate) reception: Reception,
    pub(crate) trunks: Vec<TrunkLink>,
    pub(crate) slots: Vec<SlotLink>,
    /// Accepted and not yet sent.
    pub(crate) group: Group,
    /// Unwrapped number of the newest packet sent to those who were there; 0 before the first.
    pub(crate) sent_to: u64,
    /// Added to the NTP times of its sender reports for slots.
    pub(crate) clock_offset: i64,
    /// The rate at which it would come, were it wanted.
    pub(crate) paused: Option<u64>,
    /// Paused until now: the next packet may be far ahead.
    is_resuming: bool,
    /// Unwrapped number of the newest packet; `None` before the first.
    highest: Option<u64>,
    rate: RateMeter,
    layer_rate: LayerRate,
    frame_timestamp: Option<u32>,
    last_packet_at: Option<Duration>,
    audio_level: Option<u8>,
    counts: StreamStats,
}

impl Stream {
    pub(crate) fn new(id: StreamId, spec: StreamSpec, now: Duration) -> Self {
        Self {
            id,
            spec,
            ring: Ring::new(),
            pictures: Pictures::default(),
            requests: KeyframeRequests::default(),
            holes: Holes::new(spec.resend),
            reception: Reception::new(spec.codec.clock_rate_hz()),
            trunks: Vec::new(),
            slots: Vec::new(),
            group: Group::default(),
            sent_to: 0,
            clock_offset: 0,
            paused: None,
            is_resuming: false,
            highest: None,
            rate: RateMeter::default(),
            layer_rate: LayerRate::new(now),
            frame_timestamp: None,
            last_packet_at: None,
            audio_level: None,
            counts: StreamStats::default(),
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        self.spec.codec.kind()
    }

    pub(crate) fn highest(&self) -> Option<u64> {
        self.highest
    }

    /// Looks at a packet: what it says and its unwrapped number, or why it is dropped.
    pub(crate) fn check(&mut self, packet: &[u8]) -> Result<(Header, u64), Arrival> {
        Self::read(self.spec.ssrc, packet)
            .and_then(|header| Ok((header, self.place(header.sequence)?)))
            .inspect_err(|arrival| self.count_drop(*arrival))
    }

    /// Stores a packet that passed [`Self::check`] and counts it.
    pub(crate) fn accept(
        &mut self,
        packet: &[u8],
        (header, sequence): (Header, u64),
        now: Duration,
    ) {
        let payload = packet.get(header.payload_start..header.payload_end);
        let part = keyframe::part(self.spec.codec, payload.unwrap_or_default());
        self.ring.insert(sequence, packet, header, part, now);
        self.count(sequence, &header, packet.len(), now);
        self.follow_keyframes(sequence);
    }

    fn read(ssrc: u32, packet: &[u8]) -> Result<Header, Arrival> {
        Header::parse(packet)
            .filter(|header| header.ssrc == ssrc && packet.len() <= PACKET_BYTES_MAX)
            .ok_or(Arrival::Malformed)
    }

    /// The unwrapped number of a new packet, if its place is free.
    fn place(&self, sequence: u16) -> Result<u64, Arrival> {
        let Some(highest) = self.highest else {
            return Ok(sequence::first(sequence));
        };
        let near = sequence::nearest(highest, sequence).ok_or(Arrival::BehindWindow)?;
        let is_behind = near + RING_PACKETS as u64 <= highest;
        // Of a paused stream nobody knows how many packets passed, so that what seems behind lies ahead, over the wrap.
        let sequence = match (self.is_resuming, is_behind) {
            (true, true) => near + (1 << 16),
            (false, true) => return Err(Arrival::BehindWindow),
            (_, false) => near,
        };
        if !self.is_resuming && sequence > highest + FORWARD_JUMP_MAX {
            Err(Arrival::BeyondWindow)
        } else if self.ring.get(sequence).is_some() {
            Err(Arrival::Duplicate)
        } else {
            Ok(sequence)
        }
    }

    /// Whether a packet of this number would be new, once there has been one.
    pub(crate) fn misses(&self, sequence: u16) -> bool {
        self.highest.is_some() && self.place(sequence).is_ok()
    }

    pub(crate) fn set_paused(&mut self, paused: Option<u64>, now: Duration) {
        if self.paused.is_some() && paused.is_none() {
            self.layer_rate.begin(now);
        }
        if paused.is_some() {
            self.holes.forget();
            self.is_resuming = true;
        }
        self.paused = paused;
    }

    fn count(&mut self, sequence: u64, header: &Header, bytes: usize, now: Duration) {
        let is_newest = self.highest.is_none_or(|highest| sequence > highest);
        self.follow_holes(sequence, is_newest, now);
        self.reception
            .count(sequence, header.timestamp, is_newest, now);
        self.counts.packets += 1;
        self.counts.bytes += bytes as u64;
        self.last_packet_at = Some(now);
        self.layer_rate.note(now);
        let mut frames = 0;
        if is_newest {
            let is_new_frame =
                self.frame_timestamp.replace(header.timestamp) != Some(header.timestamp);
            frames = u32::from(is_new_frame && self.kind() == Kind::Video);
            self.audio_level = header.audio_level.map(|level| level & 0x7f);
            let payload_bytes = header.payload_end - header.payload_start;
            self.counts.is_resting =
                self.kind() == Kind::Audio && payload_bytes <= RESTING_BYTES_MAX;
        }
        self.rate.count(bytes, frames, now);
        self.highest = self.highest.max(Some(sequence));
    }

    fn follow_holes(&mut self, sequence: u64, is_newest: bool, now: Duration) {
        let (Some(base), Some(highest)) = (self.reception.base(), self.highest) else {
            return;
        };
        if is_newest && self.is_resuming {
            self.reception.skip(sequence - highest - 1);
            self.is_resuming = self.paused.is_some();
        } else if is_newest {
            self.holes.note(highest + 1..sequence, now);
            self.holes.leave_behind(sequence);
        } else if sequence > base {
            self.holes.fill(sequence, now);
        } else {
            // Sent before the first packet that came: the stream began earlier than it seemed.
            self.holes.note_before(sequence + 1..base, now);
        }
    }

    fn follow_keyframes(&mut self, sequence: u64) {
        if self.kind() == Kind::Audio {
            return;
        }
        if let Some(stored) = self.ring.get(sequence)
            && self.pictures.look(&self.ring, stored)
        {
            self.requests.satisfy();
        }
    }

    fn count_drop(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::Duplicate => self.counts.duplicates += 1,
            Arrival::BehindWindow => self.counts.behind_window += 1,
            Arrival::BeyondWindow => self.counts.beyond_window += 1,
            Arrival::Malformed => self.counts.malformed += 1,
            Arrival::Accepted | Arrival::UnknownStream => {}
        }
    }

    /// The earliest time something of it is due.
    pub(crate) fn next_due(&self) -> Option<Duration> {
        let times = [self.holes.next_due(), self.requests.next_due()];
        times.into_iter().flatten().min()
    }
}
