//! One leg's transport: a UDP socket of its own, ICE controlling, DTLS client, SRTP.

use super::identity::{Identity, crypto, random};
use super::sdp::{Direction, Local, MediaLine, Remote};
use super::srtp::{GcmKeys, Opener, Profile};
use super::stun::{self, Heard};
use anyhow::{Context as _, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::BytesMut;
use mio::net::UdpSocket;
use rtc_dtls::config::HandshakeConfig;
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_shared::TransportProtocol;
use rtc_srtp::config::{Config, LABEL_EXTRACTOR_DTLS_SRTP};
use rtc_srtp::context::Context;
use rtc_srtp::protection_profile::ProtectionProfile;
use socket2::{Domain, SockFilter, SockRef, Socket, Type};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Checks before the first answer, as often as browsers send them.
const CHECK_EVERY: Duration = Duration::from_millis(50);
/// Consent checks (RFC 7675 §5.1); Chromium's interval.
const CONSENT_EVERY: Duration = Duration::from_millis(2_500);
/// A socket holds a second of video at least.
const SOCKET_BUFFER_BYTES: usize = 1 << 20;

/// What a datagram was.
pub(super) enum Event {
    /// Nothing to act on.
    None,
    /// Keys are there from now on.
    Connected,
    /// RTP, opened in place within these bytes.
    Rtp(super::srtp::Opened),
    /// RTP that is not authentic.
    Unauthentic,
    /// RTCP, opened.
    Rtcp(Vec<u8>),
    /// The peer said close_notify.
    Closed,
}

struct Keys {
    open: Opener,
    /// Sends RTP and RTCP.
    seal: Context,
    /// RTCP only; RTP goes the fast way.
    open_rtcp: Context,
    profile: Profile,
}

/// One leg.
pub(super) struct Transport {
    pub(super) socket: UdpSocket,
    local: Local,
    remote: Option<Remote>,
    dtls: Endpoint,
    config: Arc<HandshakeConfig>,
    handshaking: bool,
    next_check: Instant,
    keys: Option<Keys>,
}

/// A socket on any free port.
pub(super) fn bind(ip: IpAddr) -> Result<UdpSocket> {
    let address = SocketAddr::new(ip, 0);
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)
        .context("no socket: are enough open files allowed (ulimit -n)?")?;
    socket.set_nonblocking(true)?;
    let _ = socket.set_recv_buffer_size(SOCKET_BUFFER_BYTES);
    socket
        .bind(&address.into())
        .with_context(|| format!("no free UDP port on {ip}"))?;
    Ok(UdpSocket::from_std(socket.into()))
}

/// From now on the kernel drops and counts everything that comes here, after the sender has paid for it.
pub(super) fn drop_everything(socket: &UdpSocket) -> Result<()> {
    /// BPF_RET | BPF_K, 0 bytes: keep nothing.
    const KEEP_NOTHING: (u16, u32) = (0x06, 0);
    let filter = [SockFilter::new(KEEP_NOTHING.0, 0, 0, KEEP_NOTHING.1)];
    Ok(SockRef::from(socket).attach_filter(&filter)?)
}

impl Transport {
    pub(super) fn new(
        ip: IpAddr,
        identity: &Identity,
        direction: Direction,
        lines: Vec<MediaLine>,
        ssrcs: Vec<u32>,
    ) -> Result<Self> {
        let socket = bind(ip)?;
        let address = socket.local_addr()?;
        let local = Local {
            address,
            ufrag: random_text(6)?,
            pwd: random_text(18)?,
            fingerprint: identity.fingerprint.clone(),
            direction,
            lines,
            ssrcs,
        };
        Ok(Self {
            socket,
            local,
            remote: None,
            dtls: Endpoint::new(address, TransportProtocol::UDP, None),
            config: identity.config.clone(),
            handshaking: false,
            next_check: Instant::now(),
            keys: None,
        })
    }

    /// A leg that needs no handshake: both sides were given the key.
    pub(super) fn keyed(ip: IpAddr, keys: GcmKeys) -> Result<(UdpSocket, Opener)> {
        Ok((bind(ip)?, Opener::gcm(keys)?))
    }

    pub(super) fn local(&self) -> &Local {
        &self.local
    }

    pub(super) fn is_connected(&self) -> bool {
        self.keys.is_some()
    }

    pub(super) fn is_gcm(&self) -> bool {
        self.keys
            .as_ref()
            .is_some_and(|keys| keys.profile == Profile::Gcm)
    }

    /// The server has answered: checks may begin.
    pub(super) fn meet(&mut self, remote: Remote, now: Instant) -> Result<()> {
        self.socket.connect(remote.address)?;
        self.remote = Some(remote);
        self.next_check = now;
        self.handle_timeout(now)
    }

