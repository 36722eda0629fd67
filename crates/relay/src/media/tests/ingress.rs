//! What publishers wrap their media in: layers, retransmissions, redundancy, probes.

use super::guest::{opus, vp8};
use super::media::video;
use super::world::{AUDIO_SSRC, VIDEO_SSRC, World, plan, tracks};
use crate::media::rtcp::{Item, read};
use crate::media::srtp::{rtp_header_len, rtp_seq_ssrc};
use crate::media::{PublishExtensions, PublishedTrack};
use forwarding::bandwidth::Feedback;
use protocol::LegRole;
use std::time::Duration;

const RTX_SSRC: u32 = 0xaaaa_0011;
const MID: u8 = 4;
const RID: u8 = 10;
const REPAIRED_RID: u8 = 11;

/// The video m-line of a browser that sends three layers, and its sound.
pub(super) fn simulcast() -> Vec<PublishedTrack> {
    let mut tracks = tracks();
    tracks[0].red_payload_type = Some(63);
    let video = &mut tracks[1];
    video.ssrcs.clear();
    video.rtx_payload_type = Some(121);
    video.extensions = PublishExtensions {
        mid: Some(MID),
        rid: Some(RID),
        repaired_rid: Some(REPAIRED_RID),
        ..PublishExtensions::default()
    };
    video.rids = ["q", "h", "f"].map(str::to_owned).to_vec();
    tracks
}

/// The same without layers.
fn with_rtx() -> Vec<PublishedTrack> {
    let mut tracks = simulcast();
    tracks[1].rids.clear();
    tracks[1].ssrcs = vec![VIDEO_SSRC, RTX_SSRC];
    tracks
}

/// Puts one-byte header extensions into a packet that has none.
pub(super) fn extended(mut packet: Vec<u8>, elements: &[(u8, &[u8])]) -> Vec<u8> {
    let mut block: Vec<u8> = Vec::new();
    for (id, value) in elements {
        block.push(id << 4 | (value.len() as u8 - 1));
        block.extend_from_slice(value);
    }
    block.resize(block.len().next_multiple_of(4), 0);
    let mut head = vec![0xbe, 0xde, 0, (block.len() / 4) as u8];
    head.append(&mut block);
    packet[0] |= 0x10;
    packet.splice(12..12, head);
    packet
}

/// A layer's packet, named as browsers name it until they are answered.
pub(super) fn named(packet: Vec<u8>, rid: &str) -> Vec<u8> {
    extended(packet, &[(MID, b"1"), (RID, rid.as_bytes())])
}

/// What a browser sends for a NACK (RFC 4588).
fn rtx(packet: &[u8], ssrc: u32, sequence: u16) -> Vec<u8> {
    let header = rtp_header_len(packet).expect("RTP");
    let mut again = packet.to_vec();
    again.splice(header..header, [packet[2], packet[3]]);
    again[1] = packet[1] & 0x80 | 0x79;
    again[2..4].copy_from_slice(&sequence.to_be_bytes());
    again[8..12].copy_from_slice(&ssrc.to_be_bytes());
    again
}

fn one_relay(tracks: Vec<PublishedTrack>) -> (World, usize, usize, usize) {
    let mut world = World::new();
    let relay = world.relay();
    let now = world.now;
    world.relays[relay]
        .core
        .set_plan(plan(1, &["HUB"], vec![], vec![]), now);
    let hub = world.publisher_of(relay, "HUB", tracks);
    let hall = world.watcher(relay, LegRole::Watch, Some("A"));
    (world, relay, hub, hall)
}

fn numbers(packets: &[&Vec<u8>]) -> Vec<u16> {
    let numbers = packets.iter().filter_map(|packet| rtp_seq_ssrc(packet));
    let first = numbers.clone().map(|(sequence, _)| sequence).min();
    // From the slot's own first number on.
    numbers
        .map(|(sequence, _)| sequence - first.unwrap_or_default())
        .collect()
}

