//! Trunks: dialled by the child, answered by the parent, announced stream by stream.

use super::ice::target;
use super::leg::{Announced, Dialler, Purpose, router_leg};
use super::{Core, Origin};
use crate::media::announce::Announcement;
use crate::media::rtcp::Writer;
use crate::media::{Fingerprint, IceCredentials, LegId, random, stun};
use forwarding::{SourceId, StreamId, StreamSpec};
use protocol::{ChildTrunk, LegState, ParentTrunk, RelayId, RelayPlan};
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// Checks while dialling, and once connected (consent and round trip).
const DIAL_INTERVAL: Duration = Duration::from_millis(250);
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// An address that does not answer for this long gives way to the plan's next one.
const ADDRESS_TIME: Duration = Duration::from_secs(2);
/// A parent announces every second. After three missed it has lost the session: dial again.
pub(super) const PARENT_SILENT_MAX: Duration = Duration::from_secs(3);
/// A stream no longer announced, or whose trunk is gone, ends after this; shorter, and a reconnect would cost a keyframe.
const STREAM_GRACE: Duration = Duration::from_secs(5);
/// Checks whose answer is still awaited.
const CHECKS_MAX: usize = 8;
/// Bytes of announcements per compound: below every path MTU with SRTCP around it.
const COMPOUND_BYTES_MAX: usize = 1100;

impl Core {
    /// Follows a plan. Only what differs is touched: a trunk with the same peer and credentials keeps running.
    pub(in crate::media) fn set_plan(&mut self, plan: RelayPlan, now: Instant) {
        for (id, _) in self.trunks_not_in(&plan) {
            self.remove_leg(id, now);
        }
        for child in &plan.children {
            self.follow_child(child, now);
        }
        for parent in &plan.parents {
            self.follow_parent(parent, now);
        }
        self.plan = Some(plan);
        self.version += 1;
        self.dial(now);
        self.point_slots(now);
    }

    fn trunks_not_in(&self, plan: &RelayPlan) -> Vec<(LegId, RelayId)> {
        let keeps = |purpose: &Purpose| match purpose {
            Purpose::TrunkDown(old) => plan.children.iter().any(|new| same_child(old, new)),
            Purpose::TrunkUp(old) => plan.parents.iter().any(|new| same_parent(&old.plan, new)),
            Purpose::Publish(_) | Purpose::Watch(_) => true,
        };
        let gone = self.legs.iter().filter(|(_, leg)| !keeps(&leg.purpose));
        gone.filter_map(|(id, leg)| Some((*id, leg.relay()?.clone())))
            .collect()
    }

    fn follow_child(&mut self, child: &ChildTrunk, now: Instant) {
        let existing = self
            .legs
            .iter_mut()
            .find_map(|(id, leg)| match &mut leg.purpose {
                Purpose::TrunkDown(old) if old.relay == child.relay => Some((*id, old)),
                _ => None,
            });
        if let Some((id, old)) = existing {
            let before = std::mem::replace(old, child.clone());
            self.unsubscribe_trunk(id, &before, child);
            self.subscribe_trunk(id, now);
        } else {
            self.add_child(child.clone(), now);
        }
    }

    fn add_child(&mut self, child: ChildTrunk, now: Instant) -> Option<LegId> {
        let Some(fingerprint) = Fingerprint::parse(&child.certificate_fingerprint) else {
            tracing::error!(relay = %child.relay, "plan: unreadable certificate fingerprint, trunk left out");
            return None;
        };
        let local = IceCredentials {
            ufrag: child.ice_ufrag.clone(),
            pwd: child.ice_pwd.clone(),
        };
        Some(self.add_leg(
            Purpose::TrunkDown(child),
            local,
            None,
            vec![fingerprint],
            now,
        ))
    }

