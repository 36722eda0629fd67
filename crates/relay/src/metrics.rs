//! What a relay counts, for `/metrics`. At most nine series a site.

use crate::http::role_name;
use crate::media::{Lines, MediaHandle};
use protocol::{FeedReport, LegState, MediaKind, RelayReport, TrunkDirection};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use telemetry::metrics::raise_to;

telemetry::metrics! {
    /// Counters and gauges of a relay.
    pub struct RelayMetrics {
        /// Datagrams sent since start.
        pub packets_sent: IntCounter = "relay_packets_sent_total";
        /// Bytes sent since start, UDP payload.
        pub bytes_sent: IntCounter = "relay_bytes_sent_total";
        /// WHIP and WHEP sessions, by what they are for and how far they are.
        pub legs: IntGaugeVec = "relay_legs" by ["role", "state"];
        /// Streams present, by audio or video and by where they come from (local or trunk).
        pub feeds: IntGaugeVec = "relay_feeds" by ["kind", "from"];
        /// Trunks, by direction and how far they are.
        pub trunks: IntGaugeVec = "relay_trunks" by ["direction", "state"];
        /// Packets of a feed accepted here since start.
        pub feed_packets: IntCounterVec = "relay_feed_packets_total" by ["site", "kind"];
        /// Sequence holes of a feed that are not repaired now.
        pub feed_holes: IntGaugeVec = "relay_feed_holes" by ["site", "kind"];
        /// Bits per second of a feed.
        pub feed_bitrate: IntGaugeVec = "relay_feed_bitrate_bps" by ["site", "kind"];
        /// Frames per second of a feed's video; of several layers those of the one with most.
        pub feed_frame_rate: GaugeVec = "relay_feed_frame_rate" by ["site"];
        /// Interarrival jitter of a feed's video (RFC 3550 section 6.4.1); of several layers that of the worst.
        pub feed_jitter: GaugeVec = "relay_feed_jitter_seconds" by ["site"];
        /// Datagrams dropped since start, by reason: not_ours, stun_refused, from_strangers, not_authentic, unannounced
        /// and no_track came in, not_sent, worker_behind, socket_refused and pace_full should have gone out.
        pub drops: IntCounterVec = "relay_dropped_total" by ["reason"];
        /// Sessions whose line was found full, so that they get no better layer than it carries.
        pub legs_limited: IntGauge = "relay_legs_limited";
        /// Times the estimate of a session's line fell: a queue stood before it, or it went on losing.
        pub limit_falls: IntCounter = "relay_limit_falls_total";
        /// Packets that waited because their session's line takes no larger burst.
        pub paced: IntCounter = "relay_paced_packets_total";
        /// Packets sent to sessions and child relays again: asked for, told as lost, to a line that loses many, or as padding.
        pub resent: IntCounter = "relay_resent_packets_total";
        /// Bytes of padding sent to find out whether a session's line carries a better layer.
        pub probe_bytes: IntCounter = "relay_probe_bytes_total";
        /// Bursts sent since start: two datagrams and more to one leg in one system call (UDP GSO).
        pub bursts: IntCounter = "relay_bursts_sent_total";
        /// Datagrams in those bursts.
        pub burst_packets: IntCounter = "relay_burst_packets_sent_total";
        /// Bursts that the kernel refused, so that their datagrams went one by one.
        pub bursts_split: IntCounter = "relay_bursts_split_total";
        /// Epoch of the plan in force; 0 before the first.
        pub plan_epoch: IntGauge = "relay_plan_epoch";
        /// Plans refused because their epoch was lower than that of the plan in force.
        pub plans_refused: IntCounter = "relay_plans_refused_total";
        /// Whether the orchestrator is connected: 1 or 0.
        pub control_link_up: IntGauge = "relay_control_link_up";
        /// Times the control link came up.
        pub control_link_connects: IntCounter = "relay_control_link_connects_total";
        /// Sessions opened, by what they are for.
        pub sessions_opened: IntCounterVec = "relay_sessions_opened_total" by ["role"];
        /// Sessions whose ICE was restarted: their hall came to another network, or lost its path.
        pub ice_restarts: IntCounter = "relay_ice_restarts_total";
        /// HTTP requests refused, by status.
        pub http_refusals: IntCounterVec = "relay_http_refusals_total" by ["status"];
    }
}

/// Brings the metrics up to date from the media thread's report, before a scrape.
pub fn refresher(metrics: RelayMetrics, media: MediaHandle) -> impl Fn() + Send + Sync + 'static {
    let seen: Arc<Mutex<HashMap<u32, u64>>> = Arc::default();
    move || {
        let report = media.report();
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        metrics.refresh(&report, &mut seen);
        for (reason, total) in media.drops().by_reason() {
            raise_to(&metrics.drops.with_label_values(&[reason]), total);
        }
        metrics.refresh_lines(media.lines());
        let bursts = media.bursts();
        raise_to(&metrics.bursts, bursts.sent);
        raise_to(&metrics.burst_packets, bursts.packets);
        raise_to(&metrics.bursts_split, bursts.split);
    }
}

impl RelayMetrics {
    /// `seen` holds the packets already counted of every stream, by SSRC: a republished feed starts at zero
    /// again, the counter of its site goes on.
    fn refresh(&self, report: &RelayReport, seen: &mut HashMap<u32, u64>) {
        raise_to(&self.packets_sent, report.packets_sent);
        raise_to(&self.bytes_sent, report.bytes_sent);
        self.plan_epoch
            .set(i64::try_from(report.epoch).unwrap_or(i64::MAX));
        self.legs.reset();
        for leg in &report.legs {
            self.legs
                .with_label_values(&[role_name(leg.role), state_name(leg.state)])
                .inc();
        }
        self.trunks.reset();
        for trunk in &report.trunks {
            let direction = match trunk.direction {
                TrunkDirection::Up => "up",
                TrunkDirection::Down => "down",
            };
            self.trunks
                .with_label_values(&[direction, state_name(trunk.state)])
                .inc();
        }
        self.refresh_feeds(&report.feeds, seen);
    }

