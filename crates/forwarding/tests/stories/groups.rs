//! What arrives together leaves together, and nobody waits long for it.

use crate::publisher::Publisher;
use crate::recorder::{Recorder, Sent, ms, slot};
use forwarding::{Kind, LegId, Router, SourceId, StreamId, limits};
use std::time::Duration;

const SITE: SourceId = SourceId(1);
const CHILD: LegId = LegId(9);
const SLOT_SSRC: u32 = 5;

/// A hall that publishes to three others and a child relay.
struct Stage {
    router: Router,
    out: Recorder,
    hall: Publisher,
    id: StreamId,
}

impl Stage {
    fn new(hall: Publisher) -> Self {
        let mut router = Router::new();
        let mut out = Recorder::default();
        let id = router.open_stream(hall.spec, ms(0)).unwrap();
        for leg in [1, 2, 3].map(LegId) {
            router
                .add_slot_leg(leg, &[slot(Kind::Video, SLOT_SSRC)])
                .unwrap();
            router.point(leg, 0, Some(SITE), ms(0), &mut out).unwrap();
        }
        router.add_trunk_leg(CHILD).unwrap();
        router.subscribe(CHILD, SITE).unwrap();
        Self {
            router,
            out,
            hall,
            id,
        }
    }

    fn arrive(&mut self, number: usize, at: Duration) {
        let packet = &self.hall.sent[number];
        self.router.handle_rtp(self.id, packet, at, &mut self.out);
    }

    /// A frame arrives at one instant.
    fn burst(&mut self, is_key: bool, pieces: usize, at: u64) -> Vec<Sent> {
        for number in self.hall.frame(is_key, pieces, at) {
            self.arrive(number, ms(at));
        }
        self.out.take_sent()
    }

    /// The legs in the order they were served, each run of packets once.
    fn runs(sent: &[Sent]) -> Vec<(u32, usize)> {
        sent.chunk_by(|a, b| a.leg == b.leg)
            .map(|run| (run[0].leg.0, run.len()))
            .collect()
    }
}

#[test]
fn a_frame_leaves_leg_by_leg() {
    let mut stage = Stage::new(Publisher::video(1, 11));
    let sent = stage.burst(true, 7, 0);
    assert_eq!(Stage::runs(&sent), [(9, 7), (1, 7), (2, 7), (3, 7)]);
    for run in sent.chunk_by(|a, b| a.leg == b.leg) {
        let numbers: Vec<_> = run.iter().map(|sent| sent.tag().number).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6], "in order");
    }
    let stats = stage.router.stream_stats(stage.id, ms(0)).unwrap();
    assert_eq!((stats.packets, stats.groups), (7, 1));
}

#[test]
fn pieces_a_byte_or_two_apart_leave_equal_and_the_last_as_it_is() {
    let sizes = [1_000, 999, 1_000, 998, 990, 300, 200, 205, 190, 150];
    let hall = Publisher::video(1, 11).filled(|n| {
        [1_000, 999, 1_000, 998, 990, 300, 200, 205, 190, 150]
            .get(n)
            .copied()
            .unwrap_or(40)
    });
    let mut stage = Stage::new(hall);
    let sent = stage.burst(true, sizes.len(), 0);
    for run in sent.chunk_by(|a, b| a.leg == b.leg) {
        let lengths: Vec<_> = run
            .iter()
            .map(|sent| sent.bytes.len() - sent.header_bytes - 8)
            .collect();
        let expected = [1_000, 1_000, 1_000, 1_000, 1_000, 300, 205, 205, 205, 150];
        assert_eq!(lengths, expected, "{:?}", run[0].leg);
        let plain: Vec<_> = run.iter().map(|sent| sent.payload().len() - 8).collect();
        assert_eq!(plain, sizes, "the padding counts itself");
    }
    let stats = stage.router.stream_stats(stage.id, ms(0)).unwrap();
    assert_eq!(stats.padding_bytes, 1 + 2 + 10 + 5 + 15);
}

