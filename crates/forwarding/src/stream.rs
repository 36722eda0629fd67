//! One RTP stream: what came, what is missing, who gets it.

use crate::holes::Holes;
use crate::keyframe;
use crate::keyframe_request::KeyframeRequests;
use crate::limits::{FORWARD_JUMP_MAX, PACKET_BYTES_MAX, RING_PACKETS};
use crate::picture::Pictures;
use crate::rate::RateMeter;
use crate::reception::Reception;
use crate::ring::Ring;
use crate::rtp::Header;
use crate::slab::Key;
use crate::{Arrival, Kind, StreamId, StreamSpec, StreamStats, sequence};
use std::time::Duration;

/// A trunk a stream goes to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TrunkLink {
    pub(crate) leg: Key,
    /// Its source is subscribed.
    pub(crate) is_subscribed: bool,
    /// The child wants it now.
    pub(crate) is_wanted: bool,
}

impl TrunkLink {
    /// Otherwise paused and only kept alive.
    pub(crate) fn is_active(&self) -> bool {
        self.is_subscribed && self.is_wanted
    }
}

/// A slot that plays a stream or waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SlotLink {
    pub(crate) leg: Key,
    pub(crate) slot: usize,
}

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
    /// Unwrapped number of the newest packet; `None` before the first.
    highest: Option<u64>,
    rate: RateMeter,
    frame_timestamp: Option<u32>,
    last_packet_at: Option<Duration>,
    audio_level: Option<u8>,
    counts: StreamStats,
}

impl Stream {
    pub(crate) fn new(id: StreamId, spec: StreamSpec) -> Self {
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
            highest: None,
            rate: RateMeter::default(),
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

    /// Stores a packet and counts it; its unwrapped number, or why it was dropped.
    pub(crate) fn accept(&mut self, packet: &[u8], now: Duration) -> Result<u64, Arrival> {
        let placed = Self::read(self.spec.ssrc, packet)
            .and_then(|header| Ok((header, self.place(header.sequence)?)));
        let (header, sequence) = placed.inspect_err(|arrival| self.count_drop(*arrival))?;
        let payload = packet.get(header.payload_start..header.payload_end);
        let part = keyframe::part(self.spec.codec, payload.unwrap_or_default());
        self.ring.insert(sequence, packet, header, part, now);
        self.count(sequence, &header, packet.len(), now);
        self.follow_keyframes(sequence);
        Ok(sequence)
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
        let sequence = sequence::nearest(highest, sequence).ok_or(Arrival::BehindWindow)?;
        if sequence > highest + FORWARD_JUMP_MAX {
            Err(Arrival::BeyondWindow)
        } else if sequence + RING_PACKETS as u64 <= highest {
            Err(Arrival::BehindWindow)
        } else if self.ring.get(sequence).is_some() {
            Err(Arrival::Duplicate)
        } else {
            Ok(sequence)
        }
    }

    fn count(&mut self, sequence: u64, header: &Header, bytes: usize, now: Duration) {
        let is_newest = self.highest.is_none_or(|highest| sequence > highest);
        self.follow_holes(sequence, is_newest, now);
        self.reception
            .count(sequence, header.timestamp, is_newest, now);
        self.counts.packets += 1;
        self.counts.bytes += bytes as u64;
        self.last_packet_at = Some(now);
        let mut frames = 0;
        if is_newest {
            let is_new_frame =
                self.frame_timestamp.replace(header.timestamp) != Some(header.timestamp);
            frames = u32::from(is_new_frame && self.kind() == Kind::Video);
            self.audio_level = header.audio_level.map(|level| level & 0x7f);
        }
        self.rate.count(bytes, frames, now);
        self.highest = self.highest.max(Some(sequence));
    }

    fn follow_holes(&mut self, sequence: u64, is_newest: bool, now: Duration) {
        let (Some(base), Some(highest)) = (self.reception.base(), self.highest) else {
            return;
        };
        if is_newest {
            self.holes.note(highest + 1..sequence, now);
            self.holes.leave_behind(sequence);
        } else if sequence > base {
            self.holes.fill(sequence);
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

    /// Makes sure that packets find the slot.
    pub(crate) fn link_slot(&mut self, link: SlotLink) {
        if !self.slots.contains(&link) {
            self.slots.push(link);
        }
    }

    /// Makes sure that packets find the trunk.
    pub(crate) fn link_trunk(&mut self, leg: Key) {
        match self.trunks.iter_mut().find(|link| link.leg == leg) {
            Some(link) => link.is_subscribed = true,
            None => self.trunks.push(TrunkLink {
                leg,
                is_subscribed: true,
                is_wanted: true,
            }),
        }
    }

    /// The earliest time something of it is due.
    pub(crate) fn next_due(&self) -> Option<Duration> {
        let times = [self.holes.next_due(), self.requests.next_due()];
        times.into_iter().flatten().min()
    }

    /// All figures but the watchers.
    pub(crate) fn stats(&self, now: Duration) -> StreamStats {
        let (bitrate_bps, frame_rate) = self.rate.rates(now);
        StreamStats {
            holes_open: self.holes.open() as u64,
            holes_repaired: self.holes.repaired,
            holes_lost: self.holes.lost,
            resends_requested: self.holes.asked,
            keyframe_requests: self.requests.sent,
            keyframes: self.pictures.keyframes,
            bitrate_bps,
            frame_rate,
            jitter: self.reception.jitter(),
            silent_for: self.last_packet_at.map(|at| now.saturating_sub(at)),
            keyframe_age: self.pictures.keyframe_age(now),
            audio_level: self.audio_level,
            ..self.counts
        }
    }
}
