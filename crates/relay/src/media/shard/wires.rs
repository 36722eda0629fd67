//! What goes out: sealed towards each connected leg.

use super::line::{Attention, Line};
use super::pacer::STEP;
use crate::media::LegId;
use crate::media::departures::Departures;
use crate::media::leg_map::LegMap;
use crate::media::rtcp::{Block, Writer};
use crate::media::srtp::{Clear, Sender};
use crate::media::transmit::Transmit;
use forwarding::bandwidth::{Content, Feedback};
use forwarding::{Action, Packet, SenderReport, Sink, StreamId};
use std::collections::VecDeque;
use std::hint::black_box;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Sender reports remembered per leg to time the answers.
const REPORTS_REMEMBERED: usize = 8;

/// The sending half of every connected leg. The router's [`Sink`].
pub(in crate::media) struct Wires {
    /// Boxed: a map's room doubles, and most of that would be empty wires of a kilobyte and more.
    by_leg: LegMap<Box<Wire>>,
    pub(in crate::media) departures: Departures,
    cname: String,
    started_at: Instant,
    /// Set before every call into the router.
    pub(super) now: Instant,
    pub(super) attention: Attention,
    /// Kept between messages for its room.
    pub(super) feedback: Feedback,
    /// The same for what a message tells as lost.
    pub(super) lost: Vec<Content>,
    /// The router's requests, answered once it returns.
    pub(in crate::media) wishes: Vec<Wish>,
    /// Kept between sender reports for its room.
    compound: Vec<u8>,
}

/// What the router wants of a stream's origin.
#[derive(Debug)]
pub(in crate::media) enum Wish {
    Keyframe(StreamId),
    Resend(StreamId, Vec<u16>),
}

/// How a leg is served, for reports.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in crate::media) struct WireFigures {
    pub(in crate::media) packets_sent: u64,
    /// As the peer said last, in 1/256.
    pub(in crate::media) fraction_lost: u8,
    pub(in crate::media) round_trip: Option<Duration>,
    /// Its line was found full, and has not been forgiven.
    pub(in crate::media) is_limited: bool,
}

/// One connected leg.
struct Wire {
    to: SocketAddr,
    sender: Sender,
    packets_sent: u64,
    /// Of a leg whose packets carry transport-wide numbers.
    line: Option<Box<Line>>,
    fraction_lost: u8,
    round_trip: Option<Duration>,
    /// Middle 32 bits of the NTP time and the moment of the last sender reports: a publisher's clock is not ours,
    /// so the round trip is taken from when the report left.
    reports: VecDeque<(u32, Instant)>,
}

impl Wires {
    pub(super) fn new(cname: String, transmit: Box<dyn Transmit>, now: Instant) -> Self {
        Self {
            by_leg: LegMap::default(),
            departures: Departures::new(transmit),
            cname,
            started_at: now,
            now,
            attention: Attention::default(),
            feedback: Feedback::default(),
            lost: Vec::new(),
            wishes: Vec::new(),
            compound: Vec::new(),
        }
    }

    /// The time in the router's words.
    pub(super) fn clock(&self) -> Duration {
        self.now.saturating_duration_since(self.started_at)
    }

    pub(super) fn connect(
        &mut self,
        leg: LegId,
        to: SocketAddr,
        sender: Sender,
        line: Option<Box<Line>>,
    ) {
        let wire = Wire {
            to,
            sender,
            packets_sent: 0,
            line,
            fraction_lost: 0,
            round_trip: None,
            reports: VecDeque::new(),
        };
        self.by_leg.insert(leg, Box::new(wire));
    }

    /// How a leg is served; `None` for one that is not connected.
    pub(in crate::media) fn figures(&self, leg: LegId) -> Option<WireFigures> {
        let wire = self.by_leg.get(&leg)?;
        Some(WireFigures {
            packets_sent: wire.packets_sent,
            fraction_lost: wire.fraction_lost,
            round_trip: wire.round_trip,
            is_limited: wire
                .line
                .as_deref()
                .is_some_and(|line| line.estimator.limit_bps().is_some()),
        })
    }

