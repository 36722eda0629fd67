//! A hall that publishes three qualities, and slots that are shown one of them.

use crate::publisher::Publisher;
use crate::recorder::{Recorder, Sent, ms, slot};
use forwarding::{Kind, Layer, LegId, Router, SlotSpec, SourceId, StreamId, limits};
use std::collections::BTreeMap;

const HALL: LegId = LegId(1);
const SLOT: u32 = 5;
const SITE: SourceId = SourceId(1);
/// Milliseconds between frames.
const FRAME: u64 = 40;
/// Bytes of a packet of each layer: about 50, 150 and 600 kbit/s with two packets a frame.
const FILLINGS: [fn(usize) -> usize; 3] = [|_| 100, |_| 350, |_| 1_100];

/// Three layers of one camera, and the router.
struct Stage {
    router: Router,
    out: Recorder,
    layers: Vec<(StreamId, Publisher)>,
    /// Which of them send.
    live: [bool; 3],
    key_due: [bool; 3],
    asked: BTreeMap<StreamId, usize>,
    now: u64,
    shown: Vec<Sent>,
}

impl Stage {
    fn new() -> Self {
        let mut stage = Self {
            router: Router::new(),
            out: Recorder::default(),
            layers: Vec::new(),
            live: [true; 3],
            key_due: [true; 3],
            asked: BTreeMap::new(),
            now: 0,
            shown: Vec::new(),
        };
        for layer in 0..3_u8 {
            // Independent timestamps, as Chromium's.
            let mut publisher = Publisher::video(1 + layer, 10 + u32::from(layer))
                .starting_at(1_000, 0x1357_9bdf_u32.wrapping_mul(u32::from(layer) + 1))
                .filled(FILLINGS[usize::from(layer)]);
            publisher.spec.source = SITE;
            publisher.spec.layer = Layer(layer);
            let id = stage.router.open_stream(publisher.spec, ms(0)).unwrap();
            stage.layers.push((id, publisher));
        }
        stage
    }

    fn with_hall(specs: &[SlotSpec]) -> Self {
        let mut stage = Self::new();
        stage.router.add_slot_leg(HALL, specs).unwrap();
        for index in 0..specs.len() {
            stage.point(index);
        }
        stage
    }

    fn point(&mut self, slot: usize) {
        let now = ms(self.now);
        let pointed = self
            .router
            .point(HALL, slot, Some(SITE), now, &mut self.out);
        pointed.unwrap();
        self.collect();
    }

    fn layer_max(&mut self, slot: usize, layer: Layer) {
        let now = ms(self.now);
        self.router
            .set_layer_max(HALL, slot, layer, now, &mut self.out);
        self.collect();
    }

    fn rate(&mut self, bps: Option<u64>) {
        let now = ms(self.now);
        self.router.set_leg_rate(HALL, bps, now, &mut self.out);
        self.collect();
    }

    /// What the router wanted: asked-for keyframes come with the next frame.
    fn collect(&mut self) {
        for id in std::mem::take(&mut self.out.keyframe_requests) {
            *self.asked.entry(id).or_default() += 1;
            let layer = self.layers.iter().position(|(is, _)| *is == id);
            self.key_due[layer.unwrap()] = true;
        }
        self.shown.extend(self.out.take_sent());
    }

    /// Frames of all layers that live for a while.
    fn run(&mut self, for_ms: u64) -> Vec<Sent> {
        self.shown.clear();
        for _ in 0..for_ms / FRAME {
            self.now += FRAME;
            for layer in 0..3 {
                if self.live[layer] {
                    self.frame(layer);
                }
            }
            self.router.handle_timeout(ms(self.now), &mut self.out);
            self.collect();
        }
        std::mem::take(&mut self.shown)
    }

    fn frame(&mut self, layer: usize) {
        let is_key = std::mem::take(&mut self.key_due[layer]);
        let (id, publisher) = &mut self.layers[layer];
        for n in publisher.frame(is_key, 2, self.now) {
            let packet = &publisher.sent[n];
            self.router
                .handle_rtp(*id, packet, ms(self.now), &mut self.out);
        }
        publisher.forget();
    }

    /// The camera's clock at an instant, told for every layer.
    fn report(&mut self) {
        for (id, publisher) in &self.layers {
            let (ntp, rtp) = (ntp(self.now), publisher.timestamp(self.now));
            let now = ms(self.now);
            self.router
                .handle_sender_report(*id, ntp, rtp, now, &mut self.out);
        }
    }