    fn follow_parent(&mut self, parent: &ParentTrunk, now: Instant) {
        let existing = self
            .legs
            .values_mut()
            .find_map(|leg| match &mut leg.purpose {
                Purpose::TrunkUp(dialler) if dialler.plan.relay == parent.relay => Some(dialler),
                _ => None,
            });
        if let Some(dialler) = existing {
            dialler.plan = parent.clone();
            self.drop_unplanned(parent);
        } else {
            self.add_parent(parent.clone(), now);
        }
    }

    fn add_parent(&mut self, parent: ParentTrunk, now: Instant) -> Option<LegId> {
        let Some(fingerprint) = Fingerprint::parse(&parent.certificate_fingerprint) else {
            tracing::error!(relay = %parent.relay, "plan: unreadable certificate fingerprint, trunk left out");
            return None;
        };
        let dialler = Dialler {
            plan: parent,
            address: 0,
            address_since: now,
            next_check: now,
            checks: VecDeque::new(),
            handshaking: false,
            media_at: now,
            streams: HashMap::new(),
        };
        Some(self.add_leg(
            Purpose::TrunkUp(dialler),
            IceCredentials::random(),
            None,
            vec![fingerprint],
            now,
        ))
    }

    /// Starts a trunk over with a fresh leg and a fresh DTLS session; streams have a grace time to come back.
    pub(super) fn renew_trunk(&mut self, id: LegId, now: Instant) -> Option<LegId> {
        let leg = self.legs.get(&id)?;
        let was_connected = leg.state != LegState::Connecting;
        enum Config {
            Child(ChildTrunk),
            Parent(ParentTrunk, usize),
        }
        let config = match &leg.purpose {
            Purpose::TrunkDown(child) => Config::Child(child.clone()),
            Purpose::TrunkUp(dialler) => {
                let next = if was_connected {
                    dialler.address
                } else {
                    dialler.address + 1
                };
                Config::Parent(
                    dialler.plan.clone(),
                    next % dialler.plan.addresses.len().max(1),
                )
            }
            Purpose::Publish(_) | Purpose::Watch(_) => return None,
        };
        self.remove_leg(id, now);
        let fresh = match config {
            Config::Child(child) => self.add_child(child, now)?,
            Config::Parent(parent, address) => {
                let fresh = self.add_parent(parent, now)?;
                if let Some(Purpose::TrunkUp(dialler)) =
                    self.legs.get_mut(&fresh).map(|leg| &mut leg.purpose)
                {
                    dialler.address = address;
                    dialler.next_check = now + DIAL_INTERVAL;
                }
                fresh
            }
        };
        if let Some(leg) = self.legs.get_mut(&fresh).filter(|_| was_connected) {
            leg.state = LegState::Lost;
        }
        Some(fresh)
    }

    /// Sends the checks that are due.
    pub(super) fn dial(&mut self, now: Instant) {
        let mut due = Vec::new();
        for leg in self.legs.values_mut() {
            let connected = leg.state == LegState::Connected;
            let ufrag = leg.local.ufrag.clone();
            let Purpose::TrunkUp(dialler) = &mut leg.purpose else {
                continue;
            };
            if now < dialler.next_check || dialler.plan.addresses.is_empty() {
                continue;
            }
            dialler.next_check = now
                + if connected {
                    CHECK_INTERVAL
                } else {
                    DIAL_INTERVAL
                };
            if !dialler.handshaking
                && now.saturating_duration_since(dialler.address_since) > ADDRESS_TIME
            {
                dialler.address = (dialler.address + 1) % dialler.plan.addresses.len();
                dialler.address_since = now;
            }
            let transaction = random::bytes();
            if dialler.checks.len() >= CHECKS_MAX {
                dialler.checks.pop_front();
            }
            dialler.checks.push_back((transaction, now));
            let username = format!("{}:{ufrag}", dialler.plan.ice_ufrag);
            let check = stun::request(
                transaction,
                &username,
                &dialler.plan.ice_pwd,
                tie_breaker(&transaction),
            );
            if let Some(to) = target(leg) {
                due.push((to, check));
            }
        }
        for (to, check) in due {
            self.wires.push(to, check);
        }
    }

