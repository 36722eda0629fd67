//! A tiny relay: answers WHIP and WHEP with peers of the `webrtc` crate, sends a program of real
//! H.264, loses some of its packets on the way, and decodes what the hall publishes.

use crate::film::{Film, Screen};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, post};
use rtc::interceptor::{Interceptor, Packet, Slot, StreamInfo, TaggedPacket};
use rtc::media_stream::MediaStreamTrack;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use rtc::sansio::Protocol;
use std::collections::{HashSet, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tokio::net::TcpListener;
use tokio::sync::watch;
use webrtc::error::Error;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler,
    RTCIceGatheringState, RTCSessionDescription, Registry, SettingEngineBuilder,
    register_default_interceptors,
};

/// What the fake has seen.
#[derive(Default)]
pub struct Seen {
    pub offers: Vec<(String, String)>,
    pub deleted: usize,
    /// Frames of the hall that decoded, and how many of them differed from the one before.
    pub decoded: u64,
    pub changed: u64,
    pub keyframes: u64,
    pub audio_packets: u64,
    pub size: (usize, usize),
}

struct Inner {
    seen: watch::Sender<Seen>,
    sessions: Mutex<Vec<Arc<dyn PeerConnection>>>,
    publishers: Mutex<Vec<Arc<dyn TrackRemote>>>,
    /// One packet in so many is lost on its first way.
    lose_one_in: u16,
}

/// The fake.
#[derive(Clone)]
pub struct Relay {
    inner: Arc<Inner>,
    pub address: SocketAddr,
}

impl Relay {
    pub async fn start(lose_one_in: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let inner = Inner {
            seen: watch::Sender::new(Seen::default()),
            sessions: Mutex::default(),
            publishers: Mutex::default(),
            lose_one_in,
        };
        let this = Self {
            inner: Arc::new(inner),
            address,
        };
        let router = Router::new()
            .route("/whip/{site}", post(whip))
            .route("/whep/{site}", post(whep))
            .route("/session/{id}", delete(end))
            .with_state(this.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        this
    }

    pub fn seen(&self) -> watch::Receiver<Seen> {
        self.inner.seen.subscribe()
    }

    /// Every session dies without a word.
    pub async fn lose_sessions(&self) {
        let sessions = std::mem::take(&mut *self.inner.sessions.lock().expect("lock"));
        for session in sessions {
            session.close().await.expect("closes");
        }
    }

    /// Asks every publisher for a keyframe.
    pub async fn request_keyframes(&self) {
        let publishers = self.inner.publishers.lock().expect("lock").clone();
        for track in publishers {
            let media_ssrc = track.ssrcs().await.first().copied().unwrap_or_default();
            let request = PictureLossIndication {
                sender_ssrc: 1,
                media_ssrc,
            };
            // A publisher of a session that is over takes no request.
            let _ = track.write_rtcp(vec![Box::new(request)]).await;
        }
    }

    async fn answer(
        &self,
        kind: &str,
        headers: &HeaderMap,
        offer: String,
        program: bool,
    ) -> Response {
        let bearer = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        self.inner
            .seen
            .send_modify(|seen| seen.offers.push((kind.to_owned(), bearer.to_owned())));
        let sdp = self.peer(offer, program).await;
        let headers = [
            (header::CONTENT_TYPE, "application/sdp"),
            (header::LOCATION, "/session/1"),
        ];
        (StatusCode::CREATED, headers, sdp).into_response()
    }

    async fn peer(&self, offer: String, program: bool) -> String {
        let mut media = MediaEngine::default();
        media.register_default_codecs().expect("codecs");
        let interceptors =
            register_default_interceptors(Registry::new(), &mut media).expect("interceptors");
        let interceptors = interceptors.with(Slot::from(100), Loss::new(self.inner.lose_one_in));
        let (gathered_tx, mut gathered) = watch::channel(false);
        let events = Events {
            relay: self.clone(),
            gathered: gathered_tx,
        };
        let building = PeerConnectionBuilder::new()
            .with_media_engine(media)
            .with_setting_engine(
                SettingEngineBuilder::new()
                    .with_include_loopback_candidate(true)
                    .build(),
            )
            .with_interceptor_registry(interceptors)
            .with_handler(Arc::new(events))
            .with_udp_addrs(vec!["127.0.0.1:0"])
            .build();
        let peer = Box::pin(building).await.expect("a peer");
        let peer: Arc<dyn PeerConnection> = Arc::new(peer);
        let film = if program { Some(Film::new()) } else { None };
        if let Some(film) = &film {
            for (track, _) in film.tracks() {
                peer.add_track(Arc::clone(track) as Arc<dyn TrackLocal>)
                    .await
                    .expect("a track");
            }
        }
        let offer = RTCSessionDescription::offer(offer).expect("an offer");
        peer.set_remote_description(offer)
            .await
            .expect("the offer is taken");
        let answer = peer.create_answer(None).await.expect("an answer");
        peer.set_local_description(answer)
            .await
            .expect("own answer");
        gathered
            .wait_for(|gathered| *gathered)
            .await
            .expect("gathers");
        let sdp = peer.local_description().await.expect("described").sdp;
        if let Some(film) = film {
            tokio::spawn(film.play());
        }
        self.inner.sessions.lock().expect("lock").push(peer);
        sdp
    }

    async fn look_at(self, track: Arc<dyn TrackRemote>) {
        if track.kind().await == RtpCodecKind::Video {
            self.inner
                .publishers
                .lock()
                .expect("lock")
                .push(Arc::clone(&track));
            let mut screen = Screen::new();
            while let Some(event) = track.poll().await {
                if let TrackRemoteEvent::OnRtpPacket(packet) = event
                    && let Some(shown) = screen.take(&packet)
                {
                    self.inner.seen.send_modify(|seen| {
                        seen.decoded += 1;
                        seen.changed += u64::from(shown.changed);
                        seen.keyframes += u64::from(shown.keyframe);
                        seen.size = shown.size;
                    });
                }
            }
        } else {
            while let Some(event) = track.poll().await {
                if matches!(event, TrackRemoteEvent::OnRtpPacket(_)) {
                    self.inner.seen.send_modify(|seen| seen.audio_packets += 1);
                }
            }
        }
    }
}

/// A track to send on.
pub fn track(
    kind: RtpCodecKind,
    ssrc: u32,
    codec: rtc::rtp_transceiver::rtp_sender::RTCRtpCodec,
) -> TrackLocalStaticRTP {
    let coding = RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters {
            ssrc: Some(ssrc),
            ..Default::default()
        },
        codec,
        ..Default::default()
    };
    let name = format!("program-{kind}");
    TrackLocalStaticRTP::new(MediaStreamTrack::new(
        "program".to_owned(),
        name.clone(),
        name,
        kind,
        vec![coding],
    ))
}

