//! The async `webrtc` crate as an ordinary SFU: one peer connection for every leg, the packets of
//! the publisher's track written to the track of every watcher. What somebody builds who takes the
//! crate, its default codecs and its default interceptors.
//!
//! `POST /whip` and `POST /whep` take an offer and give the answer, all candidates in it.

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderName, StatusCode};
use axum::routing::{delete, post};
use rtc::ice::mdns::MulticastDnsMode;
use rtc::media_stream::MediaStreamTrack;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::{Mutex, watch};
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler,
    RTCIceGatheringState, RTCPeerConnectionState, RTCSessionDescription, Registry,
    SettingEngineBuilder, SrtpProtectionProfile, register_default_interceptors,
};
use webrtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit};

/// The publisher's session; watchers count from 1.
const PUBLISHER: u32 = 0;

/// Candidates are all local: longer than this, something is broken.
const GATHER_TIMEOUT: Duration = Duration::from_secs(3);

/// Serves until standard input ends. The first line it says is where: `{"ready":{"http":"ADDRESS"}}`.
///
/// # Errors
/// When the address is none of this machine's.
pub fn run(address: IpAddr) -> Result<()> {
    Runtime::new()?.block_on(until_input_ends(address))
}

async fn until_input_ends(address: IpAddr) -> Result<()> {
    let listener = TcpListener::bind((address, 0)).await?;
    let ready = serde_json::json!({ "ready": { "http": listener.local_addr()? } });
    println!("{ready}");
    let (ended, has_ended) = tokio::sync::oneshot::channel::<()>();
    // A thread, because a read of standard input cannot be taken back.
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        drop(ended);
    });
    tokio::select! {
        served = serve(listener) => served,
        _ = has_ended => Ok(()),
    }
}

/// Serves on this listener; media ports are on its address.
pub async fn serve(listener: TcpListener) -> Result<()> {
    let sfu = Arc::new(Sfu::new(listener.local_addr()?.ip()));
    let routes = Router::new()
        .route("/whip", post(whip))
        .route("/whep", post(whep))
        .route("/session/{ssrc}", delete(end))
        .with_state(sfu);
    Ok(axum::serve(listener, routes).await?)
}

type Answer = Result<(StatusCode, [(HeaderName, String); 1], String), (StatusCode, String)>;

async fn whip(State(sfu): State<Arc<Sfu>>, offer: String) -> Answer {
    answer(Arc::clone(&sfu).publish(offer).await)
}

async fn whep(State(sfu): State<Arc<Sfu>>, offer: String) -> Answer {
    answer(Arc::clone(&sfu).watch(offer).await)
}

async fn end(State(sfu): State<Arc<Sfu>>, Path(ssrc): Path<u32>) -> StatusCode {
    let peer = sfu.peers.lock().await.remove(&ssrc);
    sfu.watching.send_modify(|all| {
        Arc::make_mut(all).retain(|watching| watching.ssrc != ssrc);
    });
    match peer {
        Some(peer) if peer.close().await.is_ok() => StatusCode::OK,
        Some(_) => StatusCode::INTERNAL_SERVER_ERROR,
        None => StatusCode::NOT_FOUND,
    }
}

fn answer(made: Result<(u32, String)>) -> Answer {
    let created = |(session, sdp)| {
        let location = (LOCATION, format!("/session/{session}"));
        (StatusCode::CREATED, [location], sdp)
    };
    made.map(created)
        .map_err(|error| (StatusCode::BAD_REQUEST, format!("{error:#}")))
}

/// The one published track.
#[derive(Clone)]
struct Published {
    track: Arc<dyn TrackRemote>,
    codec: RTCRtpCodec,
    ssrc: u32,
}

/// A watcher's track and the SSRC it was announced with.
#[derive(Clone)]
struct Watching {
    track: Arc<TrackLocalStaticRTP>,
    ssrc: u32,
}

struct Sfu {
    address: IpAddr,
    published: watch::Sender<Option<Published>>,
    watching: watch::Sender<Arc<Vec<Watching>>>,
    ssrcs: AtomicU32,
    /// By session, a watcher's own SSRC. A peer connection lives as long as somebody holds it.
    peers: Mutex<HashMap<u32, Arc<dyn PeerConnection>>>,
}

impl Sfu {
    fn new(address: IpAddr) -> Self {
        Self {
            address,
            published: watch::Sender::new(None),
            watching: watch::Sender::default(),
            ssrcs: AtomicU32::new(1),
            peers: Mutex::default(),
        }
    }

    async fn publish(self: Arc<Self>, offer: String) -> Result<(u32, String)> {
        let (peer, gathered) = self.peer(None).await?;
        let receive = RTCRtpTransceiverInit {
            direction: RTCRtpTransceiverDirection::Recvonly,
            ..RTCRtpTransceiverInit::default()
        };
        peer.add_transceiver_from_kind(RtpCodecKind::Video, Some(receive))
            .await?;
        self.negotiate(PUBLISHER, peer, gathered, offer).await
    }

