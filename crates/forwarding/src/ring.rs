//! The resend ring: the last packets of a stream, stored once for all legs.

use crate::keyframe::Part;
use crate::limits::RING_PACKETS;
use crate::rtp::Header;
use std::time::Duration;

const _: () = assert!(RING_PACKETS.is_power_of_two());

/// A packet as it came.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    /// Unwrapped; 0 marks an empty place, which no stream ever numbers.
    sequence: u64,
    pub(crate) header: Header,
    pub(crate) received_at: Duration,
    pub(crate) keyframe: Part,
    /// RTP padding it goes out with, everywhere and always: decided before it is first sent.
    pub(crate) padding: u8,
    /// Without padding.
    bytes: Vec<u8>,
}

impl Stored {
    /// Unwrapped sequence number in its stream.
    pub(crate) fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Bytes of the whole packet.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() + usize::from(self.padding)
    }

    /// RTP header with extensions, and payload.
    pub(crate) fn verbatim(&self) -> (&[u8], &[u8]) {
        self.bytes
            .split_at_checked(self.header.payload_start)
            .unwrap_or_default()
    }

    /// Payload without padding.
    pub(crate) fn payload(&self) -> &[u8] {
        self.verbatim().1
    }

    /// Sets or clears the P bit (RFC 3550 §5.1).
    fn mark_padding(&mut self, is_padded: bool) {
        if let Some(flags) = self.bytes.first_mut() {
            *flags = *flags & !0x20 | u8::from(is_padded) << 5;
        }
    }
}

/// Places by unwrapped sequence number. A place keeps its buffer, so that a warm ring allocates
/// nothing.
#[derive(Debug)]
pub(crate) struct Ring {
    places: Vec<Stored>,
}

impl Ring {
    pub(crate) fn new() -> Self {
        let mut places = Vec::new();
        places.resize_with(RING_PACKETS, Stored::default);
        Self { places }
    }

    /// The packet of this number, if it is (still) there.
    pub(crate) fn get(&self, sequence: u64) -> Option<&Stored> {
        self.places
            .get(place(sequence))
            .filter(|stored| stored.sequence == sequence && sequence != 0)
    }

    /// Stores a packet without its padding, in the place of the one `RING_PACKETS` before it. The caller has made sure
    /// that no newer one is there.
    pub(crate) fn insert(
        &mut self,
        sequence: u64,
        packet: &[u8],
        header: Header,
        keyframe: Part,
        now: Duration,
    ) {
        if let Some(stored) = self.places.get_mut(place(sequence)) {
            stored.sequence = sequence;
            stored.header = header;
            stored.received_at = now;
            stored.keyframe = keyframe;
            stored.padding = 0;
            stored.bytes.clear();
            let kept = packet.get(..header.payload_end).unwrap_or_default();
            stored.bytes.extend_from_slice(kept);
            stored.mark_padding(false);
        }
    }

    /// Gives a packet padding. Only before it is first sent.
    pub(crate) fn pad(&mut self, sequence: u64, padding: u8) {
        let found = self.places.get_mut(place(sequence));
        if let Some(stored) = found.filter(|stored| stored.sequence == sequence) {
            stored.padding = padding;
            stored.mark_padding(padding > 0);
        }
    }
}

fn place(sequence: u64) -> usize {
    sequence as usize & (RING_PACKETS - 1)
}
