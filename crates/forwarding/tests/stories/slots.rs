//! What a browser's slots show.

use crate::publisher::{Publisher, Tag};
use crate::recorder::{H264_ON_LEG, LEVEL_ON_LEG, OPUS_ON_LEG, Recorder, Sent, ms, slot};
use forwarding::{
    Arrival, Kind, LegId, PayloadTypes, Refusal, Router, SlotSpec, SourceId, StreamId,
};

const HALL: LegId = LegId(1);
const SLOT_SSRC: u32 = 0xd1e3;
const A: Option<SourceId> = Some(SourceId(1));
const B: Option<SourceId> = Some(SourceId(2));

/// One router, one hall with a video and an audio slot, two sources.
struct Stage {
    router: Router,
    out: Recorder,
    a: Publisher,
    b: Publisher,
    a_id: StreamId,
    b_id: StreamId,
}

impl Stage {
    fn new() -> Self {
        let (a, b) = (Publisher::video(1, 11), Publisher::video(2, 22));
        let mut router = Router::new();
        let a_id = router.open_stream(a.spec, ms(0)).unwrap();
        let b_id = router.open_stream(b.spec, ms(0)).unwrap();
        let slots = [
            slot(Kind::Video, SLOT_SSRC),
            slot(Kind::Audio, SLOT_SSRC + 1),
        ];
        router.add_slot_leg(HALL, &slots).unwrap();
        Self {
            router,
            out: Recorder::default(),
            a,
            b,
            a_id,
            b_id,
        }
    }

    fn point(&mut self, source: Option<SourceId>, at: u64) {
        let pointed = self.router.point(HALL, 0, source, ms(at), &mut self.out);
        pointed.unwrap();
    }

    /// A whole frame arrives; what the hall got.
    fn a(&mut self, is_key: bool, at: u64) -> Vec<Tag> {
        let frame = self.a.frame(is_key, 3, at);
        let packets = &self.a.sent[frame];
        deliver(&mut self.router, &mut self.out, self.a_id, packets, at)
    }

    fn b(&mut self, is_key: bool, at: u64) -> Vec<Tag> {
        let frame = self.b.frame(is_key, 3, at);
        let packets = &self.b.sent[frame];
        deliver(&mut self.router, &mut self.out, self.b_id, packets, at)
    }
}

fn deliver(
    router: &mut Router,
    out: &mut Recorder,
    id: StreamId,
    packets: &[Vec<u8>],
    at: u64,
) -> Vec<Tag> {
    let before = out.sent.len();
    for packet in packets {
        let arrival = router.handle_rtp(id, packet, ms(at), out);
        assert_eq!(arrival, Arrival::Accepted);
    }
    out.sent[before..].iter().map(Sent::tag).collect()
}

#[test]
fn a_slot_starts_at_a_keyframe_with_its_own_numbers_and_types() {
    let mut stage = Stage::new();
    stage.a(true, 0);
    stage.point(A, 3_600);
    assert!(stage.out.sent.is_empty(), "that keyframe is too old");
    assert_eq!(stage.out.keyframe_requests, [stage.a_id]);
    assert!(stage.a(false, 3_650).is_empty(), "no keyframe yet");
    assert_eq!(stage.a(true, 3_700).len(), 3);
    let sent = stage.out.take_sent();
    assert_eq!(sent[0].index, 1);
    assert!(sent.iter().all(|sent| sent.payload_type() == H264_ON_LEG));
    assert!(sent.iter().all(|sent| sent.ssrc == SLOT_SSRC));
    let ends: Vec<_> = sent.iter().map(|sent| sent.frame_end).collect();
    assert_eq!(ends, [false, false, true]);
    assert_eq!(
        stage.router.slot(HALL, 0).unwrap().playing,
        Some(stage.a_id)
    );
}

#[test]
fn a_late_joiner_gets_a_young_complete_keyframe_at_once() {
    let mut stage = Stage::new();
    stage.a(true, 0);
    stage.a(false, 100);
    stage.point(A, 300);
    let tags: Vec<_> = stage
        .out
        .take_sent()
        .iter()
        .map(|s| s.tag().number)
        .collect();
    assert_eq!(tags, [0, 1, 2, 3, 4, 5]);
    assert!(stage.out.keyframe_requests.is_empty(), "nobody was asked");
}

#[test]
fn a_keyframe_with_a_hole_is_not_replayed_until_the_hole_is_repaired() {
    let mut stage = Stage::new();
    let frame = stage.a.frame(true, 4, 0);
    let (lost, rest) = stage.a.sent[frame].split_first().unwrap();
    let (lost, rest) = (lost.clone(), rest.to_vec());
    // The parameters are missing: the picture alone would show nothing.
    deliver(&mut stage.router, &mut stage.out, stage.a_id, &rest, 0);
    stage.point(A, 100);
    assert!(stage.out.sent.is_empty());
    let tags = deliver(&mut stage.router, &mut stage.out, stage.a_id, &[lost], 150);
    let numbers: Vec<_> = tags.iter().map(|tag| tag.number).collect();
    assert_eq!(numbers, [0, 1, 2, 3]);
}