    fn playing(&self, slot: usize) -> Option<u8> {
        let playing = self.router.slot(HALL, slot).unwrap().playing;
        let found = self.layers.iter().position(|(id, _)| Some(*id) == playing);
        found.map(|layer| layer as u8)
    }

    fn asks(&mut self) -> usize {
        std::mem::take(&mut self.asked).values().sum()
    }
}

/// A clock that began long ago.
fn ntp(ms: u64) -> u64 {
    0xe000_0000_0000_0000 + (ms << 32) / 1_000
}

fn names(sent: &[Sent]) -> Vec<u8> {
    let mut names: Vec<_> = sent.iter().map(|sent| sent.tag().publisher - 1).collect();
    names.dedup();
    names
}

/// No number missing, time going on, a keyframe at each change.
fn check_seamless(sent: &[Sent]) {
    for pair in sent.windows(2) {
        assert_eq!(pair[1].index, pair[0].index + 1);
        let step = pair[1].timestamp().wrapping_sub(pair[0].timestamp());
        assert!(step < 90 * 2 * FRAME as u32, "{step} ticks");
        if pair[0].tag().publisher != pair[1].tag().publisher {
            assert!(pair[1].tag().opens, "a change opens with a keyframe");
            assert!(step > 0, "and has a time of its own");
        }
    }
}

#[test]
fn a_slot_is_shown_the_best_and_a_tile_what_it_asked_for() {
    let mut stage = Stage::with_hall(&[slot(Kind::Video, SLOT), tile()]);
    stage.run(400);
    assert_eq!((stage.playing(0), stage.playing(1)), (Some(2), Some(0)));
    let wanted: Vec<_> = stage
        .layers
        .iter()
        .map(|(id, _)| stage.router.is_wanted(*id))
        .collect();
    assert_eq!(wanted, [true, false, true], "nobody needs the middle one");
}

fn tile() -> SlotSpec {
    SlotSpec {
        layer_max: Layer::LOWEST,
        ..slot(Kind::Video, SLOT + 1)
    }
}

#[test]
fn going_on_air_shows_no_gap_and_asks_for_one_keyframe() {
    let mut stage = Stage::with_hall(&[tile()]);
    stage.run(400);
    stage.asks();
    stage.layer_max(0, Layer::BEST);
    assert_eq!(stage.asks(), 1, "at once");
    assert_eq!(stage.playing(0), Some(0), "until the keyframe is there");
    let sent = stage.run(400);
    assert_eq!(names(&sent), [0, 2]);
    check_seamless(&sent);
    assert_eq!(sent.len(), 22, "every frame, and of one instant two");
    stage.layer_max(0, Layer::LOWEST);
    let sent = stage.run(400);
    check_seamless(&sent);
    assert_eq!(names(&sent), [0]);
    assert_eq!(stage.asks(), 1);
}

#[test]
fn a_switch_whose_keyframe_never_comes_asks_twice_then_rarely_and_keeps_the_picture() {
    let mut stage = Stage::with_hall(&[tile()]);
    stage.run(400);
    stage.asks();
    stage.layer_max(0, Layer(1));
    let mut sent = Vec::new();
    let mut asks = Vec::new();
    for _ in 0..3 {
        for _ in 0..8_000 / FRAME {
            stage.key_due[1] = false;
            sent.extend(stage.run(FRAME));
        }
        asks.push(stage.asks());
    }
    assert_eq!(asks, [2, 1, 1], "every ten seconds");
    assert_eq!(names(&sent), [0]);
    check_seamless(&sent);
    stage.key_due[1] = true;
    assert_eq!(
        names(&stage.run(FRAME)),
        [0, 1],
        "one that comes anyway will do"
    );
}

#[test]
fn layers_share_the_clock_of_their_camera() {
    let mut stage = Stage::with_hall(&[tile()]);
    stage.run(400);
    stage.report();
    let before = stage.run(FRAME);
    stage.layer_max(0, Layer::BEST);
    // The keyframe travels 15 ms longer than frames of the lowest layer.
    stage.key_due[2] = false;
    let late = stage.now + FRAME;
    let (id, publisher) = &mut stage.layers[2];
    let frame = publisher.frame(true, 2, late);
    for n in frame {
        stage
            .router
            .handle_rtp(*id, &publisher.sent[n], ms(late + 15), &mut stage.out);
    }
    stage.collect();
    let after = stage.shown.last().unwrap();
    assert_eq!(names(std::slice::from_ref(after)), [2]);
    let step = after.timestamp().wrapping_sub(before[0].timestamp());
    assert_eq!(
        step,
        90 * FRAME as u32,
        "when it was taken, not when it came"
    );
    let report = stage.out.reports.last().unwrap();
    let at_frame = ntp(late).wrapping_sub(report.ntp).cast_signed();
    let ticks = ((i128::from(at_frame) * 90_000) >> 32) as u32;
    let error = after
        .timestamp()
        .wrapping_sub(report.rtp.wrapping_add(ticks));
    assert!(error.cast_signed().abs() <= 1, "the report agrees: {error}");
}

