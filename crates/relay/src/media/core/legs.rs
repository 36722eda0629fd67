//! Opening legs.

use super::Core;
use super::allowance::{Allowance, MEDIA, REPORTS};
use super::endings::has_place;
use super::leg::{Arrivals, Leg, Path, Publisher, Purpose, Track, Watcher};
use super::secure::HANDSHAKE_TIME_MAX;
use crate::media::handle::Command;
use crate::media::{
    Fingerprint, IceCredentials, LegId, LegMedia, LegOpened, LegSpec, MediaError, PublishedTrack,
    SlotSsrcs, WatchSlot,
};
use forwarding::bandwidth::ArrivalLog;
use protocol::{ConferenceId, LegRole, LegState};
use std::time::{Duration, Instant};

/// From opening to the first check: the answer has to travel to a browser first.
const FIRST_CHECK_TIME_MAX: Duration = Duration::from_secs(10);
/// Of all legs, this part may be the control room's, so that it cannot keep halls out.
const CONTROL_ROOM_PART: usize = 4;
/// M-lines of a leg.
const TRACKS_MAX: usize = 8;
/// Layers of a simulcast: tile, hall, wall.
const LAYERS_MAX: usize = 3;

impl Core {
    /// Does what a handle asked; `false` when that was to stop.
    pub(in crate::media) fn handle_command(&mut self, command: Command, now: Instant) -> bool {
        self.shards.set_now(now);
        match command {
            // The HTTP side may have gone meanwhile; then the leg times out.
            Command::OpenLeg(spec, answer) => drop(answer.send(self.open_leg(*spec, now))),
            Command::CloseLeg(leg) => self.remove_leg(leg, now),
            Command::SetLayer { leg, slot, layer } => self.set_layer(leg, slot, layer),
            Command::RestartIce {
                leg,
                remote,
                local,
                answer,
            } => {
                drop(answer.send(self.restart_ice(leg, remote, local)));
            }
            Command::SetPlan(plan) => self.set_plan(*plan, now),
            Command::SetSsrcBlock(block) => self.numbers.ssrc_block = block,
            Command::Stop => {
                self.close(now);
                return false;
            }
        }
        self.flush(now);
        true
    }

    /// Opens a WHIP or WHEP leg.
    pub(in crate::media) fn open_leg(
        &mut self,
        spec: LegSpec,
        now: Instant,
    ) -> Result<LegOpened, MediaError> {
        if !self.carries(spec.conference.as_ref()) {
            return Err(MediaError::OtherConference);
        }
        if self.legs.len() >= self.legs_max {
            return Err(MediaError::TooManyLegs {
                legs_max: self.legs_max,
            });
        }
        if spec.remote_fingerprints.is_empty() {
            return Err(MediaError::BadSpec("no certificate fingerprint"));
        }
        if self.by_ufrag.contains_key(&spec.local.ufrag) {
            return Err(MediaError::BadSpec("the ICE ufrag is in use"));
        }
        let purpose = match spec.media {
            LegMedia::Publish(tracks) => {
                self.publisher(spec.session, spec.role, spec.site, tracks, now)?
            }
            LegMedia::Watch(slots) => self.watcher(spec.session, spec.role, spec.site, slots)?,
        };
        if let Purpose::Publish(publisher) = &purpose {
            self.remove_publishers(&publisher.site, now);
        }
        let slots = match &purpose {
            Purpose::Watch(watcher) => watcher.ssrcs.clone(),
            _ => Vec::new(),
        };
        let leg = self.add_leg(
            purpose,
            spec.local,
            Some(spec.remote.ufrag),
            spec.remote_fingerprints,
            now,
        );
        Ok(LegOpened {
            leg,
            slots,
            cname: self.shards.cname().to_owned(),
        })
    }

    /// Plan and legs change on one thread: what is compared here is what the leg meets.
    fn carries(&self, wanted: Option<&ConferenceId>) -> bool {
        let carried = self.plan.as_ref().map(|plan| &plan.conference);
        wanted.is_none() || wanted == carried
    }

