//! How long packets wait in the queue of the narrowest link.

use std::time::Duration;

/// The shortest way of the last 20 to 30 s counts as the way without a queue: longer than a queue of ours lasts, and
/// short enough that two clocks which drift apart by 200 parts in a million differ by 6 ms only.
const WINDOW: Duration = Duration::from_secs(10);
const WINDOWS: usize = 3;
/// No queue holds a packet this long: the receiver's clock has jumped.
const QUEUE_MAX_US: i64 = 10_000_000;

/// Delays above the shortest one seen lately.
#[derive(Debug, Default)]
pub(super) struct QueueDelay {
    /// Shortest difference of the two clocks, newest window first.
    shortest: [Option<i64>; WINDOWS],
    window_began: Duration,
}

impl QueueDelay {
    /// How long a packet waited, µs.
    pub(super) fn of(&mut self, sent_us: i64, arrived_us: i64, now: Duration) -> i64 {
        let way = arrived_us.wrapping_sub(sent_us);
        if now.saturating_sub(self.window_began) >= WINDOW {
            self.window_began = now;
            self.shortest.rotate_right(1);
            self.shortest[0] = None;
        }
        let shortest = self.shortest.iter().flatten().min().copied();
        if shortest.is_some_and(|shortest| way.saturating_sub(shortest) > QUEUE_MAX_US) {
            self.shortest = [None; WINDOWS];
        }
        let newest = self.shortest[0].map_or(way, |newest| newest.min(way));
        self.shortest[0] = Some(newest);
        let shortest = self.shortest.iter().flatten().min();
        shortest.map_or(0, |shortest| way.saturating_sub(*shortest))
    }

    /// The present queue is not ours, or is no queue: the way has become longer by it.
    pub(super) fn rebase(&mut self, queue_us: i64) {
        let shortest = self.shortest.iter().flatten().min().copied();
        self.shortest = [None; WINDOWS];
        self.shortest[0] = shortest.map(|shortest| shortest.saturating_add(queue_us));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn delay_counts_from_the_shortest_way_whatever_the_clocks_say() {
        let mut queue = QueueDelay::default();
        let ahead = 5_000_000_000;
        assert_eq!(queue.of(0, ahead + 40_000, S), 0);
        assert_eq!(queue.of(1_000, ahead + 61_000, S), 20_000);
        assert_eq!(queue.of(2_000, ahead + 32_000, S), 0, "shorter yet");
        assert_eq!(queue.of(3_000, ahead + 63_000, S), 30_000);
    }

    #[test]
    fn clocks_that_drift_and_ways_that_become_longer_are_forgiven() {
        let mut queue = QueueDelay::default();
        for second in 0..600_i64 {
            let now = S * second as u32;
            let sent = second * 1_000_000;
            let delay = queue.of(sent, sent + second * 200, now);
            assert!(delay <= 6_000, "{delay}");
        }
        let now = S * 600;
        assert!(queue.of(0, 1_000_000, now) > 800_000);
        let longer = queue.of(0, 1_000_000, now);
        queue.rebase(longer);
        assert_eq!(queue.of(0, 1_000_000, now), 0);
    }

    #[test]
    fn a_jump_of_the_receivers_clock_is_no_queue() {
        let mut queue = QueueDelay::default();
        queue.of(0, 0, S);
        assert_eq!(queue.of(1, 3_600_000_000, S), 0);
        assert_eq!(queue.of(2, 2, S), 0);
        assert_eq!(queue.of(i64::MIN, i64::MAX, S), 0, "no overflow");
    }
}
