//! What is shown of a conference: pure projections of the state.

use super::actor::State;
use super::health::{Expectation, SiteLink};
use super::message::endpoints;
use crate::clock::Now;
use crate::convert;
use conference::{LinkMode, SiteState, SittingState};
use protocol::{ConferenceView, HallState, SiteCode, SiteView, Tally};

impl State {
    /// The whole conference.
    pub(super) fn view(&self, now_ms: u64) -> ConferenceView {
        ConferenceView {
            id: self.id.clone(),
            title: self.conference.title().to_owned(),
            sitting: convert::wire_sitting(self.conference.sitting()),
            totals: convert::wire_totals(&self.conference.totals()),
            sites: self
                .conference
                .sites()
                .map(|site| self.site_view(&site, now_ms))
                .collect(),
            relays: self
                .relays
                .values()
                .map(|relay| relay.view(&self.layout))
                .collect(),
        }
    }

    fn site_view(&self, state: &SiteState<'_>, now_ms: u64) -> SiteView {
        let site = state.site;
        let code = convert::wire_site(&site.code);
        let expectation = self.expectation(state);
        let untouched = SiteLink::new(
            protocol::LinkState::NotJoined,
            convert::wire_time_ms(self.conference.sitting().since),
            now_ms,
        );
        let link = self
            .links
            .get(&code)
            .unwrap_or(&untouched)
            .view(expectation, now_ms);
        SiteView {
            name: site.name.clone(),
            kind: convert::wire_kind(site.kind),
            level: site.level.clone(),
            uplink: site.uplink.as_ref().map(convert::wire_site),
            link_mode: convert::wire_link_mode(site.link_mode),
            counted: state.counted,
            relay: self.layout.relay_of.get(&code).cloned(),
            link,
            tally: self.tally(&site.code),
            counts: state.counts.map(convert::wire_counts),
            expected: site.expected(),
            subtree: convert::wire_totals(&state.subtree),
            code,
        }
    }

    /// What a hall's own screen needs; `None` for a site the conference does not have.
    pub(super) fn hall_state(&self, code: &SiteCode, now: Now) -> Option<HallState> {
        let state = self.conference.site(&convert::rules_site(code))?;
        Some(HallState {
            site: code.clone(),
            site_name: state.site.name.clone(),
            conference_title: self.conference.title().to_owned(),
            sitting: convert::wire_sitting(self.conference.sitting()),
            tally: self.tally(&state.site.code),
            watched: self
                .links
                .get(code)
                .is_some_and(|link| link.watched(now.steady_ms)),
            media: self.relay_url(code).map(|url| endpoints(url, code)),
            counts: state.counts.map(convert::wire_counts),
            expected: state.site.expected(),
            server_time_ms: now.wall_ms,
        })
    }

    /// Base URL of the relay that serves the site.
    pub(super) fn relay_url(&self, code: &SiteCode) -> Option<&str> {
        let relay = self.layout.relay_of.get(code)?;
        Some(
            self.relays
                .get(relay)?
                .record
                .http_url
                .trim_end_matches('/'),
        )
    }

    /// While the sitting is live the chair is seen by every hall; nobody else is, until there is a floor.
    fn tally(&self, code: &conference::SiteCode) -> Tally {
        let sitting = self.conference.sitting();
        let on_air = sitting.state == SittingState::Live && sitting.chair.as_ref() == Some(code);
        if on_air { Tally::OnAir } else { Tally::Off }
    }

    /// What the site's link should carry. The chair makes the program and does not receive it.
    pub(super) fn expectation(&self, state: &SiteState<'_>) -> Expectation {
        let is_chair = self.conference.sitting().chair.as_ref() == Some(&state.site.code);
        Expectation {
            program: !is_chair,
            program_pictures: !is_chair && state.site.link_mode != LinkMode::Loudspeaker,
            picture: state.site.link_mode == LinkMode::TwoWay,
        }
    }
}
