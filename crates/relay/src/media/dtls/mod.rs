//! DTLS of all legs on one endpoint (RFC 6347, RFC 5764).
//!
//! The endpoint keys its sessions by address; each leg gets a synthetic one, so that a peer may move, ports may be
//! reused after a page reload, and one address may hold several sessions.
//! **Invariant:** a session exists only for legs whose STUN integrity check passed; the caller sees to it.

mod flight;
mod gate;
mod hello;

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod tests;

use super::crypto::{self, Groups};
use super::srtp::{Profile, SessionKeys};
use super::{Fingerprint, LegId, MediaCertificate};
use bytes::BytesMut;
use flight::Flight;
use gate::{Gate, Verdict};
use hello::Listed;
use rtc_dtls::config::{ClientAuthType, ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig};
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_shared::TransportProtocol;
use rtc_srtp::config::LABEL_EXTRACTOR_DTLS_SRTP;
use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

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
    /// For each ClientHello there may be.
    servers: HashMap<Listed, Arc<HandshakeConfig>>,
    client: Arc<HandshakeConfig>,
    sessions: HashMap<LegId, Session>,
    /// On their way to [`Self::poll_transmit`], which is asked after every call.
    departing: VecDeque<(LegId, BytesMut)>,
}

struct Session {
    gate: Gate,
    /// Datagrams that wait for the whole ClientHello; the gate bounds them.
    held: Vec<BytesMut>,
    /// What was sent last.
    flight: Option<Flight>,
    complete: bool,
}

impl Session {
    fn new(is_passive: bool) -> Self {
        Self {
            gate: Gate::new(is_passive),
            held: Vec::new(),
            flight: None,
            complete: false,
        }
    }
}

impl Dtls {
    /// The certificate must sign ECDSA P-256.
    pub(super) fn new(certificate: &MediaCertificate) -> Result<Self, rtc_shared::error::Error> {
        use SrtpProtectionProfile::{
            Srtp_Aead_Aes_128_Gcm as Gcm, Srtp_Aes128_Cm_Hmac_Sha1_80 as Sha1,
        };
        let mut servers = HashMap::new();
        for (gcm, profile) in [(true, Gcm), (false, Sha1)] {
            for (x25519, groups) in [(true, Groups::X25519), (false, Groups::All)] {
                let server = config(certificate, vec![profile], groups, false)?;
                servers.insert(Listed { gcm, x25519 }, Arc::new(server));
            }
        }
        Ok(Self {
            endpoint: Endpoint::new(synthetic(LegId(0)), TransportProtocol::UDP, None),
            servers,
            client: Arc::new(config(certificate, vec![Gcm, Sha1], Groups::All, true)?),
            sessions: HashMap::new(),
            departing: VecDeque::new(),
        })
    }

    /// Starts a handshake as the client.
    pub(super) fn connect(
        &mut self,
        leg: LegId,
        now: Instant,
    ) -> Result<(), rtc_shared::error::Error> {
        self.sessions.insert(leg, Session::new(false));
        let begun = self
            .endpoint
            .connect(now, synthetic(leg), self.client.clone(), None);
        self.collect(leg, now);
        begun
    }

    /// Takes a datagram of a verified leg; the first makes the session, as the server.
    pub(super) fn handle_datagram(
        &mut self,
        leg: LegId,
        datagram: &[u8],
        now: Instant,
    ) -> Option<Event> {
        let session = self
            .sessions
            .entry(leg)
            .or_insert_with(|| Session::new(true));
        match session.gate.judge(datagram) {
            Verdict::Drop => None,
            Verdict::Fail => Some(self.fail(leg, "handshake beyond its limits".to_owned(), now)),
            Verdict::Hold => {
                session.held.push(BytesMut::from(datagram));
                None
            }
            Verdict::Pass => self.read(leg, vec![BytesMut::from(datagram)], now),
            Verdict::Repeat => {
                let before = self.departing.len();
                let event = self.read(leg, vec![BytesMut::from(datagram)], now);
                if event.is_none() && self.departing.len() == before {
                    self.answer_repeat(leg, now);
                }
                event
            }
            Verdict::Choose(listed) => {
                let mut datagrams = std::mem::take(&mut session.held);
                datagrams.push(BytesMut::from(datagram));
                let server = self.servers.get(&listed).cloned();
                self.endpoint.set_server_config(server);
                self.read(leg, datagrams, now)
            }
        }
    }

