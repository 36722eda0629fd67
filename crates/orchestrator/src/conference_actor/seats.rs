//! Who holds each site's link: one holder, the newest.

use super::message::{HallPush, Seat};
use protocol::{ByeCause, HallState, SiteCode};
use std::collections::BTreeMap;
use tokio::sync::watch;

/// Two devices that take a site from each other for ever fill neither the log nor the disk.
const NOTED_EVERY_MS: u64 = 5_000;

/// All holders.
#[derive(Default)]
pub(super) struct Seats {
    held: BTreeMap<SiteCode, Held>,
    /// When a takeover was last noted, by the steady clock.
    noted_ms: BTreeMap<SiteCode, u64>,
    next_id: u64,
}

struct Held {
    id: u64,
    token_id: String,
    pushes: watch::Sender<HallPush>,
}

/// An older holder, another device, lost its place; to be noted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TakenOver {
    /// Its token.
    pub old_token: String,
}

impl Seats {
    /// Seats a holder. An older one is told to go; who reloads its page is the same holder coming back, and
    /// no takeover. A takeover is answered at most once for a site in 5 s.
    pub fn sit(
        &mut self,
        site: SiteCode,
        token_id: &str,
        state: HallState,
        now_ms: u64,
    ) -> (Seat, Option<TakenOver>) {
        self.next_id += 1;
        let id = self.next_id;
        let (pushes, mut receiver) = watch::channel(HallPush::State(Box::new(state)));
        receiver.mark_changed();
        let held = Held {
            id,
            token_id: token_id.to_owned(),
            pushes,
        };
        let older = self
            .held
            .insert(site.clone(), held)
            .filter(|older| !older.pushes.is_closed());
        if let Some(older) = &older {
            older
                .pushes
                .send_replace(HallPush::Bye(ByeCause::TakenOver));
        }
        let taken_over = older
            .filter(|older| older.token_id != token_id && self.is_to_note(site, now_ms))
            .map(|older| TakenOver {
                old_token: older.token_id,
            });
        (
            Seat {
                id,
                pushes: receiver,
            },
            taken_over,
        )
    }

    fn is_to_note(&mut self, site: SiteCode, now_ms: u64) -> bool {
        let noted_ms = self.noted_ms.get(&site);
        let is_due =
            noted_ms.is_none_or(|noted_ms| now_ms.saturating_sub(*noted_ms) >= NOTED_EVERY_MS);
        if is_due {
            self.noted_ms.insert(site, now_ms);
        }
        is_due
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

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{SittingState, SittingView, Tally};

    fn site() -> SiteCode {
        "DT-01".parse().expect("a code")
    }

    fn state() -> HallState {
        HallState {
            site: site(),
            site_name: "Phường 1".to_owned(),
            conference_title: "Hội nghị".to_owned(),
            sitting: SittingView {
                state: SittingState::Draft,
                since_ms: 0,
                next: Vec::new(),
                chair: None,
            },
            tally: Tally::Off,
            watched: false,
            media: None,
            counts: None,
            expected: None,
            server_time_ms: 0,
        }
    }

    fn sit(seats: &mut Seats, token: &str, now_ms: u64) -> (Seat, Option<TakenOver>) {
        seats.sit(site(), token, state(), now_ms)
    }

    #[test]
    fn a_page_loaded_again_is_no_takeover_and_the_old_page_goes_all_the_same() {
        let mut seats = Seats::default();
        let (old, _) = sit(&mut seats, "one", 0);
        let (new, taken_over) = sit(&mut seats, "one", 1);
        assert_eq!(taken_over, None);
        assert_eq!(*old.pushes.borrow(), HallPush::Bye(ByeCause::TakenOver));
        assert!(seats.is_held_by(&site(), new.id) && !seats.is_held_by(&site(), old.id));
    }

    #[test]
    fn two_devices_that_fight_for_a_site_are_noted_once_in_a_while() {
        let mut seats = Seats::default();
        let mut held = vec![sit(&mut seats, "first", 0).0];
        let mut noted_ms = Vec::new();
        for n in 0..100_u64 {
            let (seat, taken_over) = sit(&mut seats, ["second", "first"][n as usize % 2], n * 100);
            held.push(seat);
            noted_ms.extend(taken_over.map(|_| n * 100));
        }
        assert_eq!(noted_ms, [0, 5_000]);
    }
}
