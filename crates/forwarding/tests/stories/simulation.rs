//! Properties that hold whatever the lines do. A failure prints its seed.

use crate::publisher::Publisher;
use crate::recorder::{RTX, Sent, full_slot, ms, slot};
use crate::world::{Line, World};
use forwarding::{Kind, Layer, LegId, SourceId};
use proptest::prelude::*;
use std::collections::BTreeMap;

const HALLS: u32 = 3;
const CHILD: LegId = LegId(100);
const VIDEO_SLOT: u32 = 500;
const AUDIO_SLOT: u32 = 600;
const LIVE_MS: u64 = 5_000;
const DRAIN_MS: u64 = 3_000;

/// Two sites with picture and sound, the first in three qualities, three halls, a child relay.
fn conference(seed: u64, line: Line) -> World {
    let mut world = World::new(seed, line);
    for site in [1, 2] {
        let ssrc = u32::from(site) << 16;
        world.publish(Publisher::video(site, ssrc));
        world.publish(Publisher::audio(site, ssrc + 1));
    }
    for layer in [1, 2] {
        let mut better = Publisher::video(1 + 10 * layer, 0x0003_0000 + u32::from(layer));
        better.spec.source = SourceId(1);
        better.spec.layer = Layer(layer);
        world.publish(better);
    }
    for hall in 0..HALLS {
        let video = match hall {
            0 => slot(Kind::Video, VIDEO_SLOT),
            _ => full_slot(Kind::Video, VIDEO_SLOT),
        };
        let slots = [video, slot(Kind::Audio, AUDIO_SLOT)];
        world.router.add_slot_leg(LegId(hall), &slots).unwrap();
    }
    world.router.add_trunk_leg(CHILD).unwrap();
    for site in [1, 2] {
        world.router.subscribe(CHILD, SourceId(site)).unwrap();
    }
    world
}

/// Halls are pointed here and there; once a site publishes anew.
fn run(world: &mut World) {
    let republish_at = 1_000 + world.dice.roll(3_000);
    for _ in 0..LIVE_MS {
        if world.dice.roll(200) == 0 {
            turn_a_slot(world);
        }
        if world.dice.roll(400) == 0 {
            change_a_layer(world);
        }
        if world.now == republish_at {
            world.publish(Publisher::video(1, 0x0001_0002));
        }
        if world.dice.roll(300) == 0 {
            let (hall, bytes) = (LegId(world.dice.roll(3) as u32), world.dice.roll(900));
            let now = ms(world.now);
            world.router.pad(hall, bytes as usize, now, &mut world.out);
        }
        lose_a_packet(world);
        world.step(true);
    }
    for _ in 0..DRAIN_MS {
        world.step(false);
    }
}

/// A hall reports loss, and tells of some packet, or its copy, that it did not arrive.
fn lose_a_packet(world: &mut World) {
    let hall = LegId(world.dice.roll(u64::from(HALLS)) as u32);
    let (fraction_lost, number) = (world.dice.roll(20), world.dice.roll(1_000));
    let ssrc = VIDEO_SLOT | (RTX * world.dice.roll(2) as u32);
    if world.dice.roll(20) == 0 {
        world.router.note_leg_loss(hall, fraction_lost as u8);
        let now = ms(world.now);
        world
            .router
            .handle_loss(hall, ssrc, number as u16, now, &mut world.out);
    }
}

/// A subscriber asks for another quality, or his line changes.
fn change_a_layer(world: &mut World) {
    let hall = LegId(world.dice.roll(u64::from(HALLS)) as u32);
    let (now, dice) = (ms(world.now), world.dice.roll(4));
    if world.dice.roll(2) == 0 {
        let layer = Layer(dice as u8);
        world
            .router
            .set_layer_max(hall, 0, layer, now, &mut world.out);
    } else {
        let rate = Some(dice * 20_000).filter(|rate| *rate > 0);
        world.router.set_leg_rate(hall, rate, now, &mut world.out);
    }
}

