//! Numbers that wrap, halls that come late, microphones at rest.

use super::guest::{opus, vp8};
use super::media::video;
use super::world::{AUDIO_SSRC, VIDEO_SSRC, World, plan};
use crate::media::srtp::rtp_seq_ssrc;
use protocol::LegRole;
use std::time::Duration;

fn one_relay(program: &[&str]) -> (World, usize, usize) {
    let mut world = World::new();
    let relay = world.relay();
    let now = world.now;
    world.relays[relay]
        .core
        .set_plan(plan(1, program, vec![], vec![]), now);
    let hub = world.publisher(relay, program[0]);
    (world, relay, hub)
}

/// 100 pictures a second, a keyframe every half second.
fn film(world: &mut World, hub: usize, pictures: std::ops::Range<u32>) {
    for n in pictures {
        let packet = vp8(VIDEO_SSRC, n as u16, n.wrapping_mul(9_000), n % 50 == 0);
        let sealed = world.guests[hub].seal_rtp(&packet);
        world.send(hub, &sealed);
        if n % 100 == 0 {
            world.pass(Duration::from_secs(1));
        }
    }
}

#[test]
fn a_hall_that_comes_after_the_numbers_have_wrapped_starts_at_rollover_zero() {
    let (mut world, relay, hub) = one_relay(&["HUB"]);
    film(&mut world, hub, 0..66_000);
    let hall = world.watcher(relay, LegRole::Watch, Some("A"));
    film(&mut world, hub, 66_000..66_200);
    let got = &world.guests[hall];
    assert!(video(&got.rtp).len() > 140, "{}", got.rtp.len());
    assert_eq!(
        got.unreadable, 0,
        "its SRTP began to count at zero, and so did ours"
    );
}

#[test]
fn numbers_and_timestamps_wrap_under_a_hall_that_stays() {
    let (mut world, relay, hub) = one_relay(&["HUB"]);
    let hall = world.watcher(relay, LegRole::Watch, Some("A"));
    // Timestamps begin a second before their wrap, by way of the multiplication.
    let begin = (u32::MAX - 90_000) / 9_000;
    let mut last: Option<(u16, u32)> = None;
    let mut consents = 0;
    for part in 0..68 {
        let from = begin + part * 1_000;
        film(&mut world, hub, from..from + 1_000);
        let check = world.guests[hall].check();
        world.send(hall, &check);
        consents += 1;
        // Kept small: only what continues the last part is of interest.
        for packet in std::mem::take(&mut world.guests[hall].rtp) {
            let (sequence, _) = rtp_seq_ssrc(&packet).expect("RTP");
            let timestamp = u32::from_be_bytes([packet[4], packet[5], packet[6], packet[7]]);
            if let Some((before, at)) = last {
                assert_eq!(sequence, before.wrapping_add(1), "no gap of our making");
                assert_eq!(
                    timestamp.wrapping_sub(at),
                    9_000,
                    "an even pace across the wrap"
                );
            }
            last = Some((sequence, timestamp));
        }
    }
    assert_eq!((world.guests[hall].unreadable, consents), (0, 68));
}

#[test]
fn a_microphone_at_rest_is_no_dead_hall() {
    let (mut world, relay, hub) = one_relay(&["HUB", "A"]);
    let a = world.publisher(relay, "A");
    let hall = world.watcher(relay, LegRole::Watch, Some("B"));
    let mut number = 0u16;
    let mut timestamp = 0u32;
    for turn in 0..30u32 {
        // Opus with DTX: one packet in 400 ms while nobody speaks; numbers go on, timestamps jump.
        number = number.wrapping_add(1);
        timestamp = timestamp.wrapping_add(48 * 400);
        world.send_rtp(hub, &opus(AUDIO_SSRC, number, timestamp, 127));
        world.send_rtp(a, &opus(AUDIO_SSRC, turn as u16, 19_200 * turn, 20));
        world.pass(Duration::from_millis(400));
    }
    let times: Vec<u32> = world.guests[hall]
        .rtp
        .iter()
        .map(|packet| u32::from_be_bytes([packet[4], packet[5], packet[6], packet[7]]))
        .collect();
    assert_eq!(
        times.len(),
        30,
        "every packet of the program, none of another's"
    );
    assert!(
        times
            .windows(2)
            .all(|pair| pair[1].wrapping_sub(pair[0]) == 19_200)
    );
    let feeds = world.report(relay).feeds;
    assert!(feeds.iter().all(|feed| feed.holes == 0));
}

#[test]
fn a_hall_whose_microphone_says_nothing_for_long_lives_by_its_picture() {
    let (mut world, relay, hub) = one_relay(&["HUB", "A"]);
    let a = world.publisher(relay, "A");
    let hall = world.watcher(relay, LegRole::Watch, Some("B"));
    world.send_rtp(hub, &opus(AUDIO_SSRC, 0, 0, 30));
    for n in 0..250u16 {
        world.send_rtp(hub, &vp8(VIDEO_SSRC, n, 3600 * u32::from(n), n % 25 == 0));
        world.send_rtp(a, &opus(AUDIO_SSRC, n, 1920 * u32::from(n), 20));
        world.pass(Duration::from_millis(40));
    }
    // Ten seconds later the chair speaks, under the numbers it left off with.
    world.send_rtp(hub, &opus(AUDIO_SSRC, 1, 480_000, 30));
    let sound = world.guests[hall]
        .rtp
        .iter()
        .filter(|packet| packet[1] & 0x7f == 63);
    let times: Vec<u32> = sound
        .map(|packet| u32::from_be_bytes([packet[4], packet[5], packet[6], packet[7]]))
        .collect();
    assert_eq!(times.len(), 2, "nothing of another hall's: {times:?}");
    assert_eq!(times[1].wrapping_sub(times[0]), 480_000);
}
