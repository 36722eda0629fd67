//! A WebRTC peer for tests: ICE controlling, DTLS client, SRTP by `rtc-srtp`, so that ours is checked against another.

use crate::media::certificate::provider;
use crate::media::{Fingerprint, IceCredentials, MediaCertificate, stun};
use bytes::BytesMut;
use rtc_dtls::config::{ClientAuthType, ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig};
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_shared::TransportProtocol;
use rtc_srtp::config::{Config, LABEL_EXTRACTOR_DTLS_SRTP};
use rtc_srtp::context::Context;
use rtc_srtp::option::{srtcp_replay_protection, srtp_replay_protection};
use rtc_srtp::protection_profile::ProtectionProfile;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A browser, as far as a relay can tell.
pub(crate) struct Guest {
    pub(crate) address: SocketAddr,
    pub(crate) ice: IceCredentials,
    /// The relay's, out of the answer.
    pub(crate) relay_ice: IceCredentials,
    relay: SocketAddr,
    certificate: MediaCertificate,
    endpoint: Endpoint,
    config: Arc<HandshakeConfig>,
    connecting: bool,
    pub(crate) profile: Option<SrtpProtectionProfile>,
    seal: Option<Context>,
    open: Option<Context>,
    /// Datagrams as they came, SRTP only.
    pub(crate) sealed: Vec<Vec<u8>>,
    pub(crate) rtp: Vec<Vec<u8>>,
    pub(crate) rtcp: Vec<Vec<u8>>,
    pub(crate) unreadable: usize,
    pub(crate) stun_answers: usize,
    pub(crate) closed: bool,
}

/// What browsers offer, in Chromium's order.
pub(crate) const CHROMIUM: [SrtpProtectionProfile; 2] = [
    SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
    SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
];

impl Guest {
    pub(crate) fn new(
        address: SocketAddr,
        relay: SocketAddr,
        profiles: &[SrtpProtectionProfile],
    ) -> Self {
        Self::repeating_after(Duration::from_secs(1), address, relay, profiles)
    }

    /// One that repeats its flights of the handshake after this time.
    pub(crate) fn repeating_after(
        interval: Duration,
        address: SocketAddr,
        relay: SocketAddr,
        profiles: &[SrtpProtectionProfile],
    ) -> Self {
        let certificate = MediaCertificate::generate().expect("a certificate");
        let config = ConfigBuilder::default()
            .with_crypto_provider(provider())
            .with_certificates(vec![certificate.dtls.clone()])
            .with_srtp_protection_profiles(profiles.to_vec())
            .with_client_auth(ClientAuthType::RequireAnyClientCert)
            .with_insecure_skip_verify(true)
            .with_extended_master_secret(ExtendedMasterSecretType::Require)
            .with_flight_interval(interval)
            .build(true, Some(relay))
            .expect("a client config");
        Self {
            address,
            ice: IceCredentials::random(),
            relay_ice: IceCredentials::random(),
            relay,
            certificate,
            endpoint: Endpoint::new(address, TransportProtocol::UDP, None),
            config: Arc::new(config),
            connecting: false,
            profile: None,
            seal: None,
            open: None,
            sealed: Vec::new(),
            rtp: Vec::new(),
            rtcp: Vec::new(),
            unreadable: 0,
            stun_answers: 0,
            closed: false,
        }
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        self.certificate.fingerprint()
    }

    pub(crate) fn relay_address(&self) -> SocketAddr {
        self.relay
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.seal.is_some()
    }

    /// A nominating connectivity check.
    pub(crate) fn check(&self) -> Vec<u8> {
        let username = format!("{}:{}", self.relay_ice.ufrag, self.ice.ufrag);
        stun::request(
            crate::media::random::bytes(),
            &username,
            &self.relay_ice.pwd,
            7,
        )
    }

    /// Takes a datagram; what it answers is polled by [`Self::poll`].
    pub(crate) fn handle(&mut self, now: Instant, datagram: &[u8]) {
        match datagram.first() {
            Some(0..=3) => {
                let answer = stun::Message::parse(datagram).expect("a well-formed answer");
                assert!(
                    answer.is_authentic(&self.relay_ice.pwd),
                    "the relay signs its answers"
                );
                self.stun_answers += 1;
                if answer.class == stun::Class::Success
                    && !std::mem::replace(&mut self.connecting, true)
                {
                    self.endpoint
                        .connect(now, self.relay, self.config.clone(), None)
                        .expect("a handshake");
                }
            }
            Some(20..=63) => self.handle_dtls(now, datagram),
            Some(128..=191) => self.handle_srtp(datagram),
            other => panic!("a relay never sends {other:?}"),
        }
    }

