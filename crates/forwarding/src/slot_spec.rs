//! What a leg negotiated for one slot.

use crate::{Kind, PayloadTypes};

/// A quality of a source's picture: 0 is the lowest, or the only one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Layer(pub u8);

impl Layer {
    /// The lowest, or the only one.
    pub const LOWEST: Self = Self(0);
    /// Whatever is the best there is.
    pub const BEST: Self = Self(u8::MAX);
}

/// A slot of a leg: an m-line whose content changes and whose numbering does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotSpec {
    /// Audio or video.
    pub kind: Kind,
    /// The SSRC sent.
    pub ssrc: u32,
    /// What the leg negotiated; a source in any other codec leaves the slot empty.
    pub payload_types: PayloadTypes,
    /// How a NACK is answered: by retransmission packets (RFC 4588), or, with `None`, by the very
    /// same bytes again.
    pub rtx: Option<Rtx>,
    /// The header extensions the leg negotiated.
    pub extensions: SlotExtensions,
    /// The best layer it is ever shown. [`crate::Router::set_layer_max`] changes it.
    pub layer_max: Layer,
}

impl SlotSpec {
    /// A slot without retransmission packets and without header extensions.
    pub const fn new(kind: Kind, ssrc: u32, payload_types: PayloadTypes) -> Self {
        Self {
            kind,
            ssrc,
            payload_types,
            rtx: None,
            extensions: SlotExtensions::NONE,
            layer_max: Layer::BEST,
        }
    }
}

/// The retransmission stream of a slot (RFC 4588, SSRC multiplexed).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rtx {
    /// Its SSRC.
    pub ssrc: u32,
    /// Its payload type for each codec (`apt`, RFC 4588 §8.6); a codec that lacks one is resent
    /// bit-identical.
    pub payload_types: PayloadTypes,
}

/// Ids of the header extensions a leg negotiated for a slot, 1 to 14 each; `None` leaves one out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlotExtensions {
    /// The m-line's name on every packet (RFC 8843 §15), and what it is.
    pub mid: Option<(u8, Mid)>,
    /// ssrc-audio-level (RFC 6464).
    pub audio_level: Option<u8>,
    /// The transport-wide sequence number (draft-holmer-rmcat-transport-wide-cc-extensions-01):
    /// two bytes that the sink fills. Only beside [`SlotSpec::rtx`]: a resend under its old index
    /// with another number would reuse a nonce, so without it this is ignored.
    pub transport_sequence: Option<u8>,
    /// The dependency descriptor (AV1 RTP specification, appendix A).
    pub dependency_descriptor: Option<u8>,
}

impl SlotExtensions {
    /// No extension at all.
    pub const NONE: Self = Self {
        mid: None,
        audio_level: None,
        transport_sequence: None,
        dependency_descriptor: None,
    };
}

/// Longest name of an m-line taken: what the one-byte extension form holds (RFC 8285 §4.2).
const MID_BYTES_MAX: usize = 16;

/// The name of an m-line, at most 16 bytes, kept in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mid {
    bytes: [u8; MID_BYTES_MAX],
    len: u8,
}

impl Mid {
    /// `None` when it is empty or longer than 16 bytes.
    pub fn new(name: &[u8]) -> Option<Self> {
        let mut bytes = [0; MID_BYTES_MAX];
        bytes.get_mut(..name.len())?.copy_from_slice(name);
        (!name.is_empty()).then_some(Self {
            bytes,
            len: name.len() as u8,
        })
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mid_is_neither_empty_nor_longer_than_an_element() {
        assert_eq!(Mid::new(b""), None);
        assert_eq!(Mid::new(&[b'a'; 17]), None);
        let longest = Mid::new(&[b'a'; 16]).unwrap();
        assert_eq!(longest.as_bytes(), [b'a'; 16]);
        assert_eq!(Mid::new(b"v0").unwrap().as_bytes(), b"v0");
    }
}
