//! What the publisher sends: packets that are valid H.264, VP8 or Opus as far as a server looks, of a size that
//! does not change, and that carry what a watcher verifies.
//!
//! The last [`TRAILER_BYTES`] of every payload are the stamp: which packet of the stream this is, which part of which
//! frame, and when it was sent. It survives whatever a server does to header, SSRC and numbering.

use super::sdp::MediaLine;

/// Length of an RTP packet of the load before SRTP, header included: 2.4 Mbit/s at 250 a second.
pub const VIDEO_PACKET_BYTES: usize = 1_182;
/// The same of a sound packet: 20 ms of Opus at 32 kbit/s.
pub const AUDIO_PACKET_BYTES: usize = 100;
/// Packets of a keyframe: 28 KB, what a 720p encoder makes of a hall.
pub(super) const KEYFRAME_PACKETS: u16 = 24;
const HEADER_BYTES: usize = 12;
const TRAILER_BYTES: usize = 18;
const MAGIC: [u8; 2] = [0xd1, 0xe5];
const KEYFRAME: u8 = 1;
const LAST: u8 = 2;
const VIDEO: u8 = 4;

/// SPS and PPS of a 1280 × 720 constrained baseline stream.
const SPS: [u8; 12] = [
    0x67, 0x42, 0xc0, 0x1f, 0x8c, 0x8d, 0x40, 0x28, 0x02, 0xdd, 0x08, 0x00,
];
const PPS: [u8; 4] = [0x68, 0xce, 0x3c, 0x80];

/// The stamp at the end of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Counts the packets of the stream, without gaps.
    pub(super) counter: u32,
    /// Its place in its frame.
    pub(super) place: u16,
    /// The frame is a keyframe.
    pub(super) keyframe: bool,
    /// The frame ends with it.
    pub(super) last: bool,
    /// It is of a picture.
    pub(super) video: bool,
    /// Microseconds on the load's clock when it was handed to the socket; 0: not told.
    pub(super) sent_us: u64,
}

impl Stamp {
    /// Reads it; `None` when this is no payload of the load.
    pub(super) fn read(payload: &[u8]) -> Option<Self> {
        let stamp: [u8; TRAILER_BYTES] = *payload.last_chunk()?;
        let (magic, rest) = stamp.split_first_chunk()?;
        let (flags, rest) = rest.split_first()?;
        let (place, rest) = rest.split_first_chunk()?;
        let (counter, rest) = rest.split_first_chunk()?;
        let (sent_us, _) = rest.split_first_chunk()?;
        (*magic == MAGIC).then(|| Self {
            counter: u32::from_be_bytes(*counter),
            place: u16::from_be_bytes(*place),
            keyframe: flags & KEYFRAME != 0,
            last: flags & LAST != 0,
            video: flags & VIDEO != 0,
            sent_us: u64::from_be_bytes(*sent_us),
        })
    }

    fn bytes(self) -> [u8; TRAILER_BYTES] {
        let mut out = [0; TRAILER_BYTES];
        let bit = |set, bit: u8| if set { bit } else { 0 };
        let flags = bit(self.keyframe, KEYFRAME) | bit(self.last, LAST) | bit(self.video, VIDEO);
        out[..2].copy_from_slice(&MAGIC);
        out[2] = flags;
        out[3..5].copy_from_slice(&self.place.to_be_bytes());
        out[5..9].copy_from_slice(&self.counter.to_be_bytes());
        out[9..17].copy_from_slice(&self.sent_us.to_be_bytes());
        out
    }
}

/// Writes the packets of one stream.
pub(crate) struct Maker {
    line: MediaLine,
    ssrc: u32,
    sequence: u16,
    counter: u32,
    bytes: usize,
}

impl Maker {
    /// For this SSRC; `bytes` is the RTP packet's length.
    pub(crate) fn new(line: MediaLine, ssrc: u32, bytes: usize) -> Self {
        Self {
            line,
            ssrc,
            sequence: ssrc as u16,
            counter: 0,
            bytes,
        }
    }

    /// Packets made so far.
    pub(super) fn made(&self) -> u32 {
        self.counter
    }

