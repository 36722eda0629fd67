//! SRTP (RFC 3711, RFC 7714): sealing and opening in flat, reused buffers.
//!
//! **Invariant:** a nonce is never used for two different packets. The index comes from the router, which never gives one
//! index of an SSRC to two packets; keys change only with a new DTLS session, which has its own router leg.

mod cipher;
mod clear;
mod keys;
mod receiver;
mod replay;
mod sender;

#[cfg(test)]
mod differential;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;

pub(super) use cipher::Profile;
pub(super) use clear::Clear;
pub(super) use keys::SessionKeys;
pub(super) use receiver::Receiver;
pub(super) use sender::Sender;
#[cfg(test)]
pub(super) use sender::used;

/// A packet that cannot be sealed or opened: too short, not authentic, replayed, or out of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rejected;

/// Length of an RTP header (RFC 3550 §5.1) with contributing sources and extension, when it lies within the packet.
pub(super) fn rtp_header_len(packet: &[u8]) -> Option<usize> {
    let first = *packet.first()?;
    if first >> 6 != 2 {
        return None;
    }
    let mut len = 12 + 4 * usize::from(first & 0x0f);
    if first & 0x10 != 0 {
        let words = packet.get(len + 2..len + 4)?;
        len += 4 + 4 * usize::from(u16::from_be_bytes([words[0], words[1]]));
    }
    (len <= packet.len()).then_some(len)
}

/// Sequence number and SSRC of an RTP packet.
pub(super) fn rtp_seq_ssrc(packet: &[u8]) -> Option<(u16, u32)> {
    let fixed = packet.get(..12)?;
    Some((
        u16::from_be_bytes([fixed[2], fixed[3]]),
        u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]),
    ))
}