    /// A parent says what an SSRC is.
    pub(super) fn handle_announcement(
        &mut self,
        id: LegId,
        ssrc: u32,
        announcement: Announcement,
        now: Instant,
    ) {
        let Some(Purpose::TrunkUp(dialler)) = self.legs.get_mut(&id).map(|leg| &mut leg.purpose)
        else {
            return;
        };
        match announcement {
            Announcement::Is { site, codec } if dialler.plan.feeds.contains(&site) => {
                if let Some(known) = dialler.streams.get_mut(&ssrc) {
                    known.at = now;
                    return;
                }
                let source = self.sources.id(&site);
                let spec = StreamSpec {
                    source,
                    codec,
                    ssrc,
                    resend: true,
                };
                let origin = Origin {
                    leg: id,
                    ssrc,
                    orphan_since: None,
                };
                let Some(stream) = self.open_stream(spec, origin, now) else {
                    return;
                };
                if let Some(Purpose::TrunkUp(dialler)) =
                    self.legs.get_mut(&id).map(|leg| &mut leg.purpose)
                {
                    dialler.streams.insert(ssrc, Announced { stream, at: now });
                }
            }
            Announcement::Is { .. } => {}
            Announcement::Ended => {
                if let Some(ended) = dialler.streams.remove(&ssrc) {
                    self.close_stream(ended.stream);
                }
            }
        }
    }

    /// Ends streams whose feed the plan no longer takes from this parent.
    fn drop_unplanned(&mut self, parent: &ParentTrunk) {
        let wanted: Vec<SourceId> = parent
            .feeds
            .iter()
            .map(|site| self.sources.id(site))
            .collect();
        let mut dropped = Vec::new();
        for leg in self.legs.values_mut() {
            let Purpose::TrunkUp(dialler) = &mut leg.purpose else {
                continue;
            };
            if dialler.plan.relay == parent.relay {
                let router = &self.router;
                dialler.streams.retain(|_, announced| {
                    let keep = router
                        .stream_spec(announced.stream)
                        .is_some_and(|spec| wanted.contains(&spec.source));
                    if !keep {
                        dropped.push(announced.stream);
                    }
                    keep
                });
            }
        }
        for stream in dropped {
            self.close_stream(stream);
        }
    }

    /// Ends streams whose trunk has gone or whose parent has stopped announcing them.
    pub(super) fn close_orphans(&mut self, now: Instant) {
        let over = |since: Instant| now.saturating_duration_since(since) > STREAM_GRACE;
        let mut ended: Vec<StreamId> = Vec::new();
        for leg in self
            .legs
            .values_mut()
            .filter(|leg| leg.state == LegState::Connected)
        {
            if let Purpose::TrunkUp(dialler) = &mut leg.purpose {
                dialler.streams.retain(|_, announced| {
                    let lapsed = over(announced.at);
                    if lapsed {
                        ended.push(announced.stream);
                    }
                    !lapsed
                });
            }
        }
        let orphans = self
            .origins
            .iter()
            .filter(|(_, origin)| origin.orphan_since.is_some_and(over));
        ended.extend(orphans.map(|(stream, _)| *stream));
        for stream in ended {
            self.close_stream(stream);
        }
    }

    /// Subscribes a connected child to what the plan sends it, and announces that.
    pub(super) fn subscribe_trunk(&mut self, id: LegId, _now: Instant) {
        let Some(Purpose::TrunkDown(child)) = self.legs.get(&id).map(|leg| &leg.purpose) else {
            return;
        };
        if self.wires.get(id).is_none() {
            return;
        }
        for site in child.feeds.clone() {
            let source = self.sources.id(&site);
            if let Err(refusal) = self.router.subscribe(router_leg(id), source) {
                tracing::warn!(leg = id.0, %site, %refusal, "feed cannot be sent on this trunk");
            }
        }
        self.announce_trunk(id);
    }

