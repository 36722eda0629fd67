//! Bytes and numbers from people who mean harm, or from broken cameras.

use crate::publisher::Publisher;
use crate::recorder::{Recorder, full_slot, ms, slot};
use forwarding::{Arrival, Codec, Kind, Layer, LegId, Router, SourceId, StreamId, StreamSpec};
use proptest::prelude::*;

const TRUNK: LegId = LegId(1);
const HALL: LegId = LegId(2);

fn spec(source: u32, layer: u8, ssrc: u32, codec: Codec) -> StreamSpec {
    StreamSpec {
        source: SourceId(source),
        codec,
        layer: Layer(layer),
        ssrc,
        resend: true,
    }
}

/// A source in two qualities and another one, a child relay and a hall. Its recorder sees to it that a number names one
/// packet.
struct Stage {
    router: Router,
    out: Recorder,
    specs: [StreamSpec; 3],
    streams: [StreamId; 3],
    now: u64,
}

impl Stage {
    fn new(codec: Codec) -> Self {
        let (mut router, mut out) = (Router::new(), Recorder::default());
        let specs = [
            spec(1, 0, 11, codec),
            spec(1, 1, 12, codec),
            spec(2, 0, 13, codec),
        ];
        let streams = specs.map(|spec| router.open_stream(spec, ms(0)).unwrap());
        router.add_trunk_leg(TRUNK).unwrap();
        router.subscribe(TRUNK, SourceId(1)).unwrap();
        router.subscribe(TRUNK, SourceId(2)).unwrap();
        let slots = [full_slot(Kind::Video, 5), slot(Kind::Audio, 6)];
        router.add_slot_leg(HALL, &slots).unwrap();
        for index in 0..2 {
            let pointed = router.point(HALL, index, Some(SourceId(1)), ms(0), &mut out);
            pointed.unwrap();
        }
        Self {
            router,
            out,
            specs,
            streams,
            now: 0,
        }
    }

    fn handle(&mut self, packet: &[u8]) -> Arrival {
        let now = ms(self.now);
        self.router
            .handle_rtp(self.streams[0], packet, now, &mut self.out)
    }

    fn suffer(&mut self, blow: Blow) {
        let (router, out, at) = (&mut self.router, &mut self.out, ms(self.now));
        match blow {
            Blow::Packet(number, packet) => {
                router.handle_rtp(self.streams[number], &packet, at, out);
            }
            Blow::Nack(sequences) => {
                router.handle_nack(TRUNK, 11, &sequences, at, out);
                router.handle_nack(HALL, 5, &sequences, at, out);
            }
            Blow::KeyframeRequest { leg, ssrc } => {
                router.handle_keyframe_request(LegId(leg), ssrc, at, out);
            }
            Blow::Report { ntp, rtp } => {
                router.handle_sender_report(self.streams[0], ntp, rtp, at, out);
            }
            Blow::Point { slot, source } => {
                let source = Some(SourceId(source)).filter(|source| source.0 > 0);
                router.point(HALL, slot, source, at, out).unwrap();
            }
            Blow::LayerMax(layer) => router.set_layer_max(HALL, 0, Layer(layer), at, out),
            Blow::Pad(bytes) => {
                router.pad(HALL, bytes, at, out);
            }
            Blow::Pause(number, paused) => router.set_paused(self.streams[number], paused),
            Blow::Reopen(number) => {
                router.close_stream(self.streams[number]);
                self.streams[number] = router.open_stream(self.specs[number], at).unwrap();
            }
            Blow::Pass { ms } => self.now += u64::from(ms),
        }
    }
}

