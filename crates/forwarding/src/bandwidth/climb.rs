//! Trying for more: padding beside the picture, in steps that a viewer does not see.

use super::sent::Fate;
use super::step::{Aim, Before, Plan, Step};
use std::time::Duration;

/// A climb that cannot begin yet is looked at again so soon: the caller need not ask all the time, and nobody notices
/// that a better layer comes this much later.
const PUT_OFF: Duration = Duration::from_millis(50);
/// What a layer needs beyond its measured rate: pictures are not even.
pub(super) const MARGIN: f64 = 1.15;
/// Each rung sends this much more than the one before.
const STEP: f64 = 1.5;
/// Time for the last fates of a step, beyond the usual time of an answer.
const ANSWER_SLACK: Duration = Duration::from_millis(400);
/// After the limit fell: the layer below needs its keyframe, the queue has to empty.
const REST_AFTER_FALL: Duration = Duration::from_secs(3);
/// After a climb that failed; each further one rests a second longer, to [`REST_MAX`]. With it a link that is wide
/// again is found out within twelve seconds.
const REST: Duration = Duration::from_secs(4);
const REST_MAX: Duration = Duration::from_secs(6);
/// After a climb that succeeded: the better layer comes first.
const REST_AFTER_SUCCESS: Duration = Duration::from_secs(2);
/// A fall so soon after a success proves the climb wrong: the next rests twelve seconds, then twice as long each time.
const PROVED_WRONG: Duration = Duration::from_secs(8);
const REST_WRONG: Duration = Duration::from_secs(12);
const REST_WRONG_MAX: Duration = Duration::from_mins(1);
/// A success that held so long is trusted.
const PROVED_RIGHT: Duration = Duration::from_mins(1);

/// What a leg's layers cost, bits per second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// The least that would let one slot play a better layer; `None`: all play the best they want.
    pub next_bps: Option<u64>,
    /// With every slot at the best it wants.
    pub best_bps: u64,
}

/// Tries for more, again and again, and learns from what becomes of it.
#[derive(Debug)]
pub(super) struct Climb {
    state: State,
    /// What the last fall and the last failures have taught.
    rest: Duration,
    wrong: u32,
    proved_at: Option<Duration>,
    steps: u64,
    failures: u64,
}

#[derive(Debug)]
enum State {
    Resting { until: Duration },
    Sending(Step),
    Listening { step: Step, until: Duration },
}

impl Climb {
    pub(super) fn new() -> Self {
        Self {
            state: State::Resting {
                until: Duration::ZERO,
            },
            rest: REST,
            wrong: 0,
            proved_at: None,
            steps: 0,
            failures: 0,
        }
    }

