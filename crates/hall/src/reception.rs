//! What of the program arrived, without decoding it: packets, complete frames, holes.
//!
//! Sans-IO: told every RTP packet and the time, it asks nobody. A frame is complete when every
//! packet from its first to the one with the marker is here (RFC 6184 §5.1, RFC 7741 §4.1); its
//! first packet is known either because the packet before it ended a frame, or because the payload
//! begins a keyframe. Frames count from the first complete keyframe on: what came before it cannot
//! be shown.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

/// A packet missing this long is a hole: a player has given the picture up by then.
pub const REPAIR_DEADLINE: Duration = Duration::from_secs(1);

/// Packets of one stream that may be awaited at once; beyond it the oldest are judged early.
const WINDOW_PACKETS: usize = 1024;

/// No complete frame for this long, after frames had come, is a freeze.
const FREEZE_AFTER: Duration = Duration::from_secs(1);

/// At most one keyframe request in this time: a keyframe needs a round trip to come.
const KEYFRAME_REQUEST_INTERVAL: Duration = Duration::from_secs(1);

/// So long a new stream may take to bring its keyframe by itself: it is often already on the way, and
/// the first packets of a session can be lost before the keys are in place.
const KEYFRAME_PATIENCE: Duration = Duration::from_millis(100);

/// Streams of one session; a relay sends four at most, the rest would be an attack.
const STREAMS_MAX: usize = 8;

/// An RTP packet as far as reception cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Whose sequence numbers these are.
    pub ssrc: u32,
    /// RTP sequence number.
    pub sequence: u16,
    /// RTP timestamp: one value per frame.
    pub timestamp: u32,
    /// Last packet of its frame.
    pub marker: bool,
    /// Has frames; audio has not.
    pub video: bool,
    /// The payload begins a frame that needs none before it.
    pub starts_keyframe: bool,
}

/// Totals since the hall joined, over all sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Packets accepted, once each.
    pub packets: u64,
    /// Complete frames, from the first complete keyframe on.
    pub frames: u64,
    /// Packets that were missing when a later one came.
    pub gaps: u64,
    /// Of those, how many came within [`REPAIR_DEADLINE`].
    pub repaired: u64,
    /// Of those, how many never came in time.
    pub holes: u64,
    /// Came a second time while the first was still waiting for its frame.
    pub duplicates: u64,
    /// Came, perhaps for a second time, after their place was judged, or from before the stream's
    /// first packet.
    pub late: u64,
    /// Picture freezes.
    pub freezes: u32,
}

/// The reception of one hall.
#[derive(Debug, Default)]
pub struct Reception {
    totals: Totals,
    streams: HashMap<u32, Stream>,
    last_packet_at: Option<Duration>,
    first_frame_at: Option<Duration>,
    last_frame_at: Option<Duration>,
    frozen: bool,
}

impl Reception {
    /// Forgets the streams, keeps the totals. What is still missing then stays a gap: nobody can
    /// say whether the old session would have repaired it.
    pub fn begin_session(&mut self) {
        self.streams.clear();
        self.last_packet_at = None;
        self.last_frame_at = None;
        self.frozen = false;
    }

    /// Takes a packet in.
    pub fn handle_packet(&mut self, arrival: Arrival, now: Duration) {
        self.last_packet_at = Some(now);
        if !self.streams.contains_key(&arrival.ssrc) && self.streams.len() >= STREAMS_MAX {
            self.totals.late += 1;
            return;
        }
        let stream = self
            .streams
            .entry(arrival.ssrc)
            .or_insert_with(|| Stream::beginning_at(arrival.sequence, arrival.video, now));
        let frames_before = self.totals.frames;
        stream.handle_packet(arrival, now, &mut self.totals);
        self.note_frames(frames_before, now);
    }

    /// Judges what has been missing too long.
    pub fn handle_timeout(&mut self, now: Duration) {
        let frames_before = self.totals.frames;
        for stream in self.streams.values_mut() {
            stream.advance(now, &mut self.totals);
        }
        self.note_frames(frames_before, now);
        let stale = self
            .last_frame_at
            .is_some_and(|at| now.saturating_sub(at) >= FREEZE_AFTER);
        if stale && !self.frozen {
            self.frozen = true;
            self.totals.freezes += 1;
        }
    }

    /// A video stream that has to be asked for a keyframe now, because a frame came in broken or none
    /// can be shown yet. Each stream is named at most once a second until a keyframe has come.
    pub fn poll_keyframe_request(&mut self, now: Duration) -> Option<u32> {
        let (ssrc, stream) = self
            .streams
            .iter_mut()
            .find(|(_, stream)| stream.needs_keyframe(now))?;
        stream.asked_at = Some(now);
        Some(*ssrc)
    }

    /// The totals.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// When this session's last packet came.
    pub fn last_packet_at(&self) -> Option<Duration> {
        self.last_packet_at
    }

    /// When the first complete frame ever came.
    pub fn first_frame_at(&self) -> Option<Duration> {
        self.first_frame_at
    }

    fn note_frames(&mut self, frames_before: u64, now: Duration) {
        if self.totals.frames > frames_before {
            self.first_frame_at.get_or_insert(now);
            self.last_frame_at = Some(now);
            self.frozen = false;
        }
    }
}

/// One place in the window.
#[derive(Clone, Copy, Debug)]
enum Cell {
    Missing { since: Duration },
    Here(Arrival),
}

