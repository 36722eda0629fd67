//! Opening SRTP fast: session keys by RFC 3711 §4.3, then AES-128-GCM (RFC 7714) or AES-CM with HMAC-SHA1-80 in place.
//!
//! Written beside the relay's own code and not with it, so that one mistake cannot hide in both.

use anyhow::{Result, anyhow};
use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_128, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;

const SHA1_TAG_BYTES: usize = 10;

/// What SRTP is sealed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Profile {
    /// SRTP_AEAD_AES_128_GCM.
    Gcm,
    /// SRTP_AES128_CM_HMAC_SHA1_80.
    Sha1,
}

/// The AES-128-GCM session key and salt of one direction.
#[derive(Clone, Copy)]
pub struct GcmKeys {
    pub(crate) key: [u8; 16],
    pub(crate) salt: [u8; 12],
}

#[expect(
    clippy::large_enum_variant,
    reason = "one per leg, and a box would cost a miss per packet"
)]
enum Suite {
    Gcm {
        key: LessSafeKey,
        salt: [u8; 12],
    },
    Sha1 {
        key: EncryptingKey,
        auth: hmac::Key,
        salt: [u8; 14],
    },
}

/// Opens what one peer sends.
pub(super) struct Opener {
    suite: Suite,
    /// Highest packet index of each SSRC; a leg has one to four.
    highest: Vec<(u32, u64)>,
}

/// A packet that opened: where its payload lies, padding left out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Opened {
    pub(super) ssrc: u32,
    pub(super) index: u64,
    pub(super) payload: std::ops::Range<usize>,
}

impl Opener {
    /// From the master key and salt that DTLS gave.
    pub(super) fn new(profile: Profile, master_key: &[u8], master_salt: &[u8]) -> Result<Self> {
        let derive = |label| derive(master_key, master_salt, label);
        let suite = match profile {
            Profile::Gcm => {
                let (key, salt) = (derive(0)?, derive(2)?);
                let keys = GcmKeys {
                    key: key[..16].try_into()?,
                    salt: salt[..12].try_into()?,
                };
                return Self::gcm(keys);
            }
            Profile::Sha1 => Suite::Sha1 {
                key: ctr_key(&derive(0)?[..16])?,
                auth: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &derive(1)?),
                salt: derive(2)?[..14].try_into()?,
            },
        };
        Ok(Self {
            suite,
            highest: Vec::new(),
        })
    }

    /// From a session key that both sides were given.
    pub(super) fn gcm(keys: GcmKeys) -> Result<Self> {
        let key = UnboundKey::new(&AES_128_GCM, &keys.key).map_err(|_| anyhow!("no AES key"))?;
        let suite = Suite::Gcm {
            key: LessSafeKey::new(key),
            salt: keys.salt,
        };
        Ok(Self {
            suite,
            highest: Vec::new(),
        })
    }

    /// Opens in place; `None` when it is no RTP or does not authenticate.
    pub(super) fn open(&mut self, packet: &mut [u8]) -> Option<Opened> {
        let header_len = header_len(packet)?;
        let sequence = u16::from_be_bytes([packet[2], packet[3]]);
        let ssrc = u32::from_be_bytes([packet[8], packet[9], packet[10], packet[11]]);
        let known = self.highest.iter().position(|(of, _)| *of == ssrc);
        let highest = known.map(|at| self.highest[at].1);
        let index = highest.map_or(u64::from(sequence), |highest| index(highest, sequence));
        let mut end = self.suite.open(packet, header_len, ssrc, index)?;
        match known {
            Some(at) => self.highest[at].1 = self.highest[at].1.max(index),
            None => self.highest.push((ssrc, index)),
        }
        if packet[0] & 0x20 != 0 {
            end = end.checked_sub(usize::from(packet[end - 1]))?;
        }
        (end >= header_len).then_some(Opened {
            ssrc,
            index,
            payload: header_len..end,
        })
    }
}

impl Suite {
    fn open(&self, packet: &mut [u8], header_len: usize, ssrc: u32, index: u64) -> Option<usize> {
        match self {
            Self::Gcm { key, salt } => {
                let (header, body) = packet.split_at_mut(header_len);
                let nonce = Nonce::assume_unique_for_key(gcm_nonce(*salt, ssrc, index));
                let plain = key.open_in_place(nonce, Aad::from(&*header), body).ok()?;
                Some(header_len + plain.len())
            }
            Self::Sha1 { key, auth, salt } => {
                let end = packet.len().checked_sub(SHA1_TAG_BYTES)?;
                let (clear, tag) = packet.split_at_mut(end);
                let mut context = hmac::Context::with_key(auth);
                context.update(clear);
                context.update(&((index >> 16) as u32).to_be_bytes());
                // Nobody measures this process's timing: a plain comparison will do.
                (context.sign().as_ref().get(..SHA1_TAG_BYTES) == Some(&*tag)).then_some(())?;
                let body = clear.get_mut(header_len..)?;
                let iv = FixedLength::from(cm_iv(*salt, ssrc, index));
                key.less_safe_encrypt(body, EncryptionContext::Iv128(iv))
                    .ok()?;
                Some(end)
            }
        }
    }
}

