//! Sessions that say more by RTCP than anybody has to say.

use super::guest::{opus, vp8};
use super::media::video;
use super::world::{AUDIO_SSRC, VIDEO_SSRC, World, with_workers};
use crate::media::rtcp::{Item, Writer, read};
use protocol::LegRole;
use std::time::Duration;

/// A relay whose worker does nothing for now: what it is told stays in its queue. Gives a publisher and a watcher.
fn busy_relay() -> (World, usize, usize, usize) {
    let (mut world, relay) = World::with_program("HUB");
    let hub = world.publisher(relay, "HUB");
    let hall = world.watcher(relay, LegRole::Watch, Some("A"));
    world.send_rtp(hub, &vp8(VIDEO_SSRC, 0, 0, true));
    world.send_rtp(hub, &opus(AUDIO_SSRC, 0, 0, 30));
    (world, relay, hub, hall)
}

/// Takes in what a guest says so many times, and nothing else happens.
fn say(world: &mut World, guest: usize, compound: &[u8], times: usize) {
    for _ in 0..times {
        let mut sealed = world.guests[guest].seal_rtcp(compound);
        let (from, now) = (world.guests[guest].address, world.now);
        world.relays[0].core.handle_datagram(now, from, &mut sealed);
    }
}

/// Full intra requests (RFC 5104 §4.3.1), as many as a datagram holds.
fn requests() -> Vec<u8> {
    let mut compound = vec![0x84, 206, 0x01, 0xf4];
    compound.extend_from_slice(&[0; 8]);
    (0..249_u32).for_each(|n| compound.extend_from_slice(&[n.to_be_bytes(), [0; 4]].concat()));
    compound
}

/// Sender reports of the picture, as many as a datagram holds.
fn reports(ntp: u64) -> Vec<u8> {
    let mut compound = Writer::default();
    for n in 0..70 {
        compound.sender_report(&forwarding::SenderReport {
            leg: forwarding::LegId(0),
            ssrc: VIDEO_SSRC,
            ntp: ntp + (n << 32),
            rtp: 0,
            packets: 1,
            octets: 9,
        });
    }
    compound.0
}

#[test]
fn a_session_that_floods_with_rtcp_does_not_crowd_others_out_of_a_workers_queue() {
    with_workers(2, || {
        let (mut world, relay, hub, hall) = busy_relay();
        say(&mut world, hall, &requests(), 20);
        say(&mut world, hub, &reports(1 << 50), 60);
        let drops = world.relays[relay].core.drops();
        assert_eq!(drops.worker_behind, 0);
        assert!(drops.flood > 40, "{}", drops.flood);
        let before = video(&world.guests[hall].rtp).len();
        world.send_rtp(hub, &vp8(VIDEO_SSRC, 1, 3000, false));
        assert_eq!(video(&world.guests[hall].rtp).len(), before + 1);
        world.pass(Duration::from_secs(1));
        let before = world.relays[relay].core.drops().flood;
        say(&mut world, hall, &requests()[..28], 1);
        assert_eq!(
            world.relays[relay].core.drops().flood,
            before,
            "later again"
        );
    });
}

#[test]
fn a_hall_on_a_bad_line_reports_and_asks_as_it_likes() {
    let (mut world, relay, hub, hall) = busy_relay();
    let mut asks = Writer::default();
    asks.receiver_report(1, &[]);
    asks.cname(1, "hall");
    let sequences: Vec<u16> = (0..100).map(|n| 3 * n).collect();
    asks.nack(1, 2, &sequences);
    asks.pli(1, 2);
    // Ten seconds: a feedback every 50 ms would be one item, here there is far more every 20 ms.
    for _ in 0..500 {
        say(&mut world, hall, &asks.0, 1);
        say(&mut world, hub, &reports(1 << 50)[..56], 1);
        world.pass(Duration::from_millis(20));
    }
    assert_eq!(world.relays[relay].core.drops().flood, 0);
}

#[test]
fn the_nacks_of_a_compound_ask_for_no_more_than_a_ring_holds() {
    let mut compound = Writer::default();
    let sequences: Vec<u16> = (0..200).collect();
    for _ in 0..20 {
        compound.nack(1, 2, &sequences);
    }
    let mut asked = 0;
    read(&compound.0, &mut |item| {
        if let Item::Nack { sequences, .. } = item {
            asked += sequences.len();
        }
    });
    assert_eq!(asked, 512);
}
