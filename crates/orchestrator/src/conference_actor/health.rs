//! How a site's link is, out of what its relay and the site itself report. Pure: it is told the time.

use protocol::{
    HallHealth, LegReport, LegRole, LegState, LinkHealth, LinkState, MediaKind, RelayReport,
    SiteCode,
};
use std::collections::BTreeMap;

/// Reports come every 2 s: three missed ones are no hiccup.
const STALE_MS: u64 = 7_000;
/// An unwatched agent sends one frame every 2 s as proof of life; three missed ones mean no picture.
const PICTURE_SILENCE_MS_MAX: u64 = 6_500;
/// A hole that repair did not fill is seen by people; it stays on the screen this long.
const HOLES_SHOWN_MS: u64 = 10_000;
/// Above this, pictures visibly break up even with repair.
const LOSS_PERCENT_MAX: f32 = 2.0;
/// Above this, question and answer get in each other's way.
const RTT_MS_MAX: f32 = 400.0;
/// A link that was well and then ill is called well again after so long without a fault: one that flaps
/// does not blink, nor fill the log.
const SETTLED_MS: u64 = 5_000;
/// After a restart of this service, halls and relays need this long to come back; until then the last
/// known state stands.
pub(super) const RETURN_MS_MAX: u64 = 15_000;

/// What a relay sees of one site.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sight {
    watch: Option<LegReport>,
    publishes: bool,
    /// The control room watches it there.
    pub watched: bool,
    bitrate_bps: u64,
    frame_rate: f32,
    picture_silent_ms: Option<u64>,
}

impl Sight {
    fn watch_leg_is_up(&self) -> bool {
        let leg = self.watch.as_ref();
        leg.is_some_and(|leg| leg.state == LegState::Connected)
    }

    fn is_without_picture(&self) -> bool {
        let silent = self
            .picture_silent_ms
            .is_none_or(|ms| ms > PICTURE_SILENCE_MS_MAX);
        silent || !self.publishes
    }
}

/// Sorts a relay's report by site: the feeds published there and the legs that belong to a site.
pub(super) fn sights(report: &RelayReport) -> BTreeMap<&SiteCode, Sight> {
    let mut sights: BTreeMap<&SiteCode, Sight> = BTreeMap::new();
    for leg in &report.legs {
        let Some(site) = &leg.site else { continue };
        let sight = sights.entry(site).or_default();
        let connected = leg.state == LegState::Connected;
        match leg.role {
            LegRole::Watch if connected || sight.watch.is_none() => sight.watch = Some(leg.clone()),
            LegRole::Publish => sight.publishes |= connected,
            // A leg still connecting counts: the agent's full rate is then there when the picture opens.
            LegRole::Return => sight.watched |= leg.state != LegState::Lost,
            LegRole::Watch | LegRole::Program => {}
        }
    }
    for feed in report.feeds.iter().filter(|feed| feed.local) {
        let sight = sights.entry(&feed.site).or_default();
        sight.bitrate_bps += feed.bitrate_bps;
        if feed.kind == MediaKind::Video {
            // Of several layers the liveliest: a browser on a weak line stops the upper ones.
            sight.frame_rate = sight.frame_rate.max(feed.frame_rate);
            let least = sight.picture_silent_ms.unwrap_or(u64::MAX);
            sight.picture_silent_ms = Some(least.min(feed.silent_ms));
        }
    }
    sights
}

/// What is expected of a site's link.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expectation {
    /// The program reaches it: every site but the one that makes the program.
    pub program: bool,
    /// The program reaches it with its pictures: every such site but a loudspeaker.
    pub program_pictures: bool,
    /// It sends a picture.
    pub picture: bool,
}

/// All that is known of one site's link.
#[derive(Clone, Debug)]
pub(super) struct SiteLink {
    /// A hall holds the site's web socket.
    pub seated: bool,
    own: Option<HallHealth>,
    sight: Sight,
    sight_at_ms: Option<u64>,
    program_packets: u64,
    program_grew_ms: Option<u64>,
    frames_grew_ms: Option<u64>,
    holes_grew_ms: Option<u64>,
    started_ms: u64,
    /// It was well when this service last ended.
    was_ok: bool,
    /// Since it was last well, something was wrong last at this time.
    ill_at_ms: Option<u64>,
    state: LinkState,
    since_ms: u64,
}

