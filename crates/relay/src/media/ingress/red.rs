//! Redundant audio (RFC 2198): each packet repeats those before it, so that a lost one is there again with the next.

use super::Packet;

/// Blocks taken of one packet; browsers send two, or three.
const BLOCKS_MAX: usize = 8;

/// The blocks of a redundant packet as packets of their own, the oldest first, the new one last; those of other payload
/// types than the codec's are left out. `None` when the lengths do not hold.
///
/// RFC 2198 names no sequence numbers: the k-th block before the last is taken for the packet k numbers before.
pub(in crate::media) fn blocks<'a>(
    packet: &Packet<'a>,
    codec: u8,
) -> Option<impl Iterator<Item = Packet<'a>> + use<'a>> {
    let packet = *packet;
    let repeated = count_repeated(packet.payload)?;
    let (mut headers, mut data) = packet.payload.split_at_checked(4 * repeated + 1)?;
    let lengths = headers.chunks_exact(4).map(length);
    lengths
        .sum::<usize>()
        .le(&data.len())
        .then_some((0..=repeated).filter_map(move |at| {
            let (header, rest) = headers.split_at_checked(4).unwrap_or((headers, &[]));
            headers = rest;
            let is_new = at == repeated;
            let len = if is_new { data.len() } else { length(header) };
            let (payload, after) = data.split_at_checked(len)?;
            data = after;
            let block = Packet {
                payload_type: header.first()? & 0x7f,
                payload,
                ..packet
            };
            let block = if is_new {
                block
            } else {
                block.back(repeated - at, offset(header))
            };
            // An empty one among the repeated is a silence that was never sent.
            (block.payload_type == codec && (is_new || !payload.is_empty())).then_some(block)
        }))
}

impl Packet<'_> {
    /// A packet sent earlier: what is known of this one alone is not known of it.
    fn back(self, numbers: usize, ticks: u32) -> Self {
        Self {
            sequence: self.sequence.wrapping_sub(numbers as u16),
            timestamp: self.timestamp.wrapping_sub(ticks),
            marker: false,
            extensions: super::Extensions::default(),
            ..self
        }
    }
}

/// How many four-byte block headers come before the one-byte header of the last block.
fn count_repeated(payload: &[u8]) -> Option<usize> {
    (0..BLOCKS_MAX).find_map(|at| match payload.get(4 * at) {
        Some(first) if first & 0x80 != 0 => None,
        Some(_) => Some(Some(at)),
        None => Some(None),
    })?
}

/// The ten-bit length of a block.
fn length(header: &[u8]) -> usize {
    let low = header.get(2..4).unwrap_or(&[0, 0]);
    usize::from(low[0] & 3) << 8 | usize::from(low[1])
}

/// The fourteen-bit timestamp offset.
fn offset(header: &[u8]) -> u32 {
    let high = header.get(1..3).unwrap_or(&[0, 0]);
    u32::from(high[0]) << 6 | u32::from(high[1] >> 2)
}
