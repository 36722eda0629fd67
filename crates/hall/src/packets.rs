//! RTP packets out of encoded frames (RFC 6184 for H.264, RFC 7587 for Opus).

use bytes::Bytes;
use rtc::rtp::codec::h264::H264Payloader;
use rtc::rtp::packetizer::Payloader;
use rtc::rtp::{Header, Packet};

/// Largest payload, bytes: with RTP, SRTP, UDP and IPv6 headers it stays under 1,280, which every
/// path carries.
const PAYLOAD_BYTES_MAX: usize = 1_150;

/// Payload type offered for H.264.
pub(crate) const H264_PAYLOAD_TYPE: u8 = 102;
/// Payload type offered for VP8.
pub(crate) const VP8_PAYLOAD_TYPE: u8 = 96;
/// Payload type offered for Opus.
pub(crate) const OPUS_PAYLOAD_TYPE: u8 = 111;

/// Numbers the packets of one stream. Each publishing session gets a new one: a new SSRC is a new epoch.
#[derive(Debug)]
pub(crate) struct Numbering {
    ssrc: u32,
    payload_type: u8,
    sequence: u16,
    timestamp_first: u32,
}

impl Numbering {
    /// Sequence numbers and timestamps begin at values derived from `seed` (RFC 3550 §5.1 wants
    /// them unpredictable).
    pub(crate) fn new(ssrc: u32, payload_type: u8, seed: u32) -> Self {
        Self {
            ssrc,
            payload_type,
            sequence: (seed >> 17) as u16,
            timestamp_first: seed.wrapping_mul(2_654_435_761),
        }
    }

    /// The next packet; `ticks` since the stream began, in the codec's clock.
    pub(crate) fn packet(&mut self, ticks: u32, marker: bool, payload: Bytes) -> Packet {
        let sequence_number = self.sequence;
        self.sequence = self.sequence.wrapping_add(1);
        let header = Header {
            version: 2,
            marker,
            payload_type: self.payload_type,
            sequence_number,
            timestamp: self.timestamp_first.wrapping_add(ticks),
            ssrc: self.ssrc,
            ..Header::default()
        };
        Packet { header, payload }
    }
}

/// Cuts H.264 frames into packets, packetization mode 1.
#[derive(Debug)]
pub(crate) struct H264Packetizer {
    payloader: H264Payloader,
    numbering: Numbering,
}

impl H264Packetizer {
    pub(crate) fn new(numbering: Numbering) -> Self {
        Self {
            payloader: H264Payloader::default(),
            numbering,
        }
    }

    /// The packets of a frame; the last one carries the marker. Nothing for an empty frame.
    pub(crate) fn packets(&mut self, annex_b: Vec<u8>, ticks: u32) -> Vec<Packet> {
        // The payloader refuses nothing but an MTU of zero.
        let payloads = self
            .payloader
            .payload(PAYLOAD_BYTES_MAX, &Bytes::from(annex_b))
            .unwrap_or_default();
        let last = payloads.len().saturating_sub(1);
        payloads
            .into_iter()
            .enumerate()
            .map(|(index, payload)| self.numbering.packet(ticks, index == last, payload))
            .collect()
    }
}

/// Whether an H.264 payload begins a keyframe: a sequence parameter set alone or first in an
/// aggregate, or the first piece of an IDR slice (RFC 6184 §5.6 to §5.8).
pub(crate) fn h264_starts_keyframe(payload: &[u8]) -> bool {
    const SPS: u8 = 7;
    const IDR: u8 = 5;
    match payload {
        [first, ..] if matches!(first & 0x1f, SPS | IDR) => true,
        [first, _, _, nal, ..] if first & 0x1f == 24 => nal & 0x1f == SPS,
        [first, fragment, ..] if first & 0x1f == 28 => {
            fragment & 0x80 != 0 && fragment & 0x1f == IDR
        }
        _ => false,
    }
}

