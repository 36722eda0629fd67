//! A hall that publishes: makes RTP packets whose payload says where they come from.

use forwarding::{Codec, Layer, SourceId, StreamSpec};

/// What a test payload says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    pub publisher: u8,
    /// Position in its publisher's stream, from 0.
    pub number: u32,
    /// Whether a keyframe opens here.
    pub opens: bool,
}

impl Tag {
    pub fn read(payload: &[u8]) -> Self {
        let [publisher, n0, n1, n2, n3, opens] = *payload[2..].first_chunk().unwrap();
        Self {
            publisher,
            number: u32::from_be_bytes([n0, n1, n2, n3]),
            opens: opens == 1,
        }
    }
}

/// One stream and all it has sent.
pub struct Publisher {
    pub spec: StreamSpec,
    pub sent: Vec<Vec<u8>>,
    /// Packets made before those in `sent`.
    forgotten: usize,
    name: u8,
    first_sequence: u16,
    first_timestamp: u32,
    /// Bytes of filling of each packet, by its number.
    filling: fn(usize) -> usize,
}

impl Publisher {
    pub fn video(name: u8, ssrc: u32) -> Self {
        Self::new(name, ssrc, Codec::H264)
    }

    pub fn audio(name: u8, ssrc: u32) -> Self {
        Self::new(name, ssrc, Codec::Opus)
    }

    fn new(name: u8, ssrc: u32, codec: Codec) -> Self {
        Self {
            spec: StreamSpec {
                source: SourceId(u32::from(name)),
                codec,
                layer: Layer::LOWEST,
                ssrc,
                resend: true,
            },
            sent: Vec::new(),
            forgotten: 0,
            name,
            first_sequence: 1_000,
            first_timestamp: 90_000,
            filling: |_| 40,
        }
    }

    /// Numbers its first packet so.
    pub fn starting_at(mut self, sequence: u16, timestamp: u32) -> Self {
        self.first_sequence = sequence;
        self.first_timestamp = timestamp;
        self
    }

    /// Makes packets of other sizes than 48 bytes of payload: 8 and the filling.
    pub fn filled(mut self, filling: fn(usize) -> usize) -> Self {
        self.filling = filling;
        self
    }

    /// The wire number of a packet.
    pub fn sequence(&self, number: usize) -> u16 {
        let number = (self.forgotten + number) as u16;
        self.first_sequence.wrapping_add(number)
    }

    /// Its timestamp of an instant.
    pub fn timestamp(&self, at_ms: u64) -> u32 {
        let ticks = at_ms * u64::from(self.spec.codec.clock_rate_hz()) / 1_000;
        self.first_timestamp.wrapping_add(ticks as u32)
    }

    /// Drops the history, goes on numbering.
    pub fn forget(&mut self) {
        self.forgotten += self.sent.len();
        self.sent.clear();
    }

    /// The position of the packet last sent under a wire number.
    pub fn number(&self, sequence: u16) -> usize {
        let newest = self.sent.len() - 1;
        newest - usize::from(self.sequence(newest).wrapping_sub(sequence))
    }

    /// A frame of `pieces` packets, as positions in `sent`. A keyframe is an SPS and then an IDR
    /// picture in fragments.
    pub fn frame(&mut self, is_key: bool, pieces: usize, at_ms: u64) -> std::ops::Range<usize> {
        let start = self.sent.len();
        for piece in 0..pieces {
            let nal = match (is_key, piece) {
                (true, 0) => [0x67, 0x42],
                (true, 1) => [0x7c, 0x85],
                (true, _) => [0x7c, 0x05],
                (false, 0) => [0x7c, 0x81],
                (false, _) => [0x7c, 0x01],
            };
            self.packet(nal, is_key && piece == 0, piece + 1 == pieces, at_ms);
        }
        start..self.sent.len()
    }

    /// One packet of sound.
    pub fn sound(&mut self, at_ms: u64) -> usize {
        self.packet([0xfc, 0], false, false, at_ms);
        self.sent.len() - 1
    }

    fn packet(&mut self, nal: [u8; 2], opens: bool, marker: bool, at_ms: u64) {
        let number = self.sent.len();
        let codec = self.spec.codec;
        let timestamp = self.timestamp(at_ms);
        let mut packet = vec![0x80, codec.canonical_payload_type() | u8::from(marker) << 7];
        packet.extend(self.sequence(number).to_be_bytes());
        packet.extend(timestamp.to_be_bytes());
        packet.extend(self.spec.ssrc.to_be_bytes());
        packet.extend(nal);
        packet.push(self.name);
        packet.extend((number as u32).to_be_bytes());
        packet.push(u8::from(opens));
        packet.extend(std::iter::repeat_n(number as u8, (self.filling)(number)));
        self.sent.push(packet);
    }
}
