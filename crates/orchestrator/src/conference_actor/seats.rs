//! Who holds each site's link: one holder, the newest.

use super::message::{HallPush, Seat};
use protocol::{ByeCause, HallState, SiteCode};
use std::collections::BTreeMap;
use tokio::sync::watch;

/// All holders.
#[derive(Default)]
pub(super) struct Seats {
    held: BTreeMap<SiteCode, Held>,
    next_id: u64,
}

struct Held {
    id: u64,
    token_id: String,
    pushes: watch::Sender<HallPush>,
}

/// An older holder lost its place.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TakenOver {
    /// Its token.
    pub old_token: String,
}

impl Seats {
    /// Seats a holder. An older one is told to go; who reloads its page is the same holder coming back.
    pub fn sit(
        &mut self,
        site: SiteCode,
        token_id: String,
        state: HallState,
    ) -> (Seat, Option<TakenOver>) {
        self.next_id += 1;
        let id = self.next_id;
        let (pushes, mut receiver) = watch::channel(HallPush::State(Box::new(state)));
        receiver.mark_changed();
        let older = self.held.insert(
            site,
            Held {
                id,
                token_id,
                pushes,
            },
        );
        let taken_over = older
            .filter(|older| !older.pushes.is_closed())
            .map(|older| {
                older
                    .pushes
                    .send_replace(HallPush::Bye(ByeCause::TakenOver));
                TakenOver {
                    old_token: older.token_id,
                }
            });
        (
            Seat {
                id,
                pushes: receiver,
            },
            taken_over,
        )
    }

    /// Whether this holder still has the seat.
    pub fn is_held_by(&self, site: &SiteCode, id: u64) -> bool {
        self.held.get(site).is_some_and(|held| held.id == id)
    }

    /// Sites whose holder has gone.
    pub fn clear_gone(&mut self) -> Vec<SiteCode> {
        let gone: Vec<SiteCode> = self
            .held
            .iter()
            .filter(|(_, held)| held.pushes.is_closed())
            .map(|(site, _)| site.clone())
            .collect();
        for site in &gone {
            self.held.remove(site);
        }
        gone
    }

    /// Tells every holder its state where it changed; the clock alone is no change.
    pub fn push(&self, state_of: impl Fn(&SiteCode) -> Option<HallState>) {
        for (site, held) in &self.held {
            let Some(state) = state_of(site) else {
                continue;
            };
            held.pushes.send_if_modified(|last| {
                let is_new = match last {
                    HallPush::State(last) => {
                        HallState {
                            server_time_ms: last.server_time_ms,
                            ..state.clone()
                        } != **last
                    }
                    HallPush::Bye(_) => false,
                };
                if is_new {
                    *last = HallPush::State(Box::new(state));
                }
                is_new
            });
        }
    }
}
