//! The life of a leg: how it opens, moves, is lost.

use super::guest::{Guest, vp8};
use super::world::{VIDEO_SSRC, World, plan, slots, tracks};
use crate::media::{Fingerprint, IceCredentials, LegId, LegMedia, MediaError};
use protocol::{LegRole, LegState};
use std::time::Duration;

#[test]
pub(super) fn a_leg_is_reported_from_opening_to_loss() {
    let mut world = World::new();
    let relay = world.relay();
    let before = world.relays[relay].core.version();
    let hall = world.watcher(relay, LegRole::Watch, Some("A"));
    let report = world.report(relay);
    assert_eq!(
        (report.legs[0].session.as_str(), report.legs[0].state),
        ("s0", LegState::Connected)
    );
    assert!(world.relays[relay].core.version() > before);
    world.pass(Duration::from_secs(20));
    let check = world.guests[hall].check();
    world.send(hall, &check);
    world.pass(Duration::from_secs(20));
    assert_eq!(world.report(relay).legs.len(), 1, "a check renews consent");
    // Reports do not: whoever once proved this address may be far away by now.
    let mut compound = crate::media::rtcp::Writer::default();
    compound.receiver_report(1, &[]);
    compound.cname(1, "hall");
    world.send_rtcp(hall, &compound.0);
    world.pass(Duration::from_secs(12));
    assert!(world.report(relay).legs.is_empty(), "30 s without a check");
    assert!(world.guests[hall].closed, "the peer is told");
}

#[test]
pub(super) fn a_leg_nobody_connects_to_is_given_up() {
    let mut world = World::new();
    let relay = world.relay();
    let address = "192.168.0.9:9".parse().expect("an address");
    world.guests.push(Guest::new(
        address,
        world.relays[relay].address,
        &super::guest::CHROMIUM,
    ));
    world.open(
        relay,
        0,
        LegRole::Watch,
        Some("A"),
        LegMedia::Watch(slots()),
    );
    assert_eq!(world.report(relay).legs[0].state, LegState::Connecting);
    world.pass(Duration::from_secs(21));
    assert!(world.report(relay).legs.is_empty());
}

#[test]
pub(super) fn a_certificate_other_than_the_offers_ends_the_leg() {
    let mut world = World::new();
    let relay = world.relay();
    let address = "192.168.0.9:9".parse().expect("an address");
    let guest = Guest::new(
        address,
        world.relays[relay].address,
        &super::guest::CHROMIUM,
    );
    let spec = crate::media::LegSpec {
        session: "s".to_owned(),
        role: LegRole::Publish,
        site: Some("A".parse().expect("a site code")),
        conference: None,
        local: guest.relay_ice.clone(),
        remote: guest.ice.clone(),
        remote_fingerprints: vec![Fingerprint([7; 32])],
        media: LegMedia::Publish(tracks()),
    };
    world.guests.push(guest);
    let now = world.now;
    world.relays[relay].core.open_leg(spec, now).expect("a leg");
    let check = world.guests[0].check();
    world.send(0, &check);
    world.until("the leg is gone", |world| {
        world.report(relay).legs.is_empty()
    });
    assert!(world.guests[0].closed);
}

#[test]
pub(super) fn a_peer_may_move_with_a_verified_check() {
    let (mut world, relay) = World::with_program("HUB");
    let hub = world.publisher(relay, "HUB");
    let hall = world.watcher(relay, LegRole::Watch, Some("A"));
    world.send_rtp(hub, &vp8(VIDEO_SSRC, 0, 0, true));
    world.guests[hall].address = "172.16.0.1:7".parse().expect("an address");
    // From the new address: a check, then what only the peer can send.
    let check = world.guests[hall].check();
    world.send(hall, &check);
    let mut compound = crate::media::rtcp::Writer::default();
    compound.receiver_report(1, &[]);
    compound.cname(1, "hall");
    world.send_rtcp(hall, &compound.0);
    let before = world.guests[hall].rtp.len();
    world.send_rtp(hub, &vp8(VIDEO_SSRC, 1, 0, false));
    assert_eq!(
        world.guests[hall].rtp.len(),
        before + 1,
        "media follows, no new handshake"
    );
}

#[test]
pub(super) fn an_address_a_leg_forgets_stays_with_whoever_has_it_now() {
    let mut world = World::new();
    let relay = world.relay();
    let a = world.publisher(relay, "A");
    let b = world.publisher(relay, "B");
    let shared = "172.16.0.1:7".parse().expect("an address");
    let prove = |world: &mut World, guest: usize, address| {
        world.guests[guest].address = address;
        let check = world.guests[guest].check();
        world.send(guest, &check);
    };
    prove(&mut world, a, shared);
    world.guests[a].address = "172.16.0.1:1".parse().expect("an address");
    prove(&mut world, b, shared);
    // More than A may have proven at once: the oldest gives way.
    for port in 8..16 {
        world.pass(Duration::from_millis(10));
        prove(
            &mut world,
            a,
            (std::net::Ipv4Addr::new(172, 16, 0, 1), port).into(),
        );
    }
    world.send_rtp(b, &vp8(VIDEO_SSRC, 0, 0, true));
    assert_eq!(world.relays[relay].core.drops().from_strangers, 0);
    assert_eq!(world.report(relay).legs[1].packets_received, 1);
}

