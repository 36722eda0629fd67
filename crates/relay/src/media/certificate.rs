//! The DTLS certificate: self-signed, known to peers by its fingerprint only (RFC 8122).

use super::Fingerprint;
use rtc_crypto::{RTCCryptoProvider, providers::AwsLcRsProvider};
use rtc_dtls::crypto::Certificate;
use std::sync::Arc;

/// Why a certificate cannot be made or read.
#[derive(Debug, thiserror::Error)]
#[error("DTLS certificate: {0}")]
pub struct CertificateError(String);

/// A DTLS certificate (ECDSA P-256) with its private key.
#[derive(Clone)]
pub struct MediaCertificate {
    pub(super) dtls: Certificate,
    fingerprint: Fingerprint,
}

impl MediaCertificate {
    /// A fresh self-signed one. Keep its [`Self::to_pem`]: trunk peers pin the fingerprint.
    pub fn generate() -> Result<Self, CertificateError> {
        Certificate::generate_self_signed(vec!["diemcau".to_owned()], provider().crypto())
            .map_err(|error| CertificateError(error.to_string()))
            .and_then(Self::new)
    }

    /// Reads what [`Self::to_pem`] wrote.
    pub fn from_pem(pem: &str) -> Result<Self, CertificateError> {
        Certificate::from_pem(pem, provider().crypto())
            .map_err(|error| CertificateError(error.to_string()))
            .and_then(Self::new)
    }

    /// Certificate and private key as PEM; the file must be readable by the relay's user only.
    pub fn to_pem(&self) -> Result<String, CertificateError> {
        self.dtls
            .serialize_pem()
            .map_err(|error| CertificateError(error.to_string()))
    }

    /// SHA-256 of the certificate, for `a=fingerprint:sha-256` and the registration.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    fn new(dtls: Certificate) -> Result<Self, CertificateError> {
        let der = dtls
            .certificate
            .first()
            .ok_or_else(|| CertificateError("no certificate in the file".to_owned()))?;
        let fingerprint = Fingerprint::of(der.as_ref());
        Ok(Self { dtls, fingerprint })
    }
}

impl std::fmt::Debug for MediaCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MediaCertificate")
            .field("fingerprint", &self.fingerprint)
            .finish_non_exhaustive()
    }
}

/// The cryptography of keys; that of handshakes is in `crypto.rs`.
pub(super) fn provider() -> Arc<dyn RTCCryptoProvider> {
    Arc::new(AwsLcRsProvider::new())
}
