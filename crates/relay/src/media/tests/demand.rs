//! What crosses a trunk: what somebody below wants, and no more.

use super::guest::vp8;
use super::trunks::{connected, play, tree};
use super::world::{VIDEO_SSRC, World, plan, with_workers};
use crate::media::handle::Command;
use crate::media::srtp::rtp_seq_ssrc;
use crate::media::{IceCredentials, Layer, LegMedia};
use protocol::LegRole;
use std::time::Duration;

fn crossed(world: &World, parent: usize) -> u64 {
    let down = world.report(parent).trunks;
    down.first().map_or(0, |trunk| trunk.packets_sent)
}

/// Two relays and a hub at the upper one; nobody watches yet.
fn unwatched() -> (World, usize, usize, usize) {
    let (mut world, parent, child, hub, _) = tree();
    play(&mut world, hub, 0..10);
    world.close_legs(child);
    (world, parent, child, hub)
}

#[test]
pub(super) fn what_nobody_watches_does_not_cross_the_trunk_and_comes_back_when_somebody_does() {
    let (mut world, parent, child, hub) = unwatched();
    play(&mut world, hub, 10..160);
    let idle = crossed(&world, parent);
    play(&mut world, hub, 160..660);
    assert_eq!(
        crossed(&world, parent),
        idle,
        "ten seconds, and not a packet"
    );
    assert_eq!(world.report(child).feeds.len(), 2, "announced all the same");
    let hall = world.watcher(child, LegRole::Watch, Some("A"));
    play(&mut world, hub, 660..760);
    let got = &world.guests[hall];
    assert!(
        got.rtp.len() >= 170,
        "at once, the picture from the next keyframe: {}",
        got.rtp.len()
    );
    assert_eq!(got.unreadable, 0);
    for feed in world.report(child).feeds {
        assert_eq!(feed.holes, 0, "what was not to come is not missing");
    }
}

#[test]
pub(super) fn a_stream_that_stopped_and_went_on_has_no_holes_to_repair() {
    let (mut world, parent, child, hub, hall) = tree();
    play(&mut world, hub, 0..50);
    world.close_legs(child);
    let gone = hall;
    play(&mut world, hub, 50..300);
    let before = crossed(&world, parent);
    let second = world.watcher(child, LegRole::Watch, Some("A"));
    play(&mut world, hub, 300..400);
    assert_ne!(gone, second);
    let sent = crossed(&world, parent) - before;
    assert!(
        (150..=215).contains(&sent),
        "a hundred of each, and none of the two hundred before: {sent}"
    );
    assert!(world.report(child).feeds.iter().all(|feed| feed.holes == 0));
    let numbers: Vec<u16> = super::media::video(&world.guests[second].rtp)
        .iter()
        .filter_map(|packet| rtp_seq_ssrc(packet))
        .map(|(sequence, _)| sequence)
        .collect();
    assert!(
        numbers
            .windows(2)
            .all(|pair| pair[1] == pair[0].wrapping_add(1))
    );
}

#[test]
pub(super) fn a_lost_wish_heals() {
    let (mut world, parent, child, hub) = unwatched();
    play(&mut world, hub, 10..160);
    let up = world.relays[parent].address;
    let hall = world.watcher(child, LegRole::Watch, Some("A"));
    let from = world.relays[child].address;
    // Everything the child says by RTCP is lost for a second and a half.
    world.lose = Box::new(move |source, to, bytes| {
        source == from
            && to == up
            && matches!(bytes.get(1), Some(192..=223))
            && bytes[0] & 0xc0 == 0x80
    });
    play(&mut world, hub, 160..235);
    world.lose = Box::new(|_, _, _| false);
    play(&mut world, hub, 235..400);
    assert!(super::media::video(&world.guests[hall].rtp).len() > 80);
}

#[test]
pub(super) fn a_parent_that_hears_nothing_sends_everything() {
    let mut world = World::new();
    let (parent, child) = (world.relay(), world.relay());
    world.trunk(parent, child, &["HUB"]);
    world.until("the trunk is up", |world| {
        connected(world, parent) && connected(world, child)
    });
    let (up, from) = (world.relays[parent].address, world.relays[child].address);
    // A child that does not speak of wishes, as far as its parent can tell.
    world.lose =
        Box::new(move |source, to, bytes| source == from && to == up && bytes[0] & 0xc0 == 0x80);
    let hub = world.publisher(parent, "HUB");
    play(&mut world, hub, 0..100);
    assert_eq!(crossed(&world, parent), 200);
}

