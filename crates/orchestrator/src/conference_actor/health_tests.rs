//! Stories of one site's link, with an invented clock.

use super::*;
use protocol::FeedReport;

const MEMBER: Expectation = Expectation {
    program: true,
    program_pictures: true,
    picture: true,
};
/// Makes the program, and receives none.
const CHAIR: Expectation = Expectation {
    program: false,
    program_pictures: false,
    picture: true,
};
/// Hears the program, and sees none.
const LOUDSPEAKER: Expectation = Expectation {
    program: true,
    program_pictures: false,
    picture: false,
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
    expected: Expectation,
    now_ms: u64,
}

impl Story {
    fn new() -> Self {
        Self::of(MEMBER)
    }

    fn of(expected: Expectation) -> Self {
        Self {
            link: SiteLink::new(LinkState::NotJoined, 0, 0),
            expected,
            now_ms: 100_000,
        }
    }

    /// A hall that was well when the service ended; the service is back now.
    fn resumed(now_ms: u64) -> Self {
        Self {
            link: SiteLink::new(LinkState::Ok, 50_000, 100_000),
            expected: MEMBER,
            now_ms,
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

    /// Three packets make a frame.
    fn hall(&mut self, packets: u64, holes: u64) -> &mut Self {
        self.hall_shows(packets / 3, packets, holes)
    }

    fn hall_shows(&mut self, frames: u64, packets: u64, holes: u64) -> &mut Self {
        self.link.handle_health(
            HallHealth {
                frames,
                packets,
                holes,
                ..HallHealth::default()
            },
            self.now_ms,
        );
        self
    }

    fn is(&mut self, state: LinkState, reasons: &[&str]) -> &mut Self {
        self.link.handle_time(self.expected, self.now_ms);
        let view = self.link.view(self.expected, self.now_ms);
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
    story
        .relay(&good(900))
        .after(5_000)
        .relay(&good(1_800))
        .is(LinkState::Ok, &[]);
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
    let mut story = Story::resumed(100_000);
    story.is(LinkState::Ok, &[]);
    story.after(RETURN_MS_MAX - 1).is(LinkState::Ok, &[]);
    story.after(1).is(LinkState::Lost, &[]);
}

#[test]
fn a_hall_that_comes_back_after_a_restart_is_not_called_ill_before_it_has_told() {
    let mut story = Story::resumed(100_500);
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

#[test]
fn a_chair_without_its_relay_s_word_is_not_called_well() {
    let mut story = Story::of(CHAIR);
    story.link.handle_seated(true);
    story.relay(&good(0)).is(LinkState::Ok, &[]);
    story.after(STALE_MS - 1).is(LinkState::Ok, &[]);
    // It goes on telling that it is there; of its picture nobody knows any more.
    story
        .after(1)
        .hall(0, 0)
        .is(LinkState::Degraded, &["no_picture"]);
    story
        .after(1_000)
        .relay(&good(0))
        .after(SETTLED_MS)
        .is(LinkState::Ok, &[]);

    let mut resumed = Story::resumed(100_000);
    resumed.expected = CHAIR;
    resumed.link.handle_seated(true);
    resumed.after(RETURN_MS_MAX - 1).is(LinkState::Ok, &[]);
    resumed.after(1).is(LinkState::Degraded, &["no_picture"]);
}

#[test]
fn a_link_that_flaps_is_ill_until_it_has_been_without_a_fault_for_a_while() {
    let mut story = Story::new();
    story.relay(&good(1)).is(LinkState::Ok, &[]);
    let mut packets = 1;
    let mut without_picture = good(1);
    without_picture.feeds.clear();
    for _ in 0..3 {
        story
            .after(2_000)
            .relay(&without_picture)
            .is(LinkState::Degraded, &["no_picture"]);
        packets += 100;
        story
            .after(SETTLED_MS - 1)
            .relay(&good(packets))
            .is(LinkState::Degraded, &[]);
    }
    let ill_since_ms = story.link.state().1;
    story.after(1).is(LinkState::Ok, &[]);
    assert_eq!(ill_since_ms, 102_000, "one illness, not three");
}

#[test]
fn a_program_whose_pictures_stand_still_is_told_apart_from_none() {
    let mut story = Story::new();
    story.link.handle_seated(true);
    story
        .relay(&good(1))
        .hall_shows(50, 300, 0)
        .is(LinkState::Ok, &[]);
    // The sound goes on, the picture does not.
    story
        .after(STALE_MS - 1)
        .relay(&good(2))
        .hall_shows(50, 600, 0)
        .is(LinkState::Ok, &[]);
    story
        .after(1)
        .hall_shows(50, 601, 0)
        .is(LinkState::Degraded, &["frozen"]);
    story
        .after(STALE_MS)
        .relay(&good(3))
        .is(LinkState::Degraded, &["no_program"]);

    let mut loudspeaker = Story::of(LOUDSPEAKER);
    loudspeaker.link.handle_seated(true);
    loudspeaker.hall_shows(0, 300, 0).is(LinkState::Ok, &[]);
    loudspeaker
        .after(STALE_MS)
        .hall_shows(0, 600, 0)
        .is(LinkState::Ok, &[]);
}

#[test]
fn what_a_relay_last_saw_is_forgotten_when_it_says_nothing_more() {
    let mut story = Story::new();
    story.link.handle_seated(true);
    let mut report = good(1);
    report.legs[1].fraction_lost = 0.25;
    report
        .legs
        .push(leg(LegRole::Return, LegState::Connected, 0));
    story
        .relay(&report)
        .hall(100, 0)
        .is(LinkState::Degraded, &["loss"]);
    let shown = |story: &Story| {
        let view = story.link.view(MEMBER, story.now_ms);
        let watched = story.link.watched(story.now_ms);
        (
            view.loss_percent,
            view.rtt_ms,
            view.return_bitrate_bps,
            watched,
        )
    };
    assert_eq!(shown(&story), (25.0, Some(12.0), 60_000, true));
    story.after(STALE_MS).hall(200, 0).is(LinkState::Ok, &[]);
    assert_eq!(shown(&story), (0.0, None, 0, false));
}
