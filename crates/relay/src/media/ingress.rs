//! From a publisher's RTP to the canonical form of relays and trunks: own SSRC, canonical payload type, and of the
//! header extensions only the audio level, with id 1, and the dependency descriptor, with id 2.

mod extensions;
mod red;

use super::srtp::rtp_header_len;
use super::{PublishExtensions, PublishedTrack};
use extensions::Extensions;
pub(super) use red::blocks;

/// Header extension ids inside relays.
const AUDIO_LEVEL: u8 = 1;
const DEPENDENCY_DESCRIPTOR: u8 = 2;

/// A publisher's packet, looked into. Without payload it is padding: a browser that measures its line without a
/// retransmission stream sends such, with numbers of the media, so it is stored and sent on like any other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packet<'a> {
    pub(super) payload_type: u8,
    pub(super) ssrc: u32,
    pub(super) sequence: u16,
    marker: bool,
    timestamp: u32,
    extensions: Extensions<'a>,
    payload: &'a [u8],
}

/// In which form a packet carries a track's media.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As it is.
    Media,
    /// A retransmission (RFC 4588).
    Rtx,
    /// With redundancy (RFC 2198).
    Red,
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
            sequence: u16::from_be_bytes([fixed[2], fixed[3]]),
            marker: fixed[1] & 0x80 != 0,
            timestamp: u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]),
            extensions: Extensions::new(bytes.get(extension_at..header_len)?),
            payload: &bytes[header_len..end],
        })
    }

    /// Nothing but padding.
    pub(super) fn is_padding(&self) -> bool {
        self.payload.is_empty()
    }

    /// The form in which it would be this track's, by its payload type.
    pub(super) fn form(&self, track: &PublishedTrack) -> Option<Form> {
        let number = Some(self.payload_type);
        if self.payload_type == track.payload_type {
            Some(Form::Media)
        } else if number == track.rtx_payload_type {
            Some(Form::Rtx)
        } else if number == track.red_payload_type {
            Some(Form::Red)
        } else {
            None
        }
    }

    /// Whether its MID says that it is this track's; `None` when it says nothing.
    pub(super) fn is_named(&self, track: &PublishedTrack) -> Option<bool> {
        let mid = self.extensions.get(track.extensions.mid?)?;
        Some(mid == track.mid.as_bytes())
    }

    /// Which of the track's layers it is, by its RID, a retransmission by the RID it repairs (RFC 8852 §3).
    pub(super) fn layer(&self, track: &PublishedTrack, form: Form) -> Option<usize> {
        if track.rids.is_empty() {
            return Some(0);
        }
        let id = match form {
            Form::Rtx => track.extensions.repaired_rid,
            Form::Media | Form::Red => track.extensions.rid,
        };
        let rid = self.extensions.get(id?)?;
        track.rids.iter().position(|known| known.as_bytes() == rid)
    }

    /// Its transport-wide sequence number.
    pub(super) fn transport_sequence(&self, id: u8) -> Option<u16> {
        let value = self.extensions.get(id)?;
        Some(u16::from_be_bytes(*value.first_chunk()?))
    }

    /// The packet that a retransmission repeats: its number leads the payload (RFC 4588 §4). One without is a probe.
    pub(super) fn repeated(&self) -> Option<Self> {
        let (number, payload) = self.payload.split_first_chunk()?;
        Some(Self {
            sequence: u16::from_be_bytes(*number),
            payload,
            ..*self
        })
    }

    /// Writes the canonical packet into `out`.
    pub(super) fn write_canonical(
        &self,
        ids: &PublishExtensions,
        codec: forwarding::Codec,
        ssrc: u32,
        out: &mut Vec<u8>,
    ) {
        let find = |id: Option<u8>| id.and_then(|id| self.extensions.get(id));
        let level = find(ids.audio_level).and_then(|value| value.get(..1));
        let descriptor = find(ids.dependency_descriptor).filter(|value| !value.is_empty());
        let kept = [(AUDIO_LEVEL, level), (DEPENDENCY_DESCRIPTOR, descriptor)];
        let kept = kept.map(|(id, value)| (id, value.unwrap_or_default()));
        let extended = kept.iter().any(|(_, value)| !value.is_empty());
        out.clear();
        out.push(0x80 | u8::from(extended) << 4);
        out.push(u8::from(self.marker) << 7 | codec.canonical_payload_type());
        out.extend_from_slice(&self.sequence.to_be_bytes());
        out.extend_from_slice(&self.timestamp.to_be_bytes());
        out.extend_from_slice(&ssrc.to_be_bytes());
        if extended {
            extensions::write(&kept, out);
        }
        out.extend_from_slice(self.payload);
    }
}
