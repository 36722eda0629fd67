//! Stories of one site's link, with an invented clock.

use super::*;
use protocol::FeedReport;

const MEMBER: Expectation = Expectation {
    program: true,
    picture: true,
};

fn site() -> SiteCode {
    "DT-01".parse().expect("a code")
}

fn leg(role: LegRole, state: LegState, packets_sent: u64) -> LegReport {
    LegReport {
        session: "s".into(),
        site: Some(site()),
        role,
        state,
        packets_sent,
        packets_received: 0,
        fraction_lost: 0.0,
        rtt_ms: Some(12.0),
    }
}

fn picture(silent_ms: u64) -> FeedReport {
    FeedReport {
        site: site(),
        kind: MediaKind::Video,
        codec: "H264".into(),
        ssrc: 1,
        local: true,
        packets: 10,
        holes: 0,
        bitrate_bps: 60_000,
        frame_rate: 5.0,
        jitter_ms: 1.0,
        silent_ms,
        watchers: 0,
    }
}

/// A hall with everything in place at its relay, `packets` of the program sent to it so far.
fn good(packets: u64) -> RelayReport {
    RelayReport {
        legs: vec![
            leg(LegRole::Publish, LegState::Connected, 0),
            leg(LegRole::Watch, LegState::Connected, packets),
        ],
        feeds: vec![picture(100)],
        ..RelayReport::default()
    }
}

struct Story {
    link: SiteLink,
    now_ms: u64,
}

impl Story {
    fn new() -> Self {
        Self {
            link: SiteLink::new(LinkState::NotJoined, 0, 0),
            now_ms: 100_000,
        }
    }

    fn after(&mut self, ms: u64) -> &mut Self {
        self.now_ms += ms;
        self
    }

    fn relay(&mut self, report: &RelayReport) -> &mut Self {
        self.link
            .handle_sight(sights(report).get(&site()), self.now_ms);
        self
    }

    fn hall(&mut self, packets: u64, holes: u64) -> &mut Self {
        self.link.handle_health(
            HallHealth {
                packets,
                holes,
                ..HallHealth::default()
            },
            self.now_ms,
        );
        self
    }

    fn is(&mut self, state: LinkState, reasons: &[&str]) -> &mut Self {
        self.link.handle_time(MEMBER, self.now_ms);
        let view = self.link.view(MEMBER, self.now_ms);
        assert_eq!(
            (view.state, view.reasons.as_slice()),
            (
                state,
                reasons
                    .iter()
                    .map(|r| (*r).to_owned())
                    .collect::<Vec<_>>()
                    .as_slice()
            )
        );
        self
    }
}

#[test]
fn a_hall_joins_is_well_and_is_lost() {
    let mut story = Story::new();
    story.is(LinkState::NotJoined, &[]);
    story.link.handle_seated(true);
    story.is(LinkState::Degraded, &["no_program"]);
    story.relay(&good(5)).hall(5, 0).is(LinkState::Ok, &[]);
    story.link.handle_seated(false);
    story
        .after(2_000)
        .relay(&RelayReport::default())
        .is(LinkState::Lost, &[]);
    assert_eq!(story.link.view(MEMBER, story.now_ms).since_ms, story.now_ms);
}

#[test]
fn a_plain_client_without_a_hall_link_is_judged_by_its_relay() {
    let mut story = Story::new();
    story.relay(&good(5)).is(LinkState::Ok, &[]);
    story
        .after(2_000)
        .relay(&good(5))
        .after(6_000)
        .relay(&good(5))
        .is(LinkState::Degraded, &["no_program"]);
    story.relay(&good(900)).is(LinkState::Ok, &[]);
}

#[test]
fn one_frame_every_two_seconds_is_a_picture_and_silence_is_not() {
    let mut story = Story::new();
    let mut report = good(5);
    report.feeds = vec![picture(2_100)];
    story.relay(&report).is(LinkState::Ok, &[]);
    report.feeds = vec![picture(7_000)];
    story
        .relay(&report)
        .is(LinkState::Degraded, &["no_picture"]);
}

#[test]
fn an_unfilled_hole_shows_for_ten_seconds() {
    let mut story = Story::new();
    story.link.handle_seated(true);
    story.relay(&good(1)).hall(100, 0).is(LinkState::Ok, &[]);
    story
        .after(2_000)
        .hall(200, 1)
        .is(LinkState::Degraded, &["loss"]);
    story
        .after(11_000)
        .hall(300, 1)
        .relay(&good(1))
        .is(LinkState::Ok, &[]);
}

#[test]
fn a_dead_relay_link_does_not_turn_its_halls_red() {
    let mut story = Story::new();
    story.link.handle_seated(true);
    story.relay(&good(1)).hall(100, 0).is(LinkState::Ok, &[]);
    for packets in 2..20 {
        story
            .after(2_000)
            .hall(packets * 100, 0)
            .is(LinkState::Ok, &[]);
    }
}

#[test]
fn after_a_restart_the_last_known_state_stands_until_halls_had_time_to_return() {
    let mut story = Story {
        link: SiteLink::new(LinkState::Ok, 50_000, 100_000),
        now_ms: 100_000,
    };
    story.is(LinkState::Ok, &[]);
    story.after(RETURN_MS_MAX - 1).is(LinkState::Ok, &[]);
    story.after(1).is(LinkState::Lost, &[]);
}

#[test]
fn a_hall_that_comes_back_after_a_restart_is_not_called_ill_before_it_has_told() {
    let mut story = Story {
        link: SiteLink::new(LinkState::Ok, 50_000, 100_000),
        now_ms: 100_500,
    };
    story.link.handle_seated(true);
    story.is(LinkState::Ok, &[]);
    story.after(2_000).hall(5_000, 0).is(LinkState::Ok, &[]);
    story
        .after(2_000)
        .hall(5_000, 0)
        .after(6_000)
        .is(LinkState::Degraded, &["no_program"]);
    assert_eq!(story.link.state().1, story.now_ms, "it was well until then");
}

#[test]
fn the_control_room_watching_is_seen_already_while_it_connects() {
    let mut report = good(1);
    assert!(!sights(&report)[&site()].watched);
    report
        .legs
        .push(leg(LegRole::Return, LegState::Connecting, 0));
    assert!(sights(&report)[&site()].watched);
}
