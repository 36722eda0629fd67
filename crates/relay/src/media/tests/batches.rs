//! What one call to the socket gives, taken in together.

use super::guest::vp8;
use super::world::{VIDEO_SSRC, World, with_workers};
use crate::media::intake::Intake;
use protocol::LegRole;
use std::net::UdpSocket;

/// A relay's socket, and one that sends to it.
fn sockets() -> (Intake, UdpSocket) {
    let bind = || UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let (ours, theirs) = (bind(), bind());
    ours.set_nonblocking(true).expect("set");
    theirs
        .connect(ours.local_addr().expect("bound"))
        .expect("connected");
    (Intake::new(ours).expect("an intake"), theirs)
}

#[test]
fn a_frame_that_comes_in_one_batch_leaves_as_one_burst() {
    let (mut world, relay) = World::with_program("HUB");
    let hub = world.publisher(relay, "HUB");
    world.watcher(relay, LegRole::Watch, Some("A"));
    world.send_rtp(hub, &vp8(VIDEO_SSRC, 0, 0, true));
    let (mut intake, line) = sockets();
    for n in 1..6 {
        // Each a picture by itself, so that the router holds none of them back.
        let picture = vp8(VIDEO_SSRC, n, 3000 * u32::from(n), false);
        line.send(&world.guests[hub].seal_rtp(&picture))
            .expect("sent");
    }
    let (from, now) = (world.guests[hub].address, world.now);
    drop(world.relays[relay].sent.take_calls());
    world.relays[relay].take_batch(&mut intake, from, now);
    let calls = world.relays[relay].sent.take_calls();
    let [burst] = &calls[..] else {
        panic!("{} calls", calls.len());
    };
    let size = burst.segment_size.expect("a burst");
    assert_eq!(burst.bytes.chunks(size).len(), 5);
}

#[test]
fn a_worker_that_is_gone_shows_with_the_next_packet() {
    with_workers(2, || {
        let (mut world, relay) = World::with_program("HUB");
        let hub = world.publisher(relay, "HUB");
        world.watcher(relay, LegRole::Watch, Some("A"));
        world.send_rtp(hub, &vp8(VIDEO_SSRC, 0, 0, true));
        assert!(!world.relays[relay].core.has_lost_worker());
        world.relays[relay].lose_worker();
        world.send_rtp(hub, &vp8(VIDEO_SSRC, 1, 3000, false));
        assert!(world.relays[relay].core.has_lost_worker());
    });
}

#[test]
fn a_worker_is_woken_though_the_last_datagrams_of_a_batch_are_left_out() {
    with_workers(2, || {
        for left_out in [&[][..], &[0x80; 3000]] {
            let (mut world, relay) = World::with_program("HUB");
            let hub = world.publisher(relay, "HUB");
            world.watcher(relay, LegRole::Watch, Some("A"));
            let (mut intake, line) = sockets();
            let picture = world.guests[hub].seal_rtp(&vp8(VIDEO_SSRC, 0, 0, true));
            for datagram in [&picture[..], left_out] {
                line.send(datagram).expect("sent");
            }
            let (from, now) = (world.guests[hub].address, world.now);
            world.relays[relay].take_batch(&mut intake, from, now);
            assert_eq!(world.report(relay).legs[0].packets_received, 1);
            assert!(!world.relays[relay].core.owes_a_wake());
        }
    });
}