#[test]
fn the_old_picture_stays_until_the_new_one_opens_and_time_goes_on() {
    let mut stage = Stage::new();
    stage.point(A, 0);
    stage.a(true, 0);
    stage.b(true, 0);
    stage.point(B, 3_800);
    assert_eq!(stage.a(false, 3_850).len(), 3, "still A");
    assert_eq!(stage.b(false, 3_900).len(), 0, "B has no keyframe yet");
    assert_eq!(stage.b(true, 3_950).len(), 3, "now B");
    assert_eq!(stage.a(false, 3_960).len(), 0, "no more A");
    stage.point(A, 4_000);
    assert_eq!(stage.a(true, 4_050).len(), 3, "A again");
    let sent = stage.out.take_sent();
    let indices: Vec<_> = sent.iter().map(|sent| sent.index).collect();
    assert_eq!(
        indices,
        (1..=12).collect::<Vec<_>>(),
        "contiguous over switches"
    );
    let timestamps: Vec<_> = sent.iter().step_by(3).map(Sent::timestamp).collect();
    let steps: Vec<_> = timestamps.windows(2).map(|w| (w[1] - w[0]) / 90).collect();
    assert_eq!(steps, [3_850, 100, 100], "milliseconds between the frames");
}

#[test]
fn a_released_hall_leaves_the_screens_within_a_second() {
    let mut stage = Stage::new();
    stage.point(A, 0);
    stage.a(true, 0);
    stage.point(B, 100);
    assert_eq!(stage.a(false, 1_099).len(), 3);
    assert_eq!(
        stage.a(false, 1_100).len(),
        0,
        "B never came, A goes all the same"
    );
    stage.b(true, 1_200);
    stage.out.take_sent();
    stage.point(None, 1_300);
    assert_eq!(stage.b(false, 1_301).len(), 0, "nothing stops at once");
}

#[test]
fn turning_back_before_the_switch_changes_nothing() {
    let mut stage = Stage::new();
    stage.point(A, 0);
    stage.a(true, 0);
    stage.point(B, 100);
    stage.point(A, 200);
    assert_eq!(stage.b(true, 300).len(), 0);
    assert_eq!(stage.a(false, 2_000).len(), 3);
    assert_eq!(stage.router.leg_stats(HALL).unwrap().switches, 1);
}

#[test]
fn a_republish_is_followed_and_a_lost_source_leaves_the_slot_waiting() {
    let mut stage = Stage::new();
    stage.point(A, 0);
    stage.a(true, 0);
    let mut again = Publisher::video(1, 12);
    let again_id = stage.router.open_stream(again.spec, ms(100)).unwrap();
    let frame = again.frame(true, 2, 100);
    let packets = &again.sent[frame];
    let tags = deliver(&mut stage.router, &mut stage.out, again_id, packets, 100);
    assert_eq!(tags.len(), 2);
    assert_eq!(stage.a(false, 110).len(), 0, "the old stream is over");
    stage.router.close_stream(again_id);
    let view = stage.router.slot(HALL, 0).unwrap();
    assert_eq!((view.wanted, view.playing), (A, None));
    assert_eq!(
        view.waiting,
        Some(stage.a_id),
        "the older one is still open"
    );
    assert_eq!(stage.a(true, 200).len(), 3);
}

#[test]
fn sound_switches_at_the_next_packet_and_keeps_its_level() {
    let mut stage = Stage::new();
    let (mut a, mut b) = (Publisher::audio(1, 31), Publisher::audio(2, 32));
    let a_id = stage.router.open_stream(a.spec, ms(0)).unwrap();
    let b_id = stage.router.open_stream(b.spec, ms(0)).unwrap();
    for (at, source, audio, id) in [(0, A, &mut a, a_id), (40, B, &mut b, b_id)] {
        stage
            .router
            .point(HALL, 1, source, ms(at), &mut stage.out)
            .unwrap();
        for n in 0..2 {
            let number = audio.sound(at + 20 * n);
            let mut packet = audio.sent[number].clone();
            packet[0] |= 0x10;
            packet.splice(12..12, [0xbe, 0xde, 0, 1, 0x10, 0xaa, 0, 0]);
            stage
                .router
                .handle_rtp(id, &packet, ms(at + 20 * n), &mut stage.out);
        }
    }
    let sent = stage.out.take_sent();
    let markers: Vec<_> = sent.iter().map(|sent| sent.bytes[1]).collect();
    let (first, later) = (0x80 | OPUS_ON_LEG, OPUS_ON_LEG);
    assert_eq!(markers, [first, later, first, later], "a talkspurt each");
    let step = sent[2].timestamp().wrapping_sub(sent[1].timestamp());
    assert_eq!(step, 960, "20 ms");
    let extension = [0xbe, 0xde, 0, 1, LEVEL_ON_LEG << 4, 0xaa, 0, 0];
    assert!(sent.iter().all(|sent| sent.bytes[12..20] == extension));
    let level = stage.router.stream_stats(b_id, ms(60)).unwrap().audio_level;
    assert_eq!(level, Some(0x2a));
}

