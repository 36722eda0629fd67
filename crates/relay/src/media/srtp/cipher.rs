//! The two protection profiles, one direction each, given the packet index.

use super::keys::{Label, MasterKeys, ctr, ctr_key, derive};
use super::{Clear, Rejected};
use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::EncryptingKey;
use aws_lc_rs::hmac;

const GCM_TAG_LEN: usize = 16;
const SHA1_TAG_LEN: usize = 10;
/// SRTCP's E bit and index (RFC 3711 §3.4).
const INDEX_LEN: usize = 4;
const ENCRYPTED: u32 = 1 << 31;
/// RTCP header and sender SSRC stay in the clear.
const RTCP_CLEAR_LEN: usize = 8;

/// SRTP protection profiles of DTLS-SRTP that a relay speaks, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// SRTP_AEAD_AES_128_GCM (RFC 7714 §14.2).
    Aes128Gcm,
    /// SRTP_AES128_CM_HMAC_SHA1_80 (RFC 5764 §4.1.2).
    Aes128CmSha1_80,
}

impl Profile {
    pub(super) fn salt_len(self) -> usize {
        match self {
            Self::Aes128Gcm => 12,
            Self::Aes128CmSha1_80 => 14,
        }
    }

    /// Bytes to ask of the DTLS exporter.
    pub(crate) fn exporter_len(self) -> usize {
        2 * (16 + self.salt_len())
    }
}

/// The ciphers of one direction: one for RTP, one for RTCP.
pub(super) struct Cipher {
    rtp: Suite,
    rtcp: Suite,
}

/// Four of them for each leg, nearly all GCM: the other one, 1.7 KB of prepared keys, is boxed.
enum Suite {
    Gcm { key: LessSafeKey, salt: [u8; 12] },
    CmSha1(Box<CmSha1>),
}

struct CmSha1 {
    key: EncryptingKey,
    auth: hmac::Key,
    salt: [u8; 14],
}

impl Cipher {
    pub(super) fn new(profile: Profile, master: &MasterKeys) -> Result<Self, Rejected> {
        Ok(Self {
            rtp: Suite::new(profile, master, 0)?,
            rtcp: Suite::new(profile, master, 3)?,
        })
    }

