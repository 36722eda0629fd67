//! From a publisher's RTP to the canonical form of relays and trunks: own SSRC, canonical payload type, and of the
//! header extensions only the audio level, with id 1.

use super::PublishedTrack;
use super::srtp::rtp_header_len;

/// A publisher's packet, looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packet<'a> {
    pub(super) payload_type: u8,
    pub(super) ssrc: u32,
    marker: bool,
    /// Sequence number and timestamp, as they stand in the header.
    numbering: [u8; 6],
    extensions: Extensions<'a>,
    payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Parses RTP (RFC 3550 §5.1); contributing sources and padding are left out.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let header_len = rtp_header_len(bytes)?;
        let fixed: &[u8; 12] = bytes.first_chunk()?;
        let padding = if fixed[0] & 0x20 == 0 {
            0
        } else {
            usize::from(*bytes.last()?)
        };
        let end = bytes
            .len()
            .checked_sub(padding)
            .filter(|end| *end >= header_len)?;
        let extension_at = 12 + 4 * usize::from(fixed[0] & 0x0f);
        Some(Self {
            payload_type: fixed[1] & 0x7f,
            ssrc: u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]),
            marker: fixed[1] & 0x80 != 0,
            numbering: [fixed[2], fixed[3], fixed[4], fixed[5], fixed[6], fixed[7]],
            extensions: Extensions(bytes.get(extension_at..header_len)?),
            payload: &bytes[header_len..end],
        })
    }

    /// Is it this track's, by SSRC out of the SDP, else by MID, else by payload type alone?
    pub(super) fn belongs_to(&self, track: &PublishedTrack) -> bool {
        if self.payload_type != track.payload_type {
            return false;
        }
        if track.ssrcs.contains(&self.ssrc) {
            return true;
        }
        match track.extensions.mid.and_then(|id| self.extensions.get(id)) {
            Some(mid) => mid == track.mid.as_bytes(),
            // A browser that restarts its encoder may send an SSRC its offer did not name.
            None => true,
        }
    }

    /// Writes the canonical packet into `out`.
    pub(super) fn write_canonical(
        &self,
        track: &PublishedTrack,
        codec: forwarding::Codec,
        ssrc: u32,
        out: &mut Vec<u8>,
    ) {
        let level = track
            .extensions
            .audio_level
            .and_then(|id| self.extensions.get(id))
            .and_then(|v| v.first());
        out.clear();
        out.push(if level.is_some() { 0x90 } else { 0x80 });
        out.push(u8::from(self.marker) << 7 | codec.canonical_payload_type());
        out.extend_from_slice(&self.numbering);
        out.extend_from_slice(&ssrc.to_be_bytes());
        if let Some(level) = level {
            // One-byte form (RFC 8285 §4.2): profile, one word; id 1, one byte; padding.
            out.extend_from_slice(&[0xbe, 0xde, 0, 1, 0x10, *level, 0, 0]);
        }
        out.extend_from_slice(self.payload);
    }
}

/// The extension block of a header, its 4-byte head included; empty when there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Extensions<'a>(&'a [u8]);

impl<'a> Extensions<'a> {
    /// The value of extension `id`, in the one-byte or two-byte form (RFC 8285 §4).
    fn get(self, id: u8) -> Option<&'a [u8]> {
        let head: [u8; 2] = *self.0.first_chunk()?;
        let two_byte = match u16::from_be_bytes(head) {
            0xbede => false,
            profile if profile & 0xfff0 == 0x1000 => true,
            _ => return None,
        };
        let mut rest = self.0.get(4..)?;
        while let Some((&first, after)) = rest.split_first() {
            if first == 0 {
                rest = after;
                continue;
            }
            let (found, len, after) = if two_byte {
                let (&len, after) = after.split_first()?;
                (first, usize::from(len), after)
            } else {
                (first >> 4, usize::from(first & 0x0f) + 1, after)
            };
            // Id 15 of the one-byte form ends the list.
            if !two_byte && found == 15 {
                return None;
            }
            let value = after.get(..len)?;
            if found == id {
                return Some(value);
            }
            rest = &after[len..];
        }
        None
    }
}
