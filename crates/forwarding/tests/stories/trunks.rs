//! What goes between relays.

use crate::publisher::Publisher;
use crate::recorder::{Recorder, ms};
use forwarding::{Arrival, LegId, Refusal, Router, SourceId, limits};

const CHILD: LegId = LegId(7);
const SITE: SourceId = SourceId(1);

/// A router with one trunk that carries the site's video.
fn trunk(publisher: &Publisher) -> (Router, Recorder) {
    let mut router = Router::new();
    router.add_trunk_leg(CHILD).unwrap();
    router.subscribe(CHILD, SITE).unwrap();
    router.open_stream(publisher.spec, ms(0)).unwrap();
    (router, Recorder::default())
}

#[test]
fn packets_pass_unchanged_and_each_once_from_two_parents() {
    let mut hall = Publisher::video(1, 11).starting_at(65_000, u32::MAX);
    let (mut router, mut out) = trunk(&hall);
    let id = router.open_stream(hall.spec, ms(0)).unwrap();
    for frame in 0..400 {
        let range = hall.frame(frame % 50 == 0, 3, frame * 40);
        for packet in &hall.sent[range] {
            let first = router.handle_rtp(id, packet, ms(frame * 40), &mut out);
            let second = router.handle_rtp(id, packet, ms(frame * 40 + 3), &mut out);
            assert_eq!((first, second), (Arrival::Accepted, Arrival::Duplicate));
        }
    }
    let passed: Vec<_> = out.sent.iter().map(|sent| sent.bytes.clone()).collect();
    assert!(passed == hall.sent, "verbatim, in order, once");
    let indices: Vec<_> = out.sent.iter().map(|sent| sent.index).collect();
    let expected: Vec<_> = (65_000..65_000 + 1_200).collect();
    assert_eq!(indices, expected, "the rollover counter starts at zero");
    assert_eq!(
        router.stream_stats(id, ms(16_000)).unwrap().duplicates,
        1_200
    );
}

#[test]
fn a_source_that_comes_back_never_reuses_a_number() {
    let mut hall = Publisher::video(1, 11);
    let (mut router, mut out) = trunk(&hall);
    let id = router.stream_by_ssrc(11).unwrap();
    for n in hall.frame(true, 6, 0) {
        router.handle_rtp(id, &hall.sent[n], ms(0), &mut out);
    }
    router.close_stream(id);
    let id = router.open_stream(hall.spec, ms(100)).unwrap();
    // A stale relay wakes up and sends the same numbers with other content.
    let mut stale = Publisher::video(1, 11);
    for n in stale.frame(false, 6, 100) {
        router.handle_rtp(id, &stale.sent[n], ms(100), &mut out);
    }
    assert_eq!(out.sent.len(), 6, "none of them went out");
    assert_eq!(router.leg_stats(CHILD).unwrap().unsendable, 6);
    for n in hall.frame(true, 3, 200) {
        router.handle_rtp(id, &hall.sent[n], ms(200), &mut out);
    }
    let newest: Vec<_> = out.sent.iter().skip(6).map(|sent| sent.index).collect();
    assert_eq!(newest, [1_006, 1_007, 1_008]);
    router.handle_nack(CHILD, 11, &[1_002, 1_007], ms(210), &mut out);
    let resent: Vec<_> = out.sent.iter().skip(9).map(|sent| sent.index).collect();
    assert_eq!(
        resent,
        [1_007],
        "the old stream's packets are gone for good"
    );
}

#[test]
fn a_source_that_comes_back_is_carried_however_far_it_went_on() {
    let mut hall = Publisher::video(1, 11);
    let (mut router, mut out) = trunk(&hall);
    let id = router.stream_by_ssrc(11).unwrap();
    let last = hall.frame(true, 1, 0).start;
    router.handle_rtp(id, &hall.sent[last], ms(0), &mut out);
    router.close_stream(id);
    for frame in 0..40_000 {
        hall.frame(false, 1, frame);
    }
    let id = router.open_stream(hall.spec, ms(160_000)).unwrap();
    for n in [40_000, 39_999] {
        router.handle_rtp(id, &hall.sent[n], ms(160_000), &mut out);
    }
    let indices: Vec<_> = out.sent.iter().map(|sent| sent.index).collect();
    assert_eq!(indices, [1_000, 41_000]);
    let unsendable = router.leg_stats(CHILD).unwrap().unsendable;
    assert_eq!(unsendable, 1, "what lies before its return has no number");
}

#[test]
fn a_paused_feed_keeps_the_rollover_counter_in_step() {
    let mut hall = Publisher::video(1, 11);
    let (mut router, mut out) = trunk(&hall);
    let id = router.stream_by_ssrc(11).unwrap();
    let mut feed = |router: &mut Router, out: &mut Recorder, frames: u64| {
        for frame in 0..frames {
            for n in hall.frame(frame == 0, 4, frame) {
                router.handle_rtp(id, &hall.sent[n], ms(frame), out);
            }
        }
    };
    feed(&mut router, &mut out, 1);
    router.unsubscribe(CHILD, SITE);
    assert_eq!(router.trunk_streams(CHILD).count(), 0);
    feed(&mut router, &mut out, 50_000);
    let indices: Vec<_> = out.sent.iter().map(|sent| sent.index).collect();
    let steps: Vec<_> = indices.windows(2).skip(3).map(|w| w[1] - w[0]).collect();
    assert_eq!(steps, vec![limits::PAUSED_KEEPALIVE_PACKETS; 24]);
    router.subscribe(CHILD, SITE).unwrap();
    feed(&mut router, &mut out, 1);
    assert_eq!(out.sent.last().unwrap().index, 1_000 + 200_008 - 1);
}

