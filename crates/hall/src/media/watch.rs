//! The watching side: one WHEP session at the hall's relay, made anew whenever it dies.

use super::listener::{LISTENER_SLOT, Listener};
use super::session::{Session, SessionError, codecs, h264, one_way, opus, vp8};
use super::{Situation, SocketDrops, endpoint, moved};
use crate::api::Api;
use crate::backoff::Backoff;
use crate::packets::{H264_PAYLOAD_TYPE, OPUS_PAYLOAD_TYPE, VP8_PAYLOAD_TYPE};
use crate::status::Record;
use rtc::interceptor::{NackGeneratorBuilder, ReceiverReportBuilder, Slot};
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};
use url::Url;
use webrtc::peer_connection::{RTCStatsReportEntry, Registry, StatsSelector};
use webrtc::rtp_transceiver::RTCRtpTransceiverDirection;

/// Program that stops for this long is looked for with a new session.
const SILENCE_MAX: Duration = Duration::from_secs(5);

/// How often silence and round trip are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often a missing packet is asked for: about the round trip of a bad line.
const NACK_EVERY: Duration = Duration::from_millis(60);

/// Requests for one packet; after them its time has passed.
const NACKS_PER_PACKET: u16 = 12;

/// Everything the watching side needs.
pub(crate) struct Watcher {
    pub(crate) api: Api,
    pub(crate) record: Arc<Record>,
    pub(crate) situation: watch::Receiver<Situation>,
    pub(crate) token_refused: Arc<Notify>,
    pub(crate) drops: Arc<SocketDrops>,
}

fn whep(situation: &Situation) -> Option<&Url> {
    situation.whep_url.as_ref()
}

/// Keeps a watching session up until it is dropped.
pub(crate) async fn watch(mut watcher: Watcher) {
    let mut backoff = Backoff::default();
    let mut sessions = 0_u64;
    while let Some((url, token)) = endpoint(&mut watcher.situation, whep).await {
        watcher.record.note(|status| {
            status.relay = Some(url.to_string());
            status.reconnects += u64::from(sessions > 0);
        });
        sessions += 1;
        let ended = watcher.session(&url, &token).await;
        watcher.record.note(|status| status.watching = false);
        match ended {
            Ok(()) => {
                backoff.reset();
                backoff.wait(None).await;
            }
            Err(error) => {
                tracing::info!(relay = %url, "watching failed: {}", in_full(&error));
                let refused = matches!(&error, SessionError::Http(failure) if failure.is_token());
                if refused {
                    watcher.token_refused.notify_one();
                }
                backoff.wait(retry_after(&error)).await;
            }
        }
    }
}

pub(super) fn retry_after(error: &SessionError) -> Option<Duration> {
    match error {
        SessionError::Http(failure) => failure.retry_after(),
        _ => None,
    }
}

pub(super) fn in_full(error: &SessionError) -> String {
    match error {
        SessionError::Http(failure) => failure.in_full(),
        SessionError::Peer(source) => format!("{error}: {source}"),
        SessionError::NoRoute { source, .. } => format!("{error}: {source}"),
        SessionError::NotConnected => error.to_string(),
    }
}

impl Watcher {
    /// One session from offer to end. `Ok` when it had worked, so that the next one comes soon.
    async fn session(&mut self, url: &Url, token: &str) -> Result<(), SessionError> {
        let media = codecs(&[
            (h264(), H264_PAYLOAD_TYPE, RtpCodecKind::Video),
            (vp8(), VP8_PAYLOAD_TYPE, RtpCodecKind::Video),
            (opus(), OPUS_PAYLOAD_TYPE, RtpCodecKind::Audio),
        ])?;
        let nack = NackGeneratorBuilder::new()
            .with_interval(NACK_EVERY)
            .with_max_nacks_per_packet(NACKS_PER_PACKET);
        let interceptors = Registry::new()
            .with(Slot::NackGenerator, nack.build())
            .with(Slot::ReceiverReport, ReceiverReportBuilder::new().build())
            .with(
                Slot::from(LISTENER_SLOT),
                Listener::new(Arc::clone(&self.record)),
            );
        let mut session = Session::prepare(&self.api, url, token, media, interceptors).await?;
        self.record.reception().begin_session();
        let ended = self.run(&mut session, url).await;
        if let Some(local) = session.local {
            self.drops.forget(local);
        }
        session.close().await;
        ended
    }

    async fn run(&mut self, session: &mut Session, url: &Url) -> Result<(), SessionError> {
        for kind in [RtpCodecKind::Video, RtpCodecKind::Audio] {
            let receive = one_way(RTCRtpTransceiverDirection::Recvonly);
            session
                .peer
                .add_transceiver_from_kind(kind, Some(receive))
                .await?;
        }
        session.negotiate(url).await?;
        session.connected().await?;
        self.record.note(|status| status.watching = true);
        let peer = Arc::clone(&session.peer);
        let local = session.local;
        let mut situation = self.situation.clone();
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = session.died() => {
                    tracing::info!(relay = %url, "watching session died");
                    return Ok(());
                }
                () = moved(&mut situation, whep, url) => return Ok(()),
                _ = look.tick() => {}
            }
            let report = peer.get_stats(Instant::now(), StatsSelector::None).await;
            let rtt_ms = report.iter().find_map(round_trip_ms);
            let dropped = local.map_or(0, |local| self.drops.newly_dropped(local));
            self.record.note(|status| {
                status.rtt_ms = rtt_ms.or(status.rtt_ms);
                status.dropped_locally += dropped;
            });
            if self.silent() {
                tracing::info!(relay = %url, "no packet for {} s", SILENCE_MAX.as_secs());
                return Ok(());
            }
        }
    }

    /// The program has come over this session, and stopped. Before its first packet it is not expected:
    /// the chair may not be there yet.
    fn silent(&self) -> bool {
        let last = self.record.reception().last_packet_at();
        last.is_some_and(|last| self.record.now().saturating_sub(last) >= SILENCE_MAX)
    }
}

fn round_trip_ms(entry: &RTCStatsReportEntry) -> Option<f32> {
    match entry {
        RTCStatsReportEntry::IceCandidatePair(pair)
            if pair.nominated && pair.current_round_trip_time > 0.0 =>
        {
            Some((pair.current_round_trip_time * 1000.0) as f32)
        }
        _ => None,
    }
}
