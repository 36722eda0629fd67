//! What the router alone costs: nanoseconds for each packet to each leg, on a quiet machine:
//! `cargo run --release -p forwarding --example cost`.

use forwarding::{
    Action, Codec, Kind, Layer, LegId, Mid, PayloadTypes, Router, Rtx, Sink, SlotExtensions,
    SlotSpec, SourceId, StreamSpec,
};
use std::time::{Duration, Instant};

const LEGS: u32 = 100;
const FRAMES: u64 = 5_000;
const PIECES: u16 = 8;

/// Touches what a real sink reads, sends nothing.
#[derive(Default)]
struct Counter {
    packets: u64,
    check: u64,
}

impl Sink for Counter {
    fn take(&mut self, action: Action<'_>) {
        if let Action::Send(packet) = action {
            self.packets += 1;
            let last = packet.header.last().copied().unwrap_or_default();
            self.check = self
                .check
                .wrapping_add(u64::from(last) + packet.len() as u64);
        }
    }
}

fn router(spec: Option<SlotSpec>) -> (Router, forwarding::StreamId, Counter) {
    let (mut router, mut out) = (Router::new(), Counter::default());
    let stream = StreamSpec {
        source: SourceId(1),
        codec: Codec::Vp8,
        layer: Layer::LOWEST,
        ssrc: 11,
        resend: true,
    };
    let id = router.open_stream(stream, Duration::ZERO).unwrap();
    for leg in (0..LEGS).map(LegId) {
        if let Some(spec) = spec {
            router.add_slot_leg(leg, &[spec]).unwrap();
            router
                .point(leg, 0, Some(SourceId(1)), Duration::ZERO, &mut out)
                .unwrap();
        } else {
            router.add_trunk_leg(leg).unwrap();
            router.subscribe(leg, SourceId(1)).unwrap();
        }
    }
    (router, id, out)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a measurement asks the clock; the router does not"
)]
/// Frames of eight equal packets, all of a frame at once or a millisecond and a half apart.
fn measure(name: &str, spec: Option<SlotSpec>, apart: Duration) {
    let (mut router, id, mut out) = router(spec);
    let mut packet = vec![0; 1_200];
    packet[0] = 0x80;
    packet[8..12].copy_from_slice(&11_u32.to_be_bytes());
    let mut sequence = 0_u16;
    let began = Instant::now();
    for frame in 0..FRAMES {
        let mut now = Duration::from_millis(40 * frame);
        packet[4..8].copy_from_slice(&(frame as u32 * 3_600).to_be_bytes());
        for piece in 0..PIECES {
            let is_last = piece + 1 == PIECES;
            packet[1] = 0x60 | u8::from(is_last) << 7;
            packet[2..4].copy_from_slice(&sequence.to_be_bytes());
            // VP8: a frame's first packet, the first of all a keyframe's (RFC 7741 §4.2).
            packet[12] = if piece == 0 { 0x10 } else { 0 };
            packet[13] = u8::from(frame > 0);
            router.handle_rtp(id, &packet, now, &mut out);
            sequence = sequence.wrapping_add(1);
            now += apart;
        }
        router.handle_timeout(now, &mut out);
    }
    let ns = began.elapsed().as_nanos() as f64 / out.packets as f64;
    let sent = out.packets / u64::from(LEGS);
    assert_eq!(
        sent,
        FRAMES * u64::from(PIECES),
        "every packet to every leg"
    );
    println!("{name:40} {ns:6.1} ns per packet and leg ({:x})", out.check);
}

fn main() {
    let types = PayloadTypes::new().with(Codec::Vp8, 96);
    let plain = SlotSpec::new(Kind::Video, 5, types);
    let full = SlotSpec {
        rtx: Some(Rtx {
            ssrc: 6,
            payload_types: PayloadTypes::new().with(Codec::Vp8, 97),
        }),
        extensions: SlotExtensions {
            mid: Mid::new(b"0").map(|mid| (4, mid)),
            transport_sequence: Some(5),
            ..SlotExtensions::NONE
        },
        ..plain
    };
    let (burst, paced) = (Duration::ZERO, Duration::from_micros(1_500));
    for (pace, apart) in [("burst", burst), ("paced", paced)] {
        measure(
            &format!("{pace}, slot without extensions"),
            Some(plain),
            apart,
        );
        measure(
            &format!("{pace}, slot with mid and transport number"),
            Some(full),
            apart,
        );
        measure(&format!("{pace}, trunk"), None, apart);
    }
}
