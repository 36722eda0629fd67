//! Opening and ending legs.

use super::Core;
use super::allowance::Allowance;
use super::leg::{Leg, Path, Publisher, Purpose, Track, Watcher, router_leg};
use super::secure::HANDSHAKE_TIME_MAX;
use crate::media::handle::Command;
use crate::media::{
    Fingerprint, IceCredentials, LegId, LegMedia, LegOpened, LegSpec, MediaError, PublishedTrack,
    WatchSlot,
};
use protocol::{LegRole, LegState};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// From opening to the first check: the answer has to travel to a browser first.
const FIRST_CHECK_TIME_MAX: Duration = Duration::from_secs(10);
/// Consent (RFC 7675 §5.1): after this long without an authentic check or packet the peer is gone.
const CONSENT_TIME: Duration = Duration::from_secs(30);
/// A child checks every second; three lost in a row are bad luck, five are an outage.
const TRUNK_CONSENT_TIME: Duration = Duration::from_secs(5);
/// M-lines of a leg.
const TRACKS_MAX: usize = 8;

impl Core {
    /// Does what a handle asked; `false` when that was to stop.
    pub(in crate::media) fn handle_command(&mut self, command: Command, now: Instant) -> bool {
        self.wires.now = now;
        match command {
            // The HTTP side may have gone meanwhile; then the leg times out.
            Command::OpenLeg(spec, answer) => drop(answer.send(self.open_leg(*spec, now))),
            Command::CloseLeg(leg) => self.remove_leg(leg, now),
            Command::SetPlan(plan) => self.set_plan(*plan, now),
            Command::SetSsrcBlock(block) => self.numbers.ssrc_block = block,
            Command::Stop => {
                self.close(now);
                return false;
            }
        }
        self.flush();
        true
    }

    /// Opens a WHIP or WHEP leg.
    pub(in crate::media) fn open_leg(
        &mut self,
        spec: LegSpec,
        now: Instant,
    ) -> Result<LegOpened, MediaError> {
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
        let slot_ssrcs = match &purpose {
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
            slot_ssrcs,
            cname: self.wires.cname.clone(),
        })
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
        let source = self.sources.id(&site);
        let tracks = tracks
            .into_iter()
            .map(|spec| Track {
                spec,
                current: None,
                started_at: None,
                retired: VecDeque::new(),
            })
            .collect();
        Ok(Purpose::Publish(Publisher {
            session,
            site,
            source,
            tracks,
            allowance: Allowance::new(now),
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
        if slots.is_empty() || slots.len() > TRACKS_MAX {
            return Err(MediaError::BadSpec("1 to 8 m-lines"));
        }
        let ssrcs = slots.iter().map(|_| self.allocate_ssrc()).collect();
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
        let leg = Leg {
            purpose,
            local,
            remote_ufrag,
            fingerprints,
            state: LegState::Connecting,
            path: Path::default(),
            deadline,
            heard_at: now,
            receiver: None,
            packets_received: 0,
        };
        self.legs.insert(id, leg);
        self.version += 1;
        id
    }

    /// Ends a leg for good; its peer gets close_notify, its streams end.
    pub(super) fn remove_leg(&mut self, id: LegId, now: Instant) {
        self.dtls.stop(id, now);
        self.flush_dtls();
        let Some(leg) = self.legs.remove(&id) else {
            return;
        };
        if self.by_ufrag.get(&leg.local.ufrag) == Some(&id) {
            self.by_ufrag.remove(&leg.local.ufrag);
        }
        for address in leg.path.addresses() {
            if self.by_address.get(&address) == Some(&id) {
                self.by_address.remove(&address);
            }
        }
        self.router.remove_leg(router_leg(id));
        self.wires.remove(id);
        self.version += 1;
        self.release_streams(id, &leg.purpose, now);
    }

    /// Ends a leg that failed: a session is gone, a trunk starts over.
    pub(super) fn end_leg(&mut self, id: LegId, now: Instant) {
        match self.legs.get(&id).map(|leg| &leg.purpose) {
            Some(Purpose::TrunkDown(_) | Purpose::TrunkUp(_)) => drop(self.renew_trunk(id, now)),
            Some(Purpose::Publish(_) | Purpose::Watch(_)) => self.remove_leg(id, now),
            None => {}
        }
    }

    /// A publisher's streams end with it; a parent's may come back with its next session.
    fn release_streams(&mut self, id: LegId, purpose: &Purpose, now: Instant) {
        let streams: Vec<_> = self
            .origins
            .iter()
            .filter(|(_, origin)| origin.leg == id)
            .map(|(stream, _)| *stream)
            .collect();
        for stream in streams {
            match purpose {
                Purpose::TrunkUp(_) => {
                    if let Some(origin) = self.origins.get_mut(&stream) {
                        origin.orphan_since = Some(now);
                    }
                }
                _ => self.close_stream(stream),
            }
        }
    }

    /// Removes what has not connected in time and what has gone silent.
    pub(super) fn drop_silent_legs(&mut self, now: Instant) {
        let lost: Vec<LegId> = self
            .legs
            .iter()
            .filter(|(_, leg)| is_lost(leg, now))
            .map(|(id, _)| *id)
            .collect();
        for id in lost {
            tracing::info!(leg = id.0, "leg lost");
            self.end_leg(id, now);
        }
    }
}

fn is_lost(leg: &Leg, now: Instant) -> bool {
    if leg.deadline.is_some_and(|deadline| now >= deadline) {
        return true;
    }
    let silent = now.saturating_duration_since(leg.heard_at);
    match (&leg.purpose, leg.state) {
        (Purpose::TrunkDown(_), LegState::Connected) => silent > TRUNK_CONSENT_TIME,
        (Purpose::TrunkUp(dialler), LegState::Connected) => {
            silent > TRUNK_CONSENT_TIME
                || now.saturating_duration_since(dialler.media_at)
                    > super::trunks::PARENT_SILENT_MAX
        }
        (_, LegState::Connected) => silent > CONSENT_TIME,
        _ => false,
    }
}
