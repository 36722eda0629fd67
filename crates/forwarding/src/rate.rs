//! Bits and frames per second over a sliding window.

use std::time::Duration;

const BUCKETS: usize = 8;
const BUCKET: Duration = Duration::from_millis(250);
const WINDOW_S: f32 = 2.0;

/// Eight buckets of a quarter second: an unwatched hall sends one frame in two seconds, which
/// a shorter window would show as a blinking zero.
#[derive(Debug, Default)]
pub(crate) struct RateMeter {
    buckets: [Bucket; BUCKETS],
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
        (
            (bytes as f32 * 8.0 / WINDOW_S) as u64,
            frames as f32 / WINDOW_S,
        )
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
        assert!((70_000..=80_000).contains(&bits), "{bits}");
        assert!((9.0..=10.0).contains(&frames), "{frames}");
        assert_eq!(meter.rates(Duration::from_secs(9)), (0, 0.0), "silence");
    }
}
