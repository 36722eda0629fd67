//! ICE-lite towards halls and children (RFC 8445 §2.5), the controlling side towards parents.

use super::Core;
use super::leg::{Leg, Purpose, Restart};
use crate::media::stun::{self, Class, Message};
use crate::media::{IceCredentials, LegId, MediaError};
use protocol::LegState;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// A child heard this recently is alive: nobody else dials in its name. It checks every second.
const CHILD_ALIVE: Duration = Duration::from_millis(1500);
/// A peer heard this recently keeps the address it uses. The control room's pages send a report every second.
const ADDRESS_KEPT: Duration = Duration::from_secs(3);
/// After this long without a proof an address has gone and the next proven one takes over. Browsers check a pair every 2.5 s.
const ADDRESS_STALE: Duration = Duration::from_secs(4);

impl Core {
    pub(super) fn handle_stun(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) {
        // Nothing that fails is answered: a stranger gets no byte out of us.
        let handled = Message::parse(datagram).and_then(|message| match message.class {
            Class::Request => self.handle_check(now, from, &message),
            Class::Success => self.handle_check_answer(now, from, &message),
            Class::Error => None,
        });
        if handled.is_none() {
            self.counters.stun_refused += 1;
        }
    }

    /// A connectivity check of a hall or a child.
    fn handle_check(
        &mut self,
        now: Instant,
        from: SocketAddr,
        message: &Message<'_>,
    ) -> Option<()> {
        let (local, remote) = message.username?.split_once(':')?;
        let id = *self.by_ufrag.get(local)?;
        let leg = self.legs.get(&id)?;
        let pwd = password(leg, local)?.to_owned();
        if !message.is_authentic(&pwd) {
            return None;
        }
        if message.claims_controlled {
            self.shards
                .push(from, stun::role_conflict(message.transaction, &pwd));
            return Some(());
        }
        self.finish_restart(id, local, remote);
        let id = self.admit_sender(id, remote, now)?;
        self.prove_address(id, from, message.use_candidate, now);
        self.shards
            .push(from, stun::success(message.transaction, from, &pwd));
        Some(())
    }

    /// New credentials of a session (RFC 8445 §9). The old ones hold until the peer has used the new.
    pub(in crate::media) fn restart_ice(
        &mut self,
        id: LegId,
        remote: IceCredentials,
        local: IceCredentials,
    ) -> Result<(), MediaError> {
        if self.by_ufrag.contains_key(&local.ufrag) {
            return Err(MediaError::BadSpec("the ICE ufrag is in use"));
        }
        let leg = self.legs.get_mut(&id).ok_or(MediaError::NoSuchLeg)?;
        if leg.relay().is_some() {
            return Err(MediaError::NoSuchLeg);
        }
        self.by_ufrag.insert(local.ufrag.clone(), id);
        let restart = Restart {
            local,
            remote_ufrag: remote.ufrag,
        };
        // The peer has given an offer up for a later one.
        if let Some(superseded) = leg.restart.replace(restart) {
            self.by_ufrag.remove(&superseded.local.ufrag);
        }
        Ok(())
    }

    /// The first authentic check with the new credentials makes them the only ones.
    fn finish_restart(&mut self, id: LegId, local: &str, remote: &str) {
        let Some(leg) = self.legs.get_mut(&id) else {
            return;
        };
        let proves = |new: &mut Restart| new.local.ufrag == local && new.remote_ufrag == remote;
        let Some(new) = leg.restart.take_if(proves) else {
            return;
        };
        let old = std::mem::replace(&mut leg.local, new.local);
        leg.remote_ufrag = Some(new.remote_ufrag);
        leg.path.reselect = true;
        self.by_ufrag.remove(&old.ufrag);
        tracing::info!(leg = id.0, "ICE restarted");
    }

    /// The peer's ufrag must be the offer's. A child names each dialling attempt by a fresh one: then its old
    /// session is dead and a new one begins. A check of an earlier attempt is a replay, and one while the session
    /// lives at best too early: the child repeats it every 250 ms.
    fn admit_sender(&mut self, id: LegId, remote: &str, now: Instant) -> Option<LegId> {
        let leg = self.legs.get_mut(&id)?;
        let lives = leg.state == LegState::Connected
            && now.saturating_duration_since(leg.heard_at) < CHILD_ALIVE;
        match (&leg.remote_ufrag, &leg.purpose) {
            (Some(known), _) if known == remote => Some(id),
            (_, Purpose::TrunkDown(child)) if child.retired.iter().any(|old| old == remote) => None,
            (Some(_), Purpose::TrunkDown(_)) if lives => None,
            (Some(_), Purpose::TrunkDown(_)) => {
                let fresh = self.renew_trunk(id, now)?;
                self.legs.get_mut(&fresh)?.remote_ufrag = Some(remote.to_owned());
                Some(fresh)
            }
            (None, _) => {
                leg.remote_ufrag = Some(remote.to_owned());
                Some(id)
            }
            (Some(_), _) => None,
        }
    }

