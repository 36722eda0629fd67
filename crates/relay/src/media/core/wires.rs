//! What goes out: sealed towards each connected leg, collected for the socket.

use crate::media::LegId;
use crate::media::rtcp::{Block, Writer};
use crate::media::srtp::Sender;
use forwarding::{Action, Packet, SenderReport, Sink, StreamId};
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Datagrams waiting for the socket. The thread empties it after every datagram it takes in, so only a router that
/// answers one packet with this many would overflow it. Overflow: drops, counted: late media is useless.
const OUTBOX_MAX: usize = 16_384;
/// Spare buffers kept.
const SPARE_MAX: usize = 1024;
/// Sender reports remembered per leg to time the answers.
const REPORTS_REMEMBERED: usize = 8;

/// A datagram to send.
pub(in crate::media) struct Datagram {
    pub(in crate::media) to: SocketAddr,
    pub(in crate::media) bytes: Vec<u8>,
}

/// The sending half of every connected leg. The router's [`Sink`].
pub(super) struct Wires {
    by_leg: HashMap<LegId, Wire>,
    outbox: VecDeque<Datagram>,
    spare: Vec<Vec<u8>>,
    pub(super) cname: String,
    /// Set before every call into the router.
    pub(super) now: Instant,
    /// The router's requests, answered once it returns.
    pub(super) keyframes_wanted: Vec<StreamId>,
    pub(super) resends_wanted: Vec<(StreamId, Vec<u16>)>,
    pub(super) totals: Totals,
}

/// Since start.
#[derive(Clone, Copy, Default)]
pub(super) struct Totals {
    pub(super) packets: u64,
    pub(super) bytes: u64,
    pub(super) dropped: u64,
}

/// One connected leg.
pub(super) struct Wire {
    pub(super) to: SocketAddr,
    sender: Sender,
    pub(super) packets_sent: u64,
    pub(super) fraction_lost: u8,
    pub(super) round_trip: Option<Duration>,
    /// Middle 32 bits of the NTP time and the moment of the last sender reports: a publisher's clock is not ours,
    /// so the round trip is taken from when the report left.
    reports: VecDeque<(u32, Instant)>,
}

impl Wires {
    pub(super) fn new(cname: String, now: Instant) -> Self {
        Self {
            by_leg: HashMap::new(),
            outbox: VecDeque::new(),
            spare: Vec::new(),
            cname,
            now,
            keyframes_wanted: Vec::new(),
            resends_wanted: Vec::new(),
            totals: Totals::default(),
        }
    }

    pub(super) fn connect(&mut self, leg: LegId, to: SocketAddr, sender: Sender) {
        let wire = Wire {
            to,
            sender,
            packets_sent: 0,
            fraction_lost: 0,
            round_trip: None,
            reports: VecDeque::new(),
        };
        self.by_leg.insert(leg, wire);
    }

    pub(super) fn get(&self, leg: LegId) -> Option<&Wire> {
        self.by_leg.get(&leg)
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
    pub(super) fn note_block(&mut self, leg: LegId, block: Block, now: Instant) {
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
    pub(super) fn send_rtcp(&mut self, leg: LegId, compound: Writer) {
        let Some(wire) = self.by_leg.get_mut(&leg) else {
            return;
        };
        let mut bytes = compound.0;
        if wire.sender.seal_rtcp(&mut bytes).is_ok() {
            let to = wire.to;
            self.push(to, bytes);
        }
    }

    /// Sends a datagram as it is: STUN and DTLS.
    pub(super) fn push(&mut self, to: SocketAddr, bytes: Vec<u8>) {
        if self.outbox.len() >= OUTBOX_MAX {
            self.totals.dropped += 1;
            return;
        }
        self.totals.packets += 1;
        self.totals.bytes += bytes.len() as u64;
        self.outbox.push_back(Datagram { to, bytes });
    }

    pub(super) fn poll(&mut self) -> Option<Datagram> {
        self.outbox.pop_front()
    }

    /// Takes a sent buffer back.
    pub(super) fn recycle(&mut self, bytes: Vec<u8>) {
        if self.spare.len() < SPARE_MAX {
            self.spare.push(bytes);
        }
    }

    fn send_rtp(&mut self, packet: Packet<'_>) {
        let Some(wire) = self.by_leg.get_mut(&LegId(packet.leg.0)) else {
            return;
        };
        let mut bytes = self.spare.pop().unwrap_or_default();
        bytes.clear();
        packet.write_to(&mut bytes);
        if wire.sender.seal_rtp(&mut bytes, packet.index).is_err() {
            self.totals.dropped += 1;
            return;
        }
        wire.packets_sent += 1;
        let to = wire.to;
        self.push(to, bytes);
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
        let mut compound = Writer::default();
        compound.sender_report(report);
        compound.cname(report.ssrc, &self.cname);
        self.send_rtcp(leg, compound);
    }
}

impl Sink for Wires {
    fn take(&mut self, action: Action<'_>) {
        match action {
            Action::Send(packet) => self.send_rtp(packet),
            Action::SenderReport(report) => self.send_report(&report),
            Action::RequestKeyframe { stream } => self.keyframes_wanted.push(stream),
            Action::RequestResend { stream, sequences } => {
                self.resends_wanted.push((stream, sequences.to_vec()));
            }
        }
    }
}
