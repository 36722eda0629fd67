//! The RTP header (RFC 3550 §5.1): read from foreign bytes, written for slots.

/// Id of the audio level extension inside relays.
const AUDIO_LEVEL_ID: u8 = 1;

/// Profile of the one-byte extension form (RFC 8285 §4.2).
const ONE_BYTE_PROFILE: [u8; 2] = [0xBE, 0xDE];

/// Room for every header [`SlotHeader::write`] makes: the fixed header and one extension word
/// with its own header.
pub(crate) const SLOT_HEADER_BYTES_MAX: usize = 20;

/// What a packet says about itself. Lengths are checked against the packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) marker: bool,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
    /// Behind the fixed header, CSRCs and extensions.
    pub(crate) payload_start: usize,
    /// Where the payload ends and padding begins.
    pub(crate) payload_end: usize,
    /// The byte of RFC 6464 §3: voice flag and level.
    pub(crate) audio_level: Option<u8>,
}

impl Header {
    /// `None` when it is not a whole RTP packet of version 2.
    pub(crate) fn parse(packet: &[u8]) -> Option<Self> {
        let &[flags, second, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3] = packet.first_chunk()?;
        if flags >> 6 != 2 {
            return None;
        }
        let fixed_bytes = 12 + 4 * usize::from(flags & 0x0f);
        let (payload_start, audio_level) = if flags & 0x10 == 0 {
            (fixed_bytes, None)
        } else {
            read_extensions(packet, fixed_bytes)?
        };
        let padding_bytes = match flags & 0x20 {
            0 => 0,
            _ => usize::from(*packet.last().filter(|count| **count > 0)?),
        };
        let payload_end = packet.len().checked_sub(padding_bytes)?;
        (payload_start <= payload_end).then_some(Self {
            marker: second & 0x80 != 0,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([c0, c1, c2, c3]),
            payload_start,
            payload_end,
            audio_level,
        })
    }
}

/// The header's end and the audio level, of a packet whose extension begins at `start`.
fn read_extensions(packet: &[u8], start: usize) -> Option<(usize, Option<u8>)> {
    let (&[p0, p1, l0, l1], rest) = packet.get(start..)?.split_first_chunk()?;
    let bytes = 4 * usize::from(u16::from_be_bytes([l0, l1]));
    let elements = rest.get(..bytes)?;
    let level = ([p0, p1] == ONE_BYTE_PROFILE)
        .then(|| find_audio_level(elements))
        .flatten();
    Some((start + 4 + bytes, level))
}

/// Walks one-byte elements; stops at the first that does not fit (RFC 8285 §4.2).
fn find_audio_level(mut elements: &[u8]) -> Option<u8> {
    while let Some((&first, rest)) = elements.split_first() {
        if first == 0 {
            elements = rest;
            continue;
        }
        let (id, bytes) = (first >> 4, usize::from(first & 0x0f) + 1);
        if id == 15 || rest.len() < bytes {
            return None;
        }
        let (data, next) = rest.split_at(bytes);
        if id == AUDIO_LEVEL_ID {
            return data.first().copied();
        }
        elements = next;
    }
    None
}

/// The header of a packet in a slot: no CSRCs, at most the audio level extension.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SlotHeader {
    pub(crate) marker: bool,
    pub(crate) payload_type: u8,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
    /// Whether padding follows the payload.
    pub(crate) is_padded: bool,
    /// The extension's id on the leg and its byte.
    pub(crate) audio_level: Option<(u8, u8)>,
}