    fn unsubscribe_trunk(&mut self, id: LegId, before: &ChildTrunk, after: &ChildTrunk) {
        let gone: Vec<SourceId> = before
            .feeds
            .iter()
            .filter(|site| !after.feeds.contains(site))
            .map(|site| self.sources.id(site))
            .collect();
        let mut compound = self.begin_compound(&[]);
        for source in gone {
            let ended: Vec<u32> = self
                .router
                .streams()
                .filter(|(_, spec)| spec.source == source)
                .map(|(_, spec)| spec.ssrc)
                .collect();
            for ssrc in ended {
                Announcement::Ended.write(ssrc, &mut compound);
            }
            self.router.unsubscribe(router_leg(id), source);
        }
        self.wires.send_rtcp(id, compound);
    }

    /// Announces everything on every connected child's trunk; without streams the compound shows that the trunk lives.
    pub(super) fn announce_all(&mut self) {
        for id in self.connected_children(|_| true) {
            self.announce_trunk(id);
        }
    }

    /// Announces a source's streams before their first packet.
    pub(super) fn announce_source(&mut self, source: SourceId) {
        let Some(site) = self.sources.name(source).cloned() else {
            return;
        };
        for id in self.connected_children(|child| child.feeds.contains(&site)) {
            self.announce_trunk(id);
        }
    }

    /// Tells children that a stream has ended, before the router forgets it.
    pub(super) fn announce_end(&mut self, _stream: StreamId, spec: StreamSpec) {
        let Some(site) = self.sources.name(spec.source).cloned() else {
            return;
        };
        for id in self.connected_children(|child| child.feeds.contains(&site)) {
            let mut compound = self.begin_compound(&[]);
            Announcement::Ended.write(spec.ssrc, &mut compound);
            self.wires.send_rtcp(id, compound);
        }
    }

    fn announce_trunk(&mut self, id: LegId) {
        let streams: Vec<StreamSpec> = self
            .router
            .trunk_streams(router_leg(id))
            .map(|(_, spec)| spec)
            .collect();
        let mut compound: Writer = self.begin_compound(&[]);
        for spec in streams {
            let Some(site) = self.sources.name(spec.source).cloned() else {
                continue;
            };
            Announcement::Is {
                site,
                codec: spec.codec,
            }
            .write(spec.ssrc, &mut compound);
            if compound.0.len() > COMPOUND_BYTES_MAX {
                let full = std::mem::replace(&mut compound, self.begin_compound(&[]));
                self.wires.send_rtcp(id, full);
            }
        }
        self.wires.send_rtcp(id, compound);
    }

    fn connected_children(&self, wanted: impl Fn(&ChildTrunk) -> bool) -> Vec<LegId> {
        self.legs
            .iter()
            .filter(|(_, leg)| leg.state == LegState::Connected)
            .filter(|(_, leg)| matches!(&leg.purpose, Purpose::TrunkDown(child) if wanted(child)))
            .map(|(id, _)| *id)
            .collect()
    }
}

fn same_child(old: &ChildTrunk, new: &ChildTrunk) -> bool {
    (
        &old.relay,
        &old.ice_ufrag,
        &old.ice_pwd,
        &old.certificate_fingerprint,
    ) == (
        &new.relay,
        &new.ice_ufrag,
        &new.ice_pwd,
        &new.certificate_fingerprint,
    )
}

fn same_parent(old: &ParentTrunk, new: &ParentTrunk) -> bool {
    (
        &old.relay,
        &old.addresses,
        &old.ice_ufrag,
        &old.ice_pwd,
        &old.certificate_fingerprint,
    ) == (
        &new.relay,
        &new.addresses,
        &new.ice_ufrag,
        &new.ice_pwd,
        &new.certificate_fingerprint,
    )
}

/// RFC 8445 §16.1; the parent is ICE-lite and never compares it.
fn tie_breaker(transaction: &[u8; 12]) -> u64 {
    transaction
        .iter()
        .take(8)
        .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}
