//! An RTP packet before it is sealed, in the parts the router lends.

use super::{Rejected, rtp_header_len, rtp_seq_ssrc};

/// The parts of a packet, in the order in which they go out.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clear<'a> {
    /// RTP header with extensions, P bit included when `padding` is not 0.
    pub(crate) header: &'a [u8],
    /// Of a retransmission the number it had (RFC 4588 §4): the payload's first two bytes.
    pub(crate) osn: Option<u16>,
    pub(crate) payload: &'a [u8],
    /// Bytes of RTP padding to append (RFC 3550 §5.1).
    pub(crate) padding: u8,
    /// Where in the header the transport-wide sequence number lies, and what it is.
    pub(crate) transport_sequence: Option<(usize, u16)>,
}

impl Clear<'_> {
    pub(crate) fn len(&self) -> usize {
        self.header.len() + self.body_len()
    }

    fn body_len(&self) -> usize {
        2 * usize::from(self.osn.is_some()) + self.payload.len() + usize::from(self.padding)
    }

    /// Sequence number and SSRC; refuses a header that is not one, or not only one.
    pub(super) fn seq_ssrc(&self) -> Result<(u16, u32), Rejected> {
        rtp_seq_ssrc(self.header)
            .filter(|_| rtp_header_len(self.header) == Some(self.header.len()))
            .ok_or(Rejected)
    }

    /// Writes header and extensions to the beginning of `room`; gives back the header and the rest.
    pub(super) fn write_header<'r>(
        &self,
        room: &'r mut [u8],
    ) -> Result<(&'r mut [u8], &'r mut [u8]), Rejected> {
        let (header, rest) = room
            .split_at_mut_checked(self.header.len())
            .ok_or(Rejected)?;
        header.copy_from_slice(self.header);
        if let Some((at, number)) = self.transport_sequence {
            header
                .get_mut(at..at + 2)
                .ok_or(Rejected)?
                .copy_from_slice(&number.to_be_bytes());
        }
        Ok((header, rest))
    }

    /// Writes the rest, unencrypted, to the beginning of `room`; gives back what it wrote and what is left.
    pub(super) fn write_body<'r>(
        &self,
        room: &'r mut [u8],
    ) -> Result<(&'r mut [u8], &'r mut [u8]), Rejected> {
        let (body, rest) = room.split_at_mut_checked(self.body_len()).ok_or(Rejected)?;
        let (number, after) = body.split_at_mut(2 * usize::from(self.osn.is_some()));
        if let Some(osn) = self.osn {
            number.copy_from_slice(&osn.to_be_bytes());
        }
        let (payload, padding) = after.split_at_mut(self.payload.len());
        payload.copy_from_slice(self.payload);
        padding.fill(0);
        if let Some(count) = padding.last_mut() {
            *count = self.padding;
        }
        Ok((body, rest))
    }

    /// The padding alone, in `zeros`.
    pub(super) fn write_padding<'z>(&self, zeros: &'z mut [u8; 255]) -> &'z [u8] {
        let (padding, _) = zeros.split_at_mut(usize::from(self.padding));
        if let Some(count) = padding.last_mut() {
            *count = self.padding;
        }
        padding
    }
}