#[test]
fn three_layers_are_three_streams_and_their_ssrcs_are_learnt() {
    let (mut world, relay, hub, _) = one_relay(simulcast());
    for (layer, rid) in ["q", "h", "f"].into_iter().enumerate() {
        let packet = vp8(0xc000 + layer as u32, 7, 0, true);
        world.send_rtp(hub, &named(packet, rid));
    }
    for number in 8..20 {
        for layer in 0..3 {
            // The browser has seen our report and no longer names them.
            world.send_rtp(hub, &vp8(0xc000 + layer, number, 0, false));
        }
    }
    let feeds = world.report(relay).feeds;
    let packets: Vec<u64> = feeds.iter().map(|feed| feed.packets).collect();
    assert_eq!(packets, [13, 13, 13]);
    world.send_rtp(hub, &vp8(0xc009, 1, 0, true));
    world.send_rtp(hub, &named(vp8(0xc00a, 1, 0, true), "x"));
    assert_eq!(
        world.relays[relay].core.drops().no_track,
        2,
        "no layer of ours"
    );
    assert_eq!(world.report(relay).feeds.len(), 3);
}

#[test]
fn a_layer_that_restarts_ends_that_layer_alone() {
    let (mut world, relay, hub, _) = one_relay(simulcast());
    for (layer, rid) in ["q", "h", "f"].into_iter().enumerate() {
        world.send_rtp(hub, &named(vp8(0xc000 + layer as u32, 7, 0, true), rid));
    }
    let before: Vec<u32> = world
        .report(relay)
        .feeds
        .iter()
        .map(|feed| feed.ssrc)
        .collect();
    world.pass(Duration::from_secs(2));
    world.send_rtp(hub, &named(vp8(0xc100, 7, 0, true), "h"));
    let after: Vec<u32> = world
        .report(relay)
        .feeds
        .iter()
        .map(|feed| feed.ssrc)
        .collect();
    let stay = after.iter().filter(|ssrc| before.contains(ssrc)).count();
    assert_eq!((after.len(), stay), (3, 2));
}

#[test]
fn a_retransmission_takes_the_place_of_what_was_lost() {
    let (mut world, relay, hub, hall) = one_relay(with_rtx());
    let packet = |n: u16| vp8(VIDEO_SSRC, n, 3000 * u32::from(n), n == 0);
    for n in [0, 1, 3, 4] {
        world.send_rtp(hub, &packet(n));
        world.pass(Duration::from_millis(5));
    }
    world.send_rtp(hub, &rtx(&packet(2), RTX_SSRC, 900));
    world.send_rtp(hub, &packet(5));
    world.pass(Duration::from_millis(20));
    let mut seen = numbers(&video(&world.guests[hall].rtp));
    seen.sort_unstable();
    assert_eq!(seen, [0, 1, 2, 3, 4, 5]);
    let feed = &world.report(relay).feeds[0];
    assert_eq!((feed.packets, feed.holes), (6, 0));
    assert_eq!(
        world.report(relay).feeds.len(),
        1,
        "retransmissions are no stream of their own"
    );
}

#[test]
fn what_an_encoder_that_is_gone_sends_again_does_not_enter_the_next_stream() {
    let (mut world, relay, hub, _) = one_relay(with_rtx());
    let packet = |ssrc: u32, n: u16| vp8(ssrc, n, 3000 * u32::from(n), n == 0);
    for n in [0, 1, 3] {
        world.send_rtp(hub, &packet(VIDEO_SSRC, n));
    }
    world.send_rtp(hub, &rtx(&packet(VIDEO_SSRC, 2), RTX_SSRC, 900));
    assert_eq!(world.report(relay).feeds[0].packets, 4);
    world.pass(Duration::from_secs(2));
    for n in [0, 1, 3] {
        world.send_rtp(hub, &packet(0xbbbb_0001, n));
    }
    world.send_rtp(hub, &rtx(&packet(VIDEO_SSRC, 2), RTX_SSRC, 901));
    let packets = |world: &World| world.report(relay).feeds[0].packets;
    assert_eq!(packets(&world), 3, "the second one is another picture");
    world.send_rtp(hub, &rtx(&packet(0xbbbb_0001, 2), 0xbbbb_0011, 1));
    assert_eq!(packets(&world), 4, "and has retransmissions of its own");
}

