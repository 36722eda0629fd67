//! Trunks: dialled by the child, answered by the parent.

use super::Core;
use super::ice::target;
use super::leg::{Child, Dialler, Purpose};
use crate::media::{Fingerprint, IceCredentials, LegId, random, stun};
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
/// Dialling attempts of a child that are remembered as over.
const RETIRED_MAX: usize = 16;
/// Checks whose answer is still awaited.
const CHECKS_MAX: usize = 8;

impl Core {
    /// Follows a plan. Only what differs is touched: a trunk with the same peer and credentials keeps running, and
    /// so does the session of a site that still has its place. Another conference ends all sessions.
    pub(in crate::media) fn set_plan(&mut self, plan: RelayPlan, now: Instant) {
        self.shards.set_now(now);
        for (id, _) in self.trunks_not_in(&plan) {
            self.remove_leg(id, now);
        }
        let before = self.plan.as_ref().map(|plan| &plan.conference);
        if before.is_some_and(|before| *before != plan.conference) {
            self.remove_sessions(now);
        }
        for child in &plan.children {
            self.follow_child(child, now);
        }
        for parent in &plan.parents {
            self.follow_parent(parent, now);
        }
        self.plan = Some(plan);
        self.note_unplanned(now);
        self.version += 1;
        self.dial(now);
        self.point_slots(now);
    }

    fn trunks_not_in(&self, plan: &RelayPlan) -> Vec<(LegId, RelayId)> {
        let keeps = |purpose: &Purpose| match purpose {
            Purpose::TrunkDown(old) => plan.children.iter().any(|new| same_child(&old.plan, new)),
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
                Purpose::TrunkDown(old) if old.plan.relay == child.relay => {
                    Some((*id, &mut old.plan))
                }
                _ => None,
            });
        if let Some((id, old)) = existing {
            let before = std::mem::replace(old, child.clone());
            self.unsubscribe_trunk(id, &before, child);
            self.subscribe_trunk(id, now);
        } else {
            self.add_child(child.clone(), VecDeque::new(), now);
        }
    }

    fn add_child(
        &mut self,
        plan: ChildTrunk,
        retired: VecDeque<String>,
        now: Instant,
    ) -> Option<LegId> {
        let Some(fingerprint) = Fingerprint::parse(&plan.certificate_fingerprint) else {
            tracing::error!(relay = %plan.relay, "plan: unreadable certificate fingerprint, trunk left out");
            return None;
        };
        let local = IceCredentials {
            ufrag: plan.ice_ufrag.clone(),
            pwd: plan.ice_pwd.clone(),
        };
        Some(self.add_leg(
            Purpose::TrunkDown(Child { plan, retired }),
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
        let fresh = match &leg.purpose {
            Purpose::TrunkDown(child) => {
                let (plan, mut retired) = (child.plan.clone(), child.retired.clone());
                retired.extend(leg.remote_ufrag.clone());
                if retired.len() > RETIRED_MAX {
                    retired.pop_front();
                }
                self.remove_leg(id, now);
                self.add_child(plan, retired, now)?
            }
            Purpose::TrunkUp(dialler) => {
                let (parent, address) = (dialler.plan.clone(), dialler.address);
                self.remove_leg(id, now);
                let fresh = self.add_parent(parent, now)?;
                self.redial(
                    fresh,
                    if was_connected { address } else { address + 1 },
                    now,
                );
                fresh
            }
            Purpose::Publish(_) | Purpose::Watch(_) => return None,
        };
        if let Some(leg) = self.legs.get_mut(&fresh).filter(|_| was_connected) {
            leg.state = LegState::Lost;
        }
        Some(fresh)
    }

    /// A parent that has just failed is not asked again at once.
    fn redial(&mut self, id: LegId, address: usize, now: Instant) {
        if let Some(Purpose::TrunkUp(dialler)) = self.legs.get_mut(&id).map(|leg| &mut leg.purpose)
        {
            dialler.address = address % dialler.plan.addresses.len().max(1);
            dialler.next_check = now + DIAL_INTERVAL;
        }
    }

    /// Sends the checks that are due.
    pub(super) fn dial(&mut self, now: Instant) {
        let mut due = Vec::new();
        for leg in self.legs.values_mut() {
            let connected = leg.state == LegState::Connected;
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
            let username = format!("{}:{}", dialler.plan.ice_ufrag, leg.local.ufrag);
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
            self.shards.push(to, check);
        }
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
