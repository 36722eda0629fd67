//! Slots of browsers that take everything: retransmission streams and header extensions.

use crate::publisher::Publisher;
use crate::recorder::{
    DESCRIPTOR_ON_LEG, H264_ON_LEG, H264_RTX_ON_LEG, MID_ON_LEG, RTX, Sent, TRANSPORT_ON_LEG,
    full_slot, ms,
};
use crate::stage::{HALL, SLOT, Stage};
use forwarding::{Codec, Kind, PayloadTypes, SourceId};

/// The extension block of a packet, its head included.
fn extensions(sent: &Sent) -> &[u8] {
    &sent.bytes[12..sent.header_bytes]
}

#[test]
fn a_lost_packet_comes_again_in_the_retransmission_stream() {
    let mut stage = Stage::new(full_slot(Kind::Video, SLOT));
    let first = stage.frame(true, 4, 0);
    for again in 0..3_u64 {
        let resent = stage.nack(&[2, 4], 10 + again);
        let (two, four) = (&resent[0], &resent[1]);
        assert_eq!((two.ssrc, two.index), (RTX | SLOT, 1 + 2 * again));
        assert_eq!((four.ssrc, four.index), (RTX | SLOT, 2 + 2 * again));
        assert_eq!((two.osn, four.osn), (Some(2), Some(4)));
        for (copy, original) in [(two, &first[1]), (four, &first[3])] {
            assert_eq!(copy.payload_type(), H264_RTX_ON_LEG);
            assert_eq!(original.payload_type(), H264_ON_LEG);
            assert_eq!(copy.bytes[1] & 0x80, original.bytes[1] & 0x80, "marker");
            assert_eq!(copy.timestamp(), original.timestamp());
            assert_eq!(copy.payload(), original.payload());
            assert!(copy.resend);
        }
    }
    let counted: Vec<_> = first.iter().filter_map(|s| s.transport_sequence).collect();
    assert_eq!(counted, [1, 2, 3, 4]);
    let next = stage.frame(false, 4, 40)[0].transport_sequence;
    assert_eq!(next, Some(4 + 6 + 1), "retransmissions are counted too");
}

#[test]
fn every_packet_says_which_line_it_belongs_to_and_has_room_for_its_number() {
    let mut stage = Stage::new(full_slot(Kind::Video, SLOT));
    let sent = stage.frame(true, 4, 0);
    let [n0, n1] = 1_u16.to_be_bytes();
    let expected = [
        [0xbe, 0xde, 0, 2],
        [MID_ON_LEG << 4 | 1, b'v', b'1', TRANSPORT_ON_LEG << 4 | 1],
        [n0, n1, 0, 0],
    ];
    assert_eq!(extensions(&sent[0]), expected.concat());
}

#[test]
fn a_codec_without_a_retransmission_type_is_resent_as_it_was_and_never_counted() {
    let mut spec = full_slot(Kind::Video, SLOT);
    spec.rtx = spec.rtx.map(|rtx| forwarding::Rtx {
        payload_types: PayloadTypes::new().with(Codec::Vp8, 97),
        ..rtx
    });
    let mut stage = Stage::new(spec);
    let first = stage.frame(true, 4, 0);
    assert!(first.iter().all(|sent| sent.transport_sequence.is_none()));
    let again = stage.nack(&[3], 10);
    assert_eq!(again[0].ssrc, SLOT);
    assert_eq!(again[0].bytes, first[2].bytes);
    let filled = stage.router.pad(HALL, 1_000, ms(20), &mut stage.out);
    assert_eq!(filled, 0, "nothing to fill a line with");
}

