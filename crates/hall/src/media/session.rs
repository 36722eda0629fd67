//! One peer connection and its WHIP or WHEP session (RFC 9725; draft-ietf-wish-whep-04): full ICE on
//! this side, no trickle, DTLS client.

use super::CONNECT_TIMEOUT;
use crate::api::{Api, Failure};
use rtc::peer_connection::configuration::media_engine::{
    MIME_TYPE_H264, MIME_TYPE_OPUS, MIME_TYPE_VP8,
};
use rtc::rtp_transceiver::rtp_sender::{
    RTCPFeedback, RTCRtpCodec, RTCRtpCodecParameters, RtpCodecKind,
};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use url::Url;
use webrtc::media_stream::track_remote::TrackRemote;
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler,
    RTCConfigurationBuilder, RTCIceGatheringState, RTCPeerConnectionState, RTCSessionDescription,
    Registry, SettingEngineBuilder, SrtpProtectionProfile,
};
use webrtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit};

/// Own candidates are all local: longer than this, something is broken.
const GATHER_TIMEOUT: Duration = Duration::from_secs(3);

/// Nothing heard for this long: the path is in doubt.
const ICE_DISCONNECTED_AFTER: Duration = Duration::from_secs(3);

/// In doubt for this long: the session is dead. Together with the time above it is what a viewer
/// waits before a broken path is left.
const ICE_FAILED_AFTER: Duration = Duration::from_secs(3);

/// Connectivity checks at rest (RFC 7675 asks for consent every 5 s).
const ICE_KEEPALIVE: Duration = Duration::from_secs(2);

