//! Key derivation: DTLS exporter → master keys (RFC 5764 §4.2) → session keys (RFC 3711 §4.3).

use super::{Profile, Rejected};
use aws_lc_rs::cipher::{AES_128, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;

const KEY_LEN: usize = 16;
/// Longest session value: the HMAC-SHA1 key.
pub(super) const AUTH_KEY_LEN: usize = 20;

/// Master key and salt of one direction.
#[derive(Clone)]
pub(crate) struct MasterKeys {
    pub(super) key: [u8; KEY_LEN],
    /// 14 bytes for AES-CM, 12 for GCM (the rest zero).
    pub(super) salt: [u8; 14],
}

/// What a DTLS session gives: the keys to send with and the keys to receive with.
pub(crate) struct SessionKeys {
    pub(crate) profile: Profile,
    pub(crate) local: MasterKeys,
    pub(crate) remote: MasterKeys,
}

impl SessionKeys {
    /// Splits exporter output: client key, server key, client salt, server salt (RFC 5764 §4.2).
    pub(crate) fn from_exporter(
        profile: Profile,
        material: &[u8],
        is_client: bool,
    ) -> Result<Self, Rejected> {
        let salt_len = profile.salt_len();
        if material.len() != 2 * (KEY_LEN + salt_len) {
            return Err(Rejected);
        }
        let (keys, salts) = material.split_at(2 * KEY_LEN);
        let side = |index: usize| {
            let mut master = MasterKeys {
                key: [0; KEY_LEN],
                salt: [0; 14],
            };
            master
                .key
                .copy_from_slice(&keys[index * KEY_LEN..(index + 1) * KEY_LEN]);
            master.salt[..salt_len]
                .copy_from_slice(&salts[index * salt_len..(index + 1) * salt_len]);
            master
        };
        let (local, remote) = if is_client {
            (side(0), side(1))
        } else {
            (side(1), side(0))
        };
        Ok(Self {
            profile,
            local,
            remote,
        })
    }
}

/// Labels of RFC 3711 §4.3.2; SRTCP's are three higher.
#[derive(Clone, Copy)]
pub(super) enum Label {
    Encryption = 0,
    Authentication = 1,
    Salt = 2,
}

/// The AES-CM pseudo-random function: the key stream of AES-CTR at (salt XOR label · 2^48) · 2^16.
pub(super) fn derive(master: &MasterKeys, label: u8) -> Result<[u8; AUTH_KEY_LEN], Rejected> {
    let mut iv = [0; 16];
    iv[..14].copy_from_slice(&master.salt);
    iv[7] ^= label;
    let mut out = [0; AUTH_KEY_LEN];
    ctr(&ctr_key(&master.key)?, iv, &mut out)?;
    Ok(out)
}

pub(super) fn ctr_key(key: &[u8]) -> Result<EncryptingKey, Rejected> {
    UnboundCipherKey::new(&AES_128, key)
        .and_then(EncryptingKey::ctr)
        .map_err(|_| Rejected)
}

/// Adds the key stream of AES-CTR to `data`; its own inverse.
pub(super) fn ctr(key: &EncryptingKey, iv: [u8; 16], data: &mut [u8]) -> Result<(), Rejected> {
    key.less_safe_encrypt(data, EncryptionContext::Iv128(FixedLength::from(iv)))
        .map_err(|_| Rejected)?;
    Ok(())
}
