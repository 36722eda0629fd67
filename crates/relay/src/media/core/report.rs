//! The state of everything, as the orchestrator wants it.

use super::Core;
use super::leg::{Leg, Purpose};
use crate::media::{Bursts, Drops, LegId, Lines};
use forwarding::{Kind, StreamId, StreamSpec};
use protocol::{
    FeedReport, LegReport, LegRole, MediaKind, RelayReport, SiteCode, TrunkDirection, TrunkReport,
};
use std::time::{Duration, Instant};

impl Core {
    /// What was dropped since start.
    pub(in crate::media) fn drops(&self) -> Drops {
        let totals = self.shards.totals();
        Drops {
            not_sent: totals.dropped,
            worker_behind: self.shards.orders_dropped(),
            socket_refused: totals.refused,
            pace_full: totals.pace_dropped,
            ..self.counters
        }
    }

    /// How the lines of sessions are served.
    pub(in crate::media) fn lines(&self) -> Lines {
        let totals = self.shards.totals();
        let figures = self.legs.keys().filter_map(|leg| self.shards.figures(*leg));
        Lines {
            limited: figures.filter(|wire| wire.is_limited).count() as u64,
            falls: totals.limit_falls,
            paced: totals.paced,
            resent: totals.resent,
            probe_bytes: totals.probe_bytes,
        }
    }

    /// The session a leg is for.
    #[cfg(test)]
    pub(in crate::media) fn session_of(&self, id: LegId) -> Option<&str> {
        match &self.legs.get(&id)?.purpose {
            Purpose::Publish(publisher) => Some(&publisher.session),
            Purpose::Watch(watcher) => Some(&watcher.session),
            Purpose::TrunkDown(_) | Purpose::TrunkUp(_) => None,
        }
    }

    /// What left in bursts since start.
    pub(in crate::media) fn bursts(&self) -> Bursts {
        let totals = self.shards.totals();
        Bursts {
            sent: totals.bursts,
            packets: totals.in_bursts,
            split: totals.split,
        }
    }

    /// A snapshot.
    pub(in crate::media) fn report(&self, now: Instant) -> RelayReport {
        let totals = self.shards.totals();
        let mut report = RelayReport {
            epoch: self.plan.as_ref().map_or(0, |plan| plan.epoch),
            packets_sent: totals.packets,
            bytes_sent: totals.bytes,
            ..RelayReport::default()
        };
        report.feeds = self
            .shards
            .streams()
            .filter_map(|(stream, spec)| self.feed(stream, spec, now))
            .collect();
        report
            .feeds
            .sort_by(|a, b| (a.site.as_str(), a.ssrc).cmp(&(b.site.as_str(), b.ssrc)));
        let mut ids: Vec<_> = self.legs.iter().collect();
        ids.sort_by_key(|(id, _)| **id);
        for (id, leg) in ids {
            match &leg.purpose {
                Purpose::Publish(publisher) => report.legs.push(self.session(
                    *id,
                    leg,
                    &publisher.session,
                    Some(&publisher.site),
                    LegRole::Publish,
                )),
                Purpose::Watch(watcher) => {
                    report.legs.push(self.session(
                        *id,
                        leg,
                        &watcher.session,
                        watcher.site.as_ref(),
                        watcher.role,
                    ));
                }
                Purpose::TrunkDown(_) => {
                    report
                        .trunks
                        .extend(self.trunk(*id, leg, TrunkDirection::Down));
                }
                Purpose::TrunkUp(_) => {
                    report
                        .trunks
                        .extend(self.trunk(*id, leg, TrunkDirection::Up));
                }
            }
        }
        report
    }

    fn feed(&self, stream: StreamId, spec: StreamSpec, now: Instant) -> Option<FeedReport> {
        let stats = self.shards.stream_stats(stream, now)?;
        let origin = self.origins.get(&stream)?;
        let local = self
            .legs
            .get(&origin.leg)
            .is_some_and(|leg| matches!(leg.purpose, Purpose::Publish(_)));
        Some(FeedReport {
            site: self.sources.name(spec.source)?.clone(),
            kind: match spec.codec.kind() {
                Kind::Audio => MediaKind::Audio,
                Kind::Video => MediaKind::Video,
            },
            codec: codec_name(spec.codec).to_owned(),
            ssrc: spec.ssrc,
            local,
            packets: stats.packets,
            holes: stats.holes_open + stats.holes_lost,
            bitrate_bps: stats.bitrate_bps,
            frame_rate: stats.frame_rate,
            jitter_ms: stats.jitter.as_secs_f32() * 1000.0,
            silent_ms: stats
                .silent_for
                .map_or(0, |silent| silent.as_millis() as u64),
            watchers: stats.watchers,
        })
    }

    fn session(
        &self,
        id: LegId,
        leg: &Leg,
        session: &str,
        site: Option<&SiteCode>,
        role: LegRole,
    ) -> LegReport {
        let wire = self.shards.figures(id).unwrap_or_default();
        LegReport {
            session: session.to_owned(),
            site: site.cloned(),
            role,
            state: leg.state,
            packets_sent: wire.packets_sent,
            packets_received: leg.packets_received,
            fraction_lost: f32::from(wire.fraction_lost) / 256.0,
            rtt_ms: wire.round_trip.map(milliseconds),
        }
    }

    fn trunk(&self, id: LegId, leg: &Leg, direction: TrunkDirection) -> Option<TrunkReport> {
        let wire = self.shards.figures(id).unwrap_or_default();
        Some(TrunkReport {
            relay: leg.relay()?.clone(),
            direction,
            state: leg.state,
            packets_sent: wire.packets_sent,
            packets_received: leg.packets_received,
            rtt_ms: wire.round_trip.map(milliseconds),
        })
    }
}

fn milliseconds(duration: Duration) -> f32 {
    duration.as_secs_f32() * 1000.0
}

fn codec_name(codec: forwarding::Codec) -> &'static str {
    match codec {
        forwarding::Codec::Opus => "opus",
        forwarding::Codec::H264 => "H264",
        forwarding::Codec::Vp8 => "VP8",
        forwarding::Codec::Vp9 => "VP9",
        forwarding::Codec::Av1 => "AV1",
    }
}