#[test]
pub(super) fn a_hall_that_writes_its_neighbours_address_does_not_get_it() {
    let mut world = World::new();
    let relay = world.relay();
    let a = world.publisher(relay, "A");
    let b = world.publisher(relay, "B");
    world.pass(Duration::from_secs(2));
    let compound = {
        let mut compound = crate::media::rtcp::Writer::default();
        compound.receiver_report(1, &[]);
        compound.cname(1, "hall");
        compound.0
    };
    world.send_rtcp(b, &compound);
    let (own, victim) = (world.guests[a].address, world.guests[b].address);
    let spoofed = world.guests[a].check();
    world.guests[a].address = victim;
    let now = world.now;
    world.relays[relay]
        .core
        .handle_datagram(now, victim, &mut spoofed.clone());
    world.guests[a].address = own;
    drop(world.relays[relay].sent.take());
    world.send_rtp(b, &vp8(VIDEO_SSRC, 0, 0, true));
    assert_eq!(world.report(relay).legs[1].packets_received, 1);
    // A page that was reloaded gets its predecessor's port once that one is silent.
    world.pass(Duration::from_secs(4));
    world.relays[relay]
        .core
        .handle_datagram(world.now, victim, &mut spoofed.clone());
    let packet = world.guests[a].seal_rtp(&vp8(VIDEO_SSRC, 0, 0, true));
    world.relays[relay]
        .core
        .handle_datagram(world.now, victim, &mut packet.clone());
    assert_eq!(world.report(relay).legs[0].packets_received, 1);
}

#[test]
pub(super) fn the_second_publisher_of_a_hall_ends_the_first_and_no_other() {
    let mut world = World::new();
    let relay = world.relay();
    let first = world.publisher(relay, "A");
    let other = world.publisher(relay, "B");
    let hall = world.watcher(relay, LegRole::Watch, Some("A"));
    world.send_rtp(first, &vp8(VIDEO_SSRC, 0, 0, true));
    let second = world.publisher(relay, "A");
    assert!(world.guests[first].closed, "the peer is told");
    assert!(!world.guests[other].closed && !world.guests[hall].closed);
    world.send_rtp(second, &vp8(VIDEO_SSRC, 0, 0, true));
    assert_eq!(world.report(relay).feeds.len(), 1);
}

#[test]
pub(super) fn a_site_that_leaves_the_plan_has_half_a_minute_and_a_conference_that_ends_none() {
    let mut world = World::new();
    let relay = world.relay();
    let now = world.now;
    world.relays[relay]
        .core
        .set_plan(plan(1, &["HUB"], vec![], vec![]), now);
    let [a, b] = ["A", "B"].map(|site| world.watcher(relay, LegRole::Watch, Some(site)));
    let room = world.watcher(relay, LegRole::Program, None);
    let stay = |world: &mut World, time: u64| {
        for _ in 0..time {
            for guest in [a, b, room] {
                let check = world.guests[guest].check();
                world.send(guest, &check);
            }
            world.pass(Duration::from_secs(1));
        }
    };
    let mut without_a = plan(2, &["HUB"], vec![], vec![]);
    without_a.sites.retain(|site| site.as_str() != "A");
    world.relays[relay].core.set_plan(without_a.clone(), now);
    stay(&mut world, 29);
    assert!(!world.guests[a].closed, "time to go over");
    stay(&mut world, 3);
    let closed = |world: &World| [a, b, room].map(|guest| world.guests[guest].closed);
    assert_eq!(closed(&world), [true, false, false]);
    without_a.conference = "another".parse().expect("an id");
    let now = world.now;
    world.relays[relay].core.set_plan(without_a, now);
    world.settle();
    assert_eq!(closed(&world), [true, true, true]);
    assert!(world.report(relay).legs.is_empty());
}

#[test]
pub(super) fn the_control_room_leaves_room_for_halls() {
    let mut world = World::new();
    let relay = world.relay();
    for _ in 0..16 {
        world.watcher(relay, LegRole::Program, None);
    }
    let guest = world.guests.len() - 1;
    let spec = |role, site: Option<&str>| crate::media::LegSpec {
        session: "s".to_owned(),
        role,
        site: site.map(|site| site.parse().expect("a site code")),
        conference: None,
        local: crate::media::IceCredentials::random(),
        remote: crate::media::IceCredentials::random(),
        remote_fingerprints: vec![world.guests[guest].fingerprint()],
        media: LegMedia::Watch(slots()),
    };
    let (one_more, hall) = (
        spec(LegRole::Return, Some("A")),
        spec(LegRole::Watch, Some("A")),
    );
    let now = world.now;
    let core = &mut world.relays[relay].core;
    let refused = core.open_leg(one_more, now).err();
    assert_eq!(refused, Some(MediaError::TooManyLegs { legs_max: 16 }));
    assert!(core.open_leg(hall, now).is_ok());
}