    fn refresh_lines(&self, lines: Lines) {
        self.legs_limited
            .set(i64::try_from(lines.limited).unwrap_or(i64::MAX));
        raise_to(&self.limit_falls, lines.falls);
        raise_to(&self.paced, lines.paced);
        raise_to(&self.resent, lines.resent);
        raise_to(&self.probe_bytes, lines.probe_bytes);
    }

    fn refresh_feeds(&self, feeds: &[FeedReport], seen: &mut HashMap<u32, u64>) {
        self.feeds.reset();
        self.feed_holes.reset();
        self.feed_bitrate.reset();
        self.feed_frame_rate.reset();
        self.feed_jitter.reset();
        for feed in feeds {
            let kind = kind_name(feed.kind);
            let labels = [feed.site.as_str(), kind];
            self.feeds
                .with_label_values(&[kind, if feed.local { "local" } else { "trunk" }])
                .inc();
            let counted = seen.insert(feed.ssrc, feed.packets).unwrap_or(0);
            self.feed_packets
                .with_label_values(&labels)
                .inc_by(feed.packets.saturating_sub(counted));
            self.feed_holes
                .with_label_values(&labels)
                .add(i64::try_from(feed.holes).unwrap_or(i64::MAX));
            self.feed_bitrate
                .with_label_values(&labels)
                .add(i64::try_from(feed.bitrate_bps).unwrap_or(i64::MAX));
            if feed.kind == MediaKind::Video {
                self.refresh_picture(feed);
            }
        }
        seen.retain(|ssrc, _| feeds.iter().any(|feed| feed.ssrc == *ssrc));
    }

    /// Layers of one picture share its series: a layer that rests must not hide those that flow. The gauges begin at zero
    /// with every scrape.
    fn refresh_picture(&self, feed: &FeedReport) {
        let frame_rate = f64::from(feed.frame_rate);
        let jitter_s = f64::from(feed.jitter_ms) / 1000.0;
        for (gauges, value) in [
            (&self.feed_frame_rate, frame_rate),
            (&self.feed_jitter, jitter_s),
        ] {
            let gauge = gauges.with_label_values(&[feed.site.as_str()]);
            gauge.set(gauge.get().max(value));
        }
    }
}

fn state_name(state: LegState) -> &'static str {
    match state {
        LegState::Connecting => "connecting",
        LegState::Connected => "connected",
        LegState::Lost => "lost",
    }
}

fn kind_name(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Audio => "audio",
        MediaKind::Video => "video",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(ssrc: u32, packets: u64) -> FeedReport {
        FeedReport {
            site: "A".parse().expect("a code"),
            kind: MediaKind::Video,
            codec: "VP8".into(),
            ssrc,
            local: true,
            packets,
            holes: 0,
            bitrate_bps: 1000,
            frame_rate: 15.0,
            jitter_ms: 1.5,
            silent_ms: 0,
            watchers: 1,
        }
    }

    #[test]
    fn of_three_layers_the_liveliest_and_the_most_ragged_count() {
        let registry = telemetry::prometheus::Registry::new();
        let metrics = RelayMetrics::register(&registry).expect("fresh names");
        let layer = |ssrc, frame_rate, jitter_ms| FeedReport {
            frame_rate,
            jitter_ms,
            ..feed(ssrc, 0)
        };
        let figures = |layers: Vec<FeedReport>| {
            let report = RelayReport {
                feeds: layers,
                ..RelayReport::default()
            };
            metrics.refresh(&report, &mut HashMap::new());
            let of =
                |gauges: &telemetry::prometheus::GaugeVec| gauges.with_label_values(&["A"]).get();
            (
                of(&metrics.feed_frame_rate),
                of(&metrics.feed_jitter),
                metrics
                    .feed_bitrate
                    .with_label_values(&["A", "video"])
                    .get(),
            )
        };
        let three = vec![
            layer(1, 15.0, 500.0),
            layer(2, 30.0, 250.0),
            layer(3, 0.0, 0.0),
        ];
        assert_eq!(figures(three), (30.0, 0.5, 3000));
        assert_eq!(figures(vec![layer(1, 10.0, 125.0)]), (10.0, 0.125, 1000));
    }

    #[test]
    fn a_republished_feed_goes_on_counting_and_an_ended_one_leaves() {
        let registry = telemetry::prometheus::Registry::new();
        let metrics = RelayMetrics::register(&registry).expect("fresh names");
        let mut seen = HashMap::new();
        for (ssrc, packets, total) in [(1, 10, 10), (1, 15, 15), (2, 4, 19)] {
            let report = RelayReport {
                feeds: vec![feed(ssrc, packets)],
                ..RelayReport::default()
            };
            metrics.refresh(&report, &mut seen);
            assert_eq!(
                metrics
                    .feed_packets
                    .with_label_values(&["A", "video"])
                    .get(),
                total
            );
        }
        metrics.refresh(&RelayReport::default(), &mut seen);
        let text = telemetry::prometheus::TextEncoder::new()
            .encode_to_string(&registry.gather())
            .expect("text");
        assert!(
            text.contains("diemcau_relay_feed_packets_total{kind=\"video\",site=\"A\"} 19"),
            "{text}"
        );
        assert!(!text.contains("diemcau_relay_feed_bitrate_bps{"), "{text}");
    }
}