#[test]
fn two_layers_of_one_frame_get_two_times() {
    let mut stage = Stage::with_hall(&[tile()]);
    stage.run(400);
    stage.report();
    stage.layer_max(0, Layer::BEST);
    // Of one instant: first the lowest layer's frame, then the best one's keyframe.
    let sent = stage.run(FRAME);
    assert_eq!(names(&sent), [0, 2]);
    let step = sent[2].timestamp().wrapping_sub(sent[1].timestamp());
    assert_eq!(step, 90, "a millisecond");
    stage.layer_max(0, Layer::LOWEST);
    let sent = stage.run(400);
    check_seamless(&sent);
    let change = sent.iter().position(|sent| sent.tag().publisher == 1);
    let change = change.unwrap();
    let step = sent[change]
        .timestamp()
        .wrapping_sub(sent[change - 1].timestamp());
    let expected = 90 * (FRAME as u32 - 1);
    assert!(
        expected.abs_diff(step) <= 1,
        "{step}: the millisecond is not kept"
    );
}

#[test]
fn a_layer_that_falls_silent_is_replaced_within_two_seconds_and_taken_back() {
    let mut stage = Stage::with_hall(&[slot(Kind::Video, SLOT)]);
    stage.run(2_000);
    stage.live[2] = false;
    stage.run(limits::LAYER_SILENCE.as_millis() as u64 + 2 * FRAME);
    assert_eq!(stage.playing(0), Some(2), "not sooner than necessary");
    let sent = stage.run(400);
    assert_eq!(names(&sent), [1]);
    stage.live[2] = true;
    stage.run(400);
    assert_eq!(stage.playing(0), Some(2));
}

#[test]
fn a_narrow_line_gets_a_lower_layer_and_a_wide_one_the_best_again() {
    let mut stage = Stage::with_hall(&[slot(Kind::Video, SLOT)]);
    stage.run(4_000);
    let demand = stage.router.leg_demand(HALL, ms(stage.now)).unwrap();
    assert_eq!(demand.next_bps, None);
    assert!(
        (380_000..460_000).contains(&demand.playing_bps),
        "{demand:?}"
    );
    stage.asks();
    stage.rate(Some(demand.playing_bps * 3 / 4));
    let sent = stage.run(80);
    check_seamless(&sent);
    assert_eq!(stage.playing(0), Some(1));
    assert_eq!(stage.asks(), 1);
    let lower = stage.router.leg_demand(HALL, ms(stage.now)).unwrap();
    let next = lower.next_bps.unwrap();
    assert_eq!((next, lower.best_bps), (demand.playing_bps, next));
    stage.run(4_000);
    stage.rate(Some(demand.playing_bps * 21 / 20));
    stage.run(400);
    assert_eq!(stage.playing(0), Some(1), "it must fit with room to spare");
    stage.rate(Some(demand.playing_bps * 6 / 5));
    check_seamless(&stage.run(400));
    assert_eq!(stage.playing(0), Some(2));
}

#[test]
fn a_line_forced_down_a_moment_ago_does_not_rise() {
    let mut stage = Stage::with_hall(&[slot(Kind::Video, SLOT)]);
    stage.run(4_000);
    stage.rate(Some(300_000));
    stage.run(400);
    stage.rate(None);
    stage.run(800);
    stage.rate(Some(9_000_000));
    stage.run(400);
    assert_eq!(stage.playing(0), Some(2), "without a limit it is no line");
    stage.rate(Some(300_000));
    stage.run(400);
    stage.rate(Some(9_000_000));
    stage.run(1_200);
    assert_eq!(stage.playing(0), Some(1));
    stage.run(800);
    assert_eq!(stage.playing(0), Some(2), "the review found the room");
}

