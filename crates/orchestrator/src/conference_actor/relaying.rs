//! Relays of a conference: what they report, and where everybody's place is.

use super::actor::{State, TICKS_PER_SECOND};
use super::health::{SiteLink, sights};
use super::message::RelayPost;
use super::relay_state::RelayState;
use crate::clock;
use crate::journal::{Entry, Operation};
use crate::relays::{Layout, Record};
use protocol::{LinkState, RelayId, RelayReport};

impl State {
    pub(super) fn relays_known(&mut self, records: Vec<Record>) {
        for record in records {
            match self.relays.get_mut(&record.id) {
                Some(known) => known.record = record,
                None => {
                    self.relays
                        .insert(record.id.clone(), RelayState::new(record));
                }
            }
        }
        self.layout_is_old = true;
        self.dirty = true;
    }

    /// Its link ends with it, and finds the other conference.
    pub(super) fn relay_gone(&mut self, relay: &RelayId) {
        self.relays.remove(relay);
        self.layout_is_old = true;
        self.dirty = true;
    }

    pub(super) fn relay_post(&mut self, relay: &RelayId) -> Option<RelayPost> {
        let plan = self.layout.plan(relay, self.plan.0);
        let state = self.relays.get_mut(relay)?;
        self.next_link += 1;
        self.dirty = true;
        Some(RelayPost {
            id: self.next_link,
            plans: state.open(self.next_link, plan),
        })
    }

    pub(super) fn relay_report(&mut self, relay: &RelayId, post: u64, report: RelayReport) {
        let Some(state) = self.relays.get_mut(relay) else {
            return;
        };
        let now_ms = clock::steady_ms();
        if !state.take(post, report, now_ms) {
            return;
        }
        let seen = sights(state.report());
        let served = self
            .layout
            .relay_of
            .iter()
            .filter(|(_, at)| *at == relay)
            .map(|(site, _)| site);
        for site in served {
            // A site that never had a leg gets no entry for having none.
            let sight = seen.get(site);
            if sight.is_some() || self.links.contains_key(site) {
                let link = self
                    .links
                    .entry(site.clone())
                    .or_insert_with(|| SiteLink::new(LinkState::NotJoined, now_ms, now_ms));
                link.handle_sight(sight, now_ms);
            }
        }
        self.dirty = true;
        self.outbid(relay);
    }

    /// A relay that follows a higher epoch than this log knows (the log is an older copy) would refuse
    /// every plan: the next one gets an epoch above it.
    fn outbid(&mut self, relay: &RelayId) {
        /// What JSON readers hold exactly; beyond it a report is nonsense.
        const EPOCH_MAX: u64 = 1 << 53;
        let reported = self
            .relays
            .get(relay)
            .map_or(0, |state| state.report().epoch);
        if reported > self.plan.0.max(self.epoch_floor) && reported < EPOCH_MAX {
            tracing::warn!(conference = %self.id, %relay, reported, "a relay follows a newer plan than the log knows");
            self.epoch_floor = reported;
            self.layout_is_old = true;
        }
    }

    /// Places relays and sites anew when something they depend on changed, and tells the relays.
    ///
    /// No relay is told of a plan that is not written: after a restart another one could have its epoch.
    pub(super) async fn refresh_layout(&mut self) {
        if !std::mem::take(&mut self.layout_is_old) || self.conference.id().is_none() {
            return;
        }
        let records = self.relays.values().map(|relay| &relay.record);
        let layout = match Layout::make(&self.id, &self.conference, records, &self.tools.keys) {
            Ok(layout) => layout,
            Err(error) => {
                // Relays go on by the plan they have.
                tracing::error!(conference = %self.id, %error, "no plan: {error}");
                return;
            }
        };
        let digest = layout.digest();
        let is_new = digest != self.plan.1 || self.plan.0 < self.epoch_floor;
        if is_new && !layout.is_empty() {
            let epoch = self.plan.0.max(self.epoch_floor) + 1;
            let issued = Operation::PlanIssued {
                epoch,
                digest: digest.clone(),
            };
            if let Err(error) = self.append(&[Entry::Operation(issued)]).await {
                tracing::error!(conference = %self.id, %error, "the plan stays as it is: {error}");
                self.plan_due_tick = Some(self.ticks + TICKS_PER_SECOND);
                return;
            }
            self.plan = (epoch, digest);
            tracing::info!(conference = %self.id, epoch, "a new plan");
        }
        self.layout = layout;
        self.dirty = true;
        for (id, relay) in &self.relays {
            if let Some(plan) = self.layout.plan(id, self.plan.0) {
                relay.push(&plan);
            }
        }
    }
}
