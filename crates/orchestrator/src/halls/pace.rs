//! How fast a hall may speak.

use std::time::Instant;

/// A hall sends a health message every 2 s; a page that reloads wildly stays far below this.
const MESSAGES_PER_S: f64 = 5.0;
const BURST: f64 = 30.0;

/// The allowance of one link.
pub struct Pace {
    left: f64,
    filled_at: Instant,
}

impl Pace {
    /// A full allowance.
    pub fn new(now: Instant) -> Self {
        Self {
            left: BURST,
            filled_at: now,
        }
    }

    /// Takes one message off the allowance; false when there is none left.
    pub fn takes(&mut self, now: Instant) -> bool {
        let waited = now.saturating_duration_since(self.filled_at).as_secs_f64();
        self.left = (self.left + waited * MESSAGES_PER_S).min(BURST);
        self.filled_at = now;
        let good = self.left >= 1.0;
        if good {
            self.left -= 1.0;
        }
        good
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn an_honest_hall_never_meets_the_limit_and_a_flood_does_at_once() {
        let start = Instant::now();
        let mut honest = Pace::new(start);
        assert!((0..1000).all(|n| honest.takes(start + Duration::from_secs(2 * n))));
        let mut flood = Pace::new(start);
        let taken = (0..1000).filter(|_| flood.takes(start)).count();
        assert_eq!(taken, 30);
    }
}