impl SiteLink {
    /// A link as the log last knew it; `since_ms` is when it got so.
    pub fn new(state: LinkState, since_ms: u64, now_ms: u64) -> Self {
        Self {
            seated: false,
            own: None,
            sight: Sight::default(),
            sight_at_ms: None,
            program_packets: 0,
            program_grew_ms: None,
            frames_grew_ms: None,
            holes_grew_ms: None,
            started_ms: now_ms,
            was_ok: state == LinkState::Ok,
            ill_at_ms: None,
            state,
            since_ms,
        }
    }

    /// The control room watches this site's own picture.
    pub fn watched(&self, now_ms: u64) -> bool {
        self.seen(now_ms).is_some_and(|sight| sight.watched)
    }

    /// Somebody sits down, or nobody is there any more.
    pub fn handle_seated(&mut self, seated: bool) {
        self.seated = seated;
        self.own = None;
    }

    /// The hall reports.
    pub fn handle_health(&mut self, health: HallHealth, now_ms: u64) {
        let before = self.own.replace(health);
        if before.is_some_and(|before| health.holes > before.holes) {
            self.holes_grew_ms = Some(now_ms);
        }
        // Who just sat down has as long for its first frame.
        if before.is_none_or(|before| health.frames > before.frames) {
            self.frames_grew_ms = Some(now_ms);
        }
        self.program_at(health.packets, now_ms);
    }

    /// The relay reports; `None` when its report does not know the site.
    pub fn handle_sight(&mut self, sight: Option<&Sight>, now_ms: u64) {
        self.sight = sight.cloned().unwrap_or_default();
        self.sight_at_ms = Some(now_ms);
        // Without a hall's own word, what the relay sent it is the best there is.
        if self.own.is_none() {
            self.program_at(
                self.sight.watch.as_ref().map_or(0, |leg| leg.packets_sent),
                now_ms,
            );
        }
    }

    fn program_at(&mut self, packets: u64, now_ms: u64) {
        if packets > self.program_packets {
            self.program_grew_ms = Some(now_ms);
        }
        self.program_packets = packets;
    }

    /// Judges the link. Answers whether its state changed.
    pub fn handle_time(&mut self, expected: Expectation, now_ms: u64) -> bool {
        let state = self.settled(self.judge(expected, now_ms), now_ms);
        let changed = state != self.state;
        if changed {
            self.state = state;
            self.since_ms = now_ms;
        }
        changed
    }

    /// Going bad is told at once. Who was well before has to stay without a fault for a while; who only just
    /// came is well as soon as everything is there.
    fn settled(&mut self, judged: LinkState, now_ms: u64) -> LinkState {
        match (self.state, judged) {
            (LinkState::Ok, LinkState::Degraded) => self.ill_at_ms = Some(now_ms),
            (LinkState::Degraded, LinkState::Degraded) if self.ill_at_ms.is_some() => {
                self.ill_at_ms = Some(now_ms);
            }
            (LinkState::Degraded, LinkState::Ok)
                if self
                    .ill_at_ms
                    .is_some_and(|at_ms| now_ms.saturating_sub(at_ms) < SETTLED_MS) =>
            {
                return LinkState::Degraded;
            }
            _ => self.ill_at_ms = None,
        }
        judged
    }

    fn judge(&self, expected: Expectation, now_ms: u64) -> LinkState {
        if self.is_joined(now_ms) {
            return if self.reasons(expected, now_ms).is_empty() {
                LinkState::Ok
            } else {
                LinkState::Degraded
            };
        }
        match self.state {
            LinkState::NotJoined => LinkState::NotJoined,
            known
                if now_ms < self.started_ms + RETURN_MS_MAX
                    && self.own.is_none()
                    && !self.has_sight(now_ms) =>
            {
                known
            }
            _ => LinkState::Lost,
        }
    }

