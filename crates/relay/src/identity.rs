//! Who this relay is: an Ed25519 key for the control link, a certificate for media.

use crate::disk::{self, DiskError};
use crate::media::{CertificateError, MediaCertificate};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::path::Path;

/// Why an identity cannot be made or read back.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The file.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The key file holds no Ed25519 key in PKCS#8.
    #[error(
        "identity.pk8 is no Ed25519 key; move it away and register the relay with a new join key"
    )]
    Damaged,
    /// The DTLS certificate.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

/// The relay's Ed25519 key, registered at the orchestrator.
#[derive(Debug)]
pub struct Identity {
    key: Ed25519KeyPair,
}

impl Identity {
    /// The key in `folder`, made when absent.
    pub fn open(folder: &Path) -> Result<Self, IdentityError> {
        let path = folder.join("identity.pk8");
        let document = if let Some(document) = disk::read(&path)? {
            document
        } else {
            let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
                .map_err(|_| IdentityError::Damaged)?;
            disk::replace(&path, made.as_ref())?;
            made.as_ref().to_vec()
        };
        let key = Ed25519KeyPair::from_pkcs8(&document).map_err(|_| IdentityError::Damaged)?;
        Ok(Self { key })
    }

    /// The public half, base64url.
    pub fn public_key(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.key.public_key().as_ref())
    }

    /// Signature over `label || message`, base64url. The label keeps a signature made for one purpose from
    /// serving another.
    pub fn sign(&self, label: &str, message: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(
            self.key
                .sign(&[label.as_bytes(), message].concat())
                .as_ref(),
        )
    }
}

/// Whether `signature` (base64url) over `label || message` is by `public_key` (base64url).
pub fn verifies(public_key: &str, label: &str, message: &[u8], signature: &str) -> bool {
    let (Ok(key), Ok(signature)) = (
        URL_SAFE_NO_PAD.decode(public_key),
        URL_SAFE_NO_PAD.decode(signature),
    ) else {
        return false;
    };
    UnparsedPublicKey::new(&ED25519, key)
        .verify(&[label.as_bytes(), message].concat(), &signature)
        .is_ok()
}

/// The DTLS certificate in `folder`, made when absent: trunk peers know its fingerprint across restarts.
pub fn certificate(folder: &Path) -> Result<MediaCertificate, IdentityError> {
    let path = folder.join("dtls.pem");
    if let Some(pem) = disk::read(&path)? {
        return Ok(MediaCertificate::from_pem(&String::from_utf8_lossy(&pem))?);
    }
    let made = MediaCertificate::generate()?;
    disk::replace(&path, made.to_pem()?.as_bytes())?;
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_outlives_a_restart_and_signs_for_one_purpose() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = Identity::open(folder.path()).expect("made");
        let again = Identity::open(folder.path()).expect("read");
        assert_eq!(first.public_key(), again.public_key());
        let signature = again.sign("diemcau relay", b"nonce");
        assert!(verifies(
            &first.public_key(),
            "diemcau relay",
            b"nonce",
            &signature
        ));
        assert!(!verifies(
            &first.public_key(),
            "diemcau orchestrator",
            b"nonce",
            &signature
        ));
        assert!(!verifies("AAAA", "diemcau relay", b"nonce", &signature));
    }

    #[test]
    fn a_certificate_outlives_a_restart() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = certificate(folder.path()).expect("made").fingerprint();
        assert_eq!(
            first,
            certificate(folder.path()).expect("read").fingerprint()
        );
    }
}
