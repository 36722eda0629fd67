//! Two relays: the child dials, the parent announces.

use super::guest::{opus, vp8};
use super::world::{AUDIO_SSRC, VIDEO_SSRC, World, plan};
use crate::media::IceCredentials;
use crate::media::srtp::rtp_seq_ssrc;
use protocol::{LegRole, LegState};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

fn connected(world: &World, relay: usize) -> bool {
    world
        .report(relay)
        .trunks
        .first()
        .is_some_and(|trunk| trunk.state == LegState::Connected)
}

/// A parent that carries the program to a child, with a hall on it.
fn tree() -> (World, usize, usize, usize, usize) {
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

fn play(world: &mut World, hub: usize, sequences: std::ops::Range<u16>) {
    for i in sequences {
        world.send_rtp(hub, &vp8(VIDEO_SSRC, i, 3000 * u32::from(i), i % 25 == 0));
        world.send_rtp(hub, &opus(AUDIO_SSRC, i, 960 * u32::from(i), 30));
        world.pass(Duration::from_millis(20));
    }
}

#[test]
fn the_program_reaches_a_hall_two_hops_away() {
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
fn a_packet_lost_on_the_trunk_is_repaired_before_the_hall_asks() {
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
fn a_restarted_parent_is_dialled_again() {
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
fn a_restarted_child_is_taken_back_once_its_old_session_is_silent() {
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

/// What passes from one relay to another, from now on.
fn tap(world: &mut World, from: usize, to: usize) -> Rc<RefCell<Vec<Vec<u8>>>> {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let (tap, from, to) = (
        seen.clone(),
        world.relays[from].address,
        world.relays[to].address,
    );
    world.lose = Box::new(move |source, target, bytes| {
        if (source, target) == (from, to) {
            tap.borrow_mut().push(bytes.to_vec());
        }
        false
    });
    seen
}

#[test]
fn neither_an_old_check_nor_a_new_dialler_tears_a_live_trunk_down() {
    let (mut world, parent, child, hub, _) = tree();
    let seen = tap(&mut world, child, parent);
    world.pass(Duration::from_secs(2));
    let old_check = seen
        .borrow()
        .iter()
        .rfind(|bytes| matches!(bytes.first(), Some(0..=3)))
        .cloned()
        .expect("a check");
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
    let early = crate::media::stun::request([1; 12], "trunk01:early", &ice.pwd, 7);
    let parent_address = world.relays[parent].address;
    for bytes in [&early, &old_check] {
        let now = world.now;
        let stranger = "9.9.9.9:9".parse().expect("an address");
        world.relays[parent]
            .core
            .handle_datagram(now, stranger, &mut bytes.clone());
        assert!(world.relays[parent].core.poll_transmit().is_none());
        assert!(connected(&world, parent));
    }
    // Nor does the replay when the child has just lost the trunk.
    world.lose = Box::new(move |source, to, _| source == parent_address || to == parent_address);
    world.until("the trunk is lost", |world| !connected(world, parent));
    world.lose = Box::new(|_, _, _| false);
    let refused = world.relays[parent].core.drops().stun_refused;
    let (now, stranger) = (world.now, "9.9.9.9:9".parse().expect("an address"));
    world.relays[parent]
        .core
        .handle_datagram(now, stranger, &mut old_check.clone());
    assert_eq!(world.relays[parent].core.drops().stun_refused, refused + 1);
    world.until("the trunk is up again", |world| connected(world, parent));
    play(&mut world, hub, 0..5);
    assert_eq!(world.report(child).feeds.len(), 2);
}

#[test]
fn a_new_feed_is_announced_alone_and_reports_fit_their_datagrams() {
    let sites: Vec<String> = (0..24).map(|n| format!("SITE-{n}")).collect();
    let names: Vec<&str> = sites.iter().map(String::as_str).collect();
    let mut world = World::new();
    let (parent, child) = (world.relay(), world.relay());
    world.trunk(parent, child, &names);
    world.until("the trunk is up", |world| {
        connected(world, parent) && connected(world, child)
    });
    let halls: Vec<usize> = names
        .iter()
        .map(|site| world.publisher(parent, site))
        .collect();
    let (last, first) = halls.split_last().expect("halls");
    for hall in first {
        world.send_rtp(*hall, &vp8(VIDEO_SSRC, 0, 0, true));
        world.send_rtp(*hall, &opus(AUDIO_SSRC, 0, 0, 30));
    }
    let seen = tap(&mut world, parent, child);
    world.send_rtp(*last, &opus(AUDIO_SSRC, 0, 0, 30));
    let bytes: usize = seen.borrow().iter().map(Vec::len).sum();
    assert!(bytes < 250, "one announcement and one packet, not {bytes}");
    let seen = tap(&mut world, child, parent);
    world.pass(Duration::from_secs(2));
    let longest = seen.borrow().iter().map(Vec::len).max();
    assert!(
        longest > Some(31 * 24) && longest < Some(1100),
        "{longest:?}"
    );
}

#[test]
fn a_feed_taken_out_of_the_plan_ends_below_and_the_trunk_stays() {
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
fn a_publisher_that_leaves_ends_its_feed_on_every_level() {
    let (mut world, parent, child, hub, _) = tree();
    play(&mut world, hub, 0..10);
    let leg = world.report(parent).legs.len();
    assert_eq!(leg, 1);
    world.pass(Duration::from_secs(31));
    assert!(world.report(parent).feeds.is_empty(), "consent has run out");
    assert!(world.report(child).feeds.is_empty());
}

#[test]
fn a_stranger_with_the_trunks_password_but_another_certificate_gets_nothing() {
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
