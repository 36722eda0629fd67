//! What receivers ask for.

use crate::publisher::Publisher;
use crate::recorder::{Recorder, Sent, ms, slot};
use forwarding::{Kind, LegId, Router, SourceId, StreamId, limits};

const HALL: LegId = LegId(1);
const SLOT_SSRC: u32 = 5;
const SITE: SourceId = SourceId(1);

fn stage(hall: &Publisher) -> (Router, Recorder, StreamId) {
    let mut router = Router::new();
    let mut out = Recorder::default();
    let id = router.open_stream(hall.spec, ms(0)).unwrap();
    let slots = [slot(Kind::Video, SLOT_SSRC)];
    router.add_slot_leg(HALL, &slots).unwrap();
    router.point(HALL, 0, Some(SITE), ms(0), &mut out).unwrap();
    (router, out, id)
}

#[test]
fn fifty_joins_cost_one_keyframe_request() {
    let hall = Publisher::video(1, 11);
    let (mut router, mut out, id) = stage(&hall);
    for leg in 2..52 {
        let leg = LegId(leg);
        router.add_slot_leg(leg, &[slot(Kind::Video, 5)]).unwrap();
        router
            .point(leg, 0, Some(SITE), ms(u64::from(leg.0)), &mut out)
            .unwrap();
        router.handle_keyframe_request(leg, 5, ms(60), &mut out);
    }
    assert_eq!(out.keyframe_requests, [id]);
    assert_eq!(router.next_timeout(), Some(limits::KEYFRAME_INTERVAL_MIN));
    router.handle_timeout(ms(499), &mut out);
    assert_eq!(out.keyframe_requests.len(), 1);
    router.handle_timeout(ms(500), &mut out);
    assert_eq!(out.keyframe_requests.len(), 2, "still awaited, asked again");
    router.handle_timeout(ms(1_000), &mut out);
    assert_eq!(out.keyframe_requests.len(), 3);
}

#[test]
fn a_keyframe_ends_the_asking() {
    let mut hall = Publisher::video(1, 11);
    let (mut router, mut out, id) = stage(&hall);
    for n in hall.frame(true, 3, 20) {
        router.handle_rtp(id, &hall.sent[n], ms(20), &mut out);
    }
    router.handle_timeout(ms(5_000), &mut out);
    assert_eq!(out.keyframe_requests.len(), 1);
    assert_eq!(router.next_timeout(), None);
    let stats = router.stream_stats(id, ms(120)).unwrap();
    assert_eq!(stats.keyframe_age, Some(ms(100)));
    assert_eq!((stats.keyframes, stats.watchers), (1, 1));
}

#[test]
fn a_nack_is_answered_with_the_very_same_bytes_over_a_switch() {
    let mut hall = Publisher::video(1, 11);
    let mut other = Publisher::video(2, 22).starting_at(9, 9);
    let (mut router, mut out, id) = stage(&hall);
    let other_id = router.open_stream(other.spec, ms(0)).unwrap();
    for n in hall.frame(true, 4, 0) {
        router.handle_rtp(id, &hall.sent[n], ms(0), &mut out);
    }
    router
        .point(HALL, 0, Some(SourceId(2)), ms(10), &mut out)
        .unwrap();
    for n in other.frame(true, 4, 20) {
        router.handle_rtp(other_id, &other.sent[n], ms(20), &mut out);
    }
    let first = out.take_sent();
    let all: Vec<u16> = first.iter().map(Sent::sequence).collect();
    router.handle_nack(HALL, SLOT_SSRC, &all, ms(30), &mut out);
    let again = out.take_sent();
    assert_eq!(again.len(), 8);
    assert!(again.iter().all(|sent| sent.resend));
    let bytes =
        |sent: &[Sent]| -> Vec<_> { sent.iter().map(|s| (s.index, s.bytes.clone())).collect() };
    assert!(bytes(&first) == bytes(&again));
    router.handle_nack(HALL, SLOT_SSRC, &[0, 9, 40_000], ms(30), &mut out);
    assert!(out.sent.is_empty(), "never sent");
    assert_eq!(router.leg_stats(HALL).unwrap().resends_missing, 3);
}

#[test]
fn a_hall_that_asks_for_everything_again_is_limited() {
    let mut hall = Publisher::video(1, 11);
    let (mut router, mut out, id) = stage(&hall);
    for n in hall.frame(true, 400, 0) {
        router.handle_rtp(id, &hall.sent[n], ms(0), &mut out);
    }
    out.take_sent();
    let all: Vec<u16> = (1..=400).collect();
    for at in 0..1_000 {
        router.handle_nack(HALL, SLOT_SSRC, &all, ms(at), &mut out);
    }
    let bytes: usize = out.take_sent().iter().map(|sent| sent.bytes.len()).sum();
    let limit = limits::RESEND_BURST_BYTES + limits::RESEND_BYTES_PER_S;
    assert!(bytes as u64 <= limit, "{bytes} of {limit}");
    assert!(bytes as u64 > limit * 9 / 10, "{bytes} of {limit}");
    let stats = router.leg_stats(HALL).unwrap();
    assert_eq!(stats.resends + stats.resends_limited, 400_000);
}

