//! Metrics of a process of agents, filled from the records at every scrape.

use crate::status::HallStatus;
use telemetry::metrics::raise_to;

telemetry::metrics! {
    /// What the agents of this process count.
    pub struct HallMetrics {
        /// Halls configured in this process.
        pub halls: IntGauge = "hall_halls";
        /// Halls the orchestrator has let in.
        pub joined: IntGauge = "hall_joined";
        /// Halls whose link to the orchestrator is up.
        pub linked: IntGauge = "hall_linked";
        /// Halls whose watching session is connected.
        pub watching: IntGauge = "hall_watching";
        /// Halls whose head count was acknowledged.
        pub counted: IntGauge = "hall_counted";
        /// RTP packets received, audio and video, by site.
        pub packets: IntCounterVec = "hall_packets_total" by ["site"];
        /// Complete program frames received, by site.
        pub frames: IntCounterVec = "hall_frames_total" by ["site"];
        /// Packets that came after they had been missed, by site.
        pub repaired: IntCounterVec = "hall_repaired_total" by ["site"];
        /// Packets that never came in time, by site.
        pub holes: IntCounterVec = "hall_holes_total" by ["site"];
        /// Packets dropped by this machine's own queue, by site.
        pub dropped_locally: IntCounterVec = "hall_dropped_locally_total" by ["site"];
        /// Sessions made anew after the first, by site.
        pub reconnects: IntCounterVec = "hall_reconnects_total" by ["site"];
    }
}

impl HallMetrics {
    /// Brings every metric up to date.
    pub(crate) fn refresh(&self, halls: &[HallStatus]) {
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let count = |which: fn(&HallStatus) -> bool| {
            number(halls.iter().filter(|hall| which(hall)).count())
        };
        self.halls.set(number(halls.len()));
        self.joined.set(count(|hall| hall.joined));
        self.linked.set(count(|hall| hall.linked));
        self.watching.set(count(|hall| hall.watching));
        self.counted.set(count(|hall| hall.counted == Some(true)));
        for hall in halls {
            let Some(site) = &hall.site else { continue };
            for (metric, total) in [
                (&self.packets, hall.packets),
                (&self.frames, hall.frames),
                (&self.repaired, hall.repaired),
                (&self.holes, hall.holes),
                (&self.dropped_locally, hall.dropped_locally),
                (&self.reconnects, hall.reconnects),
            ] {
                raise_to(&metric.with_label_values(&[site]), total);
            }
        }
    }
}