/// A chain of three relays: the plans of its two trunks.
fn chain(world: &mut World, program: &[&str]) -> [usize; 3] {
    let [top, middle, leaf] = [world.relay(), world.relay(), world.relay()];
    let ice = |name: &str| IceCredentials {
        ufrag: name.to_owned(),
        pwd: "p".repeat(32),
    };
    let (up1, down1) = world.trunk_plans(top, middle, program, &ice("trunk1"));
    let (up2, down2) = world.trunk_plans(middle, leaf, program, &ice("trunk2"));
    let now = world.now;
    let mut tell = |relay: usize, plan| world.relays[relay].core.set_plan(plan, now);
    tell(top, plan(1, program, vec![], vec![down1]));
    tell(middle, plan(1, program, vec![up1], vec![down2]));
    tell(leaf, plan(1, program, vec![up2], vec![]));
    world.until("both trunks are up", |world| {
        [top, middle, leaf].iter().all(|relay| {
            let trunks = world.report(*relay).trunks;
            trunks
                .iter()
                .all(|trunk| trunk.state == protocol::LegState::Connected)
        })
    });
    [top, middle, leaf]
}

#[test]
pub(super) fn a_wish_travels_up_through_a_relay_that_has_nobody_itself() {
    let mut world = World::new();
    let [top, _, leaf] = chain(&mut world, &["HUB"]);
    let hub = world.publisher(top, "HUB");
    play(&mut world, hub, 0..200);
    let idle = crossed(&world, top);
    play(&mut world, hub, 200..300);
    assert_eq!(crossed(&world, top), idle);
    let hall = world.watcher(leaf, LegRole::Watch, Some("A"));
    play(&mut world, hub, 300..400);
    assert!(super::media::video(&world.guests[hall].rtp).len() >= 70);
    assert_eq!(world.guests[hall].unreadable, 0);
    assert!(world.report(leaf).feeds.iter().all(|feed| feed.holes == 0));
}

/// Both halls send; `b` only while it is told to.
fn both(world: &mut World, a: Option<usize>, b: usize, steps: std::ops::Range<u16>) {
    for i in steps {
        for guest in a.into_iter().chain([b]) {
            world.send_rtp(guest, &vp8(VIDEO_SSRC, i, 3000 * u32::from(i), i % 25 == 0));
        }
        world.pass(Duration::from_millis(20));
    }
}

#[test]
pub(super) fn a_program_that_dies_gives_way_to_one_that_was_paused() {
    let mut world = World::new();
    let [top, _, leaf] = chain(&mut world, &["A", "B"]);
    let a = world.publisher(top, "A");
    let b = world.publisher(top, "B");
    let hall = world.watcher(leaf, LegRole::Watch, Some("HUB"));
    both(&mut world, Some(a), b, 0..300);
    let feed = |world: &World, site: &str| {
        let feeds = world.report(leaf).feeds;
        feeds.into_iter().find(|feed| feed.site.as_str() == site)
    };
    let paused = feed(&world, "B").expect("announced").packets;
    assert!(paused < 20, "nobody below watches B: {paused} packets came");
    let seen = world.guests[hall].rtp.len();
    both(&mut world, None, b, 300..450);
    let after = world.guests[hall].rtp.len() - seen;
    assert!(
        after > 60,
        "three seconds without A show B from the second on: {after}"
    );
    // A comes back, paused below by now, and is known to live.
    both(&mut world, Some(a), b, 450..750);
    let a_again = feed(&world, "A").expect("announced");
    assert!(a_again.watchers >= 1, "A has the program again");
}

#[test]
pub(super) fn a_trunk_that_is_dialled_anew_is_told_what_is_not_wanted() {
    let (mut world, parent, child, hub) = unwatched();
    play(&mut world, hub, 10..160);
    world.restart(parent);
    let ice = IceCredentials {
        ufrag: format!("trunk{parent}{child}"),
        pwd: "p".repeat(32),
    };
    let (_, down) = world.trunk_plans(parent, child, &["HUB"], &ice);
    let now = world.now;
    world.relays[parent]
        .core
        .set_plan(plan(1, &["HUB"], vec![], vec![down]), now);
    world.until("the trunk is up again", |world| {
        connected(world, parent) && connected(world, child)
    });
    let hub = world.publisher(parent, "HUB");
    play(&mut world, hub, 0..100);
    let begun = crossed(&world, parent);
    assert!(begun < 10, "a first packet at most: {begun}");
}

