//! The RTP header (RFC 3550 §5.1), read from foreign bytes.

/// Id of the audio level extension inside relays.
pub(crate) const AUDIO_LEVEL_ID: u8 = 1;

/// Id of the dependency descriptor inside relays.
pub(crate) const DEPENDENCY_DESCRIPTOR_ID: u8 = 2;

/// Profile of the one-byte extension form (RFC 8285 §4.2).
pub(crate) const ONE_BYTE_PROFILE: u16 = 0xBEDE;

/// Profile of the two-byte extension form (RFC 8285 §4.3).
pub(crate) const TWO_BYTE_PROFILE: u16 = 0x1000;

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
    /// Where the dependency descriptor lies.
    dependency: Option<(u16, u8)>,
}

impl Header {
    /// `None` when it is not a whole RTP packet of version 2.
    pub(crate) fn parse(packet: &[u8]) -> Option<Self> {
        let &[flags, second, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3] = packet.first_chunk()?;
        if flags >> 6 != 2 {
            return None;
        }
        let fixed_bytes = 12 + 4 * usize::from(flags & 0x0f);
        let mut header = Self {
            marker: second & 0x80 != 0,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([c0, c1, c2, c3]),
            payload_start: fixed_bytes,
            ..Self::default()
        };
        if flags & 0x10 != 0 {
            header.note_extensions(read_extensions(packet, fixed_bytes)?);
        }
        let padding_bytes = match flags & 0x20 {
            0 => 0,
            _ => usize::from(*packet.last().filter(|count| **count > 0)?),
        };
        header.payload_end = packet.len().checked_sub(padding_bytes)?;
        (header.payload_start <= header.payload_end).then_some(header)
    }

    fn note_extensions(&mut self, elements: Elements<'_>) {
        self.payload_start = elements.at + elements.rest.len();
        for (id, at, value) in elements {
            match (id, value) {
                (AUDIO_LEVEL_ID, [level, ..]) => self.audio_level = Some(*level),
                (DEPENDENCY_DESCRIPTOR_ID, [_, _, _, ..]) => {
                    self.dependency = Some((at as u16, value.len() as u8));
                }
                _ => {}
            }
        }
    }

    /// Padding alone, which probes a line and belongs to no frame.
    pub(crate) fn is_empty(&self) -> bool {
        self.payload_start == self.payload_end
    }

    /// The dependency descriptor, at least its three mandatory bytes, out of the packet's header.
    pub(crate) fn dependency<'a>(&self, header: &'a [u8]) -> Option<&'a [u8]> {
        let (at, bytes) = self.dependency?;
        header.get(usize::from(at)..)?.get(..usize::from(bytes))
    }
}

/// Where the extension elements of a packet lie that begin at `start`, and their form.
fn read_extensions(packet: &[u8], start: usize) -> Option<Elements<'_>> {
    let (head, rest) = packet.get(start..)?.split_first_chunk()?;
    let &[p0, p1, l0, l1] = head;
    let bytes = 4 * usize::from(u16::from_be_bytes([l0, l1]));
    let profile = u16::from_be_bytes([p0, p1]);
    Some(Elements {
        rest: rest.get(..bytes)?,
        form: Form::of(profile),
        at: start + 4,
    })
}

/// How elements are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// RFC 8285 §4.2.
    OneByte,
    /// RFC 8285 §4.3.
    TwoByte,
    /// Another profile's: not looked into.
    Foreign,
}

impl Form {
    fn of(profile: u16) -> Self {
        match profile {
            ONE_BYTE_PROFILE => Self::OneByte,
            // The low four bits are the application's.
            profile if profile & 0xfff0 == TWO_BYTE_PROFILE => Self::TwoByte,
            _ => Self::Foreign,
        }
    }
}

/// Extension elements one by one: id, position in the packet, value. Ends at the first that does
/// not fit.
struct Elements<'a> {
    rest: &'a [u8],
    form: Form,
    /// Where `rest` begins in the packet.
    at: usize,
}

impl<'a> Iterator for Elements<'a> {
    type Item = (u8, usize, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let zeros = self.rest.iter().take_while(|byte| **byte == 0).count();
        let (&first, after) = self.rest.get(zeros..)?.split_first()?;
        let (id, bytes, values, head) = match self.form {
            Form::OneByte => (first >> 4, usize::from(first & 0x0f) + 1, after, 1),
            Form::TwoByte => {
                let (&bytes, values) = after.split_first()?;
                (first, usize::from(bytes), values, 2)
            }
            Form::Foreign => return None,
        };
        // Id 15 of the one-byte form ends the list.
        if self.form == Form::OneByte && id == 15 {
            return None;
        }
        let (value, rest) = values.split_at_checked(bytes)?;
        let at = self.at + zeros + head;
        self.at = at + bytes;
        self.rest = rest;
        Some((id, at, value))
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
    fn the_two_byte_form_holds_a_long_descriptor() {
        let mut packet = PLAIN[..12].to_vec();
        packet[0] |= 0x10;
        packet.extend([0x10, 0x00, 0, 6, 0, 2, 18]);
        packet.extend(100..118);
        packet.extend([1, 1, 0x85, 0xaa]);
        let header = Header::parse(&packet).unwrap();
        let expected: Vec<u8> = (100..118).collect();
        assert_eq!(header.dependency(&packet), Some(&expected[..]));
        assert_eq!(header.audio_level, Some(0x85));
        assert_eq!(header.payload_start, packet.len() - 1);
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
