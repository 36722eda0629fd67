//! The RTP header of a packet in a slot, with the extensions its leg negotiated.

use crate::SlotExtensions;
use crate::rtp::{ONE_BYTE_PROFILE, TWO_BYTE_PROFILE};

/// Room for the longest header: fixed part, extension head, and the elements in their two-byte
/// form: a mid of 16 bytes, the audio level, the transport-wide number, a descriptor of 255 bytes.
pub(crate) const SLOT_HEADER_BYTES_MAX: usize = 12 + 4 + 18 + 3 + 4 + 257 + 2;

/// Longest value of the one-byte form (RFC 8285 §4.2).
const ONE_BYTE_VALUE_MAX: usize = 16;

/// What stands in it: no CSRCs, no extension but these.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SlotHeader<'a> {
    pub(crate) marker: bool,
    pub(crate) payload_type: u8,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
    /// Whether padding follows the payload.
    pub(crate) is_padded: bool,
    /// The leg's ids.
    pub(crate) extensions: &'a SlotExtensions,
    pub(crate) audio_level: Option<u8>,
    /// Whether there is a place for the transport-wide sequence number.
    pub(crate) is_counted: bool,
    pub(crate) dependency: Option<Dependency<'a>>,
}

/// A dependency descriptor as it goes out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dependency<'a> {
    /// As it came; at least three bytes.
    pub(crate) bytes: &'a [u8],
    /// Its frame number, in the slot's numbering.
    pub(crate) frame_number: u16,
}

/// A header written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written<'b> {
    pub(crate) bytes: &'b [u8],
    /// Where the two bytes of the transport-wide sequence number stand.
    pub(crate) transport_sequence_at: Option<usize>,
}

impl SlotHeader<'_> {
    /// The header's bytes, in `buffer`.
    pub(crate) fn write<'b>(&self, buffer: &'b mut [u8; SLOT_HEADER_BYTES_MAX]) -> Written<'b> {
        let mut out = Cursor {
            buffer,
            at: 0,
            two_byte: self
                .dependency
                .is_some_and(|it| it.bytes.len() > ONE_BYTE_VALUE_MAX),
        };
        let flags = 0x80 | u8::from(self.is_padded) << 5;
        let second = self.payload_type & 0x7f | u8::from(self.marker) << 7;
        out.put(&[flags, second]);
        out.put(&self.sequence.to_be_bytes());
        out.put(&self.timestamp.to_be_bytes());
        out.put(&self.ssrc.to_be_bytes());
        let transport_sequence_at = self.write_extensions(&mut out);
        let Cursor { buffer, at, .. } = out;
        Written {
            bytes: buffer.get(..at).unwrap_or_default(),
            transport_sequence_at,
        }
    }

    /// What changes in length comes last.
    fn write_extensions(&self, out: &mut Cursor<'_>) -> Option<usize> {
        let ids = self.extensions;
        let start = out.at;
        out.put(&[0; 4]);
        if let Some((id, mid)) = &ids.mid {
            out.element(*id, mid.as_bytes());
        }
        if let Some((id, level)) = ids.audio_level.zip(self.audio_level) {
            out.element(id, &[level]);
        }
        let counted = ids.transport_sequence.filter(|_| self.is_counted);
        let transport_sequence_at = counted.map(|id| {
            out.element(id, &[0, 0]);
            out.at - 2
        });
        if let Some((id, dependency)) = ids.dependency_descriptor.zip(self.dependency) {
            out.element(id, dependency.bytes);
            let frame_number_at = out.at - dependency.bytes.len() + 1;
            out.overwrite(frame_number_at, &dependency.frame_number.to_be_bytes());
        }
        out.end_extensions(start);
        transport_sequence_at
    }
}

/// Writes into a buffer that is large enough for everything by its length.
struct Cursor<'b> {
    buffer: &'b mut [u8; SLOT_HEADER_BYTES_MAX],
    at: usize,
    /// One value too long for the one-byte form turns all to the two-byte form.
    two_byte: bool,
}