#[test]
fn a_codec_the_browser_lacks_leaves_the_slot_empty() {
    let mut stage = Stage::new();
    let bare = SlotSpec {
        payload_types: PayloadTypes::new(),
        ..slot(Kind::Video, 5)
    };
    stage.router.add_slot_leg(LegId(2), &[bare]).unwrap();
    stage
        .router
        .point(LegId(2), 0, A, ms(0), &mut stage.out)
        .unwrap();
    assert_eq!(stage.a(true, 0).len(), 0);
    assert_eq!(stage.router.slot(LegId(2), 0).unwrap().waiting, None);
    let wrong = stage.router.point(LegId(2), 1, A, ms(0), &mut stage.out);
    assert_eq!(wrong, Err(Refusal::UnknownSlot));
}

#[test]
fn padding_stays_behind_and_a_padding_packet_keeps_its_number() {
    let mut stage = Stage::new();
    stage.point(A, 0);
    stage.a(true, 0);
    stage.out.take_sent();
    let frame = stage.a.frame(false, 1, 50);
    let mut packet = stage.a.sent[frame.start][..12].to_vec();
    packet[0] |= 0x20;
    packet.extend([0, 0, 0, 4]);
    stage
        .router
        .handle_rtp(stage.a_id, &packet, ms(50), &mut stage.out);
    let sent = stage.out.take_sent();
    assert_eq!((sent[0].index, sent[0].bytes.len()), (4, 12));
    assert_eq!(sent[0].bytes[0], 0x80);
}

#[test]
fn a_gap_no_ring_can_fill_is_taken_for_a_switch() {
    let mut stage = Stage::new();
    stage.point(A, 0);
    stage.a(true, 0);
    stage.a.frame(false, 600, 40);
    assert_eq!(stage.a(false, 80).len(), 0, "waits for a keyframe");
    assert_eq!(stage.a(true, 120).len(), 3);
    let indices: Vec<_> = stage.out.sent.iter().map(|sent| sent.index).collect();
    assert_eq!(indices, [1, 2, 3, 4, 5, 6]);
    let last = stage.out.keyframe_requests.last();
    assert_eq!(last, Some(&stage.a_id), "and asks for one");
}

#[test]
fn a_slot_turned_away_stays_so_when_what_it_played_comes_back_from_an_outage() {
    let mut stage = Stage::new();
    stage.point(A, 0);
    stage.a(true, 0);
    stage.a.frame(false, 600, 40);
    stage.point(B, 2_500);
    assert_eq!(stage.a(true, 2_600).len(), 0, "it is to show B");
    let view = stage.router.slot(HALL, 0).unwrap();
    assert_eq!((view.playing, view.waiting), (None, Some(stage.b_id)));
    assert_eq!(stage.b(true, 2_700).len(), 3);
}

#[test]
fn numbers_go_on_over_many_wraps() {
    let mut stage = Stage::new();
    stage.point(A, 0);
    for frame in 0..50_000 {
        let got = stage.a(frame == 0, frame * 40);
        assert_eq!(got.len(), 3, "frame {frame}");
        stage.a.forget();
        let sent = stage.out.take_sent();
        assert_eq!(sent[0].index, 1 + 3 * frame);
        assert_eq!(sent[2].sequence(), (3 + 3 * frame) as u16);
    }
}

#[test]
fn who_joins_after_a_rollover_begins_at_one() {
    let mut stage = Stage::new();
    for frame in 0..30_000 {
        stage.a(frame % 100 == 0, frame * 40);
        stage.a.forget();
    }
    stage.point(A, 29_999 * 40 + 10);
    let at = 30_000 * 40;
    assert_eq!(stage.a(true, at).len(), 3, "packet 91,000 and those after");
    let indices: Vec<_> = stage.out.sent.iter().map(|sent| sent.index).collect();
    assert_eq!(indices, [1, 2, 3]);
    let child = LegId(9);
    stage.router.add_trunk_leg(child).unwrap();
    stage.router.subscribe(child, SourceId(1)).unwrap();
    stage.out.take_sent();
    stage.a(false, at + 40);
    let sent = stage.out.take_sent();
    let first = sent.iter().find(|sent| sent.leg == child).unwrap();
    assert_eq!(
        first.index,
        u64::from(first.sequence()),
        "its own rollover counter"
    );
}
