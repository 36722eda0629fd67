//! The media core, sans-IO: told the time and the bytes, it never asks.
//!
//! ```text
//!  datagram ─▶ STUN  ─▶ ice.rs      which leg, from where
//!             DTLS  ─▶ secure.rs   keys
//!             SRTP  ─▶ arrival.rs, published.rs ─▶ Shards ─▶ Router ─▶ Wires ─▶ Transmit
//!             SRTCP ─▶ feedback.rs, feeds.rs ─▶ Shards
//!  command  ─▶ legs.rs, endings.rs, trunks.rs, slots.rs
//! ```

mod allowance;
mod announcing;
mod arrival;
mod clocks;
mod demand;
mod endings;
mod feedback;
mod feeds;
mod fuzzing;
mod ice;
mod leg;
mod legs;
mod published;
mod report;
mod secure;
mod slots;
mod tracks;
mod trunks;

use super::dtls::Dtls;
use super::leg_map::LegMap;
use super::shards::Shards;
use super::transmit::Transmit;
use super::worker::Worker;
use super::{Drops, LegId, MediaConfig, random};
use forwarding::{SourceId, StreamId};
use leg::Leg;
use protocol::{RelayPlan, SiteCode};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How often deadlines, silent sources and due checks are looked at. A viewer would notice a second, not this.
const TICK: Duration = Duration::from_millis(50);
/// Receiver reports, announcements and keep-alives (RFC 3550 §6.2 allows less often, never needs more).
const SECOND: Duration = Duration::from_secs(1);

/// The owner of every leg, trunk and stream of a relay.
pub(super) struct Core {
    legs_max: usize,
    /// Boxed, or half of the map would be room for legs of two kilobytes that are not there.
    legs: LegMap<Box<Leg>>,
    by_ufrag: HashMap<String, LegId>,
    by_address: HashMap<SocketAddr, LegId>,
    dtls: Dtls,
    shards: Shards,
    sources: Sources,
    /// Where each stream comes from, for requests to its origin.
    origins: HashMap<StreamId, Origin>,
    plan: Option<RelayPlan>,
    on_air: slots::OnAir,
    numbers: Numbers,
    ticks: Ticks,
    /// Rises with every change of state.
    version: u64,
    clocks: clocks::Clocks,
    counters: Drops,
    /// Something has changed that may change which streams are wanted.
    demand_due: bool,
    canonical: Vec<u8>,
}

/// Where a stream comes from.
#[derive(Clone, Copy)]
struct Origin {
    leg: LegId,
    /// Its SSRC there.
    ssrc: u32,
    /// Set when the leg went: the stream ends soon unless another leg brings it.
    orphan_since: Option<Instant>,
    /// Whether it is wanted here; `None` for a publisher's, which comes anyway.
    demand: Option<demand::Demand>,
}

/// When the periodic work is due next.
struct Ticks {
    housekeeping: Instant,
    second: Instant,
}

/// Numbers this relay gives out.
struct Numbers {
    next_leg: u32,
    ssrc_block: u16,
    next_ssrc: u16,
    /// The sender SSRC of our RTCP.
    own_ssrc: u32,
}

/// Site codes as the router's source ids.
#[derive(Default)]
struct Sources {
    ids: HashMap<SiteCode, SourceId>,
    names: Vec<SiteCode>,
}

impl Sources {
    fn id(&mut self, site: &SiteCode) -> SourceId {
        if let Some(id) = self.ids.get(site) {
            return *id;
        }
        let id = SourceId(self.names.len() as u32);
        self.names.push(site.clone());
        self.ids.insert(site.clone(), id);
        id
    }

    fn name(&self, id: SourceId) -> Option<&SiteCode> {
        self.names.get(id.0 as usize)
    }
}

impl Core {
    /// A relay without legs, streams or plan.
    pub(super) fn new(
        config: MediaConfig,
        transmit: Box<dyn Transmit>,
        now: Instant,
    ) -> Result<Self, rtc_shared::error::Error> {
        let MediaConfig {
            listen: _,
            certificate,
            ssrc_block,
            legs_max,
            workers: _,
            pin_cores: _,
            burst,
        } = config;
        let cname = random::ice_chars::<16>();
        let mut core = Self {
            legs_max,
            legs: LegMap::default(),
            by_ufrag: HashMap::new(),
            by_address: HashMap::new(),
            dtls: Dtls::new(&certificate)?,
            shards: Shards::new(cname, burst, transmit, now),
            sources: Sources::default(),
            origins: HashMap::new(),
            plan: None,
            on_air: slots::OnAir::default(),
            numbers: Numbers {
                next_leg: 1,
                ssrc_block,
                // A restarted relay must not give out the numbers its children still remember.
                next_ssrc: u16::from_be_bytes(random::bytes()),
                own_ssrc: 0,
            },
            ticks: Ticks {
                housekeeping: now,
                second: now,
            },
            version: 0,
            clocks: clocks::Clocks::new(),
            counters: Drops::default(),
            demand_due: false,
            canonical: Vec::with_capacity(2048),
        };
        core.numbers.own_ssrc = core.allocate_ssrc();
        Ok(core)
    }

