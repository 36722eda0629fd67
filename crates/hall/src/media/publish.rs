//! The publishing side: one WHIP session at the hall's relay, made anew whenever it dies.

use super::feedback::{FEEDBACK_SLOT, KeyframeRequests};
use super::session::{AUDIO_LEVEL_URI, Session, SessionError, codecs, h264, one_way, opus};
use super::watch::{in_full, retry_after};
use super::{Situation, endpoint, moved};
use crate::api::Api;
use crate::backoff::{Backoff, random_u32};
use crate::camera::{Camera, Microphone};
use crate::config::Picture;
use crate::packets::{H264_PAYLOAD_TYPE, OPUS_PAYLOAD_TYPE};
use crate::status::Record;
use rtc::interceptor::{NackResponderBuilder, SenderReportBuilder, Slot};
use rtc::media_stream::MediaStreamTrack;
use rtc::rtp::Packet;
use rtc::rtp::extension::HeaderExtension;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodingParameters, RTCRtpEncodingParameters, RTCRtpHeaderExtensionCapability,
    RtpCodecKind,
};
use std::sync::Arc;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use url::Url;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::peer_connection::Registry;
use webrtc::rtp_transceiver::RTCRtpTransceiverDirection;

/// Frames of a hall nobody watches: proof of life for the relay, at almost no cost.
const UNWATCHED_FRAME_EVERY: std::time::Duration = std::time::Duration::from_secs(2);

/// Everything the publishing side needs.
pub(crate) struct Publisher {
    pub(crate) api: Api,
    pub(crate) record: Arc<Record>,
    pub(crate) situation: watch::Receiver<Situation>,
    pub(crate) token_refused: Arc<Notify>,
    pub(crate) picture: Picture,
    /// Full rate and sound all the time.
    pub(crate) always: bool,
}

fn whip(situation: &Situation) -> Option<&Url> {
    situation.whip_url.as_ref()
}

/// Keeps a publishing session up until it is dropped.
pub(crate) async fn publish(mut publisher: Publisher) {
    let mut backoff = Backoff::default();
    let mut sessions = 0_u64;
    while let Some((url, token)) = endpoint(&mut publisher.situation, whip).await {
        publisher
            .record
            .note(|status| status.reconnects += u64::from(sessions > 0));
        sessions += 1;
        let ended = publisher.session(&url, &token).await;
        publisher.record.note(|status| status.publishing = false);
        match ended {
            Ok(()) => {
                backoff.reset();
                backoff.wait(None).await;
            }
            Err(error) => {
                tracing::info!(relay = %url, "publishing failed: {}", in_full(&error));
                let refused = matches!(&error, SessionError::Http(failure) if failure.is_token());
                if refused {
                    publisher.token_refused.notify_one();
                }
                backoff.wait(retry_after(&error)).await;
            }
        }
    }
}

/// The two tracks of a session.
struct Tracks {
    video: Arc<TrackLocalStaticRTP>,
    audio: Arc<TrackLocalStaticRTP>,
    video_ssrc: u32,
    audio_ssrc: u32,
}

impl Tracks {
    fn new() -> Self {
        let (video_ssrc, audio_ssrc) = (random_u32(), random_u32());
        Self {
            video: Arc::new(track("video", RtpCodecKind::Video, video_ssrc, h264())),
            audio: Arc::new(track("audio", RtpCodecKind::Audio, audio_ssrc, opus())),
            video_ssrc,
            audio_ssrc,
        }
    }
}

fn track(name: &str, kind: RtpCodecKind, ssrc: u32, codec: RTCRtpCodec) -> TrackLocalStaticRTP {
    let coding = RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters {
            ssrc: Some(ssrc),
            ..Default::default()
        },
        codec,
        ..Default::default()
    };
    TrackLocalStaticRTP::new(MediaStreamTrack::new(
        "hall".to_owned(),
        name.to_owned(),
        name.to_owned(),
        kind,
        vec![coding],
    ))
}

