//! Publishers' clocks in terms of ours: what a watcher is sent by one CNAME plays by one clock.
//!
//! A publisher's sender report tells its NTP time when it left; here it has an arrival time. The least difference seen
//! is the offset between the clocks plus the shortest way here. It is the same for all streams of a source, so that
//! sound and picture stay in step exactly, whatever the offset is.

use super::Core;
use forwarding::{SourceId, StreamId};
use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// From 1900, NTP's first era, to 1970 (RFC 868), seconds.
const NTP_TO_UNIX_S: u64 = 2_208_988_800;
/// The least difference is taken over this time to twice as much: long enough for a quiet moment on the line, short
/// enough to follow clocks that drift by 100 ppm.
const WINDOW: Duration = Duration::from_secs(10);
/// A report moves the offset by at most this much, 1 ms: sound and picture report at different times, and between those
/// they are out of step by as much.
const SLEW_MAX: i64 = (1 << 32) / 1000;
/// A difference of more, half a second, is no drift: somebody has set a clock.
const STEP_MIN: i64 = 1 << 31;

/// An offset is told so often at most: streams report once a second each.
const TELL_INTERVAL: Duration = Duration::from_millis(100);

/// Our clock, and each source's against it.
pub(super) struct Clocks {
    /// Our NTP time at the start, 32.32 bits.
    base: u64,
    by_source: HashMap<SourceId, Offset>,
}

/// One source's clock. Differences are in units of 2^-32 s.
#[derive(Clone, Copy, Debug)]
struct Offset {
    current: i64,
    /// The least of the window under way, and of the one before.
    least: i64,
    before: i64,
    since: Duration,
    told_at: Duration,
}

impl Clocks {
    pub(super) fn new() -> Self {
        let unix = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            base: ntp_of(unix).wrapping_add(NTP_TO_UNIX_S << 32),
            by_source: HashMap::new(),
        }
    }

    /// Our NTP time.
    fn ntp(&self, clock: Duration) -> u64 {
        self.base.wrapping_add(ntp_of(clock))
    }

    /// What to add to a source's NTP time, as far as is known.
    fn offset(&self, source: SourceId) -> Option<i64> {
        self.by_source.get(&source).map(|offset| offset.current)
    }

    /// A report has come; gives what to add to its NTP time, and whether it is time to tell.
    fn note(&mut self, source: SourceId, ntp: u64, clock: Duration) -> (i64, bool) {
        let difference = self.ntp(clock).wrapping_sub(ntp).cast_signed();
        let Some(offset) = self.by_source.get_mut(&source) else {
            let first = Offset::new(difference, clock);
            self.by_source.insert(source, first);
            return (difference, true);
        };
        offset.note(difference, clock);
        let is_due = clock.saturating_sub(offset.told_at) >= TELL_INTERVAL;
        if is_due {
            offset.told_at = clock;
        }
        (offset.current, is_due)
    }

    /// Another publisher, with another clock, speaks for the source from now on.
    pub(super) fn forget(&mut self, source: SourceId) {
        self.by_source.remove(&source);
    }
}

impl Offset {
    fn new(difference: i64, clock: Duration) -> Self {
        Self {
            current: difference,
            least: difference,
            before: difference,
            since: clock,
            told_at: clock,
        }
    }

    fn note(&mut self, difference: i64, clock: Duration) {
        if clock.saturating_sub(self.since) >= WINDOW {
            self.before = std::mem::replace(&mut self.least, difference);
            self.since = clock;
        }
        self.least = self.least.min(difference);
        let way = self.least.min(self.before).wrapping_sub(self.current);
        if way.unsigned_abs() >= STEP_MIN.unsigned_abs() {
            *self = Self {
                told_at: self.told_at,
                ..Self::new(difference, clock)
            };
        } else {
            self.current = self.current.wrapping_add(way.clamp(-SLEW_MAX, SLEW_MAX));
        }
    }
}

impl Core {
    /// A sender report has come: its source's clock is known a little better.
    pub(super) fn note_clock(&mut self, stream: StreamId, ntp: u64, now: Instant) {
        self.shards.set_now(now);
        let Some(spec) = self.shards.stream_spec(stream) else {
            return;
        };
        let clock = self.shards.clock();
        let (offset, is_due) = self.clocks.note(spec.source, ntp, clock);
        if is_due {
            let streams: Vec<StreamId> = self.streams_of(spec.source).collect();
            for stream in streams {
                self.shards.set_clock_offset(stream, offset);
            }
        }
    }