    /// The RFC's vectors begin at the session keys.
    #[cfg(test)]
    pub(super) fn gcm_with_session_keys(key: [u8; 16], salt: [u8; 12]) -> Self {
        let suite = || Suite::Gcm {
            key: LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).expect("a key")),
            salt,
        };
        Self {
            rtp: suite(),
            rtcp: suite(),
        }
    }

    /// Bytes that authentication adds to an RTP packet.
    pub(super) fn rtp_tag_len(&self) -> usize {
        match self.rtp {
            Suite::Gcm { .. } => GCM_TAG_LEN,
            Suite::CmSha1(_) => SHA1_TAG_LEN,
        }
    }

    /// Writes `clear` into `room`, encrypted after its header and with the tag at the end. `index` is
    /// 2^16 · rollover counter + sequence number.
    pub(super) fn seal_rtp(
        &self,
        clear: &Clear<'_>,
        ssrc: u32,
        index: u64,
        room: &mut [u8],
    ) -> Result<(), Rejected> {
        match &self.rtp {
            Suite::Gcm { key, salt } => {
                let (header, rest) = clear.write_header(room)?;
                let nonce = gcm_nonce(*salt, ssrc, index);
                seal_gcm(key, nonce, header, clear, rest)
            }
            Suite::CmSha1(suite) => {
                let CmSha1 { key, auth, salt } = &**suite;
                let (packet, tag_room) = room.split_at_mut_checked(clear.len()).ok_or(Rejected)?;
                let (_, rest) = clear.write_header(packet)?;
                let (body, _) = clear.write_body(rest)?;
                ctr(key, cm_iv(*salt, ssrc, index), body)?;
                put(tag_room, &sha1_tag(auth, packet, &rollover(index)))
            }
        }
    }

    /// Opens in place; returns the plaintext packet's length; bytes beyond it are rubbish.
    pub(super) fn open_rtp(
        &self,
        packet: &mut [u8],
        header_len: usize,
        ssrc: u32,
        index: u64,
    ) -> Result<usize, Rejected> {
        match &self.rtp {
            Suite::Gcm { key, salt } => {
                let (header, body) = packet.split_at_mut_checked(header_len).ok_or(Rejected)?;
                let nonce = gcm_nonce(*salt, ssrc, index);
                let plain = key
                    .open_in_place(nonce, Aad::from(&*header), body)
                    .map_err(|_| Rejected)?;
                Ok(header_len + plain.len())
            }
            Suite::CmSha1(suite) => {
                let CmSha1 { key, auth, salt } = &**suite;
                let end = packet
                    .len()
                    .checked_sub(SHA1_TAG_LEN)
                    .filter(|end| *end >= header_len)
                    .ok_or(Rejected)?;
                let (clear, tag) = packet.split_at_mut(end);
                verify_sha1(auth, clear, &rollover(index), tag)?;
                ctr(key, cm_iv(*salt, ssrc, index), &mut clear[header_len..])?;
                Ok(end)
            }
        }
    }

    /// Encrypts a compound RTCP packet and appends tag and index in the profile's order.
    pub(super) fn seal_rtcp(&self, packet: &mut Vec<u8>, index: u32) -> Result<(), Rejected> {
        let ssrc = rtcp_ssrc(packet)?;
        let trailer = (index | ENCRYPTED).to_be_bytes();
        let (clear, body) = packet
            .split_at_mut_checked(RTCP_CLEAR_LEN)
            .ok_or(Rejected)?;
        match &self.rtcp {
            Suite::Gcm { key, salt } => {
                let aad = gcm_rtcp_aad(clear, trailer);
                let nonce = gcm_nonce(*salt, ssrc, u64::from(index));
                let tag = key
                    .seal_in_place_separate_tag(nonce, Aad::from(aad), body)
                    .map_err(|_| Rejected)?;
                packet.extend_from_slice(tag.as_ref());
                packet.extend_from_slice(&trailer);
            }
            Suite::CmSha1(suite) => {
                let CmSha1 { key, auth, salt } = &**suite;
                ctr(key, cm_iv(*salt, ssrc, u64::from(index)), body)?;
                packet.extend_from_slice(&trailer);
                let tag = sha1_tag(auth, packet, &[]);
                packet.extend_from_slice(&tag);
            }
        }
        Ok(())
    }

    /// Opens in place; returns the plaintext's length. Unencrypted SRTCP (E = 0) is rejected: no peer of ours sends it.
    pub(super) fn open_rtcp(&self, packet: &mut [u8]) -> Result<usize, Rejected> {
        let ssrc = rtcp_ssrc(packet)?;
        let index = self.rtcp_index(packet)?;
        let trailer = (index | ENCRYPTED).to_be_bytes();
        match &self.rtcp {
            Suite::Gcm { key, salt } => {
                let end = packet.len().checked_sub(INDEX_LEN).ok_or(Rejected)?;
                if end < RTCP_CLEAR_LEN + GCM_TAG_LEN {
                    return Err(Rejected);
                }
                let (clear, body) = packet[..end].split_at_mut(RTCP_CLEAR_LEN);
                let aad = gcm_rtcp_aad(clear, trailer);
                let nonce = gcm_nonce(*salt, ssrc, u64::from(index));
                let plain = key
                    .open_in_place(nonce, Aad::from(aad), body)
                    .map_err(|_| Rejected)?;
                Ok(RTCP_CLEAR_LEN + plain.len())
            }
            Suite::CmSha1(suite) => {
                let CmSha1 { key, auth, salt } = &**suite;
                let tagged = packet.len() - SHA1_TAG_LEN;
                let (clear, tag) = packet.split_at_mut(tagged);
                verify_sha1(auth, clear, &[], tag)?;
                let end = tagged - INDEX_LEN;
                ctr(
                    key,
                    cm_iv(*salt, ssrc, u64::from(index)),
                    &mut clear[RTCP_CLEAR_LEN..end],
                )?;
                Ok(end)
            }
        }
    }

    /// The SRTCP index of a sealed packet.
    pub(super) fn rtcp_index(&self, packet: &[u8]) -> Result<u32, Rejected> {
        let after = match self.rtcp {
            Suite::Gcm { .. } => 0,
            Suite::CmSha1(_) => SHA1_TAG_LEN,
        };
        let start = packet
            .len()
            .checked_sub(after + INDEX_LEN)
            .filter(|s| *s >= RTCP_CLEAR_LEN)
            .ok_or(Rejected)?;
        let word: [u8; 4] = packet[start..start + INDEX_LEN]
            .try_into()
            .map_err(|_| Rejected)?;
        let word = u32::from_be_bytes(word);
        if word & ENCRYPTED == 0 {
            Err(Rejected)
        } else {
            Ok(word & !ENCRYPTED)
        }
    }
}

