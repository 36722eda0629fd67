//! Waiting between attempts: 1 to 10 s, with jitter, so that relays do not come back in step.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(10);

/// Doubles up to [`LONGEST`]; each wait is a random one between half of that and all of it, never below [`FIRST`].
#[derive(Debug)]
pub struct Backoff {
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { next: FIRST }
    }
}

impl Backoff {
    /// How long to wait now.
    pub fn next_wait(&mut self) -> Duration {
        let mut random = [0];
        // Without randomness the longer wait is the safe one.
        let share = SystemRandom::new()
            .fill(&mut random)
            .map_or(255, |()| random[0]);
        self.wait(share)
    }

    /// `share` 0 to 255: from the shortest to the longest wait of this step.
    fn wait(&mut self, share: u8) -> Duration {
        let half = self.next / 2;
        let wait = (half + half * u32::from(share) / 255).max(FIRST);
        self.next = (self.next * 2).min(LONGEST);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_ten_seconds_and_stay_within_one_and_ten() {
        for share in [0, 100, 255] {
            let mut backoff = Backoff::default();
            let waits: Vec<_> = (0..8).map(|_| backoff.wait(share)).collect();
            assert!(
                waits.iter().all(|wait| (FIRST..=LONGEST).contains(wait)),
                "{waits:?}"
            );
            assert!(waits.is_sorted(), "{waits:?}");
            assert!(waits.last() >= Some(&(LONGEST / 2)), "{waits:?}");
        }
    }
}
