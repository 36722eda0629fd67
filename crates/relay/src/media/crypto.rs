//! The cryptography of handshakes: AWS-LC, as in all TLS here, with two things of our own that halve what one costs.
//!
//! - Which groups there are for the key exchange is a choice, because the library takes the client's first.
//! - A signature found good is not computed again: the library judges a client's CertificateVerify when it comes, and
//!   once more when its Finished has come.

use aws_lc_rs::digest::{Context, SHA256, SHA256_OUTPUT_LEN};
use rtc_crypto::providers::{AwsLcRsCrypto, AwsLcRsRandom};
use rtc_crypto::{
    ActiveKeyExchange, AeadAlgorithm, AeadCipher, CbcAlgorithm, CbcCipher, CryptoAlgorithm,
    CryptoError, HashAlgorithm, HmacAlgorithm, KeyExchangeAlgorithm, Mac, PublicKey, RTCCrypto,
    RTCCryptoProvider, RTCRandom, SignatureScheme,
};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// Good signatures remembered: the peers whose handshakes may be between CertificateVerify and Finished.
const REMEMBERED_MAX: usize = 64;

/// The groups for the key exchange (RFC 8422 §5.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Groups {
    /// P-256, X25519 and P-384.
    All,
    /// X25519 only: half of what P-256 costs.
    X25519,
}

/// A provider with these groups.
pub(super) fn provider(groups: Groups) -> Arc<dyn RTCCryptoProvider> {
    Arc::new(Crypto {
        groups,
        verified: Mutex::default(),
    })
}

struct Crypto {
    groups: Groups,
    /// SHA-256 over what was verified, the latest in front.
    verified: Mutex<VecDeque<[u8; SHA256_OUTPUT_LEN]>>,
}

impl RTCCryptoProvider for Crypto {
    fn name(&self) -> &'static str {
        "aws-lc-rs"
    }

    fn crypto(&self) -> &dyn RTCCrypto {
        self
    }

    fn random(&self) -> &dyn RTCRandom {
        &AwsLcRsRandom
    }
}

impl RTCCrypto for Crypto {
    fn supports(&self, algorithm: CryptoAlgorithm) -> bool {
        let is_chosen = match algorithm {
            CryptoAlgorithm::KeyExchange(group) => {
                self.groups == Groups::All || group == KeyExchangeAlgorithm::X25519
            }
            // Not handed on below: a handshake has no use for them.
            CryptoAlgorithm::StreamCipher(_)
            | CryptoAlgorithm::BlockCipher(_)
            | CryptoAlgorithm::SigningKeyGeneration(_)
            | CryptoAlgorithm::SigningKeyImport(_) => false,
            _ => true,
        };
        is_chosen && AwsLcRsCrypto.supports(algorithm)
    }

    fn hash(&self, algorithm: HashAlgorithm, data: &[u8]) -> Result<Vec<u8>, CryptoError> {
        AwsLcRsCrypto.hash(algorithm, data)
    }

    fn new_hmac(&self, algorithm: HmacAlgorithm, key: &[u8]) -> Result<Box<dyn Mac>, CryptoError> {
        AwsLcRsCrypto.new_hmac(algorithm, key)
    }

    fn new_aead(
        &self,
        algorithm: AeadAlgorithm,
        key: &[u8],
    ) -> Result<Box<dyn AeadCipher>, CryptoError> {
        AwsLcRsCrypto.new_aead(algorithm, key)
    }

    fn new_cbc(
        &self,
        algorithm: CbcAlgorithm,
        key: &[u8],
    ) -> Result<Box<dyn CbcCipher>, CryptoError> {
        AwsLcRsCrypto.new_cbc(algorithm, key)
    }

    fn start_key_exchange(
        &self,
        algorithm: KeyExchangeAlgorithm,
    ) -> Result<Box<dyn ActiveKeyExchange>, CryptoError> {
        AwsLcRsCrypto.start_key_exchange(algorithm)
    }

    fn verify_signature(
        &self,
        scheme: SignatureScheme,
        public_key: PublicKey<'_>,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), CryptoError> {
        let claim = claim(scheme, public_key, message, signature);
        let known = || self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        if known().contains(&claim) {
            return Ok(());
        }
        AwsLcRsCrypto.verify_signature(scheme, public_key, message, signature)?;
        let mut known = known();
        known.truncate(REMEMBERED_MAX - 1);
        known.push_front(claim);
        Ok(())
    }
}

/// SHA-256 over everything that makes a signature good or not.
fn claim(
    scheme: SignatureScheme,
    public_key: PublicKey<'_>,
    message: &[u8],
    signature: &[u8],
) -> [u8; SHA256_OUTPUT_LEN] {
    let mut context = Context::new(&SHA256);
    context.update(&[scheme as u8, public_key.encoding as u8]);
    for part in [public_key.bytes, message, signature] {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let mut claim = [0; SHA256_OUTPUT_LEN];
    claim.copy_from_slice(context.finish().as_ref());
    claim
}

#[cfg(test)]
mod tests {
    use super::*;
    use rtc_crypto::{PublicKeyEncoding, SigningKey};

    const SCHEME: SignatureScheme = SignatureScheme::EcdsaP256Sha256;

    struct Signed {
        key: Arc<dyn SigningKey>,
        signature: Vec<u8>,
    }

    fn sign(message: &[u8]) -> Signed {
        let key = AwsLcRsCrypto.generate_signing_key(SCHEME).expect("a key");
        let signature = key.sign(SCHEME, message).expect("a signature");
        Signed { key, signature }
    }

    #[test]
    fn a_good_signature_is_good_again_and_vouches_for_nothing_else() {
        let provider = provider(Groups::All);
        let crypto = provider.crypto();
        let first = sign(b"what was said");
        let judge = |key: PublicKey<'_>, message: &[u8], signature: &[u8]| {
            crypto.verify_signature(SCHEME, key, message, signature)
        };
        let key = first.key.public_key();
        for time in 0..3 {
            let judged = judge(key, b"what was said", &first.signature);
            assert!(judged.is_ok(), "time {time}");
        }

        let other = sign(b"what was said");
        let mut touched = first.signature.clone();
        *touched.last_mut().expect("bytes") ^= 1;
        let shifted = PublicKey {
            encoding: PublicKeyEncoding::EcUncompressedPoint,
            bytes: &key.bytes[..64],
        };
        for _ in 0..2 {
            assert!(judge(key, b"what was meant", &first.signature).is_err());
            assert!(judge(key, b"what was said", &touched).is_err());
            assert!(judge(key, b"what was said", &other.signature).is_err());
            assert!(judge(other.key.public_key(), b"what was said", &first.signature).is_err());
            assert!(judge(shifted, b"what was said", &first.signature).is_err());
        }
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let crypto = Crypto {
            groups: Groups::All,
            verified: Mutex::default(),
        };
        let key = AwsLcRsCrypto.generate_signing_key(SCHEME).expect("a key");
        for number in 0..2 * REMEMBERED_MAX {
            let message = number.to_be_bytes();
            let signature = key.sign(SCHEME, &message).expect("a signature");
            crypto
                .verify_signature(SCHEME, key.public_key(), &message, &signature)
                .expect("good");
        }
        assert_eq!(
            crypto.verified.lock().expect("a lock").len(),
            REMEMBERED_MAX
        );
    }
}