    /// The next packet, whole.
    pub(crate) fn make(
        &mut self,
        place: u16,
        keyframe: bool,
        last: bool,
        timestamp: u32,
        sent_us: u64,
    ) -> Vec<u8> {
        let stamp = Stamp {
            counter: self.counter,
            place,
            keyframe,
            last,
            video: self.line.kind() == "video",
            sent_us,
        };
        let mut packet = Vec::with_capacity(self.bytes + 32);
        let marker = last && stamp.video;
        packet.push(0x80);
        packet.push(u8::from(marker) << 7 | self.line.payload_type());
        packet.extend_from_slice(&self.sequence.to_be_bytes());
        packet.extend_from_slice(&timestamp.to_be_bytes());
        packet.extend_from_slice(&self.ssrc.to_be_bytes());
        self.codec_head(&mut packet, stamp);
        if packet.len() > HEADER_BYTES + 2 && self.line == MediaLine::H264 {
            // Parameter sets travel in an aggregate, whose last unit is filler with the stamp.
            let unit_bytes = self.bytes - packet.len() - 2;
            packet.extend_from_slice(&(unit_bytes as u16).to_be_bytes());
            packet.push(12);
        }
        packet.resize(self.bytes - TRAILER_BYTES, 0x55);
        packet.extend_from_slice(&stamp.bytes());
        self.sequence = self.sequence.wrapping_add(1);
        self.counter = self.counter.wrapping_add(1);
        packet
    }

    fn codec_head(&self, packet: &mut Vec<u8>, stamp: Stamp) {
        match self.line {
            MediaLine::Opus => packet.push(0xfc),
            // RFC 7741 §4.2 and §4.3: start of partition, then the frame tag and the start code of a keyframe.
            MediaLine::Vp8 => {
                packet.push(if stamp.place == 0 { 0x10 } else { 0 });
                if stamp.place == 0 {
                    packet.extend_from_slice(&[u8::from(!stamp.keyframe), 0, 0, 0x9d, 0x01, 0x2a]);
                }
            }
            MediaLine::H264 => h264_head(packet, stamp),
        }
    }
}

/// RFC 6184: §5.7.1 STAP-A with the parameters, §5.8 FU-A for what is longer than a packet, §5.6 a single unit.
fn h264_head(packet: &mut Vec<u8>, stamp: Stamp) {
    let unit = if stamp.keyframe { 5 } else { 1 };
    // The fragments of a keyframe follow the packet with its parameters.
    let first = u16::from(stamp.keyframe);
    if stamp.keyframe && stamp.place == 0 {
        packet.push(0x78);
        for parameters in [&SPS[..], &PPS[..]] {
            packet.extend_from_slice(&(parameters.len() as u16).to_be_bytes());
            packet.extend_from_slice(parameters);
        }
    } else if stamp.place == first && stamp.last {
        packet.push(0x60 | unit);
    } else {
        let start = u8::from(stamp.place == first) << 7;
        let end = u8::from(stamp.last) << 6;
        packet.extend_from_slice(&[0x7c, start | end | unit]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_packet_is_of_one_size_and_carries_its_stamp() {
        for line in [MediaLine::H264, MediaLine::Vp8, MediaLine::Opus] {
            let bytes = if line == MediaLine::Opus {
                AUDIO_PACKET_BYTES
            } else {
                VIDEO_PACKET_BYTES
            };
            let mut maker = Maker::new(line, 7, bytes);
            for place in 0..3 {
                let packet = maker.make(place, true, place == 2, 90, 1_234);
                assert_eq!(packet.len(), bytes);
                let stamp = Stamp::read(&packet[12..]).expect("a stamp");
                assert_eq!((stamp.counter, stamp.place), (u32::from(place), place));
                assert!(stamp.keyframe && stamp.last == (place == 2) && stamp.sent_us == 1_234);
                assert_eq!(packet[1] & 0x80 != 0, place == 2 && line != MediaLine::Opus);
            }
        }
        assert_eq!(Stamp::read(&[0; 40]), None);
        assert_eq!(Stamp::read(&[0; 4]), None);
    }

    #[test]
    fn a_keyframe_begins_with_parameters_whose_lengths_add_up() {
        let mut maker = Maker::new(MediaLine::H264, 7, VIDEO_PACKET_BYTES);
        let packet = maker.make(0, true, false, 0, 0);
        let mut rest = &packet[13..];
        let mut units = Vec::new();
        while let Some((&[a, b], after)) = rest.split_first_chunk() {
            let (unit, next) = after.split_at(usize::from(u16::from_be_bytes([a, b])));
            units.push(unit[0] & 0x1f);
            rest = next;
        }
        assert_eq!(packet[12] & 0x1f, 24);
        assert_eq!(units, [7, 8, 12]);
        assert!(rest.is_empty());
        let picture = maker.make(1, true, false, 0, 0);
        assert_eq!(&picture[12..14], &[0x7c, 0x85]);
    }

    #[test]
    fn a_frame_in_one_packet_is_a_single_unit() {
        let mut maker = Maker::new(MediaLine::H264, 7, VIDEO_PACKET_BYTES);
        assert_eq!(maker.make(0, false, true, 0, 0)[12], 0x61);
    }
}
