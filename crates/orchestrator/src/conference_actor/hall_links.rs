//! Halls of a conference: who sits down, and what they report.

use super::actor::State;
use super::health::SiteLink;
use super::message::Seat;
use crate::clock::{self, Now};
use crate::journal::Operation;
use protocol::{HallHealth, LinkState, SiteCode};
use tokio::sync::oneshot;

impl State {
    pub(super) async fn seat(
        &mut self,
        site: SiteCode,
        token_id: String,
        answer: oneshot::Sender<Seat>,
    ) {
        let now = Now::read();
        let Some(state) = self.hall_state(&site, now) else {
            return;
        };
        let (seat, taken_over) = self
            .seats
            .sit(site.clone(), &token_id, state, now.steady_ms);
        self.link(&site).handle_seated(true);
        self.dirty = true;
        drop(answer.send(seat));
        if let Some(older) = taken_over {
            tracing::warn!(conference = %self.id, %site, "a second device joined; the first lost its link");
            let old_token = older.old_token;
            self.note(vec![Operation::HallTakenOver {
                site,
                old_token,
                new_token: token_id,
            }])
            .await;
        }
    }

    pub(super) fn hall_health(&mut self, site: &SiteCode, seat: u64, health: HallHealth) {
        if self.seats.is_held_by(site, seat) {
            self.link(site).handle_health(health, clock::steady_ms());
            self.dirty = true;
        }
    }

    /// What is known of a site's link.
    pub(super) fn link(&mut self, site: &SiteCode) -> &mut SiteLink {
        let now_ms = clock::steady_ms();
        self.links
            .entry(site.clone())
            .or_insert_with(|| SiteLink::new(LinkState::NotJoined, now_ms, now_ms))
    }
}