#[test]
pub(super) fn the_bound_on_legs_holds() {
    let mut world = World::new();
    let relay = world.relay();
    let address = "192.168.0.9:9".parse().expect("an address");
    world.guests.push(Guest::new(
        address,
        world.relays[relay].address,
        &super::guest::CHROMIUM,
    ));
    let mut refused = None;
    for n in 0..65 {
        let spec = crate::media::LegSpec {
            session: format!("s{n}"),
            role: LegRole::Watch,
            site: Some("A".parse().expect("a site code")),
            conference: None,
            local: crate::media::IceCredentials::random(),
            remote: world.guests[0].ice.clone(),
            remote_fingerprints: vec![world.guests[0].fingerprint()],
            media: LegMedia::Watch(slots()),
        };
        let now = world.now;
        refused = world.relays[relay].core.open_leg(spec, now).err();
    }
    assert_eq!(refused, Some(MediaError::TooManyLegs { legs_max: 64 }));
}

#[test]
pub(super) fn an_encoder_that_checks_only_once_publishes_on() {
    let mut world = World::new();
    let relay = world.relay();
    let hub = world.publisher(relay, "HUB");
    for n in 0..100u16 {
        world.send_rtp(hub, &vp8(VIDEO_SSRC, n, 90_000 * u32::from(n), n == 0));
        world.pass(Duration::from_secs(1));
    }
    assert_eq!(world.report(relay).feeds.len(), 1);
    world.pass(Duration::from_secs(31));
    assert!(world.report(relay).legs.is_empty());
}

#[test]
pub(super) fn a_browser_that_restarts_ice_keeps_keys_and_picture() {
    let mut world = World::new();
    let relay = world.relay();
    let now = world.now;
    world.relays[relay]
        .core
        .set_plan(plan(1, &["HUB"], vec![], vec![]), now);
    let hub = world.publisher(relay, "HUB");
    let hall = world.watcher(relay, LegRole::Watch, Some("A"));
    world.send_rtp(hub, &vp8(VIDEO_SSRC, 0, 0, true));
    let restart = |world: &mut World| {
        let (local, remote) = (IceCredentials::random(), IceCredentials::random());
        let leg = world.leg(relay, hall);
        let core = &mut world.relays[relay].core;
        core.restart_ice(leg, remote.clone(), local.clone())
            .expect("restarted");
        (local, remote)
    };
    // An offer that the browser gives up for a later one.
    let superseded = restart(&mut world);
    let renewed = restart(&mut world);
    let answered = |world: &mut World| {
        let check = world.guests[hall].check();
        let before = world.guests[hall].stun_answers;
        world.send(hall, &check);
        world.guests[hall].stun_answers - before
    };
    assert_eq!(
        answered(&mut world),
        1,
        "the old credentials hold until the new are used"
    );
    let old = (
        world.guests[hall].relay_ice.clone(),
        world.guests[hall].ice.clone(),
    );
    let take = |world: &mut World, (local, remote): (IceCredentials, IceCredentials)| {
        world.guests[hall].relay_ice = local;
        world.guests[hall].ice = remote;
    };
    take(&mut world, superseded);
    assert_eq!(answered(&mut world), 0, "superseded");
    // The browser has another address by now, and uses it.
    take(&mut world, renewed.clone());
    world.guests[hall].address = "172.16.0.1:7".parse().expect("an address");
    assert_eq!(answered(&mut world), 1);
    let before = world.guests[hall].rtp.len();
    world.send_rtp(hub, &vp8(VIDEO_SSRC, 1, 3000, false));
    let got = &world.guests[hall];
    assert_eq!(
        (got.rtp.len(), got.unreadable),
        (before + 1, 0),
        "to the new address, under the old keys"
    );
    take(&mut world, old);
    assert_eq!(answered(&mut world), 0, "the old credentials are dead");
    take(&mut world, renewed);
    assert_eq!(answered(&mut world), 1);
    // A stranger who has only heard the names changes nothing.
    let (_, _) = restart(&mut world);
    assert_eq!(answered(&mut world), 1);
    let gone = LegId(999);
    let core = &mut world.relays[relay].core;
    assert_eq!(
        core.restart_ice(gone, IceCredentials::random(), IceCredentials::random()),
        Err(MediaError::NoSuchLeg)
    );
}
