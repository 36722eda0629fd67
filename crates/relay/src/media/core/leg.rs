//! One neighbour, from its first connectivity check to its loss.

use super::allowance::Allowance;
use crate::media::srtp::Receiver;
use crate::media::{Fingerprint, IceCredentials, PublishedTrack, SlotSsrcs, WatchSlot};
use forwarding::bandwidth::ArrivalLog;
use forwarding::{SourceId, StreamId};
use protocol::{LegRole, LegState, SiteCode};
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Addresses a leg may have proven at once: two interfaces in two families, twice.
const ADDRESSES_MAX: usize = 8;

/// A neighbour.
pub(super) struct Leg {
    pub(super) purpose: Purpose,
    /// Our credentials. On a dialled trunk the ufrag only names the attempt.
    pub(super) local: IceCredentials,
    /// The peer's ufrag: known from the offer, or learnt from a child's first check.
    pub(super) remote_ufrag: Option<String>,
    /// An ICE restart whose credentials the peer has not used yet.
    pub(super) restart: Option<Restart>,
    /// Certificates the peer may have.
    pub(super) fingerprints: Vec<Fingerprint>,
    pub(super) state: LegState,
    pub(super) path: Path,
    /// While it connects: when it is given up. Trunks that wait for a child have none.
    pub(super) deadline: Option<Instant>,
    /// Since when the plan has no place for its site here.
    pub(super) unplanned_since: Option<Instant>,
    /// The last authentic check or packet.
    pub(super) heard_at: Instant,
    /// The last authentic check: the peer still wants what is sent to it (RFC 7675).
    pub(super) consent_at: Instant,
    pub(super) receiver: Option<Receiver>,
    pub(super) packets_received: u64,
    /// What a session may say in RTCP. A trunk's peer is a relay of the plan: it may say anything.
    pub(super) reports: Allowance,
}

/// The credentials of an ICE restart.
pub(super) struct Restart {
    pub(super) local: IceCredentials,
    pub(super) remote_ufrag: String,
}

/// What a leg is for.
pub(super) enum Purpose {
    /// A hall publishes.
    Publish(Publisher),
    /// Somebody watches.
    Watch(Watcher),
    /// A child relay attaches; the trunk's index in the plan is its relay id.
    TrunkDown(Child),
    /// We attach to a parent relay.
    TrunkUp(Dialler),
}

impl Purpose {
    /// The hall a session is for; the program's watchers are for none, and trunks are no sessions.
    pub(super) fn site(&self) -> Option<&SiteCode> {
        match self {
            Self::Publish(publisher) => Some(&publisher.site),
            Self::Watch(watcher) => watcher.site.as_ref(),
            Self::TrunkDown(_) | Self::TrunkUp(_) => None,
        }
    }
}

/// The receiving side of a WHIP session.
pub(super) struct Publisher {
    pub(super) session: String,
    pub(super) site: SiteCode,
    pub(super) source: SourceId,
    pub(super) tracks: Vec<Track>,
    /// What came when, for its estimate of the line; `None` where that was not negotiated.
    pub(super) arrivals: Option<Arrivals>,
    pub(super) allowance: Allowance,
}

/// The transport-wide numbers of a publisher's packets.
pub(super) struct Arrivals {
    /// Id of the header extension, the same on every m-line (RFC 8285 §6).
    pub(super) extension: u8,
    pub(super) log: ArrivalLog,
    /// The SSRC last heard: feedback has to name one.
    pub(super) ssrc: u32,
}

/// One m-line of a publisher.
pub(super) struct Track {
    pub(super) spec: PublishedTrack,
    /// The lowest layer first; without a simulcast one.
    pub(super) encodings: Vec<Encoding>,
}

/// One layer of a track.
pub(super) struct Encoding {
    /// The publisher's SSRC for it, once its first packet has come.
    pub(super) ssrc: Option<u32>,
    pub(super) current: Option<Incoming>,
    /// The publisher's SSRC for its retransmissions, once one has come.
    pub(super) rtx_ssrc: Option<u32>,
    /// When the last stream was opened, or refused by the router.
    pub(super) started_at: Option<Instant>,
    /// How long after that the next one may be.
    pub(super) restart_after: Duration,
    /// SSRCs the publisher has left: stragglers must not open them again.
    pub(super) retired: VecDeque<u32>,
}