    fn handle_dtls(&mut self, now: Instant, datagram: &[u8]) {
        let events = self
            .endpoint
            .read(now, self.relay, None, BytesMut::from(datagram))
            .unwrap_or_default();
        for event in events {
            match event {
                EndpointEvent::HandshakeComplete => self.key(),
                EndpointEvent::PeerClosed => self.closed = true,
                _ => {}
            }
        }
    }

    fn key(&mut self) {
        let state = self
            .endpoint
            .get_connection_state(self.relay)
            .expect("a session");
        let chosen = state.srtp_protection_profile();
        let profile = match chosen {
            SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm => ProtectionProfile::AeadAes128Gcm,
            SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80 => {
                ProtectionProfile::Aes128CmHmacSha1_80
            }
            other => panic!("profile {other:?}"),
        };
        let mut config = Config {
            profile,
            ..Config::default()
        };
        let material = state
            .export_keying_material(LABEL_EXTRACTOR_DTLS_SRTP, &[], config.keying_material_len())
            .expect("keying material");
        config
            .set_session_keys_from_keying_material(material.as_ref(), true)
            .expect("keys");
        let provider = provider();
        let context = |key: &[u8], salt: &[u8], receives: bool| {
            let (media, control) = (srtp_replay_protection(1024), srtcp_replay_protection(1024));
            let options = if receives {
                (Some(media), Some(control))
            } else {
                (None, None)
            };
            Context::new(key, salt, profile, options.0, options.1, provider.crypto())
                .expect("a context")
        };
        self.seal = Some(context(
            &config.keys.local_master_key,
            &config.keys.local_master_salt,
            false,
        ));
        self.open = Some(context(
            &config.keys.remote_master_key,
            &config.keys.remote_master_salt,
            true,
        ));
        self.profile = Some(chosen);
    }

    fn handle_srtp(&mut self, datagram: &[u8]) {
        let open = self.open.as_mut().expect("keys before media");
        self.sealed.push(datagram.to_vec());
        let is_rtcp = matches!(datagram[1], 192..=223);
        let plain = if is_rtcp {
            open.decrypt_rtcp(datagram)
        } else {
            open.decrypt_rtp(datagram)
        };
        match plain {
            Ok(plain) if is_rtcp => self.rtcp.push(plain.to_vec()),
            Ok(plain) => self.rtp.push(plain.to_vec()),
            Err(_) => self.unreadable += 1,
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        let _ = self.endpoint.handle_timeout(self.relay, now);
    }

    pub(crate) fn poll(&mut self) -> Option<Vec<u8>> {
        self.endpoint
            .poll_transmit()
            .map(|transmit| transmit.message.to_vec())
    }

    pub(crate) fn seal_rtp(&mut self, packet: &[u8]) -> Vec<u8> {
        self.seal
            .as_mut()
            .expect("connected")
            .encrypt_rtp(packet)
            .expect("sealed")
            .to_vec()
    }

    pub(crate) fn seal_rtcp(&mut self, compound: &[u8]) -> Vec<u8> {
        self.seal
            .as_mut()
            .expect("connected")
            .encrypt_rtcp(compound)
            .expect("sealed")
            .to_vec()
    }
}

/// An RTP packet of VP8: one packet, one frame.
pub(crate) fn vp8(ssrc: u32, sequence: u16, timestamp: u32, keyframe: bool) -> Vec<u8> {
    let mut packet = vec![0x80, 0x80 | 0x78];
    packet.extend_from_slice(&sequence.to_be_bytes());
    packet.extend_from_slice(&timestamp.to_be_bytes());
    packet.extend_from_slice(&ssrc.to_be_bytes());
    packet.extend_from_slice(&[0x10, u8::from(!keyframe), 0, 0, 0x9d, 0x01, 0x2a]);
    packet.extend_from_slice(&sequence.to_be_bytes());
    packet
}

/// An RTP packet of Opus with an audio level under extension id 3.
pub(crate) fn opus(ssrc: u32, sequence: u16, timestamp: u32, level: u8) -> Vec<u8> {
    let mut packet = vec![0x90, 109];
    packet.extend_from_slice(&sequence.to_be_bytes());
    packet.extend_from_slice(&timestamp.to_be_bytes());
    packet.extend_from_slice(&ssrc.to_be_bytes());
    packet.extend_from_slice(&[0xbe, 0xde, 0, 1, 0x30, level, 0, 0]);
    packet.extend_from_slice(&[0xfc, 1, 2, 3]);
    packet
}
