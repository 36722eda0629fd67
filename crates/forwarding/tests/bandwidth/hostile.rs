//! Feedback of a peer that lies.

use forwarding::bandwidth::{Demand, Estimator, Feedback};
use proptest::prelude::*;
use std::time::Duration;

proptest! {
    /// Whatever it says, nothing panics, padding stays bounded, and the limit is one that could have been.
    #[test]
    fn lies_cost_nobody_else_anything(
        messages in prop::collection::vec(
            (prop::collection::vec(any::<u8>(), 8..80), 0..400_u64),
            1..200,
        ),
    ) {
        let mut estimator = Estimator::new();
        let mut now = Duration::ZERO;
        let mut feedback = Feedback::default();
        let mut padding = 0;
        for (mut bytes, ms) in messages {
            let mut last = 0;
            for _ in 0..20 {
                last = estimator.reserve(None);
                estimator.note_sent(last, 1_200, now);
            }
            // Mostly about packets that were sent, so that it gets anywhere.
            let base = last.wrapping_sub(u16::from(bytes[1] % 64));
            bytes[..2].copy_from_slice(&base.to_be_bytes());
            bytes[2] = 0;
            now += Duration::from_millis(ms);
            if feedback.read(&bytes).is_ok() {
                estimator.handle_feedback(&feedback, now, &mut Vec::new());
            }
            estimator.set_demand(Demand { next_bps: Some(2_000_000), best_bps: 4_000_000 });
            padding += estimator.poll_padding(now);
        }
        prop_assert!(padding as u64 <= 200 * 16_000);
        if let Some(limit) = estimator.limit_bps() {
            prop_assert!(limit >= 100_000);
        }
    }
}