#[test]
fn a_hole_is_asked_for_upstream_and_filled_downstream_in_its_place() {
    let mut hall = Publisher::video(1, 11).starting_at(65_534, 0);
    let (mut router, mut out, id) = stage(&hall);
    for n in hall.frame(true, 6, 0).filter(|n| *n != 2 && *n != 3) {
        router.handle_rtp(id, &hall.sent[n], ms(0), &mut out);
    }
    assert_eq!(router.next_timeout(), Some(limits::REORDER_DELAY));
    router.handle_timeout(ms(10), &mut out);
    assert_eq!(out.resend_requests, [(id, vec![0, 1])], "over the wrap");
    for n in [3, 2] {
        router.handle_rtp(id, &hall.sent[n], ms(40), &mut out);
    }
    let indices: Vec<_> = out.sent.iter().map(|sent| sent.index).collect();
    assert_eq!(indices, [1, 2, 5, 6, 4, 3]);
    let stats = router.stream_stats(id, ms(40)).unwrap();
    assert_eq!((stats.holes_open, stats.holes_repaired), (0, 2));
    let report = router.reception_report(id, ms(40)).unwrap();
    assert_eq!((report.cumulative_lost, report.fraction_lost), (0, 0));
    assert_eq!(report.highest_sequence, 0x1_0003);
}

#[test]
fn a_stream_that_began_before_its_first_packet_misses_what_lies_between() {
    let mut hall = Publisher::video(1, 11);
    let (mut router, mut out, id) = stage(&hall);
    let frame = hall.frame(true, 6, 0);
    for n in [4, 5, 1] {
        router.handle_rtp(id, &hall.sent[frame.start + n], ms(0), &mut out);
    }
    router.handle_timeout(ms(10), &mut out);
    assert_eq!(out.resend_requests, [(id, vec![1_002, 1_003])]);
    for n in [2, 3, 0] {
        router.handle_rtp(id, &hall.sent[frame.start + n], ms(20), &mut out);
    }
    let indices: Vec<_> = out.sent.iter().map(|sent| sent.index).collect();
    assert_eq!(indices, [1, 2, 3, 4, 5, 6], "replayed once it is whole");
}

#[test]
fn a_switch_brings_the_clock_of_the_new_source() {
    let mut hall = Publisher::video(1, 11);
    let (mut router, mut out, id) = stage(&hall);
    let ntp = 0x1234_0000_0000;
    router.handle_sender_report(id, ntp, 500, ms(0), &mut out);
    assert!(out.reports.is_empty(), "nothing plays yet");
    for n in hall.frame(true, 3, 1_000) {
        router.handle_rtp(id, &hall.sent[n], ms(1_000), &mut out);
    }
    let report = out.reports[0];
    assert_eq!((report.leg, report.ssrc), (HALL, SLOT_SSRC));
    assert_eq!(report.ntp - ntp, 1 << 32, "carried on by a second");
    assert_eq!(report.rtp, 90_500, "the first source keeps its timestamps");
    router.handle_sender_report(id, ntp, 500, ms(1_010), &mut out);
    assert_eq!((out.reports[1].packets, out.reports[1].octets), (3, 3 * 48));
}

#[test]
fn dear_keyframes_are_asked_for_rarely_and_replayed_longer() {
    // 2 Mbit/s, a keyframe of 60 KB: a quarter of the rate allows one in about a second.
    let mut hall = Publisher::video(1, 11).filled(|_| 992);
    let (mut router, mut out, id) = stage(&hall);
    let join = |router: &mut Router, out: &mut Recorder, leg: u32, at: u64| {
        let leg = LegId(leg);
        router.add_slot_leg(leg, &[slot(Kind::Video, 5)]).unwrap();
        router.point(leg, 0, Some(SITE), ms(at), out).unwrap();
        let shown = out.take_sent().iter().any(|sent| sent.leg == leg);
        (shown, std::mem::take(&mut out.keyframe_requests).len())
    };
    out.keyframe_requests.clear();
    for frame in 0..150_u64 {
        let at = frame * 40;
        let is_key = frame == 100;
        let pieces = if is_key { 60 } else { 10 };
        for n in hall.frame(is_key, pieces, at) {
            router.handle_rtp(id, &hall.sent[n], ms(at), &mut out);
        }
        router.handle_timeout(ms(at), &mut out);
        out.take_sent();
        match at {
            4_800 => assert_eq!(join(&mut router, &mut out, 2, at), (true, 0), "800 ms old"),
            5_400 => assert_eq!(join(&mut router, &mut out, 3, at), (false, 1), "too old"),
            5_600 => assert_eq!(join(&mut router, &mut out, 4, at), (false, 0), "shared"),
            _ => {
                let asked = std::mem::take(&mut out.keyframe_requests).len();
                let is_bored = at == 0 || at > 4_000 && at < 6_360;
                assert!(asked == 0 || !is_bored, "{asked} at {at}");
            }
        }
    }
}

#[test]
fn a_microphone_that_rests_is_not_dead() {
    let mut hall = Publisher::audio(1, 31);
    let (mut router, mut out) = (Router::new(), Recorder::default());
    let id = router.open_stream(hall.spec, ms(0)).unwrap();
    let mut arrive = |payload: Option<&[u8]>, at: u64| {
        let number = hall.sound(at);
        let mut packet = hall.sent[number].clone();
        if let Some(payload) = payload {
            packet.truncate(12);
            packet.extend(payload);
        }
        router.handle_rtp(id, &packet, ms(at), &mut out);
        router.stream_stats(id, ms(at)).unwrap().is_resting
    };
    assert!(!arrive(None, 0));
    assert!(arrive(Some(&[0xf8]), 20), "silence follows");
    assert!(arrive(Some(&[0xf8, 0xff]), 420), "and goes on");
    assert!(!arrive(None, 440), "somebody speaks");
}
