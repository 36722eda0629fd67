//! What strangers and bad peers send.

use super::guest::Guest;
use super::recorder::Recorder;
use super::world::{World, slots};
use crate::media::core::Core;
use crate::media::{LegMedia, MediaCertificate, MediaConfig, stun};
use proptest::prelude::*;
use protocol::{LegRole, LegState};
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

fn core(now: Instant) -> (Core, Recorder) {
    static CERTIFICATE: OnceLock<MediaCertificate> = OnceLock::new();
    let certificate = CERTIFICATE
        .get_or_init(|| MediaCertificate::generate().expect("a certificate"))
        .clone();
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let sent = Recorder::default();
    let core = Core::new(
        MediaConfig {
            listen,
            certificate,
            ssrc_block: 1,
            legs_max: 8,
            workers: 1,
            pin_cores: Vec::new(),
            burst: std::time::Duration::from_millis(5),
        },
        Box::new(sent.clone()),
        now,
    )
    .expect("a core");
    (core, sent)
}

/// Bytes that look like something a relay takes, more often than pure noise would.
fn datagram() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![any::<u8>(), 0..4u8, 20..64u8, 128..192u8];
    (first, prop::collection::vec(any::<u8>(), 0..1500)).prop_map(|(first, mut rest)| {
        rest.insert(0, first);
        rest
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_stranger_gets_no_byte_and_breaks_nothing(datagrams in prop::collection::vec(datagram(), 1..8)) {
        let now = Instant::now();
        let (mut core, sent) = core(now);
        for mut bytes in datagrams {
            core.handle_datagram(now, SocketAddr::from(([9, 9, 9, 9], 9)), &mut bytes);
            prop_assert!(sent.take().is_empty());
        }
    }

    #[test]
    fn broken_checks_are_not_answered(cut in 0usize..140, at in 0usize..140, value in any::<u8>()) {
        let now = Instant::now();
        let (mut core, sent) = core(now);
        let mut check = stun::request([1; 12], "unknown:guest", "password", 1);
        check.truncate(cut.max(1));
        if let Some(byte) = check.get_mut(at) {
            *byte = value;
        }
        core.handle_datagram(now, SocketAddr::from(([9, 9, 9, 9], 9)), &mut check);
        prop_assert!(sent.take().is_empty());
    }

    /// What opens and then is noise, from a publisher, a watcher, a parent and a child: the core meets bytes that nobody
    /// without keys could place, and whatever it makes of them can be sealed.
    #[test]
    fn a_connected_peer_may_send_anything(packets in prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 12..400)), 1..12)) {
        let mut pieces = Vec::new();
        for (control, mut packet) in packets {
            packet[0] = 0x80 | (packet[0] & 0x3f);
            // The control byte's third bit chooses between RTP and RTCP, both of which shall get past their headers.
            packet[1] = if control & 4 == 4 { packet[1] } else { 200 + packet[1] % 8 };
            pieces.push(control);
            pieces.extend_from_slice(&(packet.len() as u16).to_le_bytes());
            pieces.append(&mut packet);
        }
        crate::media::fuzzing::rtcp(&pieces);
    }
}

#[test]
fn a_wrong_password_is_not_answered_and_opens_no_handshake() {
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
    let username = format!(
        "{}:{}",
        world.guests[0].relay_ice.ufrag, world.guests[0].ice.ufrag
    );
    world.send(0, &stun::request([1; 12], &username, "wrong", 7));
    assert_eq!(world.guests[0].stun_answers, 0);
    // A ClientHello from an address without a proven check meets no DTLS.
    world.send(0, &[22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
    assert_eq!(world.report(relay).packets_sent, 0);
}

#[test]
fn the_other_role_is_refused_as_ice_lite_must() {
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
    let username = format!(
        "{}:{}",
        world.guests[0].relay_ice.ufrag, world.guests[0].ice.ufrag
    );
    let check = stun::controlled_request([1; 12], &username, &world.guests[0].relay_ice.pwd);
    world.send(0, &check);
    assert_eq!(world.guests[0].stun_answers, 1, "487, signed");
    assert_eq!(world.report(relay).legs[0].state, LegState::Connecting);
}

/// 104 KB of one-byte ClientHello fragments cost the bare endpoint 18 s of CPU.
#[test]
fn a_flood_of_tiny_fragments_is_stopped_at_the_gate() {
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
    let check = world.guests[0].check();
    world.lose = Box::new(|_, to, _| to.port() == 9);
    world.send(0, &check);
    let sent = world.report(relay).bytes_sent;
    let mut bytes_in = 0;
    for offset in 0..4000u32 {
        let fragment = client_hello_fragment(4000, offset, &[7]);
        bytes_in += fragment.len() as u64;
        world.send(0, &fragment);
    }
    assert!(
        world.report(relay).bytes_sent - sent <= bytes_in,
        "never more out than in"
    );
    world.pass(Duration::from_secs(21));
    assert!(
        world.report(relay).legs.is_empty(),
        "and the leg is given up"
    );
}

#[test]
fn a_handshake_beyond_its_limits_ends() {
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
    let check = world.guests[0].check();
    world.lose = Box::new(|_, to, _| to.port() == 9);
    world.send(0, &check);
    for _ in 0..65 {
        world.send(0, &client_hello_fragment(2000, 0, &[7; 300]));
    }
    assert!(
        world.report(relay).legs.is_empty(),
        "64 datagrams are the limit"
    );
}

fn client_hello_fragment(length: u32, offset: u32, body: &[u8]) -> Vec<u8> {
    let mut record = vec![1];
    record.extend_from_slice(&length.to_be_bytes()[1..]);
    record.extend_from_slice(&[0, 0]);
    record.extend_from_slice(&offset.to_be_bytes()[1..]);
    record.extend_from_slice(&(body.len() as u32).to_be_bytes()[1..]);
    record.extend_from_slice(body);
    let mut datagram = vec![22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0];
    datagram.extend_from_slice(&(record.len() as u16).to_be_bytes());
    datagram.extend_from_slice(&record);
    datagram
}
