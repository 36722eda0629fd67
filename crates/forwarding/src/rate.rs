//! Bits and frames per second over a sliding window.

use std::time::Duration;

const BUCKETS: usize = 8;
const BUCKET: Duration = Duration::from_millis(250);

/// Eight buckets of a quarter second: an unwatched hall sends one frame in two seconds, which
/// a shorter window would show as a blinking zero.
#[derive(Debug, Default)]
pub(crate) struct RateMeter {
    buckets: [Bucket; BUCKETS],
    /// The first quarter second that counted.
    first: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    /// Which quarter second since the start this counts, plus one; 0: none yet.
    number: u64,
    bytes: u64,
    frames: u32,
}

impl RateMeter {
    pub(crate) fn count(&mut self, bytes: usize, frames: u32, now: Duration) {
        let number = bucket_number(now);
        self.first.get_or_insert(number);
        if let Some(bucket) = self.buckets.get_mut(number as usize % BUCKETS) {
            if bucket.number != number {
                *bucket = Bucket {
                    number,
                    ..Bucket::default()
                };
            }
            bucket.bytes += bytes as u64;
            bucket.frames += frames;
        }
    }

    /// Bits and frames per second up to `now`.
    pub(crate) fn rates(&self, now: Duration) -> (u64, f32) {
        let newest = bucket_number(now);
        let oldest = newest.saturating_sub(BUCKETS as u64 - 1);
        let (bytes, frames) = self
            .buckets
            .iter()
            .filter(|bucket| (oldest..=newest).contains(&bucket.number))
            .fold((0, 0), |(bytes, frames), bucket| {
                (bytes + bucket.bytes, frames + bucket.frames)
            });
        let seconds = self.window_s(now);
        (
            (bytes as f32 * 8.0 / seconds) as u64,
            frames as f32 / seconds,
        )
    }
}

impl RateMeter {
    /// What the buckets cover: less than all while the stream is young, and of the newest the part
    /// that is over.
    fn window_s(&self, now: Duration) -> f32 {
        let newest = bucket_number(now);
        let age = self.first.map_or(0, |first| newest.saturating_sub(first));
        let whole = age.min(BUCKETS as u64 - 1) as f32 * BUCKET.as_secs_f32();
        let begun_ms = (now.as_millis() % BUCKET.as_millis()) as f32;
        (whole + begun_ms / 1_000.0).max(BUCKET.as_secs_f32())
    }
}

fn bucket_number(now: Duration) -> u64 {
    (now.as_millis() / BUCKET.as_millis()) as u64 + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_follow_the_window() {
        let mut meter = RateMeter::default();
        for frame in 0..60_u64 {
            meter.count(1_000, 1, Duration::from_millis(frame * 100));
        }
        let (bits, frames) = meter.rates(Duration::from_millis(5_900));
        assert!((79_000..=85_000).contains(&bits), "{bits}");
        assert!((9.9..=10.6).contains(&frames), "{frames}");
        let mut young = RateMeter::default();
        young.count(1_000, 1, Duration::from_secs(9));
        young.count(1_000, 1, Duration::from_millis(9_490));
        let (bits, _) = young.rates(Duration::from_millis(9_500));
        assert_eq!(bits, 32_000, "two packets in half a second");
        assert_eq!(meter.rates(Duration::from_secs(9)), (0, 0.0), "silence");
    }
}
