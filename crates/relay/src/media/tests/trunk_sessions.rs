//! What a trunk's session withstands: replays, two parents, more SSRCs than it holds.

use super::guest::{opus, vp8};
use super::trunks::{connected, play, tree};
use super::world::{AUDIO_SSRC, VIDEO_SSRC, World, plan};
use crate::media::srtp::rtp_seq_ssrc;
use crate::media::{Codec, IceCredentials, PublishExtensions, PublishedTrack};
use protocol::{ChildTrunk, LegRole, LegState, ParentTrunk, RelayPlan};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

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
pub(super) fn neither_an_old_check_nor_a_new_dialler_tears_a_live_trunk_down() {
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
        assert!(world.relays[parent].sent.take().is_empty());
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
pub(super) fn a_new_feed_is_announced_alone_and_reports_fit_their_datagrams() {
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

/// Plans of a trunk between relays that are named by their number.
fn trunk(world: &World, parent: usize, child: usize, feeds: &[&str]) -> (ParentTrunk, ChildTrunk) {
    let ice = IceCredentials {
        ufrag: format!("trunk{parent}{child}"),
        pwd: "p".repeat(32),
    };
    let (mut up, mut down) = world.trunk_plans(parent, child, feeds, &ice);
    up.relay = format!("relay{parent}").parse().expect("an id");
    down.relay = format!("relay{child}").parse().expect("an id");
    (up, down)
}

fn tell(world: &mut World, relay: usize, plan: RelayPlan) {
    let now = world.now;
    world.relays[relay].core.set_plan(plan, now);
    world.settle();
}

/// A leaf with two parents, of whom the middle one has the feed from the top; a hub at the top.
fn two_parents(feeds: &[&str]) -> (World, [usize; 3], usize) {
    let mut world = World::new();
    let [top, middle, leaf] = [world.relay(), world.relay(), world.relay()];
    let (middle_up, top_middle) = trunk(&world, top, middle, feeds);
    let (leaf_top, top_leaf) = trunk(&world, top, leaf, feeds);
    let (leaf_middle, middle_leaf) = trunk(&world, middle, leaf, feeds);
    let children = vec![top_middle, top_leaf];
    tell(&mut world, top, plan(1, feeds, vec![], children));
    let (up, down) = (vec![middle_up], vec![middle_leaf]);
    tell(&mut world, middle, plan(1, feeds, up, down));
    let parents = vec![leaf_top, leaf_middle];
    tell(&mut world, leaf, plan(1, feeds, parents, vec![]));
    world.until("all trunks are up", |world| {
        let trunks = world.report(leaf).trunks;
        trunks
            .iter()
            .all(|trunk| trunk.state == LegState::Connected)
            && connected(world, middle)
    });
    let hub = world.publisher(top, "HUB");
    (world, [top, middle, leaf], hub)
}

#[test]
pub(super) fn what_one_parent_ends_the_other_one_still_brings() {
    let feeds = ["HUB"];
    let (mut world, [top, middle, leaf], hub) = two_parents(&feeds);
    play(&mut world, hub, 0..100);
    assert_eq!(world.report(leaf).feeds.len(), 2);
    let (middle_up, _) = trunk(&world, top, middle, &feeds);
    let (_, without) = trunk(&world, middle, leaf, &[]);
    let next = plan(2, &feeds, vec![middle_up], vec![without]);
    tell(&mut world, middle, next);
    play(&mut world, hub, 100..200);
    assert_eq!(world.report(leaf).feeds.len(), 2);
}

#[test]
pub(super) fn whichever_of_two_parents_is_lost_the_picture_goes_on() {
    for lost in 0..2 {
        let (mut world, relays, hub) = two_parents(&["HUB"]);
        let leaf = relays[2];
        let hall = world.watcher(leaf, LegRole::Watch, Some("A"));
        play(&mut world, hub, 0..100);
        let line = [relays[lost], leaf].map(|relay| world.relays[relay].address);
        world.lose = Box::new(move |from, to, _| line.contains(&from) && line.contains(&to));
        // One keyframe, at the beginning: a stream that ended and began would wait for the next.
        for i in 100..700 {
            world.send_rtp(hub, &vp8(VIDEO_SSRC, i, 3000 * u32::from(i), false));
            world.pass(Duration::from_millis(20));
        }
        let trunks = world.report(leaf).trunks;
        let up = trunks
            .iter()
            .filter(|trunk| trunk.state == LegState::Connected);
        assert_eq!(up.count(), 1, "one of them is lost");
        let seen = super::media::video(&world.guests[hall].rtp).len();
        assert_eq!(seen, 700, "without parent {lost}");
    }
}

#[test]
pub(super) fn a_trunk_that_has_carried_all_the_ssrcs_it_can_begins_a_new_session() {
    let (mut world, parent, child, _, _) = tree();
    let track = |n: u32| PublishedTrack {
        mid: n.to_string(),
        codec: Codec::Opus,
        payload_type: 100 + n as u8,
        rtx_payload_type: None,
        red_payload_type: None,
        extensions: PublishExtensions::default(),
        rids: Vec::new(),
        feedback_nack: false,
        ssrcs: vec![n],
    };
    let sound = |n: u32, sequence: u16| {
        let mut packet = opus(n, sequence, 0, 30);
        packet[1] = 100 + n as u8;
        packet
    };
    // A hall that joins and leaves, with eight streams each time.
    for _ in 0..513 {
        let guest = world.publisher_of(parent, "HUB", (0..8).map(track).collect());
        for ssrc in 0..8 {
            world.send_rtp(guest, &sound(ssrc, 0));
        }
        world.guests.truncate(2);
    }
    world.pass(Duration::from_secs(2));
    assert_eq!(world.report(child).feeds.len(), 8);
    let heard = |world: &World| -> u64 {
        let feeds = world.report(child).feeds;
        feeds.iter().map(|feed| feed.packets).sum()
    };
    let guest = world.publisher_of(parent, "HUB", (0..8).map(track).collect());
    for sequence in 0..5 {
        for ssrc in 0..8 {
            world.send_rtp(guest, &sound(ssrc, sequence));
        }
    }
    assert_eq!((heard(&world), connected(&world, child)), (40, true));
}

#[test]
pub(super) fn a_short_trunk_is_asked_again_sooner() {
    let (mut world, parent, child, hub, _) = tree();
    play(&mut world, hub, 0..100);
    let (above, below) = (world.relays[parent].address, world.relays[child].address);
    let asked = Rc::new(Cell::new(0));
    let count = asked.clone();
    world.lose = Box::new(move |from, to, bytes| {
        let is_rtcp = matches!(bytes.get(..2), Some([128..=191, 192..=223]));
        count.set(count.get() + u32::from((from, to) == (below, above) && is_rtcp));
        let is_lost = rtp_seq_ssrc(bytes).is_some_and(|(sequence, _)| sequence == 150);
        (from, to) == (above, below) && !is_rtcp && is_lost
    });
    // At the start of a second, between the regular reports.
    world.until("a report", |_| asked.get() > 0);
    asked.set(0);
    for i in [149, 150, 151] {
        world.send_rtp(hub, &vp8(VIDEO_SSRC, i, 3000 * u32::from(i), false));
    }
    world.pass(Duration::from_millis(100));
    assert_eq!(
        asked.get(),
        4,
        "after 5, 25, 45 and 85 ms; unmeasured, after 5 and 65"
    );
}