async fn whip(State(relay): State<Relay>, headers: HeaderMap, offer: String) -> Response {
    relay.answer("whip", &headers, offer, false).await
}

async fn whep(State(relay): State<Relay>, headers: HeaderMap, offer: String) -> Response {
    relay.answer("whep", &headers, offer, true).await
}

async fn end(State(relay): State<Relay>) {
    relay.inner.seen.send_modify(|seen| seen.deleted += 1);
}

struct Events {
    relay: Relay,
    gathered: watch::Sender<bool>,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Events {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        self.gathered
            .send_replace(state == RTCIceGatheringState::Complete);
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        tokio::spawn(self.relay.clone().look_at(track));
    }
}

/// Loses one outgoing packet in so many, but lets its resend through.
struct Loss {
    one_in: u16,
    lost: HashSet<(u32, u16)>,
    incoming: VecDeque<TaggedPacket>,
    outgoing: VecDeque<TaggedPacket>,
}

impl Loss {
    fn new(one_in: u16) -> Self {
        Self {
            one_in,
            lost: HashSet::new(),
            incoming: VecDeque::new(),
            outgoing: VecDeque::new(),
        }
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for Loss {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, message: TaggedPacket) -> Result<(), Error> {
        self.incoming.push_back(message);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.incoming.pop_front()
    }

    fn handle_write(&mut self, message: TaggedPacket) -> Result<(), Error> {
        if let Packet::Rtp(packet) = &message.message.packet {
            let header = &packet.header;
            let video = header.payload_type != 111;
            let chosen =
                self.one_in > 0 && header.sequence_number.is_multiple_of(self.one_in) && video;
            if chosen && self.lost.insert((header.ssrc, header.sequence_number)) {
                return Ok(());
            }
        }
        self.outgoing.push_back(message);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.outgoing.pop_front()
    }
}

impl Interceptor for Loss {
    fn bind_local_stream(&mut self, _info: &StreamInfo) {}
    fn unbind_local_stream(&mut self, _info: &StreamInfo) {}
    fn bind_remote_stream(&mut self, _info: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _info: &StreamInfo) {}
}