#[test]
fn a_child_relay_strips_the_padding_and_levels_anew() {
    let uneven = Publisher::video(1, 11).filled(|n| 400 - n % 3);
    let mut parent = Stage::new(uneven);
    let mut child = Stage::new(Publisher::video(1, 11));
    let mut shown = Vec::new();
    for sent in parent.burst(true, 6, 0) {
        if sent.leg != CHILD {
            continue;
        }
        child
            .router
            .handle_rtp(child.id, &sent.bytes, ms(2), &mut child.out);
        shown.extend(child.out.take_sent());
    }
    let originals = parent.hall.sent.iter().map(|packet| &packet[12..]);
    for hall in [1, 2, 3].map(LegId) {
        let payloads = shown.iter().filter(|s| s.leg == hall).map(Sent::payload);
        assert!(payloads.eq(originals.clone()), "{hall:?}");
    }
    assert!(shown.iter().any(|sent| sent.bytes[0] & 0x20 != 0));
    let (of_parent, of_child) = (
        parent.router.stream_stats(parent.id, ms(2)).unwrap(),
        child.router.stream_stats(child.id, ms(2)).unwrap(),
    );
    assert_eq!(of_parent.padding_bytes, of_child.padding_bytes);
}

#[test]
fn a_resend_has_the_padding_of_the_first_time() {
    let mut stage = Stage::new(Publisher::video(1, 11).filled(|n| 100 + n % 2));
    let first = stage.burst(true, 6, 0);
    assert!(first.iter().any(|sent| sent.bytes[0] & 0x20 != 0));
    let numbers: Vec<_> = (1..=6).collect();
    let on_trunk: Vec<_> = (1_000..1_006).collect();
    stage
        .router
        .handle_nack(LegId(2), SLOT_SSRC, &numbers, ms(1), &mut stage.out);
    stage
        .router
        .handle_nack(CHILD, 11, &on_trunk, ms(1), &mut stage.out);
    let again = stage.out.take_sent();
    assert_eq!(again.len(), 12, "the recorder compares the bytes");
    assert!(again.iter().all(|sent| sent.resend));
}

#[test]
fn a_paced_stream_is_not_held_once_it_is_known() {
    let mut stage = Stage::new(Publisher::video(1, 11));
    let mut at = ms(0);
    for frame in 0..50_u64 {
        for (piece, number) in stage.hall.frame(frame == 0, 8, frame * 32).enumerate() {
            stage.router.handle_timeout(at, &mut stage.out);
            stage.out.take_sent();
            stage.arrive(number, at);
            let sent = stage.out.take_sent();
            let is_learnt = frame > 0 || piece > 0;
            assert!(!is_learnt || sent.len() == 4, "frame {frame}, {piece}");
            at += ms(4);
        }
    }
}

#[test]
fn a_stream_of_bursts_is_held_no_longer_than_the_bound() {
    let mut stage = Stage::new(Publisher::video(1, 11));
    for frame in 0..5 {
        stage.burst(frame == 0, 4, frame * 40);
    }
    // The end of the frame is lost.
    let frame = stage.hall.frame(false, 4, 200);
    for (number, micros) in frame.clone().take(3).zip([0, 300, 900]) {
        stage.arrive(number, ms(200) + Duration::from_micros(micros));
    }
    assert!(stage.out.sent.is_empty(), "the frame is not whole");
    let due = ms(200) + limits::GROUP_HOLD;
    assert_eq!(stage.router.next_timeout(), Some(due));
    let just_before = due.saturating_sub(Duration::from_micros(1));
    stage.router.handle_timeout(just_before, &mut stage.out);
    assert!(stage.out.sent.is_empty());
    stage.router.handle_timeout(due, &mut stage.out);
    let runs = Stage::runs(&stage.out.take_sent());
    assert_eq!(runs, [(9, 3), (1, 3), (2, 3), (3, 3)]);
    stage.arrive(frame.start + 3, ms(203));
    let runs = Stage::runs(&stage.out.take_sent());
    assert_eq!(runs, [(9, 1), (1, 1), (2, 1), (3, 1)], "ends the frame");
}