#[test]
fn a_tile_made_small_on_a_narrow_line_may_be_made_large_again_at_once() {
    let mut stage = Stage::with_hall(&[slot(Kind::Video, SLOT)]);
    stage.run(4_000);
    stage.rate(Some(9_000_000));
    stage.layer_max(0, Layer::LOWEST);
    stage.run(400);
    assert_eq!(stage.playing(0), Some(0));
    stage.layer_max(0, Layer::BEST);
    stage.run(400);
    assert_eq!(stage.playing(0), Some(2));
}

#[test]
fn a_jammed_line_is_sent_no_more_of_the_old_layer() {
    let mut stage = Stage::with_hall(&[slot(Kind::Video, SLOT)]);
    stage.run(4_000);
    stage.asks();
    stage.rate(Some(60_000));
    assert_eq!(stage.playing(0), None, "stopped");
    assert_eq!(stage.asks(), 1);
    stage.key_due = [false; 3];
    assert!(stage.run(FRAME).is_empty());
    stage.key_due[0] = true;
    let sent = stage.run(400);
    assert_eq!(names(&sent), [0]);
    check_seamless(&sent);
}

#[test]
fn a_line_that_jams_before_the_lower_layer_is_there_is_sent_no_more_of_the_old_one() {
    let mut stage = Stage::with_hall(&[slot(Kind::Video, SLOT)]);
    stage.run(4_000);
    stage.rate(Some(300_000));
    assert_eq!(stage.playing(0), Some(2), "until the keyframe is there");
    stage.key_due = [false; 3];
    stage.run(FRAME);
    stage.rate(Some(180_000));
    assert_eq!(stage.playing(0), None, "the middle layer still fits");
    stage.key_due[1] = true;
    let sent = stage.run(400);
    assert_eq!(names(&sent), [1]);
}

#[test]
fn a_paused_layer_is_there_for_who_wants_it() {
    let mut stage = Stage::with_hall(&[tile()]);
    let best = stage.layers[2].0;
    stage.live[2] = false;
    stage.router.set_paused(best, Some(600_000));
    stage.run(4_000);
    stage.layer_max(0, Layer::BEST);
    assert!(stage.router.is_wanted(best), "so the parent is told");
    assert_eq!(stage.playing(0), Some(0));
    stage.router.set_paused(best, None);
    stage.live[2] = true;
    check_seamless(&stage.run(400));
    assert_eq!(stage.playing(0), Some(2));
    stage.layer_max(0, Layer::LOWEST);
    stage.run(400);
    assert!(!stage.router.is_wanted(best));
    stage.router.set_paused(best, Some(0));
    stage.layer_max(0, Layer::BEST);
    assert!(!stage.router.is_wanted(best), "silent at its origin too");
}

#[test]
fn a_paused_layer_of_unknown_rate_is_there_and_not_taken_for_a_small_one() {
    let mut stage = Stage::with_hall(&[tile()]);
    let best = stage.layers[2].0;
    stage.live[2] = false;
    stage.router.set_paused(best, Some(1_000));
    stage.run(4_000);
    stage.rate(Some(300_000));
    stage.layer_max(0, Layer::BEST);
    assert!(!stage.router.is_wanted(best), "it would not fit");
    stage.run(400);
    assert_eq!(stage.playing(0), Some(1));
    stage.rate(None);
    assert!(stage.router.is_wanted(best), "it is there");
}

#[test]
fn an_old_keyframe_does_not_rewind_the_picture() {
    let mut stage = Stage::with_hall(&[tile()]);
    stage.run(400);
    stage.key_due[2] = true;
    stage.run(200);
    let before = stage.shown.len();
    stage.layer_max(0, Layer::BEST);
    assert_eq!(
        stage.shown.len(),
        before,
        "160 ms old is too old for a change"
    );
    assert_eq!(names(&stage.run(FRAME)).last(), Some(&2));
}

#[test]
fn a_child_gets_only_the_layers_it_wants() {
    let mut stage = Stage::new();
    let child = LegId(9);
    stage.router.add_trunk_leg(child).unwrap();
    stage.router.subscribe(child, SITE).unwrap();
    stage.run(400);
    for layer in 0..3 {
        let wanted = layer == 1;
        stage.router.set_trunk_demand(child, 10 + layer, wanted);
    }
    let sent = stage.run(400);
    assert_eq!(names(&sent), [1]);
    stage.router.set_trunk_demand(child, 12, true);
    let sent = stage.run(80);
    assert_eq!(names(&sent), [1, 2, 1, 2]);
}