    /// This service has just come back and nobody has told yet how much of the program has arrived: a hall
    /// that was well is not called ill for that.
    fn is_yet_to_tell(&self, now_ms: u64) -> bool {
        self.was_ok && self.program_grew_ms.is_none() && now_ms < self.started_ms + RETURN_MS_MAX
    }

    fn is_joined(&self, now_ms: u64) -> bool {
        let is_attached = |sight: &Sight| sight.publishes || sight.watch_leg_is_up();
        self.seated || self.seen(now_ms).is_some_and(is_attached)
    }

    fn has_sight(&self, now_ms: u64) -> bool {
        self.sight_at_ms
            .is_some_and(|at_ms| now_ms.saturating_sub(at_ms) < STALE_MS)
    }

    /// What the relay sees; `None` when it has not told for too long.
    fn seen(&self, now_ms: u64) -> Option<&Sight> {
        self.has_sight(now_ms).then_some(&self.sight)
    }

    fn reasons(&self, expected: Expectation, now_ms: u64) -> Vec<&'static str> {
        let recent = |at_ms: Option<u64>, within_ms| {
            at_ms.is_some_and(|at_ms| now_ms.saturating_sub(at_ms) < within_ms)
        };
        let no_program = expected.program
            && !recent(self.program_grew_ms, STALE_MS)
            && !self.is_yet_to_tell(now_ms);
        let frozen = expected.program_pictures
            && !no_program
            && self.own.is_some()
            && !recent(self.frames_grew_ms, STALE_MS);
        // A relay that says nothing does not make its halls look worse than they say they are. Who receives
        // no program says nothing about any line: without its relay's word there is none.
        let no_picture = expected.picture
            && match self.seen(now_ms) {
                Some(sight) => sight.is_without_picture(),
                None => !expected.program && now_ms >= self.started_ms + RETURN_MS_MAX,
            };
        let loss = self.loss_percent(now_ms) > LOSS_PERCENT_MAX
            || recent(self.holes_grew_ms, HOLES_SHOWN_MS);
        [
            (no_program, "no_program"),
            (frozen, "frozen"),
            (no_picture, "no_picture"),
            (loss, "loss"),
            (
                self.rtt_ms(now_ms)
                    .is_some_and(|rtt_ms| rtt_ms > RTT_MS_MAX),
                "slow",
            ),
        ]
        .into_iter()
        .filter_map(|(wrong, name)| wrong.then_some(name))
        .collect()
    }

    fn watch_leg(&self, now_ms: u64) -> Option<&LegReport> {
        self.seen(now_ms)?.watch.as_ref()
    }

    fn loss_percent(&self, now_ms: u64) -> f32 {
        self.watch_leg(now_ms)
            .map_or(0.0, |leg| leg.fraction_lost * 100.0)
    }

    fn rtt_ms(&self, now_ms: u64) -> Option<f32> {
        let at_relay = self.watch_leg(now_ms).and_then(|leg| leg.rtt_ms);
        self.own.and_then(|own| own.rtt_ms).or(at_relay)
    }

    /// The link for the wire.
    pub fn view(&self, expected: Expectation, now_ms: u64) -> LinkHealth {
        let reasons = if self.state == LinkState::Degraded {
            self.reasons(expected, now_ms)
        } else {
            Vec::new()
        };
        let seen = self.seen(now_ms);
        LinkHealth {
            state: self.state,
            since_ms: self.since_ms,
            reasons: reasons.into_iter().map(str::to_owned).collect(),
            program_frames: self.own.map_or(0, |own| own.frames),
            program_packets: self.program_packets,
            program_holes: self.own.map_or(0, |own| own.holes),
            loss_percent: self.loss_percent(now_ms),
            rtt_ms: self.rtt_ms(now_ms),
            return_bitrate_bps: seen.map_or(0, |sight| sight.bitrate_bps),
            return_frame_rate: seen.map_or(0.0, |sight| sight.frame_rate),
        }
    }

    /// The state, and since when.
    pub fn state(&self) -> (LinkState, u64) {
        (self.state, self.since_ms)
    }
}

#[cfg(test)]
#[path = "health_tests.rs"]
mod tests;
