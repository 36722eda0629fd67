//! What the orchestrator counts. Labels are ids: eight series a site.

use protocol::{ConferenceView, LegState, LinkState, SittingState};

telemetry::metrics! {
    /// Everything the orchestrator tells Prometheus.
    pub struct Metrics {
        /// 1 while a hall or a plain client is joined as the site.
        pub joined: IntGaugeVec = "site_joined" by ["conference", "site"];
        /// The site's link: 0 not joined, 1 ok, 2 degraded, 3 lost.
        pub link_state: IntGaugeVec = "site_link_state" by ["conference", "site"];
        /// Program packets the hall has received since it joined.
        pub program_packets: IntGaugeVec = "site_program_packets" by ["conference", "site"];
        /// Holes in the program that repair did not fill, since the hall joined.
        pub program_holes: IntGaugeVec = "site_program_holes" by ["conference", "site"];
        /// Round trip between the hall and its relay, seconds.
        pub rtt: GaugeVec = "site_rtt_seconds" by ["conference", "site"];
        /// What the site publishes, bits per second.
        pub return_bitrate: IntGaugeVec = "site_return_bitrate_bps" by ["conference", "site"];
        /// People present by the site's last report; absent before the first.
        pub present: IntGaugeVec = "site_present" by ["conference", "site"];
        /// People expected at the site.
        pub expected: IntGaugeVec = "site_expected" by ["conference", "site"];
        /// Sites of a conference that are counted.
        pub sites: IntGaugeVec = "conference_sites" by ["conference"];
        /// Sites of a conference that have reported their head count.
        pub sites_reported: IntGaugeVec = "conference_sites_reported" by ["conference"];
        /// The sitting: 0 draft, 1 ready, 2 live, 3 closed.
        pub sitting: IntGaugeVec = "conference_sitting_state" by ["conference"];
        /// 1 while the relay's control link is up.
        pub relay_linked: IntGaugeVec = "orchestrator_relay_linked" by ["relay"];
        /// Consoles that follow a conference live.
        pub consoles: IntGauge = "orchestrator_consoles";
        /// Consoles disconnected because they read too slowly.
        pub slow_consoles: IntCounter = "orchestrator_slow_consoles_total";
        /// Health messages and relay reports dropped because a conference's mailbox was full.
        pub dropped_messages: IntCounter = "orchestrator_dropped_messages_total";
        /// Halls disconnected because they sent too much.
        pub floods: IntCounter = "orchestrator_floods_total";
        /// Messages of halls and relays that were no messages.
        pub bad_messages: IntCounter = "orchestrator_bad_messages_total";
        /// Control links of relays that were refused.
        pub relay_links_refused: IntCounter = "orchestrator_relay_links_refused_total";
        /// Tries to sign in, join or register that came too soon after wrong ones.
        pub tries_refused: IntCounterVec = "orchestrator_tries_refused_total" by ["what"];
        /// Events written to the log.
        pub log_events: IntCounter = "orchestrator_log_events_total";
        /// Commits of the log.
        pub log_commits: IntCounter = "orchestrator_log_commits_total";
        /// Writes the log refused.
        pub log_refused: IntCounter = "orchestrator_log_refused_total";
        /// Writes that wait for the log.
        pub log_queued: IntGauge = "orchestrator_log_queued";
        /// 1 when a hash chain of the log was broken at the start.
        pub log_broken: IntGauge = "orchestrator_log_broken";
    }
}

impl Metrics {
    /// Brings a conference's gauges up to date.
    pub fn show(&self, view: &ConferenceView) {
        let conference = view.id.as_str();
        self.sites
            .with_label_values(&[conference])
            .set(view.totals.sites.into());
        self.sites_reported
            .with_label_values(&[conference])
            .set(view.totals.sites_reported.into());
        self.sitting
            .with_label_values(&[conference])
            .set(match view.sitting.state {
                SittingState::Draft => 0,
                SittingState::Ready => 1,
                SittingState::Live => 2,
                SittingState::Closed => 3,
            });
        for site in &view.sites {
            self.show_site(&[conference, site.code.as_str()], site);
        }
        for relay in &view.relays {
            let linked = relay.state == LegState::Connected;
            self.relay_linked
                .with_label_values(&[relay.id.as_str()])
                .set(linked.into());
        }
    }

    fn show_site(&self, labels: &[&str; 2], site: &protocol::SiteView) {
        let link = &site.link;
        let joined = matches!(link.state, LinkState::Ok | LinkState::Degraded);
        self.joined.with_label_values(labels).set(joined.into());
        self.link_state
            .with_label_values(labels)
            .set(match link.state {
                LinkState::NotJoined => 0,
                LinkState::Ok => 1,
                LinkState::Degraded => 2,
                LinkState::Lost => 3,
            });
        self.program_packets
            .with_label_values(labels)
            .set(whole(link.program_packets));
        self.program_holes
            .with_label_values(labels)
            .set(whole(link.program_holes));
        if let Some(rtt_ms) = link.rtt_ms {
            self.rtt
                .with_label_values(labels)
                .set(f64::from(rtt_ms) / 1000.0);
        }
        self.return_bitrate
            .with_label_values(labels)
            .set(whole(link.return_bitrate_bps));
        if let Some(counts) = &site.counts {
            self.present
                .with_label_values(labels)
                .set(counts.present.into());
        }
        if let Some(expected) = site.counts.map(|counts| counts.expected).or(site.expected) {
            self.expected.with_label_values(labels).set(expected.into());
        }
    }

    /// Brings the log's counters up to date.
    pub fn show_log(&self, stats: &crate::log::Stats) {
        telemetry::metrics::raise_to(&self.log_events, stats.events);
        telemetry::metrics::raise_to(&self.log_commits, stats.commits);
        telemetry::metrics::raise_to(&self.log_refused, stats.refused);
        self.log_queued.set(whole(stats.queued as u64));
    }
}

fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