#[test]
fn a_trunk_does_not_begin_just_before_the_wrap() {
    let mut hall = Publisher::video(1, 11).starting_at(65_530, 0);
    let (mut router, mut out) = trunk(&hall);
    let id = router.stream_by_ssrc(11).unwrap();
    for n in hall.frame(true, 10, 0) {
        router.handle_rtp(id, &hall.sent[n], ms(0), &mut out);
    }
    let indices: Vec<_> = out.sent.iter().map(|sent| sent.index).collect();
    assert_eq!(indices, [0, 1, 2, 3]);
}

#[test]
fn a_long_jump_is_taken_and_a_wilder_one_refused() {
    let mut hall = Publisher::video(1, 11);
    let (mut router, mut out) = trunk(&hall);
    let id = router.stream_by_ssrc(11).unwrap();
    for frame in 0..30_000 {
        hall.frame(false, 1, frame);
    }
    let mut arrive = |n: usize| router.handle_rtp(id, &hall.sent[n], ms(0), &mut out);
    assert_eq!(arrive(0), Arrival::Accepted);
    assert_eq!(arrive(16_385), Arrival::BeyondWindow);
    assert_eq!(arrive(16_384), Arrival::Accepted);
    assert_eq!(arrive(16_384 - limits::RING_PACKETS), Arrival::BehindWindow);
    assert_eq!(arrive(16_385 - limits::RING_PACKETS), Arrival::Accepted);
    let stats = router.stream_stats(id, ms(1)).unwrap();
    assert_eq!((stats.behind_window, stats.beyond_window), (1, 1));
    assert_eq!(stats.holes_open + stats.holes_lost, 16_382);
}

#[test]
fn a_paused_feed_is_followed_over_lost_keep_alives() {
    let mut hall = Publisher::video(1, 11);
    let (mut router, mut out) = trunk(&hall);
    let id = router.stream_by_ssrc(11).unwrap();
    for frame in 0..110_000 {
        hall.frame(false, 1, frame);
    }
    let mut arrive =
        |router: &mut Router, n: usize| router.handle_rtp(id, &hall.sent[n], ms(0), &mut out);
    assert_eq!(arrive(&mut router, 0), Arrival::Accepted);
    router.set_paused(id, Some(100_000));
    let two_lost = 3 * limits::PAUSED_KEEPALIVE_PACKETS as usize;
    let four_lost = two_lost + 5 * limits::PAUSED_KEEPALIVE_PACKETS as usize;
    for n in [two_lost, two_lost - 1, four_lost] {
        assert_eq!(arrive(&mut router, n), Arrival::Accepted, "{n}");
    }
    router.set_paused(id, None);
    let live = four_lost + 40_000;
    for n in [live, live + 1, live - 1] {
        assert_eq!(arrive(&mut router, n), Arrival::Accepted, "{n}");
    }
    assert_eq!(
        arrive(&mut router, live + 1 - limits::RING_PACKETS),
        Arrival::BehindWindow,
        "it flows again"
    );
    let stats = router.stream_stats(id, ms(1)).unwrap();
    assert_eq!((stats.holes_open, stats.holes_lost), (0, 0));
    let newest = out.sent.iter().map(|sent| sent.index).max();
    assert_eq!(newest, Some(1_000 + live as u64 + 1));
}

#[test]
fn sender_reports_pass_verbatim_with_the_legs_own_counts() {
    let mut hall = Publisher::video(1, 11);
    let (mut router, mut out) = trunk(&hall);
    let id = router.stream_by_ssrc(11).unwrap();
    for n in hall.frame(true, 3, 0) {
        router.handle_rtp(id, &hall.sent[n], ms(0), &mut out);
    }
    router.handle_sender_report(id, 0xaaaa_bbbb_cccc_dddd, 77, ms(5), &mut out);
    let report = out.reports[0];
    assert_eq!((report.leg, report.ssrc), (CHILD, 11));
    assert_eq!((report.ntp, report.rtp), (0xaaaa_bbbb_cccc_dddd, 77));
    assert_eq!((report.packets, report.octets), (3, 3 * 48));
}

#[test]
fn a_child_may_ask_for_a_keyframe_before_the_first_packet() {
    let hall = Publisher::video(1, 11);
    let (mut router, mut out) = trunk(&hall);
    router.handle_keyframe_request(CHILD, 11, ms(0), &mut out);
    assert_eq!(out.keyframe_requests.len(), 1);
    router.handle_keyframe_request(CHILD, 12, ms(0), &mut out);
    router.handle_nack(CHILD, 12, &[1], ms(0), &mut out);
    assert_eq!(router.stats().unknown_feedback, 2);
}

#[test]
fn wrong_questions_get_an_answer() {
    let hall = Publisher::video(1, 11);
    let (mut router, mut out) = trunk(&hall);
    let thief = forwarding::StreamSpec {
        source: SourceId(2),
        ..hall.spec
    };
    assert_eq!(router.open_stream(thief, ms(0)), Err(Refusal::SsrcTaken));
    assert_eq!(router.add_trunk_leg(CHILD), Err(Refusal::LegTaken));
    assert_eq!(router.subscribe(LegId(9), SITE), Err(Refusal::UnknownLeg));
    router.add_slot_leg(LegId(8), &[]).unwrap();
    assert_eq!(router.subscribe(LegId(8), SITE), Err(Refusal::NotATrunk));
    let pointed = router.point(CHILD, 0, Some(SITE), ms(0), &mut out);
    assert_eq!(pointed, Err(Refusal::UnknownSlot));
    router.remove_leg(CHILD);
    router.remove_leg(CHILD);
    assert_eq!((router.stats().streams, router.stats().legs), (1, 1));
}
