//! Two relays: the child dials, the parent announces.

use super::guest::{opus, vp8};
use super::world::{AUDIO_SSRC, VIDEO_SSRC, World, plan};
use crate::media::IceCredentials;
use crate::media::srtp::rtp_seq_ssrc;
use protocol::{LegRole, LegState};
use std::time::Duration;

pub(super) fn connected(world: &World, relay: usize) -> bool {
    world
        .report(relay)
        .trunks
        .first()
        .is_some_and(|trunk| trunk.state == LegState::Connected)
}

/// A parent that carries the program to a child, with a hall on it.
pub(super) fn tree() -> (World, usize, usize, usize, usize) {
    let mut world = World::new();
    let (parent, child) = (world.relay(), world.relay());
    world.trunk(parent, child, &["HUB"]);
    world.until("the trunk is up", |world| {
        connected(world, parent) && connected(world, child)
    });
    let hub = world.publisher(parent, "HUB");
    let hall = world.watcher(child, LegRole::Watch, Some("A"));
    (world, parent, child, hub, hall)
}

pub(super) fn play(world: &mut World, hub: usize, sequences: std::ops::Range<u16>) {
    for i in sequences {
        world.send_rtp(hub, &vp8(VIDEO_SSRC, i, 3000 * u32::from(i), i % 25 == 0));
        world.send_rtp(hub, &opus(AUDIO_SSRC, i, 960 * u32::from(i), 30));
        world.pass(Duration::from_millis(20));
    }
}

#[test]
pub(super) fn the_program_reaches_a_hall_two_hops_away() {
    let (mut world, parent, child, hub, hall) = tree();
    play(&mut world, hub, 0..50);
    assert_eq!(
        (world.guests[hall].rtp.len(), world.guests[hall].unreadable),
        (100, 0),
        "from the very first packet"
    );
    let (above, below) = (world.report(parent), world.report(child));
    assert_eq!(
        above.feeds[0].ssrc, below.feeds[0].ssrc,
        "numbering is unchanged on trunks"
    );
    assert!(above.feeds[0].local && !below.feeds[0].local);
    assert_eq!(above.feeds[0].ssrc >> 16, 1, "out of the parent's block");
    assert!(below.trunks[0].rtt_ms.is_some());
}

#[test]
pub(super) fn a_child_that_listens_on_both_families_dials_an_ipv4_parent() {
    let mut world = World::new();
    let (parent, child) = (world.relay(), world.relay());
    world.relays[child].hears_both_families = true;
    world.trunk(parent, child, &["HUB"]);
    world.until("the trunk is up", |world| {
        connected(world, parent) && connected(world, child)
    });
    let hub = world.publisher(parent, "HUB");
    let hall = world.watcher(child, LegRole::Watch, Some("A"));
    play(&mut world, hub, 0..10);
    assert_eq!(world.guests[hall].rtp.len(), 20);
}

#[test]
pub(super) fn a_packet_lost_on_the_trunk_is_repaired_before_the_hall_asks() {
    let (mut world, parent, _, hub, hall) = tree();
    play(&mut world, hub, 0..5);
    let from = world.relays[parent].address;
    let mut lost = 0;
    world.lose = Box::new(move |source, to, bytes| {
        let is_rtp =
            matches!(bytes.first(), Some(128..=191)) && !matches!(bytes.get(1), Some(192..=223));
        let hit = source == from && to.port() == 5004 && is_rtp && lost == 0;
        lost += u32::from(hit);
        hit
    });
    play(&mut world, hub, 5..20);
    world.pass(Duration::from_millis(500));
    let mut numbers: Vec<u16> = world.guests[hall]
        .rtp
        .iter()
        .filter(|packet| packet[1] & 0x7f == 98)
        .filter_map(|packet| rtp_seq_ssrc(packet))
        .map(|(seq, _)| seq)
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 20, "every picture came: {numbers:?}");
}

#[test]
pub(super) fn a_restarted_parent_is_dialled_again() {
    let (mut world, parent, child, hub, hall) = tree();
    play(&mut world, hub, 0..10);
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
    let before = world.guests[hall].rtp.len();
    play(&mut world, hub, 0..50);
    assert!(
        world.guests[hall].rtp.len() >= before + 90,
        "the hall has kept its leg and its numbering"
    );
    assert_eq!(world.guests[hall].unreadable, 0);
}

#[test]
pub(super) fn a_restarted_child_is_taken_back_once_its_old_session_is_silent() {
    let (mut world, parent, child, hub, _) = tree();
    play(&mut world, hub, 0..10);
    world.restart(child);
    let ice = IceCredentials {
        ufrag: format!("trunk{parent}{child}"),
        pwd: "p".repeat(32),
    };
    let (up, _) = world.trunk_plans(parent, child, &["HUB"], &ice);
    let now = world.now;
    world.relays[child]
        .core
        .set_plan(plan(1, &["HUB"], vec![up], vec![]), now);
    world.until("the trunk is up again", |world| connected(world, child));
    let hall = world.watcher(child, LegRole::Watch, Some("A"));
    play(&mut world, hub, 10..60);
    // All the sound, and the picture from the next keyframe on.
    assert_eq!(world.guests[hall].rtp.len(), 50 + 35);
    assert_eq!(world.report(parent).trunks.len(), 1);
}

#[test]
pub(super) fn a_feed_taken_out_of_the_plan_ends_below_and_the_trunk_stays() {
    let (mut world, parent, child, hub, _) = tree();
    play(&mut world, hub, 0..10);
    assert_eq!(world.report(child).feeds.len(), 2);
    let ice = IceCredentials {
        ufrag: format!("trunk{parent}{child}"),
        pwd: "p".repeat(32),
    };
    let (_, down) = world.trunk_plans(parent, child, &[], &ice);
    let (now, sent) = (world.now, world.report(parent).trunks[0].packets_sent);
    world.relays[parent]
        .core
        .set_plan(plan(2, &["HUB"], vec![], vec![down]), now);
    world.settle();
    assert!(world.report(child).feeds.is_empty(), "announced as ended");
    play(&mut world, hub, 10..20);
    let trunk = &world.report(parent).trunks[0];
    assert_eq!(
        (trunk.state, trunk.packets_sent),
        (LegState::Connected, sent),
        "the same session, and it is quiet"
    );
}

#[test]
pub(super) fn a_publisher_that_leaves_ends_its_feed_on_every_level() {
    let (mut world, parent, child, hub, _) = tree();
    play(&mut world, hub, 0..10);
    let leg = world.report(parent).legs.len();
    assert_eq!(leg, 1);
    world.pass(Duration::from_secs(31));
    assert!(world.report(parent).feeds.is_empty(), "consent has run out");
    assert!(world.report(child).feeds.is_empty());
}

#[test]
pub(super) fn a_stranger_with_the_trunks_password_but_another_certificate_gets_nothing() {
    let mut world = World::new();
    let (parent, child) = (world.relay(), world.relay());
    let impostor = world.relay();
    let ice = IceCredentials {
        ufrag: "trunk".to_owned(),
        pwd: "p".repeat(32),
    };
    let (up, down) = world.trunk_plans(parent, child, &["HUB"], &ice);
    let now = world.now;
    world.relays[parent]
        .core
        .set_plan(plan(1, &["HUB"], vec![], vec![down]), now);
    world.relays[impostor]
        .core
        .set_plan(plan(1, &["HUB"], vec![up], vec![]), now);
    world.pass(Duration::from_secs(15));
    assert!(!connected(&world, parent));
    assert!(world.report(impostor).feeds.is_empty());
}
