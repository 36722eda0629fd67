//! DTLS of all legs on one endpoint (RFC 6347, RFC 5764).
//!
//! The endpoint keys its sessions by address; each leg gets a synthetic one, so that a peer may move, ports may be
//! reused after a page reload, and one address may hold several sessions.
//! **Invariant:** a session exists only for legs whose STUN integrity check passed; the caller sees to it.

mod gate;
mod hello;

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod tests;

use super::srtp::{Profile, SessionKeys};
use super::{Fingerprint, LegId, MediaCertificate};
use bytes::BytesMut;
use gate::{Gate, Verdict};
use rtc_dtls::config::{ClientAuthType, ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig};
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_shared::TransportProtocol;
use rtc_srtp::config::LABEL_EXTRACTOR_DTLS_SRTP;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// First retransmission. RFC 6347 §4.2.4.1 recommends 1 s; ICE has shown the path to work, and a hall that lost one
/// datagram should not wait a second for its picture.
const RETRANSMIT_AFTER: Duration = Duration::from_millis(300);

/// What became of a session.
pub(super) enum Event {
    /// The handshake is done; the caller compares the fingerprint.
    Complete(Box<Established>),
    /// The peer said close_notify.
    Closed,
    /// The handshake broke a limit or an alert came; the session is gone.
    Failed(String),
}

/// A completed handshake.
pub(super) struct Established {
    pub(super) keys: SessionKeys,
    /// SHA-256 of the peer's certificate.
    pub(super) peer: Fingerprint,
}

/// The DTLS sessions of all legs.
pub(super) struct Dtls {
    endpoint: Endpoint,
    gcm_server: Arc<HandshakeConfig>,
    sha1_server: Arc<HandshakeConfig>,
    client: Arc<HandshakeConfig>,
    sessions: HashMap<LegId, Session>,
}

struct Session {
    gate: Gate,
    /// Datagrams that wait for the whole ClientHello; the gate bounds them.
    held: Vec<BytesMut>,
    complete: bool,
}

impl Dtls {
    /// The certificate must sign ECDSA P-256.
    pub(super) fn new(certificate: &MediaCertificate) -> Result<Self, rtc_shared::error::Error> {
        use SrtpProtectionProfile::{
            Srtp_Aead_Aes_128_Gcm as Gcm, Srtp_Aes128_Cm_Hmac_Sha1_80 as Sha1,
        };
        Ok(Self {
            endpoint: Endpoint::new(synthetic(LegId(0)), TransportProtocol::UDP, None),
            gcm_server: Arc::new(config(certificate, vec![Gcm], false)?),
            sha1_server: Arc::new(config(certificate, vec![Sha1], false)?),
            client: Arc::new(config(certificate, vec![Gcm, Sha1], true)?),
            sessions: HashMap::new(),
        })
    }

    /// Starts a handshake as the client.
    pub(super) fn connect(
        &mut self,
        leg: LegId,
        now: Instant,
    ) -> Result<(), rtc_shared::error::Error> {
        self.sessions.insert(
            leg,
            Session {
                gate: Gate::new(false),
                held: Vec::new(),
                complete: false,
            },
        );
        self.endpoint
            .connect(now, synthetic(leg), self.client.clone(), None)
    }

    /// Takes a datagram of a verified leg; the first makes the session, as the server.
    pub(super) fn handle_datagram(
        &mut self,
        leg: LegId,
        datagram: &[u8],
        now: Instant,
    ) -> Option<Event> {
        let session = self.sessions.entry(leg).or_insert_with(|| Session {
            gate: Gate::new(true),
            held: Vec::new(),
            complete: false,
        });
        match session.gate.judge(datagram) {
            Verdict::Drop => None,
            Verdict::Fail => Some(self.fail(leg, "handshake beyond its limits".to_owned(), now)),
            Verdict::Hold => {
                session.held.push(BytesMut::from(datagram));
                None
            }
            Verdict::Pass => self.read(leg, vec![BytesMut::from(datagram)], now),
            Verdict::Choose { gcm } => {
                let mut datagrams = std::mem::take(&mut session.held);
                datagrams.push(BytesMut::from(datagram));
                let config = if gcm {
                    &self.gcm_server
                } else {
                    &self.sha1_server
                };
                self.endpoint.set_server_config(Some(config.clone()));
                self.read(leg, datagrams, now)
            }
        }
    }