    fn read(&mut self, leg: LegId, datagrams: Vec<BytesMut>, now: Instant) -> Option<Event> {
        for datagram in datagrams {
            let read = self.endpoint.read(now, synthetic(leg), None, datagram);
            self.collect(leg, now);
            match read {
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

    /// Takes what the endpoint has to send to this leg. In a handshake that is its next flight: the peer's has come.
    fn collect(&mut self, leg: LegId, now: Instant) {
        let transmits = std::iter::from_fn(|| self.endpoint.poll_transmit());
        let datagrams: Vec<BytesMut> = transmits.map(|transmit| transmit.message).collect();
        if datagrams.is_empty() {
            return;
        }
        self.departing
            .extend(datagrams.iter().map(|datagram| (leg, datagram.clone())));
        if let Some(session) = self.sessions.get_mut(&leg)
            && !session.complete
        {
            session.flight = Some(Flight::new(datagrams, now));
        }
    }

    /// The peer's flight came again, and the endpoint, which has it, says nothing: the answer was lost. Of a completed
    /// session too, for a peer that repeats the very records the endpoint has seen.
    fn answer_repeat(&mut self, leg: LegId, now: Instant) {
        let session = self.sessions.get_mut(&leg);
        if let Some(flight) = session.and_then(|session| session.flight.as_mut()) {
            let again = flight.answer_repeat(now).iter();
            self.departing
                .extend(again.map(|datagram| (leg, datagram.clone())));
        }
    }

    /// Repeats a flight that is due.
    pub(super) fn handle_timeout(&mut self, leg: LegId, now: Instant) -> Option<Event> {
        let session = self.sessions.get_mut(&leg)?;
        if session.complete {
            return None;
        }
        match session.flight.as_mut()?.handle_timeout(now) {
            Ok(again) => {
                self.departing
                    .extend(again.iter().map(|datagram| (leg, datagram.clone())));
                None
            }
            Err(flight::Exhausted) => Some(self.fail(leg, "the peer is silent".to_owned(), now)),
        }
    }

    /// When [`Self::handle_timeout`] is due.
    pub(super) fn poll_timeout(&self, leg: LegId) -> Option<Instant> {
        let session = self.sessions.get(&leg)?;
        let waits = session.flight.as_ref().filter(|_| !session.complete)?;
        Some(waits.resend_at())
    }

    /// A datagram to send.
    pub(super) fn poll_transmit(&mut self) -> Option<(LegId, BytesMut)> {
        self.departing.pop_front()
    }

    /// Ends a session with close_notify.
    pub(super) fn stop(&mut self, leg: LegId, now: Instant) {
        self.sessions.remove(&leg);
        drop(self.endpoint.stop(now, synthetic(leg)));
        self.collect(leg, now);
    }

    fn fail(&mut self, leg: LegId, reason: String, now: Instant) -> Event {
        self.stop(leg, now);
        Event::Failed(reason)
    }
}

fn config(
    certificate: &MediaCertificate,
    profiles: Vec<SrtpProtectionProfile>,
    groups: Groups,
    is_client: bool,
) -> Result<HandshakeConfig, rtc_shared::error::Error> {
    ConfigBuilder::default()
        .with_crypto_provider(crypto::provider(groups))
        .with_certificates(vec![certificate.dtls.clone()])
        .with_srtp_protection_profiles(profiles)
        .with_client_auth(ClientAuthType::RequireAnyClientCert)
        // The fingerprint out of the SDP or the plan decides, after the handshake and before any media.
        .with_insecure_skip_verify(true)
        .with_extended_master_secret(ExtendedMasterSecretType::Require)
        .with_server_name("diemcau".to_owned())
        .build(is_client, None)
}

/// `fd00::<leg id>`, port 1.
fn synthetic(leg: LegId) -> SocketAddr {
    let [a, b] = [(leg.0 >> 16) as u16, leg.0 as u16];
    SocketAddr::new(IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, a, b)), 1)
}