fn turn_a_slot(world: &mut World) {
    let hall = LegId(world.dice.roll(u64::from(HALLS)) as u32);
    let index = world.dice.roll(2) as usize;
    let source = match world.dice.roll(5) {
        0 => None,
        site => Some(SourceId(1 + site as u32 % 2)),
    };
    let now = ms(world.now);
    let pointed = world.router.point(hall, index, source, now, &mut world.out);
    pointed.unwrap();
}

/// What a slot's receiver holds in the end.
fn check_slot(packets: &BTreeMap<u64, Sent>, kind: Kind) {
    assert_eq!(packets.keys().next(), Some(&1), "the first packet is there");
    let ordered: Vec<_> = packets.values().collect();
    let may_begin = |sent: &Sent| kind == Kind::Audio || sent.tag().opens;
    assert!(may_begin(ordered[0]), "starts at a keyframe");
    for pair in ordered.windows(2) {
        let step = pair[1].timestamp().wrapping_sub(pair[0].timestamp());
        assert!(step < 1 << 30, "time goes back at {:?}", pair[1].tag());
        let (before, tag) = (pair[0].tag(), pair[1].tag());
        if tag.publisher == before.publisher && tag.number == before.number + 1 {
            continue;
        }
        assert!(may_begin(pair[1]), "switches at a keyframe");
        assert!(step > 0, "a switch begins a frame of its own");
    }
}

fn check(world: &World) {
    for ((leg, ssrc), packets) in &world.received {
        let missing = world.missing(*leg, *ssrc);
        assert!(missing.is_empty(), "{leg:?} {ssrc:x} lacks {missing:?}");
        match *ssrc {
            VIDEO_SLOT => check_slot(packets, Kind::Video),
            AUDIO_SLOT => check_slot(packets, Kind::Audio),
            _ => assert_eq!(*leg, CHILD),
        }
    }
    for (id, publisher) in &world.publishers {
        let now = ms(world.now);
        let stats = world.router.stream_stats(*id, now).unwrap();
        assert_eq!((stats.holes_open, stats.holes_lost), (0, 0), "{stats:?}");
        assert!(stats.packets <= publisher.sent.len() as u64);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bad_lines_are_repaired_and_switches_are_seamless(
        seed in any::<u64>(),
        loss_percent in 0_u64..5,
        duplicate_percent in 0_u64..30,
        delay_ms_max in 0_u64..60,
    ) {
        let line = Line { loss_percent, duplicate_percent, delay_ms_max };
        let mut world = conference(seed, line);
        run(&mut world);
        check(&world);
    }
}

#[test]
fn something_happens_in_these_worlds() {
    let line = Line {
        loss_percent: 4,
        duplicate_percent: 20,
        delay_ms_max: 50,
    };
    let mut world = conference(42, line);
    run(&mut world);
    check(&world);
    let halls = (0..HALLS).map(|hall| world.router.leg_stats(LegId(hall)).unwrap());
    let (switches, resends, filling) = halls.fold((0, 0, 0), |sums, hall| {
        (
            sums.0 + hall.switches,
            sums.1 + hall.resends,
            sums.2 + hall.filling_bytes,
        )
    });
    assert!(filling > 300, "{filling} bytes of filling");
    let now = ms(world.now);
    let streams = world.publishers.iter();
    let stats: Vec<_> = streams
        .filter_map(|(id, _)| world.router.stream_stats(*id, now))
        .collect();
    let repaired: u64 = stats.iter().map(|stats| stats.holes_repaired).sum();
    let padding: u64 = stats.iter().map(|stats| stats.padding_bytes).sum();
    let grouped = |stats: &forwarding::StreamStats| stats.packets - stats.groups;
    let grouped: u64 = stats.iter().map(grouped).sum();
    assert!(grouped > 100, "{grouped} packets left behind another one");
    assert!(padding > 100, "{padding} bytes of padding");
    assert!(switches > 10, "{switches} switches");
    assert!(resends > 20, "{resends} resends");
    assert!(repaired > 20, "{repaired} holes repaired");
}