#[test]
fn what_is_not_the_streams_packet_is_dropped_and_counted() {
    let mut hall = Publisher::video(1, 11);
    let mut stage = Stage::new(Codec::H264);
    hall.frame(true, 1, 0);
    let good = hall.sent[0].clone();
    let mut stranger = good.clone();
    stranger[11] = 99;
    let mut huge = good.clone();
    huge.resize(1_501, 0);
    for bad in [&[][..], &good[..11], &stranger, &huge, &[0xff; 40]] {
        assert_eq!(stage.handle(bad), Arrival::Malformed);
    }
    let after = stage.handle(&good);
    assert_eq!(after, Arrival::Accepted, "the hall itself is not hurt");
    let id = stage.streams[0];
    let stats = stage.router.stream_stats(id, ms(0)).unwrap();
    assert_eq!(stats.malformed, 5);
    stage.router.close_stream(id);
    assert_eq!(stage.handle(&good), Arrival::UnknownStream);
    assert_eq!(stage.router.stats().unknown_stream, 1);
}

/// Something a peer, the conference or the clock may do.
#[derive(Clone, Debug)]
enum Blow {
    /// Of the stream at this position.
    Packet(usize, Vec<u8>),
    Nack(Vec<u16>),
    KeyframeRequest {
        leg: u32,
        ssrc: u32,
    },
    Report {
        ntp: u64,
        rtp: u32,
    },
    /// At source 0: at nothing.
    Point {
        slot: usize,
        source: u32,
    },
    LayerMax(u8),
    Pad(usize),
    Pause(usize, Option<u64>),
    Reopen(usize),
    Pass {
        ms: u32,
    },
}

fn packet() -> impl Strategy<Value = Blow> {
    // Mostly close together, so that numbers meet again.
    let sequence = prop_oneof![1 => any::<u16>(), 4 => 0_u16..600, 4 => 0_u16..40];
    let payload = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..20),
        // A keyframe's beginning, so that something is shown.
        Just(vec![0x67, 0x42]),
    ];
    let flags = prop_oneof![any::<u8>(), Just(0)];
    (0_usize..3, sequence, any::<u32>(), flags, payload).prop_map(
        |(number, sequence, timestamp, flags, payload)| {
            let mut packet = vec![0x80 | flags & 0x3f, flags];
            packet.extend(sequence.to_be_bytes());
            packet.extend(timestamp.to_be_bytes());
            packet.extend((11 + number as u32).to_be_bytes());
            packet.extend(payload);
            Blow::Packet(number, packet)
        },
    )
}

fn blow() -> impl Strategy<Value = Blow> {
    let time = prop_oneof![0..50_u32, any::<u32>()];
    prop_oneof![
        12 => packet(),
        1 => prop::collection::vec(any::<u16>(), 0..50).prop_map(Blow::Nack),
        1 => (0..4_u32, 4..14_u32).prop_map(|(leg, ssrc)| Blow::KeyframeRequest { leg, ssrc }),
        1 => (any::<u64>(), any::<u32>()).prop_map(|(ntp, rtp)| Blow::Report { ntp, rtp }),
        1 => (0..2_usize, 0..4_u32).prop_map(|(slot, source)| Blow::Point { slot, source }),
        1 => (0..3_u8).prop_map(Blow::LayerMax),
        1 => (0..20_000_usize).prop_map(Blow::Pad),
        1 => (0..3_usize, any::<Option<u64>>()).prop_map(|(number, rate)| Blow::Pause(number, rate)),
        1 => (0..3_usize).prop_map(Blow::Reopen),
        2 => time.prop_map(|ms| Blow::Pass { ms }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_a_peer_sends_makes_the_router_panic_or_a_number_name_two_packets(
        codec in prop::sample::select(vec![Codec::Opus, Codec::H264, Codec::Vp8, Codec::Vp9, Codec::Av1]),
        blows in prop::collection::vec(blow(), 0..200),
    ) {
        let mut stage = Stage::new(codec);
        for blow in blows {
            stage.suffer(blow);
            let now = ms(stage.now);
            stage.router.handle_timeout(now, &mut stage.out);
            for id in stage.streams {
                let stats = stage.router.stream_stats(id, now).unwrap();
                prop_assert!(stats.holes_open <= forwarding::limits::HOLES_MAX as u64);
                stage.router.reception_report(id, now);
            }
        }
    }
}
