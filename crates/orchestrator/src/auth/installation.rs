//! The installation's own identity: one Ed25519 key that signs, one secret from which others are derived.

use super::{base64url, from_base64url, random};
use crate::log::Log;
use crate::vault::{self, VaultError};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde::{Deserialize, Serialize};

const NAME: &str = "installation-key";

/// The keys of this installation. Losing them means that every relay registers again and every hall
/// gets a new link.
pub struct Installation {
    pair: Ed25519KeyPair,
    pkcs8: Vec<u8>,
    secret: hmac::Key,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    /// PKCS#8 of the Ed25519 key pair, base64url.
    ed25519: String,
    /// 32 bytes, base64url.
    secret: String,
}

impl Installation {
    /// Takes the keys out of the vault, or makes them on the first start.
    pub async fn load(log: &Log) -> Result<Self, VaultError> {
        let stored = if let Some(stored) = vault::get(log, NAME).await? {
            stored
        } else {
            let made = Stored::make().map_err(|Unspecified| VaultError::NoKey)?;
            vault::put(log, NAME, &made).await?;
            made
        };
        Self::of(&stored).ok_or(VaultError::Damaged(NAME))
    }

    fn of(stored: &Stored) -> Option<Self> {
        let pkcs8 = from_base64url(&stored.ed25519)?;
        let pair = Ed25519KeyPair::from_pkcs8(&pkcs8).ok()?;
        let secret = from_base64url(&stored.secret).filter(|secret| secret.len() == 32)?;
        Some(Self {
            pair,
            pkcs8,
            secret: hmac::Key::new(hmac::HMAC_SHA256, &secret),
        })
    }

    /// PKCS#8 of the signing key, for the token library.
    pub fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// The public key, 32 bytes.
    pub fn public_key(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    /// The public key as relays pin it.
    pub fn public_key_text(&self) -> String {
        base64url(self.public_key())
    }

    /// Ed25519 signature (RFC 8032) over the parts, one after the other.
    pub fn sign(&self, parts: &[&[u8]]) -> Vec<u8> {
        self.pair.sign(&parts.concat()).as_ref().to_vec()
    }

    /// HMAC-SHA-256 under the installation's secret: the same words give the same bytes for ever, and
    /// nobody without the secret can tell them. `purpose` keeps the uses apart.
    pub fn derive(&self, purpose: &str, words: &[&str]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.secret);
        for word in std::iter::once(&purpose).chain(words) {
            // The length in front keeps ("a", "bc") and ("ab", "c") apart.
            context.update(&(word.len() as u64).to_be_bytes());
            context.update(word.as_bytes());
        }
        let mut derived = [0; 32];
        derived.copy_from_slice(context.sign().as_ref());
        derived
    }
}

impl Stored {
    fn make() -> Result<Self, Unspecified> {
        let document = Ed25519KeyPair::generate()?.to_pkcs8()?;
        Ok(Self {
            ed25519: base64url(document.as_ref()),
            secret: base64url(&random::<32>()),
        })
    }
}

/// Whether this is that key's Ed25519 signature over the parts, one after the other.
pub fn verify(public_key: &[u8], parts: &[&[u8]], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ED25519, public_key)
        .verify(&parts.concat(), signature)
        .is_ok()
}

#[cfg(test)]
impl Installation {
    /// Keys of an installation that lives as long as a test.
    pub fn for_a_test() -> Self {
        Self::of(&Stored::make().expect("keys")).expect("good keys")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_second_start_has_the_keys_of_the_first() {
        let data = tempfile::tempdir().expect("a folder");
        let log = Log::open(&data.path().join("log.db")).expect("a log");
        let first = Installation::load(&log).await.expect("made");
        let second = Installation::load(&log).await.expect("read");
        assert_eq!(first.public_key(), second.public_key());
        assert_eq!(
            first.derive("join", &["a", "b"]),
            second.derive("join", &["a", "b"])
        );
        let signature = first.sign(&[b"diemcau ", b"relay"]);
        assert!(verify(second.public_key(), &[b"diemcau relay"], &signature));
        assert!(!verify(second.public_key(), &[b"diemcau hall"], &signature));
    }

    #[test]
    fn words_that_join_to_the_same_text_derive_differently() {
        let keys = Installation::for_a_test();
        let mut derived = vec![
            keys.derive("join", &["ab", "c"]),
            keys.derive("join", &["a", "bc"]),
            keys.derive("join", &["abc"]),
            keys.derive("code", &["abc"]),
        ];
        derived.sort_unstable();
        derived.dedup();
        assert_eq!(derived.len(), 4);
    }

    #[tokio::test]
    async fn damaged_keys_are_named_and_not_replaced() {
        let data = tempfile::tempdir().expect("a folder");
        let log = Log::open(&data.path().join("log.db")).expect("a log");
        for damaged in [
            "{}",
            "no JSON",
            "{\"ed25519\":\"AAAA\",\"secret\":\"AAAA\"}",
        ] {
            log.put(NAME, damaged.as_bytes()).await.expect("kept");
            let error = Installation::load(&log).await.err().expect("refused");
            assert!(error.to_string().contains(NAME), "{error}");
            assert_eq!(
                log.get(NAME).await.expect("read").as_deref(),
                Some(damaged.as_bytes())
            );
        }
    }
}