#[test]
pub(super) fn a_paused_stream_outlives_a_rollover_of_its_numbers() {
    let (mut world, parent, child, hub) = unwatched();
    let hall = world.watcher(child, LegRole::Watch, Some("A"));
    play(&mut world, hub, 10..60);
    world.close_legs(child);
    assert!(!world.guests[hall].rtp.is_empty());
    play(&mut world, hub, 60..200);
    let before = crossed(&world, parent);
    // 70,000 packets that nobody wants: more than a whole period of the numbers.
    for i in 200..70_200u32 {
        let n = i as u16;
        let sealed = world.guests[hub].seal_rtp(&vp8(VIDEO_SSRC, n, 40 * i, i % 5000 == 0));
        world.send(hub, &sealed);
        if i % 250 == 0 {
            world.pass(Duration::from_millis(100));
        }
    }
    let kept = crossed(&world, parent) - before;
    assert!(
        (7..=9).contains(&kept),
        "one in 8,192 keeps the counter in step: {kept}"
    );
    let second = world.watcher(child, LegRole::Watch, Some("A"));
    for i in 70_200..70_300u32 {
        let n = i as u16;
        world.send_rtp(hub, &vp8(VIDEO_SSRC, n, 40 * i, i % 25 == 0));
        world.pass(Duration::from_millis(20));
    }
    let got = &world.guests[second];
    assert!(
        super::media::video(&got.rtp).len() >= 70,
        "{}",
        got.rtp.len()
    );
    assert_eq!(got.unreadable, 0);
}

#[test]
pub(super) fn a_tile_takes_no_layer_it_does_not_show() {
    let mut world = World::new();
    let (parent, child) = (world.relay(), world.relay());
    world.trunk(parent, child, &["HUB"]);
    world.until("the trunk is up", |world| {
        connected(world, parent) && connected(world, child)
    });
    let hub = world.publisher_of(parent, "HUB", super::ingress::simulcast());
    let mut slots = super::world::slots();
    for slot in &mut slots {
        slot.layer_max = Layer::LOWEST;
    }
    let tile = world.watcher_of(child, LegRole::Return, Some("HUB"), LegMedia::Watch(slots));
    let layers = |world: &mut World, steps: std::ops::Range<u32>| {
        for i in steps {
            for (layer, rid) in ["q", "h", "f"].into_iter().enumerate() {
                let mut packet = vp8(0xc000 + layer as u32, i as u16, 3000 * i, i % 25 == 0);
                packet.push(layer as u8);
                world.send_rtp(hub, &super::ingress::named(packet, rid));
            }
            world.pass(Duration::from_millis(20));
        }
    };
    layers(&mut world, 0..200);
    let before = crossed(&world, parent);
    layers(&mut world, 200..300);
    let one = crossed(&world, parent) - before;
    assert!((95..=105).contains(&one), "one layer of three: {one}");
    // On air: the best one.
    let (now, leg) = (world.now, world.leg(child, tile));
    let best = Command::SetLayer {
        leg,
        slot: 0,
        layer: Layer::BEST,
    };
    world.relays[child].core.handle_command(best, now);
    layers(&mut world, 300..500);
    let before = crossed(&world, parent);
    layers(&mut world, 500..600);
    let best = crossed(&world, parent) - before;
    assert!((95..=105).contains(&best), "again one, another: {best}");
    let last = world.guests[tile]
        .rtp
        .last()
        .and_then(|packet| packet.last());
    assert_eq!(last, Some(&2), "the top layer is seen");
}

/// The parent takes a feed out of the child's plan and puts it back at once: the stream ends and begins under one number
/// before the child's sending thread has told what is wanted.
fn an_end_and_a_beginning_in_one_moment(tells_in_time: bool) {
    let (mut world, parent, child, hub, hall) = tree();
    world.relays[child].tells_in_time = tells_in_time;
    play(&mut world, hub, 0..50);
    let ice = IceCredentials {
        ufrag: format!("trunk{parent}{child}"),
        pwd: "p".repeat(32),
    };
    let before = world.guests[hall].rtp.len();
    for (epoch, feeds) in [(2, &[][..]), (3, &["HUB"])] {
        let (_, down) = world.trunk_plans(parent, child, feeds, &ice);
        let now = world.now;
        let next = plan(epoch, &["HUB"], vec![], vec![down]);
        world.relays[parent].core.set_plan(next, now);
        world.settle();
    }
    play(&mut world, hub, 50..250);
    let seen = world.guests[hall].rtp.len() - before;
    assert!(seen > 350, "{seen} of 400, the picture from a keyframe on");
}

#[test]
pub(super) fn a_stream_that_ends_and_begins_in_one_moment_is_wanted_again() {
    an_end_and_a_beginning_in_one_moment(false);
}

#[test]
fn a_stream_that_ends_and_begins_between_two_tellings_is_wanted_again() {
    with_workers(2, || an_end_and_a_beginning_in_one_moment(true));
}