impl Suite {
    fn new(profile: Profile, master: &MasterKeys, label_base: u8) -> Result<Self, Rejected> {
        let key = derive(master, label_base + Label::Encryption as u8)?;
        let salt = derive(master, label_base + Label::Salt as u8)?;
        let cut = |n: usize| &salt[..n];
        Ok(match profile {
            Profile::Aes128Gcm => Self::Gcm {
                key: LessSafeKey::new(
                    UnboundKey::new(&AES_128_GCM, &key[..16]).map_err(|_| Rejected)?,
                ),
                salt: cut(12).try_into().map_err(|_| Rejected)?,
            },
            Profile::Aes128CmSha1_80 => Self::CmSha1(Box::new(CmSha1 {
                key: ctr_key(&key[..16])?,
                auth: hmac::Key::new(
                    hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
                    &derive(master, label_base + Label::Authentication as u8)?,
                ),
                salt: cut(14).try_into().map_err(|_| Rejected)?,
            })),
        })
    }
}

/// Seals what follows the header into `room`: out of the ring straight into it, where nothing stands between header and
/// payload.
fn seal_gcm(
    key: &LessSafeKey,
    nonce: Nonce,
    header: &[u8],
    clear: &Clear<'_>,
    room: &mut [u8],
) -> Result<(), Rejected> {
    let aad = Aad::from(header);
    if clear.osn.is_none() {
        let (body, tail) = room
            .split_at_mut_checked(clear.payload.len())
            .ok_or(Rejected)?;
        let seal = |padding: &[u8]| {
            key.seal_out_of_place_scatter(nonce, aad, clear.payload, body, padding, tail)
                .map_err(|_| Rejected)
        };
        // Media has none: its zeros would cost each packet a write of 255 bytes.
        return if clear.padding == 0 {
            seal(&[])
        } else {
            seal(clear.write_padding(&mut [0; u8::MAX as usize]))
        };
    }
    let (body, tag_room) = clear.write_body(room)?;
    let tag = key
        .seal_in_place_separate_tag(nonce, aad, body)
        .map_err(|_| Rejected)?;
    put(tag_room, tag.as_ref())
}

/// RFC 7714 §8.1 and §9.1: zeros, SSRC, index, XOR salt. (SRTCP's 31-bit index fills the low 32 of the 48 bits.)
fn gcm_nonce(salt: [u8; 12], ssrc: u32, index: u64) -> Nonce {
    let mut iv = salt;
    xor(&mut iv[2..6], &ssrc.to_be_bytes());
    xor(&mut iv[6..12], &index.to_be_bytes()[2..]);
    Nonce::assume_unique_for_key(iv)
}

/// RFC 3711 §4.1.1: (salt · 2^16) XOR (SSRC · 2^64) XOR (index · 2^16).
fn cm_iv(salt: [u8; 14], ssrc: u32, index: u64) -> [u8; 16] {
    let mut iv = [0; 16];
    iv[..14].copy_from_slice(&salt);
    xor(&mut iv[4..8], &ssrc.to_be_bytes());
    xor(&mut iv[8..14], &index.to_be_bytes()[2..]);
    iv
}

/// Writes a tag where there is exactly room for it.
fn put(room: &mut [u8], tag: &[u8]) -> Result<(), Rejected> {
    if room.len() != tag.len() {
        return Err(Rejected);
    }
    room.copy_from_slice(tag);
    Ok(())
}

fn xor(target: &mut [u8], other: &[u8]) {
    for (t, o) in target.iter_mut().zip(other) {
        *t ^= o;
    }
}

fn rollover(index: u64) -> [u8; 4] {
    ((index >> 16) as u32).to_be_bytes()
}

fn gcm_rtcp_aad(clear: &[u8], trailer: [u8; 4]) -> [u8; 12] {
    let mut aad = [0; 12];
    aad[..8].copy_from_slice(&clear[..8]);
    aad[8..].copy_from_slice(&trailer);
    aad
}

fn rtcp_ssrc(packet: &[u8]) -> Result<u32, Rejected> {
    let bytes: [u8; 4] = packet
        .get(4..8)
        .and_then(|b| b.try_into().ok())
        .ok_or(Rejected)?;
    Ok(u32::from_be_bytes(bytes))
}

fn sha1_tag(auth: &hmac::Key, packet: &[u8], suffix: &[u8]) -> [u8; SHA1_TAG_LEN] {
    let mut context = hmac::Context::with_key(auth);
    context.update(packet);
    context.update(suffix);
    let mut tag = [0; SHA1_TAG_LEN];
    tag.copy_from_slice(&context.sign().as_ref()[..SHA1_TAG_LEN]);
    tag
}

fn verify_sha1(auth: &hmac::Key, clear: &[u8], suffix: &[u8], tag: &[u8]) -> Result<(), Rejected> {
    use subtle::ConstantTimeEq;
    if bool::from(sha1_tag(auth, clear, suffix).ct_eq(tag)) {
        Ok(())
    } else {
        Err(Rejected)
    }
}
