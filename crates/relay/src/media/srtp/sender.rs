//! Sealing towards one leg.

use super::cipher::Cipher;
use super::keys::MasterKeys;
use super::{Profile, Rejected, rtp_header_len, rtp_seq_ssrc};

/// SRTCP has 31 bits of index; a leg that used them all needs a new session (RFC 3711 §3.2.1).
const RTCP_INDEX_MAX: u32 = (1 << 31) - 1;
/// SRTP has 48 bits of index.
const RTP_INDEX_MAX: u64 = (1 << 48) - 1;

/// Seals packets for one peer.
pub(crate) struct Sender {
    cipher: Cipher,
    rtcp_index: u32,
}

impl Sender {
    pub(crate) fn new(profile: Profile, master: &MasterKeys) -> Result<Self, Rejected> {
        Ok(Self {
            cipher: Cipher::new(profile, master)?,
            rtcp_index: 0,
        })
    }

    /// A session as old as this.
    #[cfg(test)]
    pub(super) fn with_rtcp_index(self, rtcp_index: u32) -> Self {
        Self { rtcp_index, ..self }
    }

    /// Seals an RTP packet in place. `index` is rollover counter · 2^16 + sequence number, the counter 0 at the
    /// leg's own first packet; the same index of an SSRC comes again with the same bytes only.
    pub(crate) fn seal_rtp(&self, packet: &mut Vec<u8>, index: u64) -> Result<(), Rejected> {
        let (seq, ssrc) = rtp_seq_ssrc(packet).ok_or(Rejected)?;
        let header_len = rtp_header_len(packet).ok_or(Rejected)?;
        if seq != index as u16 || index > RTP_INDEX_MAX {
            return Err(Rejected);
        }
        self.cipher.seal_rtp(packet, header_len, ssrc, index)
    }

    /// Seals a compound RTCP packet in place.
    pub(crate) fn seal_rtcp(&mut self, packet: &mut Vec<u8>) -> Result<(), Rejected> {
        if self.rtcp_index >= RTCP_INDEX_MAX {
            return Err(Rejected);
        }
        self.rtcp_index += 1;
        self.cipher.seal_rtcp(packet, self.rtcp_index)
    }
}
