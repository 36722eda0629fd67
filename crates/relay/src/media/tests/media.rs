//! One relay, halls that publish and watch.

use super::guest::{opus, vp8};
use super::world::{AUDIO_SSRC, VIDEO_SSRC, World, plan, slots, tracks};
use crate::media::rtcp::{self, Item, Writer};
use crate::media::srtp::{rtp_header_len, rtp_seq_ssrc};
use crate::media::{LegMedia, SlotPurpose};
use protocol::LegRole;
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use std::time::Duration;

fn payload_type(packet: &[u8]) -> u8 {
    packet[1] & 0x7f
}

fn payload(packet: &[u8]) -> &[u8] {
    &packet[rtp_header_len(packet).expect("RTP")..]
}

pub(super) fn video(packets: &[Vec<u8>]) -> Vec<&Vec<u8>> {
    packets
        .iter()
        .filter(|packet| payload_type(packet) == 98)
        .collect()
}

/// Does a peer's RTCP hold such an item?
pub(super) fn has(compounds: &[Vec<u8>], wanted: impl Fn(&Item<'_>) -> bool) -> bool {
    let mut found = false;
    for compound in compounds {
        rtcp::read(compound, &mut |item| found |= wanted(&item));
    }
    found
}

#[test]
pub(super) fn a_hall_sees_and_hears_another_one() {
    let (mut world, relay) = World::with_program("HUB");
    let hub = world.publisher(relay, "HUB");
    let hall = world.watcher(relay, LegRole::Watch, Some("A"));
    for i in 0..20u16 {
        world.send_rtp(
            hub,
            &vp8(
                VIDEO_SSRC,
                65_530u16.wrapping_add(i),
                3000 * u32::from(i),
                i == 0,
            ),
        );
        world.send_rtp(hub, &opus(AUDIO_SSRC, i, 960 * u32::from(i), 42));
        world.pass(Duration::from_millis(20));
    }
    let guest = &world.guests[hall];
    assert_eq!(
        guest.unreadable, 0,
        "everything opens at the other end, across the wrap of the sequence number"
    );
    let pictures = video(&guest.rtp);
    assert_eq!(pictures.len(), 20);
    let numbers: Vec<u16> = pictures
        .iter()
        .filter_map(|packet| rtp_seq_ssrc(packet))
        .map(|(seq, _)| seq)
        .collect();
    assert!(
        numbers
            .windows(2)
            .all(|pair| pair[1] == pair[0].wrapping_add(1)),
        "contiguous: {numbers:?}"
    );
    assert_eq!(
        payload(pictures[19]),
        payload(&vp8(VIDEO_SSRC, 65_530u16.wrapping_add(19), 0, false))
    );
    let sound: Vec<_> = guest
        .rtp
        .iter()
        .filter(|packet| payload_type(packet) == 63)
        .collect();
    assert_eq!(sound.len(), 20);
    assert_eq!(
        sound[0][12..18],
        [0xbe, 0xde, 0, 1, 0x50, 42],
        "the audio level under the leg's own id"
    );
}

#[test]
pub(super) fn chromium_gets_gcm_and_an_old_device_what_it_can() {
    let mut world = World::new();
    let relay = world.relay();
    let hub = world.publisher(relay, "HUB");
    assert_eq!(
        world.guests[hub].profile,
        Some(SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm)
    );

    let old = [SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80];
    let address = "192.168.0.9:9".parse().expect("an address");
    world.guests.push(super::guest::Guest::new(
        address,
        world.relays[relay].address,
        &old,
    ));
    let device = world.guests.len() - 1;
    world.open(
        relay,
        device,
        LegRole::Watch,
        Some("A"),
        LegMedia::Watch(slots()),
    );
    world.connect(device);
    assert_eq!(
        world.guests[device].profile,
        Some(SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80)
    );

    world.relays[relay]
        .core
        .set_plan(plan(1, &["HUB"], vec![], vec![]), world.now);
    for i in 0..3 {
        world.send_rtp(hub, &vp8(VIDEO_SSRC, i, 0, i == 0));
        world.pass(Duration::from_millis(50));
    }
    assert_eq!(
        (
            video(&world.guests[device].rtp).len(),
            world.guests[device].unreadable
        ),
        (3, 0)
    );
}

#[test]
pub(super) fn a_lost_packet_is_sent_again_bit_by_bit() {
    let (mut world, relay) = World::with_program("HUB");
    let hub = world.publisher(relay, "HUB");
    let hall = world.watcher(relay, LegRole::Watch, Some("A"));
    for i in 0..5u16 {
        world.send_rtp(hub, &vp8(VIDEO_SSRC, i, 0, i == 0));
    }
    let (seq, ssrc) = rtp_seq_ssrc(video(&world.guests[hall].rtp)[2]).expect("RTP");
    let first: Vec<_> = world.guests[hall]
        .sealed
        .iter()
        .filter(|p| rtp_seq_ssrc(p) == Some((seq, ssrc)))
        .cloned()
        .collect();
    let mut nack = Writer::default();
    nack.receiver_report(1, &[]);
    nack.nack(1, ssrc, &[seq]);
    world.send_rtcp(hall, &nack.0);
    let all: Vec<_> = world.guests[hall]
        .sealed
        .iter()
        .filter(|p| rtp_seq_ssrc(p) == Some((seq, ssrc)))
        .cloned()
        .collect();
    assert_eq!(all.len(), 2, "sent once, and once again");
    assert_eq!(
        first[0], all[1],
        "under GCM the same number with other bytes would give the key away"
    );
}

#[test]
pub(super) fn a_hall_that_lost_its_picture_gets_the_publisher_to_send_a_keyframe() {
    let (mut world, relay) = World::with_program("HUB");
    let hub = world.publisher(relay, "HUB");
    let hall = world.watcher(relay, LegRole::Watch, Some("A"));
    world.send_rtp(hub, &vp8(VIDEO_SSRC, 0, 0, true));
    world.pass(Duration::from_secs(2));
    world.guests[hub].rtcp.clear();
    let (_, ssrc) = rtp_seq_ssrc(video(&world.guests[hall].rtp)[0]).expect("RTP");
    let mut pli = Writer::default();
    pli.receiver_report(1, &[]);
    pli.pli(1, ssrc);
    world.send_rtcp(hall, &pli.0);
    let asked = |item: &Item<'_>| matches!(item, Item::KeyframeRequest { ssrc: VIDEO_SSRC });
    assert!(has(&world.guests[hub].rtcp, asked), "by its own SSRC");
}

#[test]
pub(super) fn a_hole_in_what_a_publisher_sends_is_asked_for_and_reported() {
    let mut world = World::new();
    let relay = world.relay();
    let hub = world.publisher(relay, "HUB");
    world.send_rtp(hub, &vp8(VIDEO_SSRC, 10, 0, true));
    world.send_rtp(hub, &vp8(VIDEO_SSRC, 12, 0, false));
    world.pass(Duration::from_millis(1500));
    let compounds = &world.guests[hub].rtcp;
    let nacked = |item: &Item<'_>| matches!(item, Item::Nack { ssrc: VIDEO_SSRC, sequences } if sequences == &[11]);
    assert!(has(compounds, nacked));
    assert!(
        has(
            compounds,
            |item| matches!(item, Item::Block(block) if block.ssrc == VIDEO_SSRC)
        ),
        "a receiver report"
    );
}

#[test]
pub(super) fn sender_reports_keep_picture_and_sound_in_step() {
    let (mut world, relay) = World::with_program("HUB");
    let hub = world.publisher(relay, "HUB");
    let hall = world.watcher(relay, LegRole::Watch, Some("A"));
    world.send_rtp(hub, &vp8(VIDEO_SSRC, 0, 90_000, true));
    let report = forwarding::SenderReport {
        leg: forwarding::LegId(0),
        ssrc: VIDEO_SSRC,
        ntp: 0x1234_5678_9abc_def0,
        rtp: 90_000,
        packets: 1,
        octets: 9,
    };
    let mut compound = Writer::default();
    compound.sender_report(&report);
    compound.cname(VIDEO_SSRC, "hub");
    world.send_rtcp(hub, &compound.0);
    world.pass(Duration::from_secs(1));
    let packet = video(&world.guests[hall].rtp)[0].clone();
    let (_, own) = rtp_seq_ssrc(&packet).expect("RTP");
    let timestamp = u32::from_be_bytes([packet[4], packet[5], packet[6], packet[7]]);
    let same = |item: &Item<'_>| matches!(item, Item::SenderReport { ssrc, rtp, .. } if *ssrc == own && *rtp == timestamp);
    assert!(
        has(&world.guests[hall].rtcp, same),
        "the same instant in the leg's numbering"
    );
}

#[test]
pub(super) fn when_the_program_dies_the_next_in_line_takes_over_and_no_hall_sees_itself() {
    let mut world = World::new();
    let relay = world.relay();
    world.relays[relay]
        .core
        .set_plan(plan(1, &["HUB", "A"], vec![], vec![]), world.now);
    let hub = world.publisher(relay, "HUB");
    let a = world.publisher(relay, "A");
    let hall_a = world.watcher(relay, LegRole::Watch, Some("A"));
    let hall_b = world.watcher(relay, LegRole::Watch, Some("B"));
    let speak = |world: &mut World, who: &[usize], from: u16| {
        for i in 0..150u16 {
            for guest in who {
                world.send_rtp(
                    *guest,
                    &vp8(VIDEO_SSRC, from + i, 3000 * u32::from(from + i), true),
                );
            }
            world.pass(Duration::from_millis(20));
        }
    };
    speak(&mut world, &[hub, a], 0);
    let seen = |world: &World, guest: usize| video(&world.guests[guest].rtp).len();
    assert!(
        seen(&world, hall_a) > 100 && seen(&world, hall_b) > 100,
        "the hub is program"
    );
    let (a_before, b_before) = (seen(&world, hall_a), seen(&world, hall_b));
    speak(&mut world, &[a], 150);
    assert!(
        seen(&world, hall_b) > b_before + 50,
        "A is program after a second of silence"
    );
    assert!(
        seen(&world, hall_a) < a_before + 5,
        "mix-minus: A never gets its own feed"
    );
}

#[test]
pub(super) fn the_control_room_watches_a_hall_and_the_floor_fills_its_slot() {
    let mut world = World::new();
    let relay = world.relay();
    let mut with_floor = plan(1, &["HUB"], vec![], vec![]);
    with_floor.floor = Some("A".parse().expect("a site code"));
    world.relays[relay].core.set_plan(with_floor, world.now);
    let a = world.publisher(relay, "A");
    let room = world.watcher(relay, LegRole::Return, Some("A"));
    let hall = world.watcher(relay, LegRole::Watch, Some("B"));
    for i in 0..5 {
        world.send_rtp(a, &vp8(VIDEO_SSRC, i, 0, i == 0));
    }
    assert_eq!(slots()[1].purpose, SlotPurpose::Floor);
    assert_eq!(
        (
            video(&world.guests[room].rtp).len(),
            video(&world.guests[hall].rtp).len()
        ),
        (5, 5)
    );
    let ssrc_of = |guest: usize| {
        rtp_seq_ssrc(video(&world.guests[guest].rtp)[0])
            .expect("RTP")
            .1
    };
    assert_ne!(ssrc_of(room), ssrc_of(hall));
    assert_eq!(tracks().len(), 2);
}