    fn publisher(
        &mut self,
        session: String,
        role: LegRole,
        site: Option<protocol::SiteCode>,
        tracks: Vec<PublishedTrack>,
        now: Instant,
    ) -> Result<Purpose, MediaError> {
        let (LegRole::Publish, Some(site)) = (role, site) else {
            return Err(MediaError::BadSpec(
                "a publishing leg has the role publish and a site",
            ));
        };
        if tracks.is_empty() || tracks.len() > TRACKS_MAX {
            return Err(MediaError::BadSpec("1 to 8 m-lines"));
        }
        if tracks.iter().any(|track| track.rids.len() > LAYERS_MAX) {
            return Err(MediaError::BadSpec("at most 3 layers"));
        }
        let source = self.sources.id(&site);
        let extension = tracks
            .iter()
            .find_map(|track| track.extensions.transport_sequence);
        let arrivals = extension.map(|extension| Arrivals {
            extension,
            log: ArrivalLog::default(),
            ssrc: 0,
        });
        let tracks = tracks.into_iter().map(Track::new).collect();
        Ok(Purpose::Publish(Publisher {
            session,
            site,
            source,
            tracks,
            arrivals,
            allowance: Allowance::new(&MEDIA, now),
        }))
    }

    fn watcher(
        &mut self,
        session: String,
        role: LegRole,
        site: Option<protocol::SiteCode>,
        slots: Vec<WatchSlot>,
    ) -> Result<Purpose, MediaError> {
        let site_fits = site.is_some() || role == LegRole::Program;
        if role == LegRole::Publish || !site_fits {
            return Err(MediaError::BadSpec(
                "a watching leg has a watching role and a site",
            ));
        }
        let rooms_max = (self.legs_max / CONTROL_ROOM_PART).max(1);
        if role != LegRole::Watch && self.control_room_legs() >= rooms_max {
            return Err(MediaError::TooManyLegs {
                legs_max: rooms_max,
            });
        }
        if slots.is_empty() || slots.len() > TRACKS_MAX {
            return Err(MediaError::BadSpec("1 to 8 m-lines"));
        }
        let ssrcs = slots.iter().map(|slot| self.slot_ssrcs(slot)).collect();
        let pointed = vec![None; slots.len()];
        Ok(Purpose::Watch(Watcher {
            session,
            role,
            site,
            slots,
            ssrcs,
            pointed,
        }))
    }

    fn slot_ssrcs(&mut self, slot: &WatchSlot) -> SlotSsrcs {
        let resends = !slot.rtx_payload_types.is_empty();
        SlotSsrcs {
            ssrc: self.allocate_ssrc(),
            rtx: resends.then(|| self.allocate_ssrc()),
        }
    }

    fn control_room_legs(&self) -> usize {
        let is_room = |leg: &Leg| matches!(&leg.purpose, Purpose::Watch(watcher) if watcher.role != LegRole::Watch);
        self.legs.values().filter(|leg| is_room(leg)).count()
    }

    pub(super) fn add_leg(
        &mut self,
        purpose: Purpose,
        local: IceCredentials,
        remote_ufrag: Option<String>,
        fingerprints: Vec<Fingerprint>,
        now: Instant,
    ) -> LegId {
        let id = LegId(self.numbers.next_leg);
        self.numbers.next_leg += 1;
        let deadline = match &purpose {
            Purpose::Publish(_) | Purpose::Watch(_) => {
                Some(now + FIRST_CHECK_TIME_MAX + HANDSHAKE_TIME_MAX)
            }
            Purpose::TrunkDown(_) | Purpose::TrunkUp(_) => None,
        };
        self.by_ufrag.insert(local.ufrag.clone(), id);
        let unplanned_since = (!has_place(self.plan.as_ref(), &purpose)).then_some(now);
        let leg = Leg {
            purpose,
            local,
            remote_ufrag,
            restart: None,
            fingerprints,
            state: LegState::Connecting,
            path: Path::default(),
            deadline,
            unplanned_since,
            heard_at: now,
            consent_at: now,
            receiver: None,
            packets_received: 0,
            reports: Allowance::new(&REPORTS, now),
        };
        self.legs.insert(id, Box::new(leg));
        self.version += 1;
        id
    }
}
