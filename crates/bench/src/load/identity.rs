//! Who the load is towards DTLS, and the cryptography it uses.

use anyhow::{Context as _, Result, anyhow};
use rtc_crypto::{RTCCryptoProvider, providers::AwsLcRsProvider};
use rtc_dtls::config::{ClientAuthType, ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig};
use rtc_dtls::crypto::Certificate;
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// First retransmission of a handshake message.
const RETRANSMIT_AFTER: Duration = Duration::from_millis(100);

/// Which SRTP profiles a client lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Srtp {
    /// SHA1_80, then AEAD_AES_128_GCM: Chromium's order. A good server takes GCM.
    #[default]
    Chromium,
    /// SHA1_80 only, as old phones do.
    Sha1Only,
}

/// The cryptography of DTLS and STUN here.
pub(super) fn crypto() -> Arc<dyn RTCCryptoProvider> {
    static PROVIDER: OnceLock<Arc<dyn RTCCryptoProvider>> = OnceLock::new();
    PROVIDER
        .get_or_init(|| Arc::new(AwsLcRsProvider::new()))
        .clone()
}

/// The certificate of all legs of one process: what it costs to make is nobody's figure.
pub(super) struct Identity {
    pub(super) config: Arc<HandshakeConfig>,
    pub(super) fingerprint: String,
}

impl Identity {
    pub(super) fn new(srtp: Srtp) -> Result<Self> {
        use SrtpProtectionProfile::{
            Srtp_Aead_Aes_128_Gcm as Gcm, Srtp_Aes128_Cm_Hmac_Sha1_80 as Sha1,
        };
        let provider = crypto();
        let certificate =
            Certificate::generate_self_signed(vec!["bench".to_owned()], provider.crypto())?;
        let der = certificate.certificate.first().context("a certificate")?;
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, der.as_ref());
        let pairs: Vec<String> = digest
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02X}"))
            .collect();
        let profiles = match srtp {
            Srtp::Chromium => vec![Sha1, Gcm],
            Srtp::Sha1Only => vec![Sha1],
        };
        let config = ConfigBuilder::default()
            .with_crypto_provider(provider)
            .with_certificates(vec![certificate])
            .with_srtp_protection_profiles(profiles)
            .with_client_auth(ClientAuthType::RequireAnyClientCert)
            // Server and load are on one machine and the load holds nothing worth stealing.
            .with_insecure_skip_verify(true)
            .with_extended_master_secret(ExtendedMasterSecretType::Require)
            .with_flight_interval(RETRANSMIT_AFTER)
            .build(true, None)?;
        Ok(Self {
            config: Arc::new(config),
            fingerprint: pairs.join(":"),
        })
    }
}

/// Random bytes.
pub(super) fn random(bytes: usize) -> Result<Vec<u8>> {
    let mut out = vec![0; bytes];
    aws_lc_rs::rand::fill(&mut out).map_err(|_| anyhow!("no randomness"))?;
    Ok(out)
}