    /// A stream that begins plays by its source's clock from its first report on.
    pub(super) fn set_clock(&mut self, stream: StreamId, source: SourceId) {
        if let Some(offset) = self.clocks.offset(source) {
            self.shards.set_clock_offset(stream, offset);
        }
    }
}

/// A span of time in NTP's units, 2^-32 s.
fn ntp_of(time: Duration) -> u64 {
    let fraction = (u64::from(time.subsec_nanos()) << 32) / 1_000_000_000;
    time.as_secs() << 32 | fraction
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: i64 = (1 << 32) / 1000;
    const HALL: SourceId = SourceId(1);

    /// A report that left at `at_ms` by a clock `ahead_ms` ahead of ours and took `way_ms`: where on our clock it is put,
    /// milliseconds late.
    fn placed(clocks: &mut Clocks, at_ms: u64, ahead_ms: i64, way_ms: u64) -> f64 {
        let left = clocks.ntp(Duration::from_millis(at_ms));
        let ntp = left.wrapping_add_signed(ahead_ms * MS);
        let (offset, _) = clocks.note(HALL, ntp, Duration::from_millis(at_ms + way_ms));
        let mapped = ntp.wrapping_add_signed(offset);
        mapped.wrapping_sub(left).cast_signed() as f64 / MS as f64
    }

    proptest! {
        #[test]
        fn a_clock_that_is_hours_off_comes_to_the_shortest_way(
            ahead_ms in -10_000_000_000_i64..10_000_000_000,
            ways in prop::collection::vec(20_u64..80, 60..100),
        ) {
            let mut clocks = Clocks::new();
            let mut late = 0.0;
            for (n, way) in ways.iter().enumerate() {
                let before = late;
                late = placed(&mut clocks, 1000 * n as u64, ahead_ms, *way);
                prop_assert!(n == 0 || (late - before).abs() < 1.01, "moves slowly: {} to {}", before, late);
            }
            let least = *ways[..50].iter().min().expect("some");
            // Sixty steps of 1 ms suffice for what a first report can be wrong by.
            prop_assert!(late < 85.0 && late + 0.1 >= least as f64 - 60.0, "{}", late);
            prop_assert!(ways.len() < 80 || late <= 80.0);
        }
    }

    #[test]
    fn a_jitter_of_sixty_milliseconds_settles_at_the_least() {
        let mut clocks = Clocks::new();
        let mut late = 0.0;
        for n in 0..100_u64 {
            let way = if n % 7 == 3 { 20 } else { 20 + (n * 37) % 60 };
            late = placed(&mut clocks, 1000 * n, 3_600_000, way);
        }
        assert!((late - 20.0).abs() < 1.1, "{late}");
    }

    #[test]
    fn a_clock_that_is_set_is_followed_at_once_and_a_late_report_is_not() {
        let mut clocks = Clocks::new();
        for n in 0..30 {
            placed(&mut clocks, 1000 * n, 0, 20);
        }
        let late = placed(&mut clocks, 30_000, 0, 1_500);
        assert!((late - 20.0).abs() < 0.1, "a report that lay about: {late}");
        let late = placed(&mut clocks, 31_000, 3_600_000, 20);
        assert!((late - 20.0).abs() < 0.1, "an hour ahead: {late}");
        // Set back, the first reports seem to have taken an hour; after two windows it is believed.
        let mut late = 0.0;
        for n in 32..60 {
            late = placed(&mut clocks, 1000 * n, 0, 20);
        }
        assert!((late - 20.0).abs() < 0.1, "{late}");
    }

    #[test]
    fn a_clock_that_drifts_is_followed() {
        let mut clocks = Clocks::new();
        let mut worst = 0.0_f64;
        for n in 0..3_600_i64 {
            // 100 ppm: 0.1 ms a second; in an hour 360 ms.
            let ahead = n / 10;
            worst = worst.max((placed(&mut clocks, 1000 * n as u64, ahead, 20) - 20.0).abs());
        }
        assert!(worst < 5.0, "{worst}");
        let mut clocks = Clocks::new();
        let mut worst = 0.0_f64;
        for n in 0..3_600_i64 {
            worst = worst.max((placed(&mut clocks, 1000 * n as u64, -n / 10, 20) - 20.0).abs());
        }
        assert!(worst < 5.0, "{worst}");
    }
}