#[test]
fn a_layers_retransmissions_are_named_by_the_rid_they_repair() {
    let (mut world, relay, hub, _) = one_relay(simulcast());
    let packet = |n: u16| vp8(0xc001, n, 3000 * u32::from(n), n == 0);
    for n in [0, 1, 3] {
        world.send_rtp(hub, &named(packet(n), "h"));
    }
    let again = rtx(&packet(2), 0xd001, 70);
    world.send_rtp(hub, &extended(again, &[(MID, b"1"), (REPAIRED_RID, b"h")]));
    world.send_rtp(hub, &named(packet(5), "h"));
    // Learnt: the next one needs no name.
    world.send_rtp(hub, &rtx(&packet(4), 0xd001, 71));
    let feed = &world.report(relay).feeds[0];
    assert_eq!((feed.packets, feed.holes), (6, 0));
}

#[test]
fn probes_leave_neither_holes_nor_streams() {
    let (mut world, relay, hub, hall) = one_relay(with_rtx());
    world.send_rtp(hub, &vp8(VIDEO_SSRC, 0, 0, true));
    for n in 0..50u16 {
        // Padding alone on the retransmission stream.
        let mut padding = vec![0xa0, 121];
        padding.extend_from_slice(&n.to_be_bytes());
        padding.extend_from_slice(&[0, 0, 0, 0]);
        padding.extend_from_slice(&RTX_SSRC.to_be_bytes());
        padding.extend(std::iter::repeat_n(0, 223));
        padding.push(224);
        world.send_rtp(hub, &padding);
        // And something the relay has had long ago: a browser probes with that too.
        world.send_rtp(hub, &rtx(&vp8(VIDEO_SSRC, 0, 0, true), RTX_SSRC, 1000 + n));
    }
    // Without a retransmission stream padding takes numbers of the media.
    for n in 1..20u16 {
        let mut padding = vec![0xa0, 120];
        padding.extend_from_slice(&n.to_be_bytes());
        padding.extend_from_slice(&[0, 0, 0, 0]);
        padding.extend_from_slice(&VIDEO_SSRC.to_be_bytes());
        padding.extend_from_slice(&[0, 0, 0, 4]);
        world.send_rtp(hub, &padding);
    }
    world.send_rtp(hub, &vp8(VIDEO_SSRC, 20, 3000, false));
    world.pass(Duration::from_millis(50));
    let seen = numbers(&video(&world.guests[hall].rtp));
    assert_eq!(seen, (0..21).collect::<Vec<_>>(), "contiguous at the hall");
    let feed = &world.report(relay).feeds[0];
    assert_eq!((feed.packets, feed.holes), (21, 0));
    assert_eq!(world.report(relay).feeds.len(), 1);
}

/// Opus in RFC 2198: the block before, and the new one.
fn red(sequence: u16, timestamp: u32, before: Option<&[u8]>, new: &[u8]) -> Vec<u8> {
    let mut packet = opus(AUDIO_SSRC, sequence, timestamp, 30);
    packet.truncate(rtp_header_len(&packet).expect("RTP"));
    packet[1] = packet[1] & 0x80 | 63;
    if let Some(before) = before {
        let (offset, len) = (960u32, before.len() as u32);
        let header = 0x8000_0000 | 109 << 24 | offset << 10 | len;
        packet.extend_from_slice(&header.to_be_bytes());
    }
    packet.push(109);
    packet.extend_from_slice(before.unwrap_or_default());
    packet.extend_from_slice(new);
    packet
}