/// The frame whose packets are being walked through.
#[derive(Clone, Copy, Debug)]
struct OpenFrame {
    timestamp: u32,
    whole: bool,
    keyframe: bool,
}

#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "four facts about a stream that go on and off by themselves"
)]
struct Stream {
    video: bool,
    /// Sequence number, unwrapped, of the first cell.
    cursor: u64,
    cells: VecDeque<Cell>,
    frame: Option<OpenFrame>,
    /// The packet before the cursor ended a frame, and was here.
    at_boundary: bool,
    /// A complete keyframe has been seen.
    showing: bool,
    /// A frame broke, and no keyframe has come since.
    broken: bool,
    began_at: Duration,
    asked_at: Option<Duration>,
    /// The last packet from behind the window: two in a row mean the numbering began anew (RFC 3550 A.1).
    behind: Option<u16>,
}

impl Stream {
    fn beginning_at(sequence: u16, video: bool, now: Duration) -> Self {
        Self {
            video,
            // One turn up, so that unwrapping backwards never goes below zero.
            cursor: u64::from(sequence) + (1 << 16),
            cells: VecDeque::new(),
            frame: None,
            at_boundary: false,
            showing: false,
            broken: false,
            began_at: now,
            asked_at: None,
            behind: None,
        }
    }

    fn needs_keyframe(&self, now: Duration) -> bool {
        let rested = self
            .asked_at
            .is_none_or(|at| now.saturating_sub(at) >= KEYFRAME_REQUEST_INTERVAL);
        let patient = now.saturating_sub(self.began_at) < KEYFRAME_PATIENCE;
        self.video && (self.broken || !self.showing) && rested && !patient
    }

    fn handle_packet(&mut self, arrival: Arrival, now: Duration, totals: &mut Totals) {
        let next = self.cursor + self.cells.len() as u64;
        let ahead = arrival.sequence.wrapping_sub(next as u16).cast_signed();
        if ahead >= 0 {
            self.append(arrival, ahead.unsigned_abs(), now, totals);
        } else {
            let back = u64::from(ahead.unsigned_abs());
            let place = (next - back).checked_sub(self.cursor);
            match place.and_then(|index| self.cells.get_mut(index as usize)) {
                Some(cell @ Cell::Missing { .. }) => {
                    *cell = Cell::Here(arrival);
                    totals.packets += 1;
                    totals.repaired += 1;
                }
                Some(Cell::Here(_)) => totals.duplicates += 1,
                None => return self.handle_behind(arrival, now, totals),
            }
        }
        self.behind = None;
        self.advance(now, totals);
    }

    fn append(&mut self, arrival: Arrival, skipped: u16, now: Duration, totals: &mut Totals) {
        totals.gaps += u64::from(skipped);
        for _ in 0..skipped {
            self.cells.push_back(Cell::Missing { since: now });
            self.trim(totals);
        }
        self.cells.push_back(Cell::Here(arrival));
        self.trim(totals);
        totals.packets += 1;
    }

    /// A packet from before the window. One that is a window old may be a resend; from further back
    /// two in a row are a stream that numbers anew.
    fn handle_behind(&mut self, arrival: Arrival, now: Duration, totals: &mut Totals) {
        let back = (self.cursor as u16).wrapping_sub(arrival.sequence);
        let anew = self.behind == Some(arrival.sequence.wrapping_sub(1));
        if usize::from(back) > WINDOW_PACKETS && anew {
            *self = Self::beginning_at(arrival.sequence, self.video, now);
            self.handle_packet(arrival, now, totals);
        } else {
            self.behind = Some(arrival.sequence);
            totals.late += 1;
        }
    }

    /// Keeps the window bounded: the oldest place is judged though its time has not come.
    fn trim(&mut self, totals: &mut Totals) {
        if self.cells.len() > WINDOW_PACKETS
            && let Some(cell) = self.cells.pop_front()
        {
            self.cursor += 1;
            self.judge(cell, totals);
        }
    }

    fn advance(&mut self, now: Duration, totals: &mut Totals) {
        while let Some(cell) = self.cells.front().copied() {
            if let Cell::Missing { since } = cell
                && now.saturating_sub(since) < REPAIR_DEADLINE
            {
                break;
            }
            self.cells.pop_front();
            self.cursor += 1;
            self.judge(cell, totals);
        }
    }

    fn judge(&mut self, cell: Cell, totals: &mut Totals) {
        match cell {
            Cell::Missing { .. } => {
                totals.holes += 1;
                self.at_boundary = false;
                self.broken = self.broken || self.showing;
                if let Some(frame) = &mut self.frame {
                    frame.whole = false;
                }
            }
            Cell::Here(arrival) if self.video => self.walk(arrival, totals),
            Cell::Here(_) => {}
        }
    }

    fn walk(&mut self, arrival: Arrival, totals: &mut Totals) {
        let frame = match self.frame.take() {
            Some(frame) if frame.timestamp == arrival.timestamp => frame,
            _ => OpenFrame {
                timestamp: arrival.timestamp,
                whole: self.at_boundary || arrival.starts_keyframe,
                keyframe: arrival.starts_keyframe,
            },
        };
        self.at_boundary = arrival.marker;
        if !arrival.marker {
            self.frame = Some(frame);
            return;
        }
        if frame.whole && frame.keyframe {
            self.showing = true;
            self.broken = false;
        }
        if frame.whole && self.showing {
            totals.frames += 1;
        }
    }
}

#[cfg(test)]
#[path = "reception_tests.rs"]
mod tests;