impl SlotHeader {
    /// The header's bytes, in `buffer`.
    pub(crate) fn write<'b>(&self, buffer: &'b mut [u8; SLOT_HEADER_BYTES_MAX]) -> &'b [u8] {
        let [s0, s1] = self.sequence.to_be_bytes();
        let [t0, t1, t2, t3] = self.timestamp.to_be_bytes();
        let [c0, c1, c2, c3] = self.ssrc.to_be_bytes();
        let extended = self.audio_level.is_some();
        let flags = 0x80 | u8::from(self.is_padded) << 5 | u8::from(extended) << 4;
        let second = self.payload_type & 0x7f | u8::from(self.marker) << 7;
        let (id, level) = self.audio_level.unwrap_or_default();
        let [p0, p1] = ONE_BYTE_PROFILE;
        *buffer = [
            flags,
            second,
            s0,
            s1,
            t0,
            t1,
            t2,
            t3,
            c0,
            c1,
            c2,
            c3, // RFC 3550 §5.1
            p0,
            p1,
            0,
            1,
            id << 4,
            level,
            0,
            0, // RFC 8285 §4.2: one word, padded
        ];
        if extended {
            buffer
        } else {
            buffer.split_at(12).0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PLAIN: [u8; 14] = [0x80, 0xe6, 1, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0xaa, 0xbb];

    #[test]
    fn a_plain_header_is_read() {
        let header = Header::parse(&PLAIN).unwrap();
        assert!(header.marker);
        assert_eq!(header.sequence, 0x0102);
        assert_eq!((header.timestamp, header.ssrc), (3, 4));
        assert_eq!((header.payload_start, header.payload_end), (12, 14));
    }

    #[test]
    fn padding_ends_the_payload_and_may_not_lie() {
        let mut packet = PLAIN.to_vec();
        packet[0] |= 0x20;
        for (count, expected) in [(2, Some(12)), (1, Some(13)), (0, None), (3, None)] {
            packet[13] = count;
            let end = Header::parse(&packet).map(|header| header.payload_end);
            assert_eq!(end, expected, "padding of {count}");
        }
    }

    #[test]
    fn lying_lengths_are_refused() {
        for cut in 0..12 {
            assert_eq!(Header::parse(&PLAIN[..cut]), None);
        }
        let mut csrcs = PLAIN;
        csrcs[0] |= 0x0f;
        assert_eq!(Header::parse(&csrcs), None, "15 CSRCs that are not there");
        let mut extension = PLAIN.to_vec();
        extension[0] |= 0x10;
        assert_eq!(Header::parse(&extension), None, "half an extension header");
        extension.splice(12.., [0xbe, 0xde, 0xff, 0xff]);
        assert_eq!(Header::parse(&extension), None, "65535 words");
        let mut version = PLAIN;
        version[0] = 0x40;
        assert_eq!(Header::parse(&version), None);
    }

    #[test]
    fn the_audio_level_is_found_among_others() {
        let mut packet = PLAIN[..12].to_vec();
        packet[0] |= 0x10;
        packet.extend([0xbe, 0xde, 0, 2, 0x31, 9, 9, 0, 0x10, 0x85, 0, 0]);
        let header = Header::parse(&packet).unwrap();
        assert_eq!(header.audio_level, Some(0x85));
        assert_eq!(header.payload_start, packet.len());
    }

    #[test]
    fn what_is_written_for_a_slot_reads_back() {
        let written = SlotHeader {
            marker: true,
            payload_type: 111,
            sequence: 7,
            timestamp: 8,
            ssrc: 9,
            is_padded: false,
            audio_level: Some((AUDIO_LEVEL_ID, 0x2a)),
        };
        let mut buffer = [0; SLOT_HEADER_BYTES_MAX];
        let header = Header::parse(written.write(&mut buffer)).unwrap();
        assert_eq!(header.audio_level, Some(0x2a));
        assert_eq!((header.sequence, header.timestamp, header.ssrc), (7, 8, 9));
        assert_eq!((header.payload_start, header.marker), (20, true));
        let bare = SlotHeader {
            audio_level: None,
            ..written
        };
        assert_eq!(bare.write(&mut buffer).len(), 12);
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_lengths_hold(packet in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Some(header) = Header::parse(&packet) {
                prop_assert!(header.payload_start <= header.payload_end);
                prop_assert!(header.payload_end <= packet.len());
            }
        }
    }
}