#[test]
fn redundant_sound_fills_the_hole_a_lost_packet_left() {
    let (mut world, relay, hub, hall) = one_relay(simulcast());
    let frame = |n: u16| [0xfc, n as u8, 9, 9, n as u8];
    for n in (0..40u16).filter(|n| n % 3 != 1) {
        let before = n.checked_sub(1).map(frame);
        let before = before.as_ref().map(<[u8; 5]>::as_slice);
        world.send_rtp(hub, &red(n, 960 * u32::from(n), before, &frame(n)));
        world.pass(Duration::from_millis(20));
    }
    let sound: Vec<&Vec<u8>> = world.guests[hall].rtp.iter().collect();
    let payloads: Vec<&[u8]> = sound
        .iter()
        .map(|packet| &packet[rtp_header_len(packet).expect("RTP")..])
        .collect();
    let heard: Vec<u8> = payloads.iter().map(|payload| payload[1]).collect();
    assert_eq!(heard, (0..40).collect::<Vec<u8>>(), "in order, each once");
    assert!(
        payloads.iter().all(|payload| payload.len() == 5),
        "Opus, not RED"
    );
    let times: Vec<u32> = sound
        .iter()
        .map(|packet| u32::from_be_bytes([packet[4], packet[5], packet[6], packet[7]]))
        .collect();
    assert!(
        times
            .windows(2)
            .all(|pair| pair[1] == pair[0].wrapping_add(960))
    );
    assert_eq!(world.report(relay).feeds[0].holes, 0);
}

#[test]
fn every_packet_is_told_back_to_a_publisher_that_measures_its_line() {
    let mut tracks = with_rtx();
    tracks[1].extensions.transport_sequence = Some(5);
    let (mut world, _, hub, _) = one_relay(tracks);
    let number = |n: u16| n.to_be_bytes();
    let mut sent = 65_500u16;
    for n in 0..100u16 {
        let packet = vp8(VIDEO_SSRC, n, 3000 * u32::from(n), n == 0);
        // One in ten is lost on the way; its retransmission has a number of its own.
        if n % 10 == 9 {
            let again = rtx(&packet, RTX_SSRC, n);
            sent = sent.wrapping_add(1);
            world.send_rtp(hub, &extended(again, &[(5, &number(sent))]));
        } else {
            world.send_rtp(hub, &extended(packet, &[(5, &number(sent))]));
        }
        sent = sent.wrapping_add(1);
        world.pass(Duration::from_millis(10));
    }
    world.pass(Duration::from_millis(200));
    let mut told = std::collections::BTreeMap::new();
    let mut messages = 0;
    for compound in &world.guests[hub].rtcp {
        read(compound, &mut |item| {
            if let Item::TransportFeedback(bytes) = item {
                messages += 1;
                let mut feedback = Feedback::default();
                feedback.read(bytes).expect("ours");
                for offset in 0..feedback.count() {
                    let number = feedback.base().wrapping_add(offset);
                    let came = feedback.arrivals().any(|arrival| arrival.0 == offset);
                    let before = told.entry(number).or_insert(came);
                    *before |= came;
                }
            }
        });
    }
    assert!(
        (10..=24).contains(&messages),
        "every 50 to 100 ms of one second: {messages}"
    );
    let lost = told.values().filter(|came| !**came).count();
    assert_eq!((told.len(), lost), (110, 10));
    let quiet = world.guests[hub].rtcp.len();
    world.pass(Duration::from_secs(3));
    let feedback = world.guests[hub].rtcp[quiet..].iter().filter(|compound| {
        let mut found = false;
        read(compound, &mut |item| {
            found |= matches!(item, Item::TransportFeedback(_));
        });
        found
    });
    assert_eq!(feedback.count(), 0, "only while packets come");
}

#[test]
fn three_layers_their_retransmissions_and_probes_are_no_flood() {
    let (mut world, relay, hub, _) = one_relay(simulcast());
    for (layer, rid) in ["q", "h", "f"].into_iter().enumerate() {
        world.send_rtp(hub, &named(vp8(0xc000 + layer as u32, 0, 0, true), rid));
    }
    // 15 Mbit/s in packets of a browser's size, for four seconds; a probe doubles that for a moment.
    for tick in 0..400u32 {
        let packets = if tick % 100 < 4 { 32 } else { 16 };
        for n in 0..packets {
            let mut packet = vp8(0xc000 + n % 3, (tick * 8 + n / 3) as u16, tick, false);
            packet.resize(1200, 0);
            let sealed = world.guests[hub].seal_rtp(&packet);
            world.send(hub, &sealed);
        }
        world.pass(Duration::from_millis(10));
    }
    assert_eq!(world.relays[relay].core.drops().flood, 0);
}