#[test]
fn another_frame_a_late_packet_and_a_full_group_send_off_what_is_held() {
    let mut stage = Stage::new(Publisher::video(1, 11));
    stage.burst(true, 4, 0);
    let (first, second) = (
        stage.hall.frame(false, 4, 40),
        stage.hall.frame(false, 4, 80),
    );
    for number in [first.start, first.start + 2] {
        stage.arrive(number, ms(40));
    }
    assert!(stage.out.sent.is_empty());
    stage.arrive(first.start + 1, ms(40));
    let runs = Stage::runs(&stage.out.take_sent());
    let alone = [(9, 1), (1, 1), (2, 1), (3, 1)];
    assert_eq!(runs[..4], [(9, 2), (1, 2), (2, 2), (3, 2)]);
    assert_eq!(runs[4..], alone, "what came late follows by itself");
    stage.arrive(second.start, ms(40));
    stage.arrive(second.start + 1, ms(40));
    assert!(stage.out.sent.is_empty());
    let third = stage.hall.frame(false, 100, 120);
    for number in third {
        stage.arrive(number, ms(40));
    }
    let runs = Stage::runs(&stage.out.take_sent());
    let bursts: Vec<_> = runs.iter().map(|(_, packets)| *packets).collect();
    assert_eq!(bursts, [2, 2, 2, 2, 64, 64, 64, 64, 36, 36, 36, 36]);
}

#[test]
fn who_joins_while_a_frame_is_held_gets_every_packet_once() {
    let mut stage = Stage::new(Publisher::video(1, 11));
    stage.burst(true, 4, 0);
    let frame = stage.hall.frame(false, 4, 40);
    stage.arrive(frame.start, ms(40));
    stage.arrive(frame.start + 1, ms(40));
    assert!(stage.out.sent.is_empty());
    let late = LegId(4);
    stage
        .router
        .add_slot_leg(late, &[slot(Kind::Video, SLOT_SSRC)])
        .unwrap();
    stage
        .router
        .point(late, 0, Some(SITE), ms(40), &mut stage.out)
        .unwrap();
    let runs = Stage::runs(&stage.out.take_sent());
    assert_eq!(runs, [(9, 2), (1, 2), (2, 2), (3, 2), (4, 6)]);
    stage.arrive(frame.start + 2, ms(40));
    stage.arrive(frame.start + 3, ms(40));
    let runs = Stage::runs(&stage.out.take_sent());
    assert_eq!(runs, [(9, 2), (1, 2), (2, 2), (3, 2), (4, 2)]);
}

#[test]
fn what_is_held_when_its_stream_closes_is_counted() {
    let mut stage = Stage::new(Publisher::video(1, 11));
    stage.burst(true, 4, 0);
    let frame = stage.hall.frame(false, 4, 40);
    stage.arrive(frame.start, ms(40));
    stage.router.close_stream(stage.id);
    assert_eq!(stage.router.stats().unsent, 1);
    assert_ne!(stage.router.next_timeout(), Some(ms(41)));
}

#[test]
fn sound_never_waits() {
    let mut router = Router::new();
    let mut out = Recorder::default();
    let mut hall = Publisher::audio(1, 12);
    let id = router.open_stream(hall.spec, ms(0)).unwrap();
    router
        .add_slot_leg(LegId(1), &[slot(Kind::Audio, 6)])
        .unwrap();
    router
        .point(LegId(1), 0, Some(SITE), ms(0), &mut out)
        .unwrap();
    for n in 0..20 {
        // Two at one instant, as after a jam.
        let number = hall.sound(n / 2 * 40);
        router.handle_rtp(id, &hall.sent[number], ms(n / 2 * 40), &mut out);
        assert_eq!(out.take_sent().len(), 1);
    }
}

#[test]
fn padding_alone_belongs_to_no_frame() {
    let mut stage = Stage::new(Publisher::video(1, 11));
    stage.burst(true, 4, 0);
    let frame = stage.hall.frame(false, 4, 40);
    let mut probe = stage.hall.sent[frame.start + 2].clone();
    probe.truncate(12);
    probe[0] |= 0x20;
    probe.extend([0, 0, 0, 4]);
    stage.arrive(frame.start, ms(40));
    stage.arrive(frame.start + 1, ms(40));
    stage
        .router
        .handle_rtp(stage.id, &probe, ms(40), &mut stage.out);
    let runs = Stage::runs(&stage.out.take_sent());
    assert_eq!(runs[..4], [(9, 2), (1, 2), (2, 2), (3, 2)]);
    assert_eq!(runs[4..], [(9, 1), (1, 1), (2, 1), (3, 1)], "at once");
}

#[test]
fn what_nobody_hears_is_not_held() {
    let mut stage = Stage::new(Publisher::video(1, 11));
    for leg in [1, 2, 3, 9].map(LegId) {
        stage.router.remove_leg(leg);
    }
    let frame = stage.hall.frame(true, 4, 10);
    stage.arrive(frame.start, ms(10));
    assert_ne!(stage.router.next_timeout(), Some(ms(11)));
}
