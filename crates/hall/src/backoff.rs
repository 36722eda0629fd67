//! How long to wait before trying again.

use std::time::Duration;
use uuid::Uuid;

/// First wait: a relay that restarts is back in about this time.
const FIRST: Duration = Duration::from_millis(400);

/// Longest wait. A viewer would notice longer ones after an outage; shorter ones keep a recovering
/// server under load.
const LONGEST: Duration = Duration::from_secs(10);

/// Longest wait a server can order with `Retry-After`.
const ORDERED_LONGEST: Duration = Duration::from_mins(5);

/// Doubles from failure to failure, with jitter so that halls that lost the same server do not come
/// back in the same instant.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// It worked: the next failure waits shortly again.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }

    /// The wait after one more failure. `ordered` is the server's `Retry-After` (RFC 9110 §10.2.3):
    /// never less than that, and up to a quarter more. `chance` from 0 to 1.
    pub(crate) fn next(&mut self, ordered: Option<Duration>, chance: f64) -> Duration {
        let grown = FIRST
            .saturating_mul(1 << self.failures.min(10))
            .min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        let own = grown.mul_f64(0.5 + 0.5 * chance);
        match ordered {
            Some(ordered) => own.max(ordered.min(ORDERED_LONGEST).mul_f64(1.0 + 0.25 * chance)),
            None => own,
        }
    }

    /// Sleeps the next wait.
    pub(crate) async fn wait(&mut self, ordered: Option<Duration>) {
        tokio::time::sleep(self.next(ordered, chance())).await;
    }
}

/// A random number from 0 to 1.
pub(crate) fn chance() -> f64 {
    f64::from(random_u32()) / f64::from(u32::MAX)
}

/// 32 random bits, out of those of a UUID (RFC 9562 §5.7): the operating system's.
pub(crate) fn random_u32() -> u32 {
    Uuid::now_v7().as_u128() as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn waits_stay_in_bounds_and_obey_the_server(
            failures in 0_usize..100,
            ordered_s in proptest::option::of(0_u64..100_000),
            chance in 0.0_f64..=1.0,
        ) {
            let mut backoff = Backoff::default();
            for _ in 0..failures {
                backoff.next(None, chance);
            }
            let ordered = ordered_s.map(Duration::from_secs);
            let wait = backoff.next(ordered, chance);
            prop_assert!(wait >= FIRST / 2);
            prop_assert!(wait <= ORDERED_LONGEST.mul_f64(1.25));
            if let Some(ordered) = ordered {
                prop_assert!(wait >= ordered.min(ORDERED_LONGEST));
            } else {
                prop_assert!(wait <= LONGEST);
            }
        }
    }

    #[test]
    fn waits_grow_and_begin_anew() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..4)
            .map(|_| backoff.next(None, 1.0).as_millis())
            .collect();
        assert_eq!(waits, [400, 800, 1600, 3200]);
        backoff.reset();
        assert_eq!(backoff.next(None, 0.0).as_millis(), 200);
    }
}