    /// The figures of every leg.
    pub(in crate::media) fn all_figures(&self) -> LegMap<WireFigures> {
        let legs = self.by_leg.keys();
        legs.filter_map(|leg| Some((*leg, self.figures(*leg)?)))
            .collect()
    }

    pub(super) fn move_to(&mut self, leg: LegId, to: SocketAddr) {
        if let Some(wire) = self.by_leg.get_mut(&leg) {
            wire.to = to;
        }
    }

    pub(super) fn remove(&mut self, leg: LegId) {
        self.by_leg.remove(&leg);
    }

    /// Notes how a peer receives us (RFC 3550 §6.4.1).
    pub(super) fn note_block(&mut self, leg: LegId, block: Block) {
        let now = self.now;
        let Some(wire) = self.by_leg.get_mut(&leg) else {
            return;
        };
        wire.fraction_lost = block.fraction_lost;
        let sent_at = wire
            .reports
            .iter()
            .find(|(ntp, _)| *ntp == block.last_sender_report)
            .map(|(_, at)| *at);
        if let Some(sent_at) = sent_at {
            let held = Duration::from_secs_f64(f64::from(block.delay_since_last) / 65_536.0);
            wire.round_trip = (now - sent_at).checked_sub(held).or(wire.round_trip);
        }
    }

    pub(super) fn note_round_trip(&mut self, leg: LegId, round_trip: Duration) {
        if let Some(wire) = self.by_leg.get_mut(&leg) {
            wire.round_trip = Some(round_trip);
        }
    }

    /// Seals and sends a compound.
    pub(super) fn send_rtcp(&mut self, leg: LegId, mut compound: Writer) {
        self.seal_rtcp(leg, &mut compound.0);
    }

    fn seal_rtcp(&mut self, leg: LegId, compound: &mut Vec<u8>) {
        let Some(wire) = self.by_leg.get_mut(&leg) else {
            return;
        };
        if wire.sender.seal_rtcp(compound).is_ok() {
            self.departures.send(wire.to, compound);
        }
    }

    /// Sends a datagram as it is: STUN and DTLS.
    pub(in crate::media) fn push(&mut self, to: SocketAddr, bytes: impl AsRef<[u8]>) {
        self.departures.send(to, bytes.as_ref());
    }

    pub(super) fn line_mut(&mut self, leg: LegId) -> Option<&mut Line> {
        self.by_leg.get_mut(&leg)?.line.as_deref_mut()
    }

    /// Has the leg's line looked at again, if it needs that.
    pub(super) fn ask_attention(&mut self, leg: LegId, now: Duration) {
        let Some(line) = self
            .by_leg
            .get_mut(&leg)
            .and_then(|w| w.line.as_deref_mut())
        else {
            return;
        };
        if line.needs_attention() {
            let by = line.next_timeout(now);
            self.attention.ask(leg, line, by);
        }
    }

    /// A leg's packet leaves: here it gets its place in the burst.
    fn send_rtp(&mut self, packet: &Packet<'_>) {
        let Some(wire) = self.by_leg.get_mut(&LegId(packet.leg.0)) else {
            return;
        };
        let mut clear = Clear {
            header: packet.header,
            osn: packet.osn,
            payload: packet.payload,
            padding: packet.padding,
            transport_sequence: None,
        };
        let len = wire.sender.sealed_len(clear.len());
        let number = match (packet.transport_sequence_at, wire.line.as_deref_mut()) {
            (Some(at), Some(line)) => {
                let number = line.estimator.reserve(content(packet));
                clear.transport_sequence = Some((at, number));
                let limit = line.estimator.limit_bps();
                let clock = self.now.saturating_duration_since(self.started_at);
                if !line.is_filling && !line.pacer.admit(len, limit, clock) {
                    self.hold(packet, &clear, len, number);
                    return;
                }
                Some((line, number, clock))
            }
            _ => None,
        };
        let sender = &wire.sender;
        let sealed = self.departures.add(wire.to, len, |room| {
            sender.seal_rtp_into(&clear, packet.index, room)
        });
        wire.packets_sent += u64::from(sealed);
        if let Some((line, number, clock)) = number.filter(|_| sealed) {
            line.estimator.note_sent(number, len, clock);
        }
    }

