//! Metrics as typed structs: a field is a metric, its doc comment is the help text.
//!
//! ```
//! telemetry::metrics! {
//!     /// What a relay counts.
//!     pub struct RelayMetrics {
//!         /// Datagrams sent since start.
//!         pub packets_sent: IntCounter = "relay_packets_sent_total";
//!         /// Legs by what they are for.
//!         pub legs: IntGaugeVec = "relay_legs" by ["role"];
//!         /// Seconds from offer to first packet.
//!         pub join: Histogram = "relay_join_seconds" buckets [0.05, 0.1, 0.25, 0.5, 1.0, 2.5];
//!     }
//! }
//! let registry = telemetry::prometheus::Registry::new();
//! let metrics = RelayMetrics::register(&registry)?;
//! metrics.packets_sent.inc();
//! metrics.legs.with_label_values(&["publish"]).set(1);
//! # Ok::<(), telemetry::prometheus::Error>(())
//! ```
//!
//! Labels are ids, never names of people or places: a name changes, and every change is a new
//! series. At most ten series a site.

use prometheus::core::Collector;
use prometheus::{
    Counter, CounterVec, Error, Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec,
    IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

/// Every name begins so: dashboards of several products share one Prometheus.
pub const PREFIX: &str = "diemcau_";

/// What [`metrics!`] knows about a field.
#[derive(Clone, Copy, Debug)]
pub struct Declaration {
    /// Name without [`PREFIX`].
    pub name: &'static str,
    /// The doc comment.
    pub help: &'static str,
    /// Label names; empty for a plain metric.
    pub labels: &'static [&'static str],
    /// Upper bounds of a histogram's buckets; empty means the library's defaults, 5 ms to 10 s.
    pub buckets: &'static [f64],
}

impl Declaration {
    fn opts(&self) -> Opts {
        Opts::new(format!("{PREFIX}{}", self.name), self.help.trim())
    }

    fn histogram_opts(&self) -> HistogramOpts {
        let opts = HistogramOpts::from(self.opts());
        if self.buckets.is_empty() {
            opts
        } else {
            opts.buckets(self.buckets.to_vec())
        }
    }

    /// Makes the metric and adds it to the registry.
    pub fn register<M: Metric>(&self, registry: &Registry) -> Result<M, Error> {
        let metric = M::declared(self)?;
        registry.register(Box::new(metric.clone()))?;
        Ok(metric)
    }
}

/// A type of metric that a field of [`metrics!`] may have.
pub trait Metric: Collector + Clone + Sized + 'static {
    /// Makes the metric; refused when the name or a label is no Prometheus name.
    fn declared(declaration: &Declaration) -> Result<Self, Error>;
}

macro_rules! metric_types {
    ($($plain:ident, $labelled:ident, $opts:ident;)+) => {$(
        impl Metric for $plain {
            fn declared(declaration: &Declaration) -> Result<Self, Error> {
                $plain::with_opts(declaration.$opts())
            }
        }

        impl Metric for $labelled {
            fn declared(declaration: &Declaration) -> Result<Self, Error> {
                $labelled::new(declaration.$opts(), declaration.labels)
            }
        }
    )+};
}

metric_types! {
    IntCounter, IntCounterVec, opts;
    IntGauge, IntGaugeVec, opts;
    Counter, CounterVec, opts;
    Gauge, GaugeVec, opts;
    Histogram, HistogramVec, histogram_opts;
}

/// Raises a counter to a total that is counted elsewhere (a forwarding loop's snapshot). A total
/// below what the counter shows leaves it alone: counters only go up.
pub fn raise_to(counter: &IntCounter, total: u64) {
    counter.inc_by(total.saturating_sub(counter.get()));
}

/// Declares a struct of metrics; see the [module](self).
#[macro_export]
macro_rules! metrics {
    (
        $(#[$about:meta])*
        $visible:vis struct $group:ident {
            $(
                $(#[doc = $help:literal])+
                $field_visible:vis $field:ident: $kind:ident = $name:literal
                    $(by [$($label:literal),+ $(,)?])?
                    $(buckets [$($bucket:literal),+ $(,)?])?;
            )+
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, Debug)]
        $visible struct $group {
            $(
                $(#[doc = $help])+
                $field_visible $field: $crate::prometheus::$kind,
            )+
        }

        impl $group {
            /// Makes every metric and adds it to the registry; refused when a name is taken.
            pub fn register(
                registry: &$crate::prometheus::Registry,
            ) -> ::std::result::Result<Self, $crate::prometheus::Error> {
                ::std::result::Result::Ok(Self {
                    $(
                        $field: $crate::metrics::Declaration {
                            name: $name,
                            help: ::std::concat!($($help),+),
                            labels: &[$($($label),+)?],
                            buckets: &[$($($bucket),+)?],
                        }
                        .register(registry)?,
                    )+
                })
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus::TextEncoder;

    crate::metrics! {
        /// A hall as these tests see it.
        struct HallMetrics {
            /// Complete frames of the program,
            /// counted after the decoder.
            frames: IntCounter = "hall_frames_total";
            /// Seconds to the first picture.
            join: HistogramVec = "hall_join_seconds" by ["site"] buckets [0.5, 1.0];
        }
    }

    #[test]
    fn the_doc_comment_is_the_help_text() {
        let registry = Registry::new();
        let metrics = HallMetrics::register(&registry).expect("fresh names");
        metrics.frames.inc();
        metrics.join.with_label_values(&["DT-01"]).observe(0.7);
        let text = TextEncoder::new()
            .encode_to_string(&registry.gather())
            .expect("text");
        for line in [
            "# HELP diemcau_hall_frames_total Complete frames of the program, counted after the decoder.",
            "diemcau_hall_frames_total 1",
            "diemcau_hall_join_seconds_bucket{site=\"DT-01\",le=\"0.5\"} 0",
            "diemcau_hall_join_seconds_bucket{site=\"DT-01\",le=\"1\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }

    #[test]
    fn a_taken_name_is_refused() {
        let registry = Registry::new();
        HallMetrics::register(&registry).expect("fresh names");
        assert!(HallMetrics::register(&registry).is_err());
    }

    #[test]
    fn a_counter_follows_a_total_up_and_never_down() {
        let counter = IntCounter::new("total", "A total.").expect("a good name");
        for (total, shown) in [(5, 5), (9, 9), (3, 9)] {
            raise_to(&counter, total);
            assert_eq!(counter.get(), shown);
        }
    }
}