    /// One more thread's worth of sending. Before the first leg.
    pub(super) fn add_worker(&mut self, transmit: Box<dyn Transmit>, now: Instant) -> Worker {
        self.shards.add_worker(transmit, now)
    }

    /// Says whether more datagrams of the same batch follow the next one.
    pub(super) fn expect_more(&mut self, more_follows: bool) {
        self.shards.expect_more(more_follows);
    }

    /// Hears what the workers have to say, once a turn, after the batches.
    pub(super) fn hear_workers(&mut self, now: Instant) {
        self.shards.set_now(now);
        // What was to follow the last datagram may have been left out: empty, or too long.
        self.shards.expect_more(false);
        self.demand_due |= self.shards.hear();
        self.flush(now);
    }

    /// Whether a worker's thread has ended: its legs get nothing any more.
    pub(super) fn has_lost_worker(&self) -> bool {
        self.shards.has_lost_worker()
    }

    /// Whether a worker sleeps on what it has been told.
    #[cfg(test)]
    pub(super) fn owes_a_wake(&self) -> bool {
        self.shards.owes_a_wake()
    }

    /// Takes a datagram off the socket; its bytes may be changed (decryption is in place).
    pub(super) fn handle_datagram(&mut self, now: Instant, from: SocketAddr, datagram: &mut [u8]) {
        self.shards.set_now(now);
        // RFC 7983 §7.
        match datagram.first() {
            Some(0..=3) => self.handle_stun(now, from, datagram),
            Some(20..=63) => self.handle_dtls(now, from, datagram),
            Some(128..=191) => self.handle_srtp(now, from, datagram),
            _ => self.counters.not_ours += 1,
        }
        self.flush(now);
    }

    /// Does what is due.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.shards.set_now(now);
        self.shards.handle_timeout();
        if now >= self.ticks.housekeeping {
            self.ticks.housekeeping = now + TICK;
            self.dial(now);
            self.retransmit_handshakes(now);
            self.drop_silent_legs(now);
            self.close_orphans(now);
            self.point_slots(now);
            self.follow_demand(now);
            self.send_transport_feedback();
        }
        if now >= self.ticks.second {
            self.ticks.second = now + SECOND;
            self.report_reception();
            self.announce_all(now);
            self.repeat_demand();
        }
        self.flush(now);
    }

    /// When [`Self::handle_timeout`] is due.
    pub(super) fn next_timeout(&self) -> Instant {
        let own = self.ticks.housekeeping.min(self.ticks.second);
        let shards = self.shards.next_timeout();
        shards.map_or(own, |shards| shards.min(own))
    }

    /// Rises with every change of a feed's, leg's or trunk's state.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// Says goodbye to everybody.
    pub(super) fn close(&mut self, now: Instant) {
        let legs: Vec<LegId> = self.legs.keys().copied().collect();
        for leg in legs {
            self.remove_leg(leg, now);
        }
        self.flush(now);
    }

    /// Sends what the router and DTLS have asked for.
    fn flush(&mut self, now: Instant) {
        // Before the keyframe requests: a stream has to flow for one.
        if self.demand_due {
            self.follow_demand(now);
        }
        self.flush_requests();
        self.flush_dtls();
        self.shards.flush();
    }

    /// The next SSRC of the leased block that no stream or slot has.
    fn allocate_ssrc(&mut self) -> u32 {
        loop {
            self.numbers.next_ssrc = self.numbers.next_ssrc.wrapping_add(1);
            let ssrc = u32::from(self.numbers.ssrc_block) << 16 | u32::from(self.numbers.next_ssrc);
            let taken = ssrc == 0
                || ssrc == self.numbers.own_ssrc
                || self.shards.stream_by_ssrc(ssrc).is_some();
            // Streams and slots are bounded far below 65,536, so a free one comes soon.
            if !taken && !self.slot_has(ssrc) {
                return ssrc;
            }
        }
    }
}