#[test]
fn a_line_is_filled_with_what_was_sent_last_and_then_with_padding() {
    let mut stage = Stage::new(full_slot(Kind::Video, SLOT));
    stage.hall = Publisher::video(1, 11).filled(|_| 992);
    let nothing = stage.router.pad(HALL, 2_500, ms(0), &mut stage.out);
    assert_eq!(nothing, 0, "nothing was ever sent");
    stage.frame(true, 4, 0);
    let filled = stage.router.pad(HALL, 2_500, ms(10), &mut stage.out);
    let sent = stage.out.take_sent();
    let bytes: usize = sent.iter().map(|sent| sent.bytes.len()).sum();
    assert_eq!(filled, bytes);
    assert!((2_500..2_800).contains(&bytes), "{bytes}");
    let numbers: Vec<_> = sent.iter().map(|sent| sent.osn).collect();
    assert_eq!(numbers[..3], [Some(4), Some(3), None]);
    assert!(sent.iter().all(|sent| sent.ssrc == RTX | SLOT));
    assert!(sent.iter().all(|sent| sent.transport_sequence.is_some()));
    assert!(sent[2..].iter().all(|sent| sent.payload().is_empty()));
    let stats = stage.router.leg_stats(HALL).unwrap();
    assert_eq!((stats.filling_bytes, stats.resends), (bytes as u64, 0));
}

/// A packet with a dependency descriptor: mandatory fields, and more.
fn described(packet: &[u8], frame_number: u16, more: usize) -> Vec<u8> {
    let [n0, n1] = frame_number.to_be_bytes();
    let mut elements = vec![2, 3 + more as u8, 0xc0, n0, n1];
    elements.extend(std::iter::repeat_n(0x5a, more));
    elements.resize(elements.len().next_multiple_of(4), 0);
    let mut described = packet[..12].to_vec();
    described[0] |= 0x10;
    described.extend([0x10, 0, 0, (elements.len() / 4) as u8]);
    described.extend(elements);
    described.extend(&packet[12..]);
    described
}

/// The descriptor on the leg, in whichever form.
fn descriptor(sent: &Sent) -> Vec<u8> {
    let block = extensions(sent);
    let two_byte = block[0] == 0x10;
    let mut rest = &block[4..];
    while let [first, after @ ..] = rest {
        let (id, bytes, values) = match (two_byte, first) {
            (_, 0) => (0, 0, after),
            (true, id) => (*id, usize::from(after[0]), &after[1..]),
            (false, head) => (head >> 4, usize::from(head & 15) + 1, after),
        };
        if id == DESCRIPTOR_ON_LEG {
            return values[..bytes].to_vec();
        }
        rest = &values[bytes..];
    }
    panic!("no descriptor in {block:x?}");
}

#[test]
fn frame_numbers_of_descriptors_go_on_over_a_switch() {
    let mut stage = Stage::new(full_slot(Kind::Video, SLOT));
    let mut other = Publisher::video(2, 22);
    let other_id = stage.router.open_stream(other.spec, ms(0)).unwrap();
    let mut numbers = Vec::new();
    for (frame, number) in [(0, 65_534_u16), (1, 65_535), (2, 0)] {
        let n = stage.hall.frame(frame == 0, 1, frame * 40).start;
        // A keyframe carries the structure and needs the long form.
        let more = if frame == 0 { 40 } else { 0 };
        let packet = described(&stage.hall.sent[n], number, more);
        stage
            .router
            .handle_rtp(stage.id, &packet, ms(frame * 40), &mut stage.out);
        let sent = stage.out.take_sent();
        assert_eq!(extensions(&sent[0])[0] == 0x10, frame == 0, "the form");
        assert_eq!(descriptor(&sent[0]).len(), 3 + more);
        numbers.push(u16::from_be_bytes([
            descriptor(&sent[0])[1],
            descriptor(&sent[0])[2],
        ]));
    }
    let to_other = Some(SourceId(2));
    stage
        .router
        .point(HALL, 0, to_other, ms(100), &mut stage.out)
        .unwrap();
    for (frame, number) in [(3, 9), (4, 12)] {
        let n = other.frame(frame == 3, 1, frame * 40).start;
        let packet = described(&other.sent[n], number, 0);
        stage
            .router
            .handle_rtp(other_id, &packet, ms(frame * 40), &mut stage.out);
        let sent = stage.out.take_sent();
        numbers.push(u16::from_be_bytes([
            descriptor(&sent[0])[1],
            descriptor(&sent[0])[2],
        ]));
    }
    let steps: Vec<_> = numbers
        .windows(2)
        .map(|w| w[1].wrapping_sub(w[0]))
        .collect();
    assert_eq!(steps, [1, 1, 1, 3], "{numbers:?}");
}