    fn read(&mut self, leg: LegId, datagrams: Vec<BytesMut>, now: Instant) -> Option<Event> {
        for datagram in datagrams {
            match self.endpoint.read(now, synthetic(leg), None, datagram) {
                Ok(events) => {
                    if let Some(event) = self.event(leg, events, now) {
                        return Some(event);
                    }
                }
                Err(error) => return Some(self.fail(leg, error.to_string(), now)),
            }
        }
        None
    }

    fn event(&mut self, leg: LegId, events: Vec<EndpointEvent>, now: Instant) -> Option<Event> {
        for event in events {
            match event {
                EndpointEvent::HandshakeComplete => {
                    return Some(match self.established(leg) {
                        Ok(established) => Event::Complete(Box::new(established)),
                        Err(reason) => self.fail(leg, reason, now),
                    });
                }
                EndpointEvent::PeerClosed => {
                    self.sessions.remove(&leg);
                    return Some(Event::Closed);
                }
                // Nobody negotiated data channels; application data is not ours.
                _ => {}
            }
        }
        None
    }

    fn established(&mut self, leg: LegId) -> Result<Established, String> {
        let state = self
            .endpoint
            .get_connection_state(synthetic(leg))
            .ok_or("no session")?;
        let profile = match state.srtp_protection_profile() {
            SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm => Profile::Aes128Gcm,
            SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80 => Profile::Aes128CmSha1_80,
            _ => return Err("no SRTP profile in common".to_owned()),
        };
        let certificate = state
            .peer_certificates
            .first()
            .ok_or("the peer sent no certificate")?;
        let peer = Fingerprint::of(certificate);
        let material = state
            .export_keying_material(LABEL_EXTRACTOR_DTLS_SRTP, &[], profile.exporter_len())
            .map_err(|error| error.to_string())?;
        let keys = SessionKeys::from_exporter(profile, material.as_ref(), state.is_client())
            .map_err(|_| "keying material of the wrong length".to_owned())?;
        if let Some(session) = self.sessions.get_mut(&leg) {
            session.complete = true;
            session.gate.completed();
        }
        Ok(Established { keys, peer })
    }

    /// Repeats flights that are due.
    pub(super) fn handle_timeout(&mut self, leg: LegId, now: Instant) -> Option<Event> {
        if self
            .sessions
            .get(&leg)
            .is_none_or(|session| session.complete || !session.held.is_empty())
        {
            return None;
        }
        match self.endpoint.handle_timeout(synthetic(leg), now) {
            Ok(()) => None,
            Err(error) => Some(self.fail(leg, error.to_string(), now)),
        }
    }

    /// When [`Self::handle_timeout`] is due.
    pub(super) fn poll_timeout(&self, leg: LegId) -> Option<Instant> {
        self.endpoint.poll_timeout(&synthetic(leg))
    }

    /// A datagram to send.
    pub(super) fn poll_transmit(&mut self) -> Option<(LegId, BytesMut)> {
        self.endpoint
            .poll_transmit()
            .map(|transmit| (leg_of(transmit.transport.peer_addr), transmit.message))
    }

    /// Ends a session with close_notify.
    pub(super) fn stop(&mut self, leg: LegId, now: Instant) {
        self.sessions.remove(&leg);
        drop(self.endpoint.stop(now, synthetic(leg)));
    }

    fn fail(&mut self, leg: LegId, reason: String, now: Instant) -> Event {
        self.stop(leg, now);
        Event::Failed(reason)
    }
}

fn config(
    certificate: &MediaCertificate,
    profiles: Vec<SrtpProtectionProfile>,
    is_client: bool,
) -> Result<HandshakeConfig, rtc_shared::error::Error> {
    ConfigBuilder::default()
        .with_crypto_provider(super::certificate::provider())
        .with_certificates(vec![certificate.dtls.clone()])
        .with_srtp_protection_profiles(profiles)
        .with_client_auth(ClientAuthType::RequireAnyClientCert)
        // The fingerprint out of the SDP or the plan decides, after the handshake and before any media.
        .with_insecure_skip_verify(true)
        .with_extended_master_secret(ExtendedMasterSecretType::Require)
        .with_flight_interval(RETRANSMIT_AFTER)
        .with_server_name("diemcau".to_owned())
        .build(is_client, None)
}

/// `fd00::<leg id>`, port 1.
fn synthetic(leg: LegId) -> SocketAddr {
    let [a, b] = [(leg.0 >> 16) as u16, leg.0 as u16];
    SocketAddr::new(IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, a, b)), 1)
}

fn leg_of(address: SocketAddr) -> LegId {
    match address.ip() {
        IpAddr::V6(ip) => LegId(u128::from(ip) as u32),
        IpAddr::V4(_) => LegId(0),
    }
}