    async fn watch(self: Arc<Self>, offer: String) -> Result<(u32, String)> {
        let codec = self.published.borrow().as_ref().map(|it| it.codec.clone());
        let codec = codec.context("nobody publishes")?;
        let ssrc = self.ssrcs.fetch_add(1, Ordering::Relaxed);
        let track = Arc::new(local_track(codec, ssrc));
        let watching = Watching {
            track: Arc::clone(&track),
            ssrc,
        };
        let (peer, gathered) = self.peer(Some(watching)).await?;
        peer.add_track(track as Arc<dyn TrackLocal>).await?;
        self.negotiate(ssrc, peer, gathered, offer).await
    }

    async fn peer(
        self: &Arc<Self>,
        watching: Option<Watching>,
    ) -> Result<(Arc<dyn PeerConnection>, watch::Receiver<bool>)> {
        let (gathered, is_gathered) = watch::channel(false);
        let mut media = MediaEngine::default();
        media.register_default_codecs()?;
        let interceptors = register_default_interceptors(Registry::new(), &mut media)?;
        let settings = SettingEngineBuilder::new()
            // By default the client's order decides, and a browser's begins with the dear cipher. All
            // engines of a comparison use the same one.
            .with_srtp_protection_profiles(vec![SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm])
            .with_include_loopback_candidate(self.address.is_loopback())
            // A server's address is no secret, and a multicast socket for every leg would cost.
            .with_multicast_dns_mode(MulticastDnsMode::Disabled)
            .build();
        let building = PeerConnectionBuilder::new()
            .with_media_engine(media)
            .with_setting_engine(settings)
            .with_interceptor_registry(interceptors)
            .with_handler(Arc::new(Events {
                sfu: Arc::clone(self),
                watching,
                gathered,
            }))
            .with_udp_addrs(vec![format!("{}:0", self.address)])
            .build();
        let peer: Arc<dyn PeerConnection> = Arc::new(Box::pin(building).await?);
        Ok((peer, is_gathered))
    }

    async fn negotiate(
        &self,
        session: u32,
        peer: Arc<dyn PeerConnection>,
        mut gathered: watch::Receiver<bool>,
        offer: String,
    ) -> Result<(u32, String)> {
        peer.set_remote_description(RTCSessionDescription::offer(offer)?)
            .await?;
        let answer = peer.create_answer(None).await?;
        peer.set_local_description(answer).await?;
        tokio::time::timeout(GATHER_TIMEOUT, gathered.wait_for(|gathered| *gathered))
            .await
            .context("gathering candidates")??;
        let answer = peer.local_description().await.context("no description")?;
        self.peers.lock().await.insert(session, peer);
        Ok((session, answer.sdp))
    }

    /// A watcher that can be sent to gets every packet from now on, and wants a key frame.
    async fn begin(&self, watching: Watching) {
        self.watching
            .send_modify(|all| Arc::make_mut(all).push(watching));
        let published = self.published.borrow().clone();
        if let Some(published) = published {
            let request = PictureLossIndication {
                sender_ssrc: 0,
                media_ssrc: published.ssrc,
            };
            let asked = published.track.write_rtcp(vec![Box::new(request)]).await;
            if let Err(error) = asked {
                tracing::warn!("asking for a key frame: {error}");
            }
        }
    }

    async fn forward(self: Arc<Self>, track: Arc<dyn TrackRemote>) {
        let watching = self.watching.subscribe();
        while let Some(event) = track.poll().await {
            let TrackRemoteEvent::OnRtpPacket(mut packet) = event else {
                continue;
            };
            // An extension that a watcher did not negotiate would have the packet refused.
            packet.header.extension = false;
            packet.header.extensions.clear();
            let all = Arc::clone(&watching.borrow());
            for watcher in all.iter() {
                packet.header.ssrc = watcher.ssrc;
                // Gone watchers refuse; the others go on.
                let _ = watcher.track.write_rtp(packet.clone()).await;
            }
        }
    }
}

fn local_track(codec: RTCRtpCodec, ssrc: u32) -> TrackLocalStaticRTP {
    let coding = RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters {
            ssrc: Some(ssrc),
            ..RTCRtpCodingParameters::default()
        },
        codec,
        ..RTCRtpEncodingParameters::default()
    };
    let name = || format!("sfu-{ssrc}");
    let kind = RtpCodecKind::Video;
    TrackLocalStaticRTP::new(MediaStreamTrack::new(
        name(),
        name(),
        name(),
        kind,
        vec![coding],
    ))
}

/// What a peer connection tells: a publisher's, or a watcher's with what it watches.
struct Events {
    sfu: Arc<Sfu>,
    watching: Option<Watching>,
    gathered: watch::Sender<bool>,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Events {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        self.gathered
            .send_replace(state == RTCIceGatheringState::Complete);
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        if let Some(watching) = &self.watching
            && state == RTCPeerConnectionState::Connected
        {
            self.sfu.begin(watching.clone()).await;
        }
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let Some(ssrc) = track.ssrcs().await.first().copied() else {
            return;
        };
        if let Some(codec) = track.codec(ssrc).await {
            self.sfu.published.send_replace(Some(Published {
                track: Arc::clone(&track),
                codec,
                ssrc,
            }));
            tokio::spawn(Arc::clone(&self.sfu).forward(track));
        }
    }
}