/// RFC 6464 §4.
pub(crate) const AUDIO_LEVEL_URI: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    #[error(transparent)]
    Http(#[from] Failure),
    #[error("peer connection")]
    Peer(#[from] webrtc::error::Error),
    #[error("no way to {host} from this machine")]
    NoRoute {
        host: String,
        source: std::io::Error,
    },
    #[error("not connected after {} s", CONNECT_TIMEOUT.as_secs())]
    NotConnected,
}

/// What the peer connection tells.
struct Events {
    gathered: watch::Sender<bool>,
    state: watch::Sender<RTCPeerConnectionState>,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Events {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        self.gathered
            .send_replace(state == RTCIceGatheringState::Complete);
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        self.state.send_replace(state);
    }

    async fn on_track(&self, _track: Arc<dyn TrackRemote>) {
        // Packets end in the listener; a track never carries one.
    }
}

/// A peer connection before and after the exchange.
pub(crate) struct Session {
    pub(crate) peer: Arc<dyn PeerConnection>,
    api: Api,
    token: String,
    url: Option<Url>,
    gathered: watch::Receiver<bool>,
    state: watch::Receiver<RTCPeerConnectionState>,
    /// Own address of the media socket, once gathered.
    pub(crate) local: Option<SocketAddr>,
    /// The answer takes the audio level (RFC 6464). A packet with an extension that was not
    /// negotiated goes nowhere.
    pub(crate) takes_audio_level: bool,
}

impl Session {
    /// A peer connection towards this endpoint, not yet negotiated.
    pub(crate) async fn prepare(
        api: &Api,
        endpoint: &Url,
        token: &str,
        media: MediaEngine,
        interceptors: Registry,
    ) -> Result<Self, SessionError> {
        let (gathered_tx, gathered) = watch::channel(false);
        let (state_tx, state) = watch::channel(RTCPeerConnectionState::New);
        let settings = SettingEngineBuilder::new()
            // GCM costs a fifth of the other; a peer without it takes the second.
            .with_srtp_protection_profiles(vec![
                SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
                SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
            ])
            .with_ice_timeouts(
                Some(ICE_DISCONNECTED_AFTER),
                Some(ICE_FAILED_AFTER),
                Some(ICE_KEEPALIVE),
            )
            .with_include_loopback_candidate(true)
            .build();
        let address = SocketAddr::new(source_address(endpoint)?, 0);
        // Boxed: the library's future is 20 KB, and would lie in every task's.
        let building = PeerConnectionBuilder::new()
            .with_configuration(RTCConfigurationBuilder::new().build())
            .with_media_engine(media)
            .with_setting_engine(settings)
            .with_interceptor_registry(interceptors)
            .with_handler(Arc::new(Events {
                gathered: gathered_tx,
                state: state_tx,
            }))
            .with_udp_addrs(vec![address])
            .build();
        let peer = Box::pin(building).await?;
        let peer: Arc<dyn PeerConnection> = Arc::new(peer);
        Ok(Self {
            peer,
            api: api.clone(),
            token: token.to_owned(),
            url: None,
            gathered,
            state,
            local: None,
            takes_audio_level: false,
        })
    }

    /// Offers, and takes the answer. On return the transport is being connected.
    pub(crate) async fn negotiate(&mut self, endpoint: &Url) -> Result<(), SessionError> {
        let offer = self.peer.create_offer(None).await?;
        self.peer.set_local_description(offer).await?;
        // A candidate that did not come in time is not in the offer; the exchange shows whether it matters.
        let _ = tokio::time::timeout(GATHER_TIMEOUT, self.gathered.wait_for(|gathered| *gathered))
            .await;
        let offer = self
            .peer
            .local_description()
            .await
            .map(|offer| offer.sdp)
            .unwrap_or_default();
        self.local = host_candidate(&offer);
        let answer = self.api.offer(endpoint, &self.token, offer).await?;
        self.url = answer.session;
        self.takes_audio_level = answer.sdp.contains(AUDIO_LEVEL_URI);
        self.peer
            .set_remote_description(RTCSessionDescription::answer(answer.sdp)?)
            .await?;
        Ok(())
    }

    /// Waits until media can flow.
    pub(crate) async fn connected(&mut self) -> Result<(), SessionError> {
        let connected = self
            .state
            .wait_for(|state| *state == RTCPeerConnectionState::Connected || is_dead(*state));
        match tokio::time::timeout(CONNECT_TIMEOUT, connected).await {
            Ok(Ok(state)) if *state == RTCPeerConnectionState::Connected => Ok(()),
            _ => Err(SessionError::NotConnected),
        }
    }

    /// Returns when the session has died.
    pub(crate) async fn died(&mut self) {
        // The sender lives as long as the peer connection: an error is its end as well.
        let _ = self.state.wait_for(|state| is_dead(*state)).await;
    }

    /// Takes leave of the relay, as far as it listens, and closes.
    pub(crate) async fn close(self) {
        if let Some(url) = &self.url
            && let Err(error) = self.api.end(url, &self.token).await
        {
            tracing::debug!("session not ended at the relay: {}", error.in_full());
        }
        let _ = self.peer.close().await;
    }
}

fn is_dead(state: RTCPeerConnectionState) -> bool {
    matches!(
        state,
        RTCPeerConnectionState::Failed | RTCPeerConnectionState::Closed
    )
}

/// The own address from which this endpoint is reached: the media port is at the same machine.
fn source_address(endpoint: &Url) -> Result<IpAddr, SessionError> {
    let host = endpoint.host_str().unwrap_or_default().to_owned();
    let way = || {
        let peer = endpoint
            .socket_addrs(|| None)?
            .into_iter()
            .next()
            .ok_or_else(|| std::io::Error::other("no address"))?;
        let any: SocketAddr = if peer.is_ipv4() {
            ([0, 0, 0, 0], 0).into()
        } else {
            ([0_u16; 8], 0).into()
        };
        // Connecting a UDP socket sends nothing; it asks the routing table.
        let socket = UdpSocket::bind(any)?;
        socket.connect(peer)?;
        socket.local_addr()
    };
    way()
        .map(|address| address.ip())
        .map_err(|source| SessionError::NoRoute { host, source })
}

/// Address and port of the first UDP host candidate (RFC 8839 §5.1).
fn host_candidate(sdp: &str) -> Option<SocketAddr> {
    sdp.lines()
        .filter_map(|line| line.strip_prefix("a=candidate:"))
        .find_map(|candidate| {
            let fields: Vec<&str> = candidate.split_whitespace().collect();
            let &[_, _, transport, _, address, port, _, kind, ..] = fields.as_slice() else {
                return None;
            };
            let here = transport.eq_ignore_ascii_case("udp") && kind == "host";
            here.then(|| Some(SocketAddr::new(address.parse().ok()?, port.parse().ok()?)))
                .flatten()
        })
}

/// One direction, nothing else set.
pub(crate) fn one_way(direction: RTCRtpTransceiverDirection) -> RTCRtpTransceiverInit {
    RTCRtpTransceiverInit {
        direction,
        streams: Vec::new(),
        send_encodings: Vec::new(),
    }
}

/// H.264 Constrained Baseline, packetization mode 1.
pub(crate) fn h264() -> RTCRtpCodec {
    let fmtp = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f";
    video(MIME_TYPE_H264, fmtp)
}

/// VP8.
pub(crate) fn vp8() -> RTCRtpCodec {
    video(MIME_TYPE_VP8, "")
}

fn video(mime_type: &str, fmtp: &str) -> RTCRtpCodec {
    let feedback = [("nack", ""), ("nack", "pli"), ("ccm", "fir")];
    RTCRtpCodec {
        mime_type: mime_type.to_owned(),
        clock_rate: 90_000,
        channels: 0,
        sdp_fmtp_line: fmtp.to_owned(),
        rtcp_feedback: feedback
            .map(|(kind, parameter)| RTCPFeedback {
                typ: kind.to_owned(),
                parameter: parameter.to_owned(),
            })
            .to_vec(),
    }
}

/// Opus (RFC 7587 §7: always 48,000 and two channels in SDP).
pub(crate) fn opus() -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: MIME_TYPE_OPUS.to_owned(),
        clock_rate: crate::sound::SAMPLE_RATE_HZ,
        channels: 2,
        sdp_fmtp_line: "minptime=10;useinbandfec=1".to_owned(),
        rtcp_feedback: Vec::new(),
    }
}

/// A media engine with these codecs.
pub(crate) fn codecs(
    list: &[(RTCRtpCodec, u8, RtpCodecKind)],
) -> Result<MediaEngine, SessionError> {
    let mut media = MediaEngine::default();
    for (codec, payload_type, kind) in list {
        let parameters = RTCRtpCodecParameters {
            rtp_codec: codec.clone(),
            payload_type: *payload_type,
        };
        media.register_codec(parameters, *kind)?;
    }
    Ok(media)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_address_is_read_out_of_the_offer() {
        let sdp = "v=0\r\na=candidate:1 1 tcp 5 10.0.0.9 9 typ host\r\na=candidate:1 1 udp 5 10.0.0.7 4242 typ host\r\n";
        assert_eq!(
            host_candidate(sdp),
            Some("10.0.0.7:4242".parse().expect("an address"))
        );
        assert_eq!(host_candidate("a=candidate:x"), None);
    }

    #[test]
    fn loopback_is_reached_from_loopback() {
        let endpoint = Url::parse("http://127.0.0.1:9/whep/A").expect("a URL");
        assert!(source_address(&endpoint).expect("a route").is_loopback());
    }
}
