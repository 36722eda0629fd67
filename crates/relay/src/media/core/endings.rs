//! Ending legs: those that are lost, those that give way, and those the plan has no place for.

use super::Core;
use super::leg::{Leg, Purpose};
use crate::media::LegId;
use protocol::{LegState, RelayPlan, SiteCode};
use std::time::{Duration, Instant};

/// Consent (RFC 7675 §5.1): after this long without an authentic check nothing more is sent to a watcher, whatever
/// packets come in its name; browsers check every 5 s at the latest. A publisher, which is sent next to nothing, is gone
/// when its packets stop too: some encoders check only once.
const CONSENT_TIME: Duration = Duration::from_secs(30);
/// A child checks every second; three lost in a row are bad luck, five are an outage.
const TRUNK_CONSENT_TIME: Duration = Duration::from_secs(5);
/// A hall whose site the plan has moved elsewhere may go on here for this long; it goes over in a few seconds.
const UNPLANNED_GRACE: Duration = Duration::from_secs(30);

impl Core {
    /// A hall publishes once. The newcomer wins, or a hall that lost its connection could not come back.
    pub(super) fn remove_publishers(&mut self, site: &SiteCode, now: Instant) {
        let is_older = |leg: &Leg| matches!(&leg.purpose, Purpose::Publish(publisher) if publisher.site == *site);
        self.remove_legs(is_older, now);
    }

    /// Ends every session; trunks stay.
    pub(super) fn remove_sessions(&mut self, now: Instant) {
        let is_session = |leg: &Leg| matches!(leg.purpose, Purpose::Publish(_) | Purpose::Watch(_));
        self.remove_legs(is_session, now);
    }

    fn remove_legs(&mut self, which: impl Fn(&Leg) -> bool, now: Instant) {
        let legs = self.legs.iter().filter(|(_, leg)| which(leg));
        let legs: Vec<LegId> = legs.map(|(id, _)| *id).collect();
        for leg in legs {
            tracing::info!(leg = leg.0, "leg gives way");
            self.remove_leg(leg, now);
        }
    }

    /// Notes which sessions the plan has a place for.
    pub(super) fn note_unplanned(&mut self, now: Instant) {
        for leg in self.legs.values_mut() {
            let since = leg.unplanned_since.unwrap_or(now);
            leg.unplanned_since = (!has_place(self.plan.as_ref(), &leg.purpose)).then_some(since);
        }
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
        if let Some(restart) = &leg.restart {
            self.by_ufrag.remove(&restart.local.ufrag);
        }
        for address in leg.path.addresses() {
            if self.by_address.get(&address) == Some(&id) {
                self.by_address.remove(&address);
            }
        }
        self.shards.remove_leg(id);
        self.version += 1;
        self.demand_due = true;
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

    /// Removes what has not connected in time, what has gone silent and what the plan has had no place for.
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

/// Before the first plan every site has one: the HTTP side lets nobody in without a plan.
pub(super) fn has_place(plan: Option<&RelayPlan>, purpose: &Purpose) -> bool {
    let (Some(plan), Some(site)) = (plan, purpose.site()) else {
        return true;
    };
    plan.sites.contains(site)
}

fn is_lost(leg: &Leg, now: Instant) -> bool {
    if leg.deadline.is_some_and(|deadline| now >= deadline) {
        return true;
    }
    let over = |since| now.saturating_duration_since(since) > UNPLANNED_GRACE;
    if leg.unplanned_since.is_some_and(over) {
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
        (Purpose::Watch(_), LegState::Connected) => {
            now.saturating_duration_since(leg.consent_at) > CONSENT_TIME
        }
        (Purpose::Publish(_), LegState::Connected) => silent > CONSENT_TIME,
        _ => false,
    }
}
