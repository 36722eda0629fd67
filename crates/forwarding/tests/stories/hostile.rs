//! Bytes and numbers from people who mean harm, or from broken cameras.

use crate::publisher::Publisher;
use crate::recorder::{ms, slot};
use forwarding::{Action, Arrival, Codec, Kind, LegId, Router, Sink, SourceId, StreamSpec};
use proptest::prelude::*;

/// Takes everything, keeps nothing.
struct Nowhere;

impl Sink for Nowhere {
    fn take(&mut self, action: Action<'_>) {
        if let Action::Send(packet) = action {
            assert!(packet.header.len() >= 12);
        }
    }
}

fn stage(codec: Codec) -> (Router, forwarding::StreamId) {
    let mut router = Router::new();
    let spec = StreamSpec {
        source: SourceId(1),
        codec,
        layer: forwarding::Layer::LOWEST,
        ssrc: 11,
        resend: true,
    };
    let id = router.open_stream(spec, ms(0)).unwrap();
    router.add_trunk_leg(LegId(1)).unwrap();
    router.subscribe(LegId(1), SourceId(1)).unwrap();
    let slots = [slot(Kind::Video, 5), slot(Kind::Audio, 6)];
    router.add_slot_leg(LegId(2), &slots).unwrap();
    for index in 0..2 {
        let pointed = router.point(LegId(2), index, Some(SourceId(1)), ms(0), &mut Nowhere);
        pointed.unwrap();
    }
    (router, id)
}

#[test]
fn what_is_not_the_streams_packet_is_dropped_and_counted() {
    let mut hall = Publisher::video(1, 11);
    let (mut router, id) = stage(Codec::H264);
    hall.frame(true, 1, 0);
    let good = hall.sent[0].clone();
    let mut stranger = good.clone();
    stranger[11] = 99;
    let mut huge = good.clone();
    huge.resize(1_501, 0);
    for bad in [&[][..], &good[..11], &stranger, &huge, &[0xff; 40]] {
        assert_eq!(
            router.handle_rtp(id, bad, ms(0), &mut Nowhere),
            Arrival::Malformed
        );
    }
    let after = router.handle_rtp(id, &good, ms(0), &mut Nowhere);
    assert_eq!(after, Arrival::Accepted, "the hall itself is not hurt");
    assert_eq!(router.stream_stats(id, ms(0)).unwrap().malformed, 5);
    router.close_stream(id);
    let late = router.handle_rtp(id, &good, ms(0), &mut Nowhere);
    assert_eq!(late, Arrival::UnknownStream);
    assert_eq!(router.stats().unknown_stream, 1);
}

/// Something a peer or the clock may do.
#[derive(Clone, Debug)]
enum Blow {
    Packet {
        sequence: u16,
        timestamp: u32,
        flags: u8,
        payload: Vec<u8>,
    },
    Nack(Vec<u16>),
    KeyframeRequest {
        leg: u32,
        ssrc: u32,
    },
    Report {
        ntp: u64,
        rtp: u32,
    },
    Pass {
        ms: u32,
    },
}

fn blow() -> impl Strategy<Value = Blow> {
    let sequence = prop_oneof![any::<u16>(), 0_u16..600];
    let payload = prop::collection::vec(any::<u8>(), 0..20);
    prop_oneof![
        6 => (sequence, any::<u32>(), any::<u8>(), payload).prop_map(
            |(sequence, timestamp, flags, payload)| Blow::Packet { sequence, timestamp, flags, payload }
        ),
        1 => prop::collection::vec(any::<u16>(), 0..50).prop_map(Blow::Nack),
        1 => (0..4_u32, 4..13_u32).prop_map(|(leg, ssrc)| Blow::KeyframeRequest { leg, ssrc }),
        1 => (any::<u64>(), any::<u32>()).prop_map(|(ntp, rtp)| Blow::Report { ntp, rtp }),
        1 => any::<u32>().prop_map(|ms| Blow::Pass { ms }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_a_peer_sends_makes_the_router_panic(
        codec in prop::sample::select(vec![Codec::Opus, Codec::H264, Codec::Vp8, Codec::Vp9, Codec::Av1]),
        blows in prop::collection::vec(blow(), 0..200),
    ) {
        let (mut router, id) = stage(codec);
        let mut now = 0;
        for blow in blows {
            let at = ms(now);
            match blow {
                Blow::Packet { sequence, timestamp, flags, payload } => {
                    let mut packet = vec![0x80 | flags & 0x3f, flags];
                    packet.extend(sequence.to_be_bytes());
                    packet.extend(timestamp.to_be_bytes());
                    packet.extend(11_u32.to_be_bytes());
                    packet.extend(payload);
                    router.handle_rtp(id, &packet, at, &mut Nowhere);
                }
                Blow::Nack(sequences) => {
                    router.handle_nack(LegId(1), 11, &sequences, at, &mut Nowhere);
                    router.handle_nack(LegId(2), 5, &sequences, at, &mut Nowhere);
                }
                Blow::KeyframeRequest { leg, ssrc } => {
                    router.handle_keyframe_request(LegId(leg), ssrc, at, &mut Nowhere);
                }
                Blow::Report { ntp, rtp } => {
                    router.handle_sender_report(id, ntp, rtp, at, &mut Nowhere);
                }
                Blow::Pass { ms: passed } => now += u64::from(passed),
            }
            router.handle_timeout(ms(now), &mut Nowhere);
            let stats = router.stream_stats(id, ms(now)).unwrap();
            prop_assert!(stats.holes_open <= forwarding::limits::HOLES_MAX as u64);
            router.reception_report(id, ms(now));
        }
    }
}
