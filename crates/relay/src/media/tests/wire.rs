//! STUN, RTCP, announcements, RTP: what is written is read, and the RFCs' examples are.

use crate::media::announce::{Announcement, Carried, NAME};
use crate::media::ingress::{self, Form, Packet};
use crate::media::rtcp::{Item, Writer, read};
use crate::media::stun::{self, Class, Message};
use crate::media::{Codec, Fingerprint, PublishExtensions, PublishedTrack};
use forwarding::ReceptionReport;
use proptest::prelude::*;

/// RFC 5769 §2.1, the sample request (its FINGERPRINT and MESSAGE-INTEGRITY use this password).
const SAMPLE_REQUEST: &[u8] = b"\x00\x01\x00\x58\x21\x12\xa4\x42\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae\
\x80\x22\x00\x10STUN test client\x00\x24\x00\x04\x6e\x00\x01\xff\x80\x29\x00\x08\x93\x2f\xf9\xb1\x51\x26\x3b\x36\
\x00\x06\x00\x09\x65\x76\x74\x6a\x3a\x68\x36\x76\x59\x20\x20\x20\x00\x08\x00\x14\x9a\xea\xa7\x0c\xbf\xd8\xcb\x56\
\x78\x1e\xf2\xb5\xb2\xd3\xf2\x49\xc1\xb5\x71\xa2\x80\x28\x00\x04\xe5\x7a\x3b\xcf";

#[test]
fn the_sample_request_of_rfc_5769_is_authentic() {
    let message = Message::parse(SAMPLE_REQUEST).expect("well-formed");
    assert_eq!(
        (message.class, message.username),
        (Class::Request, Some("evtj:h6vY"))
    );
    assert!(message.claims_controlled);
    assert!(message.is_authentic("VOkJxbRl1RmTxUk/WvJxBt"));
    assert!(!message.is_authentic("VOkJxbRl1RmTxUk/WvJxBu"));
}

#[test]
fn another_stun_library_reads_our_answer() {
    use rtc_stun::message::{BINDING_SUCCESS, Getter, Message};
    use rtc_stun::xoraddr::XorMappedAddress;
    for mapped in ["192.0.2.1:32853", "[2001:db8::1]:5004"] {
        let mapped = mapped.parse().expect("an address");
        let mut answer = Message::new();
        answer
            .unmarshal_binary(&stun::success([3; 12], mapped, "password"))
            .expect("well-formed");
        assert_eq!(answer.typ, BINDING_SUCCESS);
        let mut address = XorMappedAddress::default();
        address.get_from(&answer).expect("an address");
        assert_eq!((address.ip, address.port), (mapped.ip(), mapped.port()));
        rtc_stun::fingerprint::FINGERPRINT
            .check(&answer)
            .expect("a right fingerprint");
    }
}

#[test]
fn feedback_is_read_as_it_was_written() {
    let block = ReceptionReport {
        ssrc: 5,
        fraction_lost: 3,
        cumulative_lost: -2,
        highest_sequence: 9,
        jitter: 4,
        last_sender_report: 0x1234_5678,
        delay_since_last: 65_536,
    };
    let mut compound = Writer::default();
    compound.receiver_report(1, &[block; 40]);
    compound.cname(1, "relay");
    compound.nack(1, 7, &[65_535, 0, 1, 16, 40]);
    compound.pli(1, 8);
    let carried = Announcement::Is(Carried {
        site: "DT-01".parse().expect("a site code"),
        codec: forwarding::Codec::H264,
        layer: forwarding::Layer(2),
        rate_bps: Some(2_345_000),
    });
    carried.write(9, &mut compound);
    Announcement::Ended.write(10, &mut compound);
    let (mut blocks, mut rest) = (0, Vec::new());
    read(&compound.0, &mut |item| match item {
        Item::Block(read) => {
            assert_eq!(
                (read.ssrc, read.fraction_lost, read.last_sender_report),
                (5, 3, 0x1234_5678)
            );
            blocks += 1;
        }
        Item::App {
            ssrc,
            subtype,
            name,
            data,
        } => {
            assert_eq!(name, NAME);
            rest.push(format!("{ssrc} {:?}", Announcement::read(subtype, data)));
        }
        other => rest.push(format!("{other:?}")),
    });
    assert_eq!(blocks, 40, "more than one report holds");
    assert_eq!(
        rest[0],
        "Nack { ssrc: 7, sequences: [65535, 0, 1, 16, 40] }"
    );
    assert_eq!(rest[1], "KeyframeRequest { ssrc: 8 }");
    assert!(
        rest[2].contains("DT-01") && rest[2].contains("H264") && rest[2].starts_with("9 "),
        "{}",
        rest[2]
    );
    assert_eq!(rest[3], "10 Some(Ended)");
}

