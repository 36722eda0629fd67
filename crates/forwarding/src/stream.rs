//! One RTP stream: what came, what is missing, who gets it.

use crate::allocation::Rung;
use crate::group::{self, Group};
use crate::holes::Holes;
use crate::keyframe;
use crate::keyframe_request::{self, KeyframeRequests};
use crate::layer_rate::LayerRate;
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
    /// Where the trunk keeps what it sent of this SSRC, once it has sent some.
    pub(crate) sending: Option<usize>,
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

/// Packets that go out now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batch<'a> {
    /// Their unwrapped numbers, ascending; none when somebody joins.
    pub(crate) members: &'a [u64],
    /// What lies before has gone out: a decoder that starts now needs all of it in the ring.
    pub(crate) first: u64,
    /// The newest packet that has gone out or goes out now.
    pub(crate) through: u64,
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

    /// Has a packet just accepted wait for its frame, or not; true when it waits. What was held
    /// must have left before it was stored if [`Self::must_flush`] said so.
    pub(crate) fn admit(&mut self, sequence: u64, now: Duration) -> bool {
        let is_newest = self.highest == Some(sequence);
        match self.ring.get(sequence) {
            Some(stored) if is_newest && self.kind() == Kind::Video => {
                self.group.admit(stored, now)
            }
            _ => {
                self.group.admit_alone(sequence);
                false
            }
        }
    }

    /// Whether what is held must leave before a packet is stored: that is of another frame, or
    /// comes late.
    pub(crate) fn must_flush(&self, header: &Header, sequence: u64) -> bool {
        let is_late = self.highest.is_some_and(|highest| sequence < highest);
        !self.group.is_empty() && (is_late || self.group.is_closed_to(header.timestamp))
    }

    /// Takes what is held, made equal, to send it.
    pub(crate) fn begin_sending(&mut self) -> Vec<u64> {
        let members = self.group.take();
        self.counts.padding_bytes += group::level(&mut self.ring, &members);
        self.counts.groups += 1;
        members
    }

    /// The members of a group as they go out. Something late has gone out before what is newer.
    pub(crate) fn batch<'a>(&mut self, members: &'a [u64]) -> Batch<'a> {
        let is_newer = |first: &&u64| **first > self.sent_to;
        let live = members.first().filter(is_newer).copied();
        self.sent_to = members.last().copied().max(Some(self.sent_to)).unwrap_or(0);
        Batch {
            members,
            first: live.unwrap_or(self.sent_to + 1),
            through: self.sent_to,
        }
    }

    /// What somebody who joins now may be shown: all that went out to the others.
    pub(crate) fn joined(&self) -> Option<Batch<'static>> {
        (self.sent_to > 0).then_some(Batch {
            members: &[],
            first: self.sent_to + 1,
            through: self.sent_to,
        })
    }

    /// Someone wants a keyframe; true when the origin is to be asked now.
    pub(crate) fn want_keyframe(&mut self, now: Duration) -> bool {
        self.weigh_keyframes(now);
        self.requests.want(now)
    }

    /// Follows how dear keyframes are.
    pub(crate) fn weigh_keyframes(&mut self, now: Duration) {
        let bytes = self.pictures.keyframe_bytes();
        let interval = keyframe_request::interval(bytes, self.rate.rates(now).0);
        self.requests.set_interval(interval);
    }

    /// This stream as one of its source's layers.
    pub(crate) fn rung(&self, now: Duration) -> Rung {
        let window_bps = self.rate.rates(now).0;
        Rung {
            stream: self.id,
            layer: self.spec.layer,
            bps: match self.paused {
                Some(rate_bps) if rate_bps > 0 => rate_bps,
                _ => self.layer_rate.expected_bps(window_bps, now),
            },
            is_alive: match self.paused {
                Some(rate_bps) => rate_bps > 0,
                None => self.layer_rate.is_alive(now),
            },
        }
    }

    /// Remembers what it takes while it flows.
    pub(crate) fn learn_rate(&mut self, now: Duration) {
        let window_bps = self.rate.rates(now).0;
        self.layer_rate.learn(window_bps, now);
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
                sending: None,
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