    /// A packet beyond the burst waits, sealed.
    fn hold(&mut self, packet: &Packet<'_>, clear: &Clear<'_>, len: usize, number: u16) {
        let leg = LegId(packet.leg.0);
        let by = self.clock() + STEP;
        let Some(wire) = self.by_leg.get_mut(&leg) else {
            return;
        };
        let Some(line) = wire.line.as_deref_mut() else {
            return;
        };
        let totals = &mut self.departures.totals;
        let Some(room) = line.pacer.hold(len, number) else {
            totals.pace_dropped += 1;
            return;
        };
        if wire
            .sender
            .seal_rtp_into(clear, packet.index, room)
            .is_err()
        {
            line.pacer.unhold();
            totals.dropped += 1;
            return;
        }
        totals.paced += 1;
        self.attention.ask(leg, line, by);
    }

    /// Sends of what waits for a leg as much as may go now.
    pub(super) fn send_held(&mut self, leg: LegId) {
        let clock = self.clock();
        let Some(wire) = self.by_leg.get_mut(&leg) else {
            return;
        };
        let Some(line) = wire.line.as_deref_mut() else {
            return;
        };
        let limit = line.estimator.limit_bps();
        while let Some(held) = line.pacer.next(limit, clock) {
            let bytes = held.bytes.as_slice();
            let to_room = |room: &mut [u8]| {
                room.copy_from_slice(bytes);
                Ok::<(), std::convert::Infallible>(())
            };
            if self.departures.add(wire.to, bytes.len(), to_room) {
                wire.packets_sent += 1;
                line.estimator.note_sent(held.sequence, bytes.len(), clock);
            }
            line.pacer.give_back(held);
        }
    }

    fn send_report(&mut self, report: &SenderReport) {
        let leg = LegId(report.leg.0);
        let Some(wire) = self.by_leg.get_mut(&leg) else {
            return;
        };
        if wire.reports.len() >= REPORTS_REMEMBERED {
            wire.reports.pop_front();
        }
        wire.reports
            .push_back(((report.ntp >> 16) as u32, self.now));
        let mut compound = Writer(std::mem::take(&mut self.compound));
        compound.0.clear();
        compound.sender_report(report);
        compound.cname(report.ssrc, &self.cname);
        self.seal_rtcp(leg, &mut compound.0);
        self.compound = compound.0;
    }
}

impl Wire {
    /// Begins to read what a packet needs.
    fn fetch(&self) {
        black_box((self.packets_sent, self.sender.sealed_len(0)));
        if let Some(line) = self.line.as_deref() {
            line.estimator.fetch();
        }
    }
}

/// What a packet with a transport-wide number carries; `None`: padding alone.
fn content(packet: &Packet<'_>) -> Option<Content> {
    let number = match (packet.osn, packet.resend) {
        (Some(original), _) => original,
        (None, false) => packet.index as u16,
        (None, true) => return None,
    };
    let ssrc = packet.ssrc;
    Some(Content { ssrc, number })
}

impl Sink for Wires {
    fn expect(&mut self, leg: forwarding::LegId) {
        if let Some(wire) = self.by_leg.get(&LegId(leg.0)) {
            wire.fetch();
        }
    }

    fn take(&mut self, action: Action<'_>) {
        match action {
            Action::Send(packet) => {
                self.departures.totals.resent += u64::from(packet.resend);
                self.send_rtp(&packet);
            }
            Action::SenderReport(report) => self.send_report(&report),
            Action::RequestKeyframe { stream } => self.wishes.push(Wish::Keyframe(stream)),
            Action::RequestResend { stream, sequences } => {
                self.wishes.push(Wish::Resend(stream, sequences.to_vec()));
            }
        }
    }
}