    /// Steps begun and climbs failed since the start.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.steps, self.failures)
    }

    pub(super) fn is_resting(&self) -> bool {
        matches!(self.state, State::Resting { .. })
    }

    /// When [`Self::poll`] or a start is due.
    pub(super) fn next_timeout(&self) -> Duration {
        match &self.state {
            State::Resting { until } | State::Listening { until, .. } => *until,
            State::Sending(step) => step.due,
        }
    }

    /// The limit has fallen.
    pub(super) fn handle_fall(&mut self, now: Duration) {
        let since = self.proved_at.map(|at| now.saturating_sub(at));
        if since.is_some_and(|since| since < PROVED_WRONG) {
            self.proved_at = None;
            self.wrong += 1;
        } else if since.is_none_or(|since| since > PROVED_RIGHT) && self.is_resting() {
            self.wrong = self.wrong.min(1);
        }
        if !self.is_resting() {
            self.failures += 1;
        }
        let rest = match self.wrong.checked_sub(1) {
            None => REST_AFTER_FALL,
            Some(again) => (REST_WRONG * 2_u32.pow(again.min(8))).min(REST_WRONG_MAX),
        };
        self.rest_until(now + rest);
    }

    /// Nothing is to be tried for now.
    pub(super) fn stop(&mut self, now: Duration) {
        if !self.is_resting() {
            self.rest_until(now + REST);
        }
    }

    /// A climb is due and cannot begin yet.
    pub(super) fn put_off(&mut self, now: Duration) {
        self.rest_until(now + PUT_OFF);
    }

    /// A later rest stands.
    fn rest_until(&mut self, until: Duration) {
        let later = match self.state {
            State::Resting { until: before } => before.max(until),
            _ => until,
        };
        self.state = State::Resting { until: later };
    }

    pub(super) fn is_due(&self, now: Duration) -> bool {
        matches!(self.state, State::Resting { until } if now >= until)
    }

    /// Begins at the rate sent now.
    pub(super) fn begin(
        &mut self,
        sent_bps: u64,
        aim: Aim,
        before: Before,
        next: u64,
        now: Duration,
    ) {
        let proved = self.proved_at.map(|at| now.saturating_sub(at));
        if proved.is_some_and(|since| since > PROVED_RIGHT) {
            self.wrong = 0;
        }
        let plan = Plan {
            is_sustained: false,
            target_bps: scale(sent_bps, STEP).min(aim.goal_bps),
            passed_bps: sent_bps,
        };
        self.start(Step::new(aim, plan, before, next, now));
    }

    fn start(&mut self, step: Step) {
        self.steps += 1;
        self.state = State::Sending(step);
    }

    /// A packet leaves, padding or not.
    pub(super) fn note_sent(&mut self, bytes: usize) {
        if let State::Sending(step) = &mut self.state {
            step.note_sent(bytes);
        }
    }

    /// Bytes of padding to send now.
    pub(super) fn poll(&mut self, next: u64, answer: Duration, now: Duration) -> u64 {
        if let State::Sending(step) = &mut self.state
            && let Some(padding) = step.padding(now)
        {
            return padding;
        }
        match self.take_state() {
            State::Sending(mut step) => {
                step.end = Some(next);
                let until = now + answer + ANSWER_SLACK;
                self.state = State::Listening { step, until };
            }
            State::Listening { step, until } if now >= until => self.fail(&step, now),
            state => self.state = state,
        }
        0
    }

    fn take_state(&mut self) -> State {
        let resting = State::Resting {
            until: Duration::ZERO,
        };
        std::mem::replace(&mut self.state, resting)
    }

    /// A fate that was told, with the queueing delay of an arrival. Gives what the link has proved to carry.
    pub(super) fn handle_fate(&mut self, fate: &Fate, queue_us: i64, now: Duration) -> Option<u64> {
        let (State::Sending(step) | State::Listening { step, .. }) = &mut self.state else {
            return None;
        };
        let is_too_much = step.observe(fate, queue_us);
        if !is_too_much && !step.is_told(fate) {
            return None;
        }
        let (State::Sending(step) | State::Listening { step, .. }) = self.take_state() else {
            return None;
        };
        if is_too_much || step.was_too_much() {
            self.fail(&step, now);
            return None;
        }
        self.pass(&step, fate.sequence + 1, now)
    }

    fn pass(&mut self, step: &Step, next: u64, now: Duration) -> Option<u64> {
        let target_bps = step.plan.target_bps;
        if step.plan.is_sustained {
            self.rest = REST;
            self.proved_at = Some(now);
            self.rest_until(now + REST_AFTER_SUCCESS);
            return Some(step.carried_bps());
        }
        let plan = Plan {
            is_sustained: target_bps >= step.aim.goal_bps,
            target_bps: scale(target_bps, STEP).min(step.aim.goal_bps),
            passed_bps: target_bps,
        };
        self.start(Step::new(step.aim, plan, step.before, next, now));
        None
    }

    /// What the rung below has passed at may be of use; else the climb was for nothing.
    fn fail(&mut self, step: &Step, now: Duration) {
        let passed_bps = step.plan.passed_bps;
        let is_useful = !step.plan.is_sustained && passed_bps >= step.aim.useful_bps;
        if let Some(next) = step.end.filter(|_| is_useful) {
            let plan = Plan {
                is_sustained: true,
                target_bps: passed_bps,
                passed_bps,
            };
            self.start(Step::new(step.aim, plan, step.before, next, now));
            return;
        }
        self.failures += 1;
        self.rest_until(now + self.rest);
        self.rest = (self.rest + Duration::from_secs(1)).min(REST_MAX);
    }
}

pub(super) fn scale(rate_bps: u64, factor: f64) -> u64 {
    (rate_bps as f64 * factor) as u64
}