impl Publisher {
    /// One session from offer to end. `Ok` when it had worked, so that the next one comes soon.
    async fn session(&mut self, url: &Url, token: &str) -> Result<(), SessionError> {
        let mut media = codecs(&[
            (h264(), H264_PAYLOAD_TYPE, RtpCodecKind::Video),
            (opus(), OPUS_PAYLOAD_TYPE, RtpCodecKind::Audio),
        ])?;
        let level = RTCRtpHeaderExtensionCapability {
            uri: AUDIO_LEVEL_URI.to_owned(),
        };
        media.register_header_extension(level, RtpCodecKind::Audio, None)?;
        let keyframe_wanted = Arc::new(Notify::new());
        let interceptors = Registry::new()
            .with(
                Slot::from(FEEDBACK_SLOT),
                KeyframeRequests::new(Arc::clone(&keyframe_wanted)),
            )
            .with(Slot::NackResponder, NackResponderBuilder::new().build())
            .with(Slot::SenderReport, SenderReportBuilder::new().build());
        let mut session = Session::prepare(&self.api, url, token, media, interceptors).await?;
        let ended = self.run(&mut session, url, &keyframe_wanted).await;
        session.close().await;
        ended
    }

    async fn run(
        &mut self,
        session: &mut Session,
        url: &Url,
        keyframe_wanted: &Notify,
    ) -> Result<(), SessionError> {
        let tracks = Tracks::new();
        for track in [&tracks.video, &tracks.audio] {
            let send = one_way(RTCRtpTransceiverDirection::Sendonly);
            let track = Arc::clone(track) as Arc<dyn TrackLocal>;
            session
                .peer
                .add_transceiver_from_track(track, Some(send))
                .await?;
        }
        session.negotiate(url).await?;
        session.connected().await?;
        self.record.note(|status| status.publishing = true);
        let mut situation = self.situation.clone();
        let takes_level = session.takes_audio_level;
        tokio::select! {
            () = session.died() => tracing::info!(relay = %url, "publishing session died"),
            () = moved(&mut situation, whip, url) => {}
            () = self.produce(&tracks, keyframe_wanted, takes_level) => {}
        }
        Ok(())
    }

    /// Pictures and sound until the track refuses them.
    async fn produce(&self, tracks: &Tracks, keyframe_wanted: &Notify, takes_level: bool) {
        let mut situation = self.situation.clone();
        let mut camera = Camera::new(self.picture, tracks.video_ssrc);
        let mut microphone = Microphone::new(tracks.audio_ssrc);
        let mut busy = self.always || situation.borrow_and_update().watched;
        let mut frames = self.frames_every(busy);
        let mut sounds = every(std::time::Duration::from_millis(
            crate::sound::FRAME_MS.into(),
        ));
        let mut keyframe = true;
        loop {
            tokio::select! {
                biased;
                _ = sounds.tick(), if busy => {
                    let Some((packet, level)) = microphone.next() else { continue };
                    let extensions = takes_level.then_some(HeaderExtension::AudioLevel(level));
                    if tracks.audio.write_rtp_with_extensions(packet, extensions.as_slice()).await.is_err() {
                        return;
                    }
                    self.record.note(|status| status.packets_sent += 1);
                }
                () = keyframe_wanted.notified() => keyframe = true,
                changed = situation.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let now_busy = self.always || situation.borrow_and_update().watched;
                    if now_busy != busy {
                        busy = now_busy;
                        // Whoever begins to watch sees a whole picture at once.
                        keyframe = true;
                        frames = self.frames_every(busy);
                        sounds.reset_immediately();
                    }
                }
                _ = frames.tick() => {
                    let caption = situation.borrow().caption.clone();
                    let packets = camera.shoot(&caption, keyframe);
                    keyframe &= packets.is_empty();
                    if !self.send(&tracks.video, packets).await {
                        return;
                    }
                }
            }
        }
    }

    async fn send(&self, track: &TrackLocalStaticRTP, packets: Vec<Packet>) -> bool {
        let count = packets.len() as u64;
        for packet in packets {
            if track.write_rtp(packet).await.is_err() {
                return false;
            }
        }
        self.record.note(|status| status.packets_sent += count);
        true
    }

    fn frames_every(&self, busy: bool) -> Interval {
        let full = std::time::Duration::from_secs_f32(1.0 / self.picture.frame_rate.max(1.0));
        every(if busy { full } else { UNWATCHED_FRAME_EVERY })
    }
}

/// Ticks at once, then in this rhythm; what was missed is not made up for.
fn every(period: std::time::Duration) -> Interval {
    let mut interval = interval_at(Instant::now(), period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}