/// The stream an encoding sends now.
#[derive(Clone, Copy)]
pub(super) struct Incoming {
    /// The publisher's SSRC.
    pub(super) ssrc: u32,
    /// Ours.
    pub(super) canonical: u32,
    pub(super) stream: StreamId,
    /// Packets in a row that the router's window refused.
    pub(super) refused: u32,
}

/// A WHEP session.
pub(super) struct Watcher {
    pub(super) session: String,
    pub(super) role: LegRole,
    pub(super) site: Option<SiteCode>,
    pub(super) slots: Vec<WatchSlot>,
    pub(super) ssrcs: Vec<SlotSsrcs>,
    /// Where each slot points, as last told to the router.
    pub(super) pointed: Vec<Option<SourceId>>,
}

/// The answering side of a trunk.
pub(super) struct Child {
    pub(super) plan: protocol::ChildTrunk,
    /// Ufrags of dialling attempts that are over, newest last: a check of one of them is a replay.
    pub(super) retired: VecDeque<String>,
}

/// The controlling side of a trunk.
pub(super) struct Dialler {
    pub(super) plan: protocol::ParentTrunk,
    /// Which of the plan's addresses is tried.
    pub(super) address: usize,
    pub(super) address_since: Instant,
    pub(super) next_check: Instant,
    /// Checks under way, newest last.
    pub(super) checks: VecDeque<([u8; 12], Instant)>,
    /// DTLS has begun.
    pub(super) handshaking: bool,
    /// Last SRTP or SRTCP: a parent that restarted answers checks but has lost the session.
    pub(super) media_at: Instant,
    /// Announced streams.
    pub(super) streams: HashMap<u32, Announced>,
}

/// A stream a parent has announced.
#[derive(Clone, Copy)]
pub(super) struct Announced {
    pub(super) stream: StreamId,
    pub(super) at: Instant,
    /// What it says it measures, bit/s.
    pub(super) rate_bps: Option<u64>,
}

/// The addresses a peer has proven by authentic checks; packets go to one of them.
#[derive(Default)]
pub(super) struct Path {
    proven: Vec<(SocketAddr, Instant)>,
    pub(super) selected: Option<SocketAddr>,
    /// The peer has restarted ICE: its next nomination counts, however well the old address is.
    pub(super) reselect: bool,
}

impl Path {
    /// Notes a proof; returns the address that had to make room.
    pub(super) fn prove(&mut self, address: SocketAddr, now: Instant) -> Option<SocketAddr> {
        if let Some(entry) = self.proven.iter_mut().find(|(known, _)| *known == address) {
            entry.1 = now;
            return None;
        }
        let mut evicted = None;
        if self.proven.len() >= ADDRESSES_MAX {
            let oldest = (0..self.proven.len())
                .filter(|i| Some(self.proven[*i].0) != self.selected)
                .min_by_key(|i| self.proven[*i].1);
            evicted = oldest.map(|i| self.proven.swap_remove(i).0);
        }
        self.proven.push((address, now));
        evicted
    }

    /// When an address was last proven.
    pub(super) fn proven_at(&self, address: SocketAddr) -> Option<Instant> {
        self.proven
            .iter()
            .find(|(known, _)| *known == address)
            .map(|(_, at)| *at)
    }

    pub(super) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.proven.iter().map(|(address, _)| *address)
    }
}

impl Leg {
    /// The peer has sent something authentic.
    pub(super) fn note_heard(&mut self, is_rtcp: bool, now: Instant) {
        self.heard_at = now;
        self.packets_received += u64::from(!is_rtcp);
        if let Purpose::TrunkUp(dialler) = &mut self.purpose {
            dialler.media_at = now;
        }
    }

    /// The parent or child, of a trunk.
    pub(super) fn relay(&self) -> Option<&protocol::RelayId> {
        match &self.purpose {
            Purpose::TrunkDown(child) => Some(&child.plan.relay),
            Purpose::TrunkUp(dialler) => Some(&dialler.plan.relay),
            Purpose::Publish(_) | Purpose::Watch(_) => None,
        }
    }
}
