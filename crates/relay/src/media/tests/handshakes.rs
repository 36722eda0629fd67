//! DTLS over a line that loses.

use super::trunks::connected;
use super::world::World;
use protocol::{LegRole, LegState};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

/// From now on the line loses these of the handshake's datagrams, counted over both directions. An encrypted record that
/// comes again is the same: otherwise two texts would be sealed with one nonce.
fn lose_of_handshake(world: &mut World, is_lost: impl Fn(usize) -> bool + 'static) {
    let mut count = 0;
    let mut sealed: HashMap<(SocketAddr, Vec<u8>), Vec<u8>> = HashMap::new();
    world.lose = Box::new(move |from, _, bytes| {
        if !matches!(bytes.first(), Some(20..=63)) {
            return false;
        }
        for (epoch_and_number, body) in sealed_records(bytes) {
            let first = sealed
                .entry((from, epoch_and_number.to_vec()))
                .or_insert_with(|| body.to_vec());
            assert_eq!(*first, body, "one nonce, two texts");
        }
        count += 1;
        is_lost(count - 1)
    });
}

/// Epoch with number, and body, of the encrypted records (RFC 6347 §4.1).
fn sealed_records(mut datagram: &[u8]) -> Vec<(&[u8], &[u8])> {
    let mut found = Vec::new();
    while let Some((header, rest)) = datagram.split_at_checked(13) {
        let len = usize::from(u16::from_be_bytes([header[11], header[12]]));
        let (body, rest) = rest.split_at(len);
        if header[3..5] != [0, 0] {
            found.push((&header[3..11], body));
        }
        datagram = rest;
    }
    found
}

/// How long a hall takes to connect to a relay.
fn hall_connects(repeats_after: Duration, is_lost: impl Fn(usize) -> bool + 'static) -> Duration {
    let mut world = World::new();
    world.guests_repeat_after = repeats_after;
    let relay = world.relay();
    lose_of_handshake(&mut world, is_lost);
    let began = world.now;
    let hall = world.watcher(relay, LegRole::Watch, Some("A"));
    world.until("the relay is sure too", |world| {
        let legs = world.report(relay).legs;
        legs.first()
            .is_some_and(|leg| leg.state == LegState::Connected)
    });
    assert!(world.guests[hall].is_connected());
    world.now - began
}

/// How long a child relay takes to connect to its parent.
fn child_connects(is_lost: impl Fn(usize) -> bool + 'static) -> Duration {
    let mut world = World::new();
    let (parent, child) = (world.relay(), world.relay());
    lose_of_handshake(&mut world, is_lost);
    let began = world.now;
    world.trunk(parent, child, &["HUB"]);
    world.until("the trunk is up", |world| {
        connected(world, parent) && connected(world, child)
    });
    world.now - began
}

#[test]
fn a_hall_connects_whichever_datagram_of_its_handshake_is_lost() {
    // Chromium's timer, and one that is slower than ours.
    for repeats_after in [50, 300].map(Duration::from_millis) {
        for lost in 0..6 {
            let took = hall_connects(repeats_after, move |n| n == lost);
            println!("hall that repeats after {repeats_after:?}, datagram {lost} lost: {took:?}");
            assert!(
                took <= repeats_after + Duration::from_millis(100),
                "{took:?}"
            );
        }
    }
}

#[test]
fn a_child_connects_whichever_datagram_of_its_handshake_is_lost() {
    for lost in 0..6 {
        let took = child_connects(move |n| n == lost);
        println!("child, datagram {lost} lost: {took:?}");
        assert!(took < Duration::from_millis(300), "{took:?}");
    }
}

#[test]
fn a_line_that_loses_every_third_datagram_of_a_handshake_only_slows_it() {
    for first in 0..3 {
        let is_lost = move |n| n % 3 == first;
        let hall = hall_connects(Duration::from_millis(50), is_lost);
        let child = child_connects(is_lost);
        println!("every third datagram from {first} on lost: hall {hall:?}, child {child:?}");
        assert!(hall.max(child) < Duration::from_secs(2));
    }
}

#[test]
fn a_peer_that_never_answers_is_asked_ever_less_often() {
    let mut world = World::new();
    let (parent, child) = (world.relay(), world.relay());
    let from = world.relays[child].address;
    let hellos = std::rc::Rc::new(std::cell::Cell::new(0));
    let count = hellos.clone();
    world.lose = Box::new(move |source, _, bytes| {
        let is_hello = source == from && matches!(bytes.first(), Some(20..=63));
        count.set(count.get() + u32::from(is_hello));
        is_hello
    });
    world.trunk(parent, child, &["HUB"]);
    world.pass(Duration::from_secs(9));
    assert_eq!(
        hellos.get(),
        7,
        "at once, after 0.1, 0.3, 0.7, 1.5, 3.1 and 6.3 s"
    );
}
