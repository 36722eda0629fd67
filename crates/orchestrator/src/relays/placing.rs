//! Which conference each relay serves: one at a time, for a relay follows one plan.

use crate::app::App;
use crate::conference_actor::SiteAbout;
use crate::relays::Record;
use conference::SittingState;
use protocol::{ConferenceId, RelayId, SiteCode};
use std::collections::BTreeMap;
use tokio::sync::{Mutex, watch};

/// The conference of each relay.
pub struct Places {
    by_relay: watch::Sender<BTreeMap<RelayId, ConferenceId>>,
    /// Held while places are given: conferences hear of them in the order in which they were decided.
    giving: Mutex<()>,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            by_relay: watch::Sender::new(BTreeMap::new()),
            giving: Mutex::default(),
        }
    }
}

impl Places {
    /// The conference that this relay serves; `None` when none has its site.
    pub fn of(&self, relay: &RelayId) -> Option<ConferenceId> {
        self.by_relay.borrow().get(relay).cloned()
    }

    /// Changes when a relay gets another place.
    pub fn changes(&self) -> watch::Receiver<BTreeMap<RelayId, ConferenceId>> {
        self.by_relay.subscribe()
    }
}

impl App {
    /// Gives every registered relay its place, and tells the conferences. Called whenever that may have
    /// changed: a relay registers or moves, a conference is founded or closed.
    ///
    /// Several conferences may have the site that a relay stands at, a second one made out of the same list
    /// for example. Until the one it serves is closed, a relay stays where it is.
    pub async fn place_relays(&self) {
        let places = &self.conferences.places;
        let _turn = places.giving.lock().await;
        let before = places.by_relay.borrow().clone();
        let mut chosen = BTreeMap::new();
        let mut known: BTreeMap<ConferenceId, Vec<Record>> = BTreeMap::new();
        for record in self.relays.all() {
            if let Some(id) = self.choose(&record.site, before.get(&record.id)).await {
                chosen.insert(record.id.clone(), id.clone());
                known.entry(id).or_default().push(record);
            }
        }
        for (id, records) in known {
            if let Ok(handle) = self.conferences.find(&id) {
                // An actor that has ended learns of its relays when it is started again.
                drop(handle.relays_known(records).await);
            }
        }
        places.by_relay.send_if_modified(|last| {
            let is_new = *last != chosen;
            last.clone_from(&chosen);
            is_new
        });
        for (relay, old) in before {
            if chosen.get(&relay) != Some(&old)
                && let Ok(handle) = self.conferences.find(&old)
            {
                tracing::info!(%relay, from = %old, to = ?chosen.get(&relay), "a relay serves another conference");
                drop(handle.relay_gone(relay).await);
            }
        }
    }

    /// The conference with the best claim on a relay at this site.
    async fn choose(
        &self,
        site: &SiteCode,
        current: Option<&ConferenceId>,
    ) -> Option<ConferenceId> {
        let mut best = None;
        for (id, handle) in self.conferences.all() {
            let Ok(about) = handle.site(site.clone()).await else {
                continue;
            };
            let claim = claim(&about, current == Some(&id));
            if best.as_ref().is_none_or(|(highest, _)| claim > *highest) {
                best = Some((claim, id));
            }
        }
        best.map(|(_, id)| id)
    }
}

/// The higher, the better. A closed conference has its relays only as long as no other wants them; after a
/// restart the one that had relays before has them again.
fn claim(about: &SiteAbout, is_current: bool) -> (u8, bool, bool) {
    let rank = match about.sitting {
        SittingState::Closed => 0,
        _ if is_current => 4,
        SittingState::Draft => 1,
        SittingState::Ready => 2,
        SittingState::Live => 3,
    };
    (rank, is_current, about.has_plan)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(sitting: SittingState, has_plan: bool) -> SiteAbout {
        SiteAbout {
            conference_title: String::new(),
            name: String::new(),
            relay_url: None,
            sitting,
            has_plan,
        }
    }

    #[test]
    fn a_relay_stays_until_its_conference_is_closed_and_then_goes_where_it_is_needed_most() {
        use SittingState::{Closed, Draft, Live, Ready};
        let falling = [
            (Draft, false, true),
            (Live, true, false),
            (Ready, false, false),
            (Draft, true, false),
            (Draft, false, false),
            (Closed, true, true),
            (Closed, true, false),
        ];
        let claims: Vec<_> = falling
            .into_iter()
            .map(|(sitting, has_plan, is_current)| claim(&about(sitting, has_plan), is_current))
            .collect();
        assert!(
            claims.is_sorted_by(|better, worse| better > worse),
            "{claims:?}"
        );
    }
}