impl Cursor<'_> {
    fn put(&mut self, bytes: &[u8]) {
        self.overwrite(self.at, bytes);
        self.at += bytes.len();
    }

    fn overwrite(&mut self, at: usize, bytes: &[u8]) {
        if let Some(place) = self.buffer.get_mut(at..at + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    }

    fn element(&mut self, id: u8, value: &[u8]) {
        if self.two_byte {
            self.put(&[id, value.len() as u8]);
        } else {
            self.put(&[id << 4 | (value.len() - 1) as u8 & 0x0f]);
        }
        self.put(value);
    }

    /// Fills up to whole words and writes the head, or takes it back when there are no elements.
    fn end_extensions(&mut self, start: usize) {
        let elements = self.at - start - 4;
        if elements == 0 {
            self.at = start;
            return;
        }
        let words = elements.div_ceil(4);
        self.put([0; 3].get(..4 * words - elements).unwrap_or_default());
        let profile = if self.two_byte {
            TWO_BYTE_PROFILE
        } else {
            ONE_BYTE_PROFILE
        };
        let ([p0, p1], [l0, l1]) = (profile.to_be_bytes(), (words as u16).to_be_bytes());
        self.overwrite(start, &[p0, p1, l0, l1]);
        self.overwrite(start - 12, &[self.buffer[start - 12] | 0x10]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Mid;
    use crate::rtp::{AUDIO_LEVEL_ID, DEPENDENCY_DESCRIPTOR_ID, Header};

    fn header<'a>(extensions: &'a SlotExtensions, dependency: Option<&'a [u8]>) -> SlotHeader<'a> {
        SlotHeader {
            marker: true,
            payload_type: 111,
            sequence: 7,
            timestamp: 8,
            ssrc: 9,
            is_padded: false,
            extensions,
            audio_level: Some(0x2a),
            is_counted: true,
            dependency: dependency.map(|bytes| Dependency {
                bytes,
                frame_number: 0x1234,
            }),
        }
    }

    const ALL: SlotExtensions = SlotExtensions {
        mid: None,
        audio_level: Some(AUDIO_LEVEL_ID),
        transport_sequence: Some(5),
        dependency_descriptor: Some(DEPENDENCY_DESCRIPTOR_ID),
    };

    #[test]
    fn what_is_written_for_a_slot_reads_back() {
        let mut buffer = [0xff; SLOT_HEADER_BYTES_MAX];
        let written = header(&ALL, None).write(&mut buffer);
        assert_eq!(written.transport_sequence_at, Some(19));
        let read = Header::parse(written.bytes).unwrap();
        assert_eq!(read.audio_level, Some(0x2a));
        assert_eq!((read.sequence, read.timestamp, read.ssrc), (7, 8, 9));
        assert_eq!((read.payload_start, read.marker), (24, true));
    }

    #[test]
    fn without_extensions_there_is_no_head() {
        let mut buffer = [0xff; SLOT_HEADER_BYTES_MAX];
        let written = header(&SlotExtensions::NONE, Some(&[1, 2, 3])).write(&mut buffer);
        let expected = [0x80, 0xef, 0, 7, 0, 0, 0, 8, 0, 0, 0, 9];
        assert_eq!(written.bytes, expected);
        assert_eq!(written.transport_sequence_at, None);
    }

    #[test]
    fn a_descriptor_gets_the_slots_frame_number_in_either_form() {
        for bytes in [3, 16, 17, 255] {
            let descriptor: Vec<u8> = (0..bytes).collect();
            let mut buffer = [0xff; SLOT_HEADER_BYTES_MAX];
            let mid = Mid::new(&[b'm'; 16]);
            let extensions = SlotExtensions {
                mid: mid.map(|mid| (4, mid)),
                ..ALL
            };
            let written = header(&extensions, Some(&descriptor)).write(&mut buffer);
            assert_eq!(written.bytes.len() % 4, 0, "whole words");
            let read = Header::parse(written.bytes).unwrap();
            assert_eq!(read.payload_start, written.bytes.len());
            assert_eq!(read.audio_level, Some(0x2a), "{bytes}");
            let mut expected = descriptor;
            expected[1..3].copy_from_slice(&[0x12, 0x34]);
            assert_eq!(read.dependency(written.bytes), Some(&expected[..]));
            let place = written.transport_sequence_at.unwrap();
            assert_eq!(written.bytes[place..place + 2], [0, 0]);
        }
    }
}