#[test]
fn fingerprints_are_read_in_either_case_and_nothing_else() {
    let text = Fingerprint::of(b"certificate").to_string();
    assert_eq!(
        Fingerprint::parse(&text),
        Fingerprint::parse(&text.to_lowercase())
    );
    assert!(Fingerprint::parse(&text).is_some());
    for wrong in [
        "",
        "AA",
        &text[3..],
        &format!("{text}:00"),
        &text.replace(':', "-"),
        &text.replacen('A', "+", 1),
    ] {
        assert!(
            wrong == text || Fingerprint::parse(wrong).is_none(),
            "{wrong}"
        );
    }
}

fn track(mid: &str, ssrcs: Vec<u32>) -> PublishedTrack {
    PublishedTrack {
        mid: mid.to_owned(),
        codec: Codec::Vp8,
        payload_type: 96,
        rtx_payload_type: None,
        red_payload_type: None,
        extensions: PublishExtensions {
            mid: Some(4),
            audio_level: Some(2),
            ..PublishExtensions::default()
        },
        rids: Vec::new(),
        feedback_nack: true,
        ssrcs,
    }
}

#[test]
fn a_packet_names_its_track_and_is_made_canonical() {
    let mut bytes = vec![0xb0, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 9];
    // One-byte extensions: padding, MID "v1" under 4, level under 2; then the payload and three bytes of padding.
    bytes.extend_from_slice(&[
        0xbe, 0xde, 0, 2, 0, 0x41, b'v', b'1', 0x20, 17, 0, 0, 0xab, 0, 0, 3,
    ]);
    let packet = Packet::parse(&bytes).expect("well-formed");
    assert_eq!(packet.is_named(&track("v1", vec![])), Some(true));
    assert_eq!(packet.is_named(&track("v2", vec![])), Some(false));
    let mut canonical = Vec::new();
    packet.write_canonical(
        &track("v1", vec![]).extensions,
        forwarding::Codec::Vp8,
        0x0001_0002,
        &mut canonical,
    );
    assert_eq!(
        canonical,
        [
            0x90, 96, 0, 1, 0, 0, 0, 2, 0, 1, 0, 2, 0xbe, 0xde, 0, 1, 0x10, 17, 0, 0, 0xab
        ],
        "own SSRC, the level under id 1, no MID, no padding"
    );
}

proptest! {
    #[test]
    fn readers_take_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = Message::parse(&bytes);
        read(&bytes, &mut |_| {});
        let _ = Announcement::read(1, &bytes);
        if let Some(packet) = Packet::parse(&bytes) {
            let mut out = Vec::new();
            let track = track("v", vec![]);
            packet.write_canonical(&track.extensions, forwarding::Codec::Vp8, 1, &mut out);
            let _ = packet.layer(&track, Form::Rtx);
            let _ = packet.repeated();
            if let Some(blocks) = ingress::blocks(&packet, 96) {
                prop_assert!(blocks.count() <= 8);
            }
        }
    }
}

#[test]
fn another_library_reads_our_transport_wide_feedback_and_so_do_we() {
    use forwarding::bandwidth::{ArrivalLog, Feedback};
    use rtc_rtcp::transport_feedbacks::transport_layer_cc::TransportLayerCc;
    use rtc_shared::marshal::Unmarshal;
    let ms = std::time::Duration::from_millis;
    let mut log = ArrivalLog::new();
    // Runs, a gap, a packet overtaken, a long pause: every kind of chunk and of delta.
    for n in (0..60_u16).filter(|n| !(20..25).contains(n)) {
        let late = u64::from(n % 9 == 0) * 30 + u64::from(n > 50) * 200;
        log.handle_packet(n.wrapping_add(65_500), ms(5_000 + u64::from(n) * 2 + late));
    }
    let feedback = log
        .poll_feedback(ms(6_000))
        .expect("something to tell")
        .clone();
    let mut compound = Writer::default();
    compound.transport_feedback(1, 2, &feedback);
    let mut told = Feedback::default();
    read(&compound.0, &mut |item| {
        let Item::TransportFeedback(bytes) = item else {
            panic!("something else: {item:?}");
        };
        told.read(bytes).expect("well-formed");
    });
    assert_eq!(told, feedback);
    let theirs = TransportLayerCc::unmarshal(&mut compound.0.as_slice()).expect("well-formed");
    assert_eq!(
        (theirs.base_sequence_number, theirs.packet_status_count),
        (65_500, 60)
    );
    assert_eq!(theirs.recv_deltas.len(), 55);
    let mut at = i64::from(theirs.reference_time) * 64_000;
    let arrivals: Vec<i64> = theirs
        .recv_deltas
        .iter()
        .map(|delta| {
            at += delta.delta;
            at
        })
        .collect();
    assert_eq!(arrivals[0], 5_030_000, "the first packet came 30 ms late");
    assert_eq!(arrivals[54], 5_318_000);
}