/// Whether a VP8 payload begins a keyframe (RFC 7741 §4.2 and §4.3).
pub(crate) fn vp8_starts_keyframe(payload: &[u8]) -> bool {
    let Some((first, rest)) = payload.split_first() else {
        return false;
    };
    if first & 0x17 != 0x10 {
        return false;
    }
    let mut skip = 0;
    if first & 0x80 != 0 {
        let extended = rest.first().copied().unwrap_or_default();
        skip = 1;
        if extended & 0x80 != 0 {
            skip += if rest.get(1).is_some_and(|id| id & 0x80 != 0) {
                2
            } else {
                1
            };
        }
        skip += usize::from(extended & 0x40 != 0);
        skip += usize::from(extended & 0x30 != 0);
    }
    rest.get(skip).is_some_and(|header| header & 1 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rtc::rtp::codec::h264::H264Packet;
    use rtc::rtp::packetizer::Depacketizer;

    fn nal(kind: u8, length: usize) -> Vec<u8> {
        let mut nal = vec![0, 0, 0, 1, 0x60 | kind];
        nal.extend((0..length).map(|index| (index % 250) as u8 + 1));
        nal
    }

    fn packetizer() -> H264Packetizer {
        H264Packetizer::new(Numbering::new(9, H264_PAYLOAD_TYPE, 0xffff_ffff))
    }

    #[test]
    fn a_keyframe_is_cut_and_put_together_again() {
        let frame = [nal(7, 12), nal(8, 4), nal(5, 5_000)].concat();
        let mut packetizer = packetizer();
        let packets = packetizer.packets(frame.clone(), 3_000);
        assert!(packets.len() > 4);
        assert!(
            packets
                .iter()
                .all(|packet| packet.payload.len() <= PAYLOAD_BYTES_MAX)
        );
        assert!(h264_starts_keyframe(&packets[0].payload));
        assert!(
            packets[2..]
                .iter()
                .all(|packet| !h264_starts_keyframe(&packet.payload))
        );
        let markers: Vec<bool> = packets.iter().map(|packet| packet.header.marker).collect();
        assert_eq!(markers.iter().filter(|marker| **marker).count(), 1);
        assert_eq!(markers.last(), Some(&true));
        for pair in packets.windows(2) {
            assert_eq!(
                pair[1].header.sequence_number,
                pair[0].header.sequence_number.wrapping_add(1)
            );
            assert_eq!(pair[1].header.timestamp, pair[0].header.timestamp);
        }
        let mut depacketizer = H264Packet::default();
        let back: Vec<u8> = packets
            .iter()
            .flat_map(|packet| {
                depacketizer
                    .depacketize(&packet.payload)
                    .expect("own packets")
                    .to_vec()
            })
            .collect();
        assert_eq!(back, frame);
    }

    #[test]
    fn the_next_frame_goes_on_counting() {
        let mut packetizer = packetizer();
        let first = packetizer.packets(nal(1, 100), 0);
        let second = packetizer.packets(nal(1, 100), 6_000);
        let (first, second) = (&first[0].header, &second[0].header);
        assert_eq!(
            second.sequence_number,
            first.sequence_number.wrapping_add(1)
        );
        assert_eq!(second.timestamp, first.timestamp.wrapping_add(6_000));
        assert!(packetizer.packets(Vec::new(), 1).is_empty());
    }

    #[test]
    fn keyframes_are_told_from_the_first_bytes() {
        assert!(!h264_starts_keyframe(&[]));
        assert!(!h264_starts_keyframe(&[0x61, 1, 2]), "a P slice");
        assert!(
            h264_starts_keyframe(&[0x7c, 0x85, 1]),
            "first fragment of an IDR"
        );
        assert!(!h264_starts_keyframe(&[0x7c, 0x05, 1]), "a later fragment");
        assert!(!vp8_starts_keyframe(&[]));
        assert!(vp8_starts_keyframe(&[0x10, 0x00]));
        assert!(!vp8_starts_keyframe(&[0x10, 0x01]), "an interframe");
        assert!(!vp8_starts_keyframe(&[0x00, 0x00]), "not the first packet");
        assert!(
            vp8_starts_keyframe(&[0x90, 0x80, 0x81, 0x02, 0x00]),
            "with a long picture id"
        );
        assert!(!vp8_starts_keyframe(&[0x90, 0xf0]), "cut short");
    }
}