/// Bytes before the payload (RFC 3550 §5.1), checked against the length with room for a tag.
pub(super) fn header_len(packet: &[u8]) -> Option<usize> {
    if packet.len() < 12 + SHA1_TAG_BYTES || packet[0] >> 6 != 2 {
        return None;
    }
    let mut len = 12 + 4 * usize::from(packet[0] & 0x0f);
    if packet[0] & 0x10 != 0 {
        let words: [u8; 2] = packet.get(len + 2..len + 4)?.try_into().ok()?;
        len += 4 + 4 * usize::from(u16::from_be_bytes(words));
    }
    (len + SHA1_TAG_BYTES <= packet.len()).then_some(len)
}

/// The index nearest to the highest seen (RFC 3711 §3.3.1).
fn index(highest: u64, sequence: u16) -> u64 {
    let ahead = sequence.wrapping_sub(highest as u16).cast_signed();
    highest
        .checked_add_signed(i64::from(ahead))
        .unwrap_or(u64::from(sequence))
}

/// RFC 7714 §8.1.
pub(crate) fn gcm_nonce(salt: [u8; 12], ssrc: u32, index: u64) -> [u8; 12] {
    let mut iv = salt;
    xor(&mut iv[2..6], &ssrc.to_be_bytes());
    xor(&mut iv[6..], &index.to_be_bytes()[2..]);
    iv
}

/// RFC 3711 §4.1.1.
fn cm_iv(salt: [u8; 14], ssrc: u32, index: u64) -> [u8; 16] {
    let mut iv = [0; 16];
    iv[..14].copy_from_slice(&salt);
    xor(&mut iv[4..8], &ssrc.to_be_bytes());
    xor(&mut iv[8..14], &index.to_be_bytes()[2..]);
    iv
}

fn xor(target: &mut [u8], other: &[u8]) {
    for (t, o) in target.iter_mut().zip(other) {
        *t ^= o;
    }
}

/// RFC 3711 §4.3.1: the key stream of AES-CTR at (salt XOR label · 2^48) · 2^16.
fn derive(master_key: &[u8], master_salt: &[u8], label: u8) -> Result<[u8; 20]> {
    let mut iv = [0; 16];
    iv.iter_mut()
        .zip(master_salt)
        .for_each(|(to, from)| *to = *from);
    iv[7] ^= label;
    let mut out = [0; 20];
    ctr_key(master_key)?
        .less_safe_encrypt(&mut out, EncryptionContext::Iv128(FixedLength::from(iv)))
        .map_err(|_| anyhow!("key derivation"))?;
    Ok(out)
}

fn ctr_key(key: &[u8]) -> Result<EncryptingKey> {
    UnboundCipherKey::new(&AES_128, key)
        .and_then(EncryptingKey::ctr)
        .map_err(|_| anyhow!("no AES key"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::identity::crypto;
    use rtc_srtp::context::Context;
    use rtc_srtp::protection_profile::ProtectionProfile;

    fn packet(sequence: u16) -> Vec<u8> {
        let mut packet = vec![0x80, 96];
        packet.extend_from_slice(&sequence.to_be_bytes());
        packet.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 9]);
        packet.extend_from_slice(b"the payload of a packet");
        packet
    }

    /// What `rtc-srtp` seals opens here, over the wrap of the sequence number; a flipped bit does not.
    fn opens_what_the_library_seals(profile: Profile, other: ProtectionProfile, salt: &[u8]) {
        let key = [7; 16];
        let mut seal =
            Context::new(&key, salt, other, None, None, crypto().crypto()).expect("a context");
        let mut opener = Opener::new(profile, &key, salt).expect("keys");
        for sequence in (65_530..=65_535).chain(0..5) {
            let plain = packet(sequence);
            let mut sealed = seal.encrypt_rtp(&plain).expect("sealed").to_vec();
            let mut broken = sealed.clone();
            broken[20] ^= 1;
            assert_eq!(opener.open(&mut broken), None);
            let found = opener.open(&mut sealed).expect("authentic");
            assert_eq!(&sealed[found.payload], &plain[12..]);
        }
        assert_eq!(opener.highest, vec![(9, (1 << 16) + 4)]);
    }

    #[test]
    fn gcm_of_another_implementation_opens() {
        opens_what_the_library_seals(Profile::Gcm, ProtectionProfile::AeadAes128Gcm, &[3; 12]);
    }

    #[test]
    fn sha1_of_another_implementation_opens() {
        opens_what_the_library_seals(
            Profile::Sha1,
            ProtectionProfile::Aes128CmHmacSha1_80,
            &[3; 14],
        );
    }

    #[test]
    fn short_rubbish_is_refused() {
        let mut opener = Opener::new(Profile::Gcm, &[1; 16], &[2; 12]).expect("keys");
        for len in 0..64 {
            assert_eq!(opener.open(&mut vec![0xbf; len]), None);
        }
    }
}
