//! Feedback of a peer that lies.

use forwarding::bandwidth::{ArrivalLog, Demand, Estimator, Feedback};
use proptest::prelude::*;
use std::collections::VecDeque;
use std::time::Duration;

const DEMAND: Demand = Demand {
    next_bps: Some(6_000_000),
    best_bps: 8_000_000,
};
/// What a climb aims at: the best, and a margin.
const GOAL_BPS: f64 = 8_000_000.0 * 1.15;
/// The time in which it is looked at.
const WINDOW: Duration = Duration::from_millis(100);
/// Padding is planned 10 ms ahead, and three steps meet in that time at most.
const WINDOW_AND_AHEAD_S: f64 = 0.100 + 3.0 * 0.010;
/// Rungs from the least rate to the goal, and the last step twice.
const STEPS_MAX: u64 = 14;
/// Between climbs.
const REST_MIN_S: f64 = 2.0;

/// The relay's side, and what it was made to send.
struct Victim {
    estimator: Estimator,
    now: Duration,
    /// Padding of the last [`WINDOW`], and the most there was in one.
    padding: VecDeque<(Duration, usize)>,
    padding_bytes_max: usize,
}

impl Victim {
    /// Media of 20 packets; gives the number of the last.
    fn send(&mut self) -> u16 {
        (0..20).map(|_| self.packet(1_200)).last().unwrap_or(0)
    }

    fn packet(&mut self, bytes: usize) -> u16 {
        let sequence = self.estimator.reserve(None);
        self.estimator.note_sent(sequence, bytes, self.now);
        sequence
    }

    fn hear(&mut self, feedback: &Feedback) {
        self.estimator
            .handle_feedback(feedback, self.now, &mut Vec::new());
        self.estimator.set_demand(DEMAND);
    }

    /// Time passes; padding leaves whenever it is due, at most once in a millisecond.
    fn pass(&mut self, ms: u64) {
        let until = self.now + Duration::from_millis(ms);
        while let Some(due) = self.estimator.next_timeout().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.pad();
            self.now += Duration::from_millis(1);
        }
        self.now = self.now.max(until);
    }

    fn pad(&mut self) {
        let mut bytes = self.estimator.poll_padding(self.now);
        self.padding.push_back((self.now, bytes));
        let begin = self.now.saturating_sub(WINDOW);
        while self.padding.pop_front_if(|(at, _)| *at < begin).is_some() {}
        let padding_bytes = self.padding.iter().map(|(_, bytes)| bytes).sum();
        self.padding_bytes_max = self.padding_bytes_max.max(padding_bytes);
        while bytes > 0 {
            self.packet(bytes.min(1_100));
            bytes = bytes.saturating_sub(1_100);
        }
    }

    /// A peer that is honest for five seconds: one of heavy loss, which makes a limit, and calm ones, so that padding
    /// may begin.
    fn of_an_honest_beginning() -> Self {
        let mut victim = Self {
            estimator: Estimator::new(),
            now: Duration::ZERO,
            padding: VecDeque::new(),
            padding_bytes_max: 0,
        };
        let mut arrivals = ArrivalLog::new();
        for round in 0..100 {
            victim.pass(50);
            let last = victim.send();
            for number in (0..20).map(|back| last.wrapping_sub(19 - back)) {
                if round >= 20 || number % 2 == 0 {
                    arrivals.handle_packet(number, victim.now);
                }
            }
            while let Some(feedback) = arrivals.poll_feedback(victim.now) {
                victim.hear(feedback);
            }
        }
        victim
    }
}

proptest! {
    /// Whatever it says, nothing panics, padding never exceeds the rate that is wanted, climbs rest in between, and the
    /// limit is one that could have been.
    #[test]
    fn lies_cost_nobody_else_anything(
        messages in prop::collection::vec(
            (prop::collection::vec(any::<u8>(), 8..80), 0..400_u64),
            1..200,
        ),
    ) {
        let mut victim = Victim::of_an_honest_beginning();
        prop_assert!(victim.estimator.limit_bps().is_some());
        prop_assert!(victim.padding_bytes_max > 0, "a climb is under way");
        let mut feedback = Feedback::default();
        for (mut bytes, ms) in messages {
            let last = victim.send();
            // Mostly about packets that were sent, so that it gets anywhere.
            let base = last.wrapping_sub(u16::from(bytes[1] % 64));
            bytes[..2].copy_from_slice(&base.to_be_bytes());
            bytes[2] = 0;
            victim.pass(ms);
            if feedback.read(&bytes).is_ok() {
                victim.hear(&feedback);
            }
        }
        let (seconds, steps) = (victim.now.as_secs_f64(), victim.estimator.figures().probes);
        let (most, planned) = (victim.padding_bytes_max, GOAL_BPS / 8.0 * WINDOW_AND_AHEAD_S);
        prop_assert!(most as f64 <= planned, "{most} bytes of padding in a tenth of a second");
        let climbs = 1 + (seconds / REST_MIN_S) as u64;
        prop_assert!(steps <= climbs * STEPS_MAX, "{steps} steps in {seconds} s");
        if let Some(limit) = victim.estimator.limit_bps() {
            prop_assert!(limit >= 100_000);
        }
    }
}