    /// An authentic check came from `from`.
    pub(super) fn prove_address(
        &mut self,
        id: LegId,
        from: SocketAddr,
        nominated: bool,
        now: Instant,
    ) {
        let in_use = self.is_anothers(id, from, now);
        let Some(leg) = self.legs.get_mut(&id) else {
            return;
        };
        leg.heard_at = now;
        leg.consent_at = now;
        // Whoever knows one leg's password may write another one's address as the sender.
        if in_use {
            return;
        }
        let evicted = leg.path.prove(from, now);
        let selected_is_stale = leg
            .path
            .selected
            .and_then(|selected| leg.path.proven_at(selected))
            .is_none_or(|at| now.saturating_duration_since(at) > ADDRESS_STALE);
        // A browser facing an ICE-lite side nominates every pair it checks, so nomination alone must not move a
        // leg that is well where it is; what it sends media from does (see `note_source`).
        if leg.path.selected.is_none() || (nominated && (selected_is_stale || leg.path.reselect)) {
            leg.path.reselect = false;
            self.select_address(id, from);
        }
        // It may be somebody else's by now.
        if let Some(evicted) = evicted
            && self.by_address.get(&evicted) == Some(&id)
        {
            self.by_address.remove(&evicted);
        }
        // The newest proof owns an address: a reloaded page may come from the port of its predecessor.
        self.by_address.insert(from, id);
    }

    /// Does another leg live at this address?
    fn is_anothers(&self, id: LegId, address: SocketAddr, now: Instant) -> bool {
        let owner = self.by_address.get(&address).filter(|owner| **owner != id);
        owner
            .and_then(|owner| self.legs.get(owner))
            .is_some_and(|leg| {
                leg.state == LegState::Connected
                    && leg.path.selected == Some(address)
                    && now.saturating_duration_since(leg.heard_at) < ADDRESS_KEPT
            })
    }

    /// The peer has sent something authentic, or its handshake, from a proven address: that is the pair it uses.
    pub(super) fn note_source(&mut self, id: LegId, from: SocketAddr) {
        if self
            .legs
            .get(&id)
            .is_some_and(|leg| leg.path.selected != Some(from))
        {
            self.select_address(id, from);
        }
    }

    pub(super) fn select_address(&mut self, id: LegId, address: SocketAddr) {
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.path.selected = Some(address);
            self.shards.move_to(id, address);
        }
    }

    /// A parent answered our check.
    fn handle_check_answer(
        &mut self,
        now: Instant,
        from: SocketAddr,
        message: &Message<'_>,
    ) -> Option<()> {
        let (id, sent_at) = self.legs.iter().find_map(|(id, leg)| {
            let sent_at = check_sent_at(leg, message)?;
            target(leg)
                .is_some_and(|to| is_same(to, from))
                .then_some((*id, sent_at))
        })?;
        self.prove_address(id, from, true, now);
        let round_trip = now.saturating_duration_since(sent_at);
        self.shards.note_round_trip(id, round_trip);
        let streams = self.origins.iter().filter(|(_, origin)| origin.leg == id);
        for (stream, _) in streams {
            self.shards.set_round_trip(*stream, round_trip);
        }
        self.begin_handshake(id, now);
        Some(())
    }
}

/// The password that goes with our ufrag.
fn password<'a>(leg: &'a Leg, local: &str) -> Option<&'a str> {
    let restarted = leg.restart.as_ref().map(|restart| &restart.local);
    std::iter::once(&leg.local)
        .chain(restarted)
        .find(|credentials| credentials.ufrag == local)
        .map(|credentials| credentials.pwd.as_str())
}

/// When the check that this message answers was sent, if it is one of this leg's and authentic.
fn check_sent_at(leg: &Leg, message: &Message<'_>) -> Option<Instant> {
    let Purpose::TrunkUp(dialler) = &leg.purpose else {
        return None;
    };
    let (_, at) = dialler
        .checks
        .iter()
        .find(|(transaction, _)| *transaction == message.transaction)?;
    message.is_authentic(&dialler.plan.ice_pwd).then_some(*at)
}

/// A socket of both families sees an IPv4 peer at a mapped address (RFC 4291 §2.5.5.2).
fn is_same(a: SocketAddr, b: SocketAddr) -> bool {
    (a.ip().to_canonical(), a.port()) == (b.ip().to_canonical(), b.port())
}

/// Where a dialled trunk sends its checks.
pub(super) fn target(leg: &Leg) -> Option<SocketAddr> {
    let Purpose::TrunkUp(dialler) = &leg.purpose else {
        return None;
    };
    dialler.plan.addresses.get(dialler.address).copied()
}
