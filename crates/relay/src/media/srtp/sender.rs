//! Sealing towards one leg.

use super::cipher::Cipher;
use super::keys::MasterKeys;
use super::{Clear, Profile, Rejected};

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

    /// Length of a sealed packet of this length.
    pub(crate) fn sealed_len(&self, clear_len: usize) -> usize {
        clear_len + self.cipher.rtp_tag_len()
    }

    /// Seals an RTP packet into `room`, which is exactly as long as [`Self::sealed_len`] says. `index` is rollover
    /// counter · 2^16 + sequence number, the counter 0 at the leg's own first packet; the same index of an SSRC comes
    /// again with the same bytes only.
    pub(crate) fn seal_rtp_into(
        &self,
        clear: &Clear<'_>,
        index: u64,
        room: &mut [u8],
    ) -> Result<(), Rejected> {
        let (seq, ssrc) = clear.seq_ssrc()?;
        let fits = room.len() == self.sealed_len(clear.len());
        if seq != index as u16 || index > RTP_INDEX_MAX || !fits {
            return Err(Rejected);
        }
        self.cipher.seal_rtp(clear, ssrc, index, room)?;
        #[cfg(test)]
        used::note(room, index);
        Ok(())
    }

    /// The same for a packet in one piece, in place.
    #[cfg(test)]
    pub(crate) fn seal_rtp(&self, packet: &mut Vec<u8>, index: u64) -> Result<(), Rejected> {
        let clear = packet.clone();
        let header_len = super::rtp_header_len(&clear).ok_or(Rejected)?;
        let (header, payload) = clear.split_at(header_len);
        let clear = Clear {
            header,
            payload,
            ..Clear::default()
        };
        packet.resize(self.sealed_len(clear.len()), 0);
        self.seal_rtp_into(&clear, index, packet)
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

/// Which index each packet was sealed with: the wire tells 16 bits of it.
#[cfg(test)]
pub(crate) mod used {
    use std::cell::RefCell;
    use std::collections::HashMap;

    thread_local! {
        /// `None`: nobody asks.
        static INDEXES: RefCell<Option<HashMap<Vec<u8>, u64>>> = RefCell::default();
    }

    /// From now on this thread remembers, and nothing of before.
    pub(crate) fn begin() {
        INDEXES.set(Some(HashMap::new()));
    }

    pub(crate) fn note(sealed: &[u8], index: u64) {
        INDEXES.with_borrow_mut(|all| {
            if let Some(all) = all {
                all.insert(sealed.to_vec(), index);
            }
        });
    }

    /// The index of a packet that this thread has sealed.
    pub(crate) fn index_of(sealed: &[u8]) -> Option<u64> {
        INDEXES.with_borrow(|all| all.as_ref()?.get(sealed).copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: [u8; 20] = [
        0xb0, 97, 0, 9, 0, 0, 0, 1, 0, 0, 0, 7, 0xbe, 0xde, 0, 1, 0x51, 0, 0, 0,
    ];

    #[test]
    fn a_packet_in_parts_is_sealed_as_the_same_packet_in_one_piece() {
        let master = MasterKeys {
            key: [3; 16],
            salt: [0; 14],
        };
        for profile in [Profile::Aes128Gcm, Profile::Aes128CmSha1_80] {
            let sender = Sender::new(profile, &master).expect("a sender");
            let clear = Clear {
                header: &HEADER,
                osn: Some(0x0102),
                payload: b"payload",
                padding: 3,
                transport_sequence: Some((17, 0xabcd)),
            };
            let first = Clear { osn: None, ..clear };
            for (clear, body) in [
                (clear, &b"\x01\x02payload\x00\x00\x03"[..]),
                (first, b"payload\x00\x00\x03"),
            ] {
                let mut whole = HEADER.to_vec();
                whole[17..19].copy_from_slice(&[0xab, 0xcd]);
                whole.extend_from_slice(body);
                sender.seal_rtp(&mut whole, 9).expect("sealed");

                let mut room = vec![0xee; sender.sealed_len(clear.len())];
                sender.seal_rtp_into(&clear, 9, &mut room).expect("sealed");
                assert_eq!(room, whole);

                room.pop();
                assert_eq!(sender.seal_rtp_into(&clear, 9, &mut room), Err(Rejected));
            }
            let half = Clear {
                header: &HEADER[..12],
                ..clear
            };
            let mut room = vec![0; sender.sealed_len(half.len())];
            let refused = sender.seal_rtp_into(&half, 9, &mut room);
            assert_eq!(refused, Err(Rejected), "a header without its extension");
        }
    }
}