    /// When [`Self::handle_timeout`] is due.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let remote = self.remote.as_ref()?;
        let handshake = self
            .dtls
            .poll_timeout(&remote.address)
            .filter(|_| self.keys.is_none());
        Some(handshake.map_or(self.next_check, |at| at.min(self.next_check)))
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) -> Result<()> {
        let Some(remote) = &self.remote else {
            return Ok(());
        };
        if now >= self.next_check {
            let username = format!("{}:{}", remote.ufrag, self.local.ufrag);
            let check = stun::check(&username, &remote.pwd)?;
            let every = if self.handshaking {
                CONSENT_EVERY
            } else {
                CHECK_EVERY
            };
            self.next_check = now + every;
            self.send(&check);
        }
        let address = self.remote.as_ref().map(|remote| remote.address);
        if let Some(address) = address.filter(|_| self.keys.is_none()) {
            if self.dtls.poll_timeout(&address).is_some_and(|at| at <= now) {
                self.dtls.handle_timeout(address, now)?;
            }
            self.flush_dtls();
        }
        Ok(())
    }

    /// Takes what came in; RTP is opened in place.
    pub(super) fn handle(&mut self, datagram: &mut [u8], now: Instant) -> Result<Event> {
        match datagram.first() {
            Some(0..=3) => self.handle_stun(datagram, now),
            Some(20..=63) => self.handle_dtls(datagram, now),
            Some(128..=191) => Ok(self.handle_srtp(datagram)),
            _ => Ok(Event::None),
        }
    }

    fn handle_stun(&mut self, datagram: &[u8], now: Instant) -> Result<Event> {
        let Some(remote) = self.remote.clone() else {
            return Ok(Event::None);
        };
        match stun::hear(datagram, remote.address, &self.local.pwd, &remote.pwd) {
            Heard::Answered if !self.handshaking => {
                self.handshaking = true;
                self.next_check = now + CONSENT_EVERY;
                self.dtls
                    .connect(now, remote.address, self.config.clone(), None)?;
                self.flush_dtls();
            }
            Heard::Asked(answer) => self.send(&answer),
            Heard::Answered | Heard::Nothing => {}
        }
        Ok(Event::None)
    }

    fn handle_dtls(&mut self, datagram: &[u8], now: Instant) -> Result<Event> {
        let Some(address) = self.remote.as_ref().map(|remote| remote.address) else {
            return Ok(Event::None);
        };
        let events = self
            .dtls
            .read(now, address, None, BytesMut::from(datagram))?;
        let mut outcome = Event::None;
        for event in events {
            match event {
                EndpointEvent::HandshakeComplete => {
                    self.keys = Some(self.derive(address)?);
                    outcome = Event::Connected;
                }
                EndpointEvent::PeerClosed => outcome = Event::Closed,
                _ => {}
            }
        }
        self.flush_dtls();
        Ok(outcome)
    }

    fn derive(&self, peer: SocketAddr) -> Result<Keys> {
        let state = self
            .dtls
            .get_connection_state(peer)
            .context("no DTLS session")?;
        let (profile, theirs) = match state.srtp_protection_profile() {
            SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm => {
                (Profile::Gcm, ProtectionProfile::AeadAes128Gcm)
            }
            SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80 => {
                (Profile::Sha1, ProtectionProfile::Aes128CmHmacSha1_80)
            }
            other => bail!("SRTP profile {other:?}, which was not offered"),
        };
        let mut config = Config {
            profile: theirs,
            ..Config::default()
        };
        let material = state.export_keying_material(
            LABEL_EXTRACTOR_DTLS_SRTP,
            &[],
            config.keying_material_len(),
        )?;
        config.set_session_keys_from_keying_material(material.as_ref(), true)?;
        let keys = &config.keys;
        let provider = crypto();
        let context = |key: &[u8], salt: &[u8]| {
            Context::new(key, salt, theirs, None, None, provider.crypto())
        };
        Ok(Keys {
            open: Opener::new(profile, &keys.remote_master_key, &keys.remote_master_salt)?,
            seal: context(&keys.local_master_key, &keys.local_master_salt)?,
            open_rtcp: context(&keys.remote_master_key, &keys.remote_master_salt)?,
            profile,
        })
    }

    fn handle_srtp(&mut self, datagram: &mut [u8]) -> Event {
        let Some(keys) = &mut self.keys else {
            return Event::None;
        };
        if matches!(datagram.get(1), Some(192..=223)) {
            let plain = keys.open_rtcp.decrypt_rtcp(datagram);
            return plain.map_or(Event::Unauthentic, |plain| Event::Rtcp(plain.to_vec()));
        }
        keys.open
            .open(datagram)
            .map_or(Event::Unauthentic, Event::Rtp)
    }

    pub(super) fn send_rtp(&mut self, packet: &[u8]) -> Result<()> {
        let keys = self.keys.as_mut().context("media before keys")?;
        let sealed = keys.seal.encrypt_rtp(packet)?;
        self.send(&sealed);
        Ok(())
    }

    pub(super) fn send_rtcp(&mut self, compound: &[u8]) -> Result<()> {
        let keys = self.keys.as_mut().context("reports before keys")?;
        let sealed = keys.seal.encrypt_rtcp(compound)?;
        self.send(&sealed);
        Ok(())
    }

    fn flush_dtls(&mut self) {
        while let Some(transmit) = self.dtls.poll_transmit() {
            self.send(&transmit.message);
        }
    }

    fn send(&self, bytes: &[u8]) {
        // What does not get out is lost, as on any network: checks and handshakes repeat, a lost packet is a hole.
        let _ = self.socket.send(bytes);
    }
}

fn random_text(bytes: usize) -> Result<String> {
    Ok(STANDARD_NO_PAD.encode(random(bytes)?))
}
