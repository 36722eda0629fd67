//! Publishers whose encoders restart, jump, flood.

use super::guest::vp8;
use super::media::video;
use super::world::{VIDEO_SSRC, World};
use crate::media::srtp::rtp_seq_ssrc;
use protocol::LegRole;
use std::time::Duration;

#[test]
pub(super) fn a_restarted_encoder_is_a_new_stream_and_the_picture_goes_on() {
    let (mut world, relay) = World::with_program("HUB");
    let hub = world.publisher(relay, "HUB");
    let hall = world.watcher(relay, LegRole::Watch, Some("A"));
    world.send_rtp(hub, &vp8(VIDEO_SSRC, 0, 0, true));
    let before = world.report(relay).feeds[0].ssrc;
    world.pass(Duration::from_secs(2));
    for i in 0..3 {
        world.send_rtp(hub, &vp8(0xbbbb_0001, 40_000 + i, 7, i == 0));
        world.pass(Duration::from_millis(20));
    }
    let feeds = world.report(relay).feeds;
    assert_eq!(feeds.len(), 1);
    assert_ne!(feeds[0].ssrc, before, "an epoch is a new SSRC");
    let numbers: Vec<_> = video(&world.guests[hall].rtp)
        .iter()
        .filter_map(|p| rtp_seq_ssrc(p))
        .collect();
    assert_eq!(numbers.len(), 4);
    assert!(
        numbers
            .windows(2)
            .all(|pair| pair[1] == (pair[0].0.wrapping_add(1), pair[0].1)),
        "one slot, one numbering"
    );
}

#[test]
pub(super) fn stragglers_of_an_encoder_that_is_gone_use_up_no_numbers() {
    let mut world = World::new();
    let relay = world.relay();
    let hub = world.publisher(relay, "HUB");
    world.send_rtp(hub, &vp8(VIDEO_SSRC, 0, 0, true));
    world.pass(Duration::from_secs(2));
    world.send_rtp(hub, &vp8(0xbbbb_0001, 0, 0, true));
    let second = world.report(relay).feeds[0].ssrc;
    for i in 1..100 {
        world.send_rtp(hub, &vp8(VIDEO_SSRC, i, 0, false));
    }
    world.pass(Duration::from_secs(3));
    world.send_rtp(hub, &vp8(0xbbbb_0002, 0, 0, true));
    let third = world.report(relay).feeds[0].ssrc;
    assert_eq!((third as u16).wrapping_sub(second as u16), 1);
}

#[test]
pub(super) fn a_publisher_that_restarts_again_and_again_is_slowed_down() {
    let mut world = World::new();
    let relay = world.relay();
    let hub = world.publisher(relay, "HUB");
    let mut streams = std::collections::HashSet::new();
    for n in 0..120u32 {
        world.send_rtp(hub, &vp8(0xbbbb_0000 + n, 0, 0, true));
        streams.insert(world.report(relay).feeds[0].ssrc);
        world.pass(Duration::from_secs(1));
    }
    // At once, then after 1, 2, 4, 8, 16, 30 and 30 s.
    assert_eq!(streams.len(), 8);
}

#[test]
pub(super) fn a_publisher_that_jumps_in_its_numbering_is_seen_again() {
    let (mut world, relay) = World::with_program("HUB");
    let hub = world.publisher(relay, "HUB");
    let hall = world.watcher(relay, LegRole::Watch, Some("A"));
    world.send_rtp(hub, &vp8(VIDEO_SSRC, 0, 0, true));
    let before = world.report(relay).feeds[0].ssrc;
    world.pass(Duration::from_secs(2));
    for i in 0..60 {
        world.send_rtp(hub, &vp8(VIDEO_SSRC, 20_000 + i, 7, true));
    }
    let feeds = world.report(relay).feeds;
    assert_eq!(feeds.len(), 1);
    assert_ne!(feeds[0].ssrc, before, "an epoch is a new SSRC");
    assert_eq!(video(&world.guests[hall].rtp).len(), 1 + 10);
}

#[test]
pub(super) fn a_hall_that_floods_is_limited_and_its_neighbour_is_not() {
    let (mut world, relay) = World::with_program("HUB");
    let hub = world.publisher(relay, "HUB");
    let a = world.publisher(relay, "A");
    let hall = world.watcher(relay, LegRole::Watch, Some("B"));
    let mut large = vp8(VIDEO_SSRC, 0, 0, false);
    large.resize(1200, 0);
    for i in 0..4000u16 {
        large[2..4].copy_from_slice(&i.to_be_bytes());
        let sealed = world.guests[a].seal_rtp(&large);
        world.send(a, &sealed);
        if i % 100 == 0 {
            world.send_rtp(hub, &vp8(VIDEO_SSRC, i / 100, 0, i == 0));
        }
    }
    assert!(
        world.relays[relay].core.drops().flood > 300,
        "4.8 MB at once"
    );
    assert_eq!(video(&world.guests[hall].rtp).len(), 40);
    world.pass(Duration::from_secs(1));
    let before = world.relays[relay].core.drops().flood;
    large[2..4].copy_from_slice(&4000u16.to_be_bytes());
    let sealed = world.guests[a].seal_rtp(&large);
    world.send(a, &sealed);
    assert_eq!(
        world.relays[relay].core.drops().flood,
        before,
        "a second later it may again"
    );
}
