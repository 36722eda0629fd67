//! Trying for more: padding beside the picture, in steps that a viewer does not see.

use super::sent::Fate;
use super::span::bps;
use std::time::Duration;

/// What a layer needs beyond its measured rate: pictures are not even.
pub(super) const MARGIN: f64 = 1.15;
/// Each rung sends this much more than the one before.
const STEP: f64 = 1.5;
/// How long a rung lasts: a queue it makes is half as long at most.
const RUNG: Duration = Duration::from_millis(100);
/// How long the last one lasts. A token bucket lets a short burst through at any rate; 32 KiB of it are
/// used up in this time by what a next layer adds.
const SUSTAIN: Duration = Duration::from_millis(1_500);
/// A sustained step is judged so often by itself, and given up at once.
const WINDOW_US: i64 = 100_000;
/// Padding is planned so far ahead; the caller comes back within it.
const AHEAD: Duration = Duration::from_millis(10);
/// Padding at once.
const PADDING_BYTES_MAX: u64 = 16_000;
/// What a step may add to the queue before it counts as too much, on an even line.
const QUEUE_RUNG_US: i64 = 12_000;
const QUEUE_SUSTAINED_US: i64 = 20_000;
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
const REST_WRONG_MAX: Duration = Duration::from_secs(60);
/// A success that held so long is trusted.
const PROVED_RIGHT: Duration = Duration::from_secs(60);

/// What a leg's layers cost, bits per second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// The least that would let one slot play a better layer; `None`: all play the best they want.
    pub next_bps: Option<u64>,
    /// With every slot at the best it wants.
    pub best_bps: u64,
}

/// What the line looked like before a step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before {
    pub(super) queue_us: i64,
    pub(super) spread_us: i64,
    /// Share of packets, 0 to 1, that a step may lose.
    pub(super) loss_max: f64,
}

/// How a climb goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    None,
    /// The link carried this for more than a second.
    Proved {
        bps: u64,
    },
    Failed,
}

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

#[derive(Clone, Debug)]
struct Step {
    is_sustained: bool,
    goal_bps: u64,
    /// The least that is of use.
    useful_bps: u64,
    target_bps: u64,
    /// The rung below, which passed.
    passed_bps: u64,
    began: Duration,
    /// When padding is planned next.
    due: Duration,
    before: Before,
    sent_bytes: u64,
    /// Unwrapped number of its first packet, and of the one after its last.
    first: u64,
    end: Option<u64>,
    received: u32,
    lost: u32,
    told_bytes: u64,
    /// The smallest delay in the present window: a rung's last 40 ms, a tenth of a second of a sustained step.
    window_from_us: i64,
    window_queue_us: Option<i64>,
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

    /// Begins at the rate sent now, towards a goal; what is below `useful_bps` would change nothing.
    pub(super) fn begin(
        &mut self,
        sent_bps: u64,
        (useful_bps, goal_bps): (u64, u64),
        before: Before,
        next: u64,
        now: Duration,
    ) {
        if self
            .proved_at
            .is_some_and(|at| now.saturating_sub(at) > PROVED_RIGHT)
        {
            self.wrong = 0;
        }
        let target_bps = scale(sent_bps, STEP).min(goal_bps);
        self.steps += 1;
        self.state = State::Sending(Step {
            is_sustained: false,
            goal_bps,
            useful_bps,
            target_bps,
            passed_bps: sent_bps,
            began: now,
            due: now,
            before,
            sent_bytes: 0,
            first: next,
            end: None,
            received: 0,
            lost: 0,
            told_bytes: 0,
            window_from_us: (now + RUNG * 3 / 5).as_micros() as i64,
            window_queue_us: None,
        });
    }

    /// A packet leaves, padding or not.
    pub(super) fn note_sent(&mut self, bytes: usize) {
        if let State::Sending(step) = &mut self.state {
            step.sent_bytes += bytes as u64;
        }
    }

    /// Bytes of padding to send now.
    pub(super) fn poll(&mut self, next: u64, answer: Duration, now: Duration) -> (u64, Progress) {
        match &mut self.state {
            State::Resting { .. } => (0, Progress::None),
            State::Sending(step) => {
                let elapsed = now.saturating_sub(step.began);
                step.due = now + AHEAD / 2;
                if elapsed < step.length() {
                    let us = (elapsed + AHEAD).as_micros() as u64;
                    let due = step.target_bps.saturating_mul(us) / 8_000_000;
                    let padding = due.saturating_sub(step.sent_bytes);
                    return (padding.min(PADDING_BYTES_MAX), Progress::None);
                }
                step.end = Some(next);
                let step = step.clone();
                let until = now + answer + ANSWER_SLACK;
                self.state = State::Listening { step, until };
                (0, Progress::None)
            }
            State::Listening { step, until } => {
                if now < *until {
                    return (0, Progress::None);
                }
                let step = step.clone();
                (0, self.fail(&step, now))
            }
        }
    }

    /// A fate that was told, with the queueing delay of an arrival.
    pub(super) fn handle_fate(&mut self, fate: &Fate, queue_us: i64, now: Duration) -> Progress {
        let (State::Sending(step) | State::Listening { step, .. }) = &mut self.state else {
            return Progress::None;
        };
        if fate.sequence < step.first {
            return Progress::None;
        }
        let is_too_much = step.observe(fate, queue_us);
        let is_told = step.end.is_some_and(|end| fate.sequence + 1 >= end);
        if !is_too_much && !is_told {
            return Progress::None;
        }
        let step = step.clone();
        if is_too_much || step.is_over_at_end() {
            return self.fail(&step, now);
        }
        self.pass(&step, fate.sequence + 1, now)
    }

    fn pass(&mut self, step: &Step, next: u64, now: Duration) -> Progress {
        if step.is_sustained {
            self.rest = REST;
            self.proved_at = Some(now);
            self.state = State::Resting {
                until: now + REST_AFTER_SUCCESS,
            };
            return Progress::Proved {
                bps: step.carried_bps(),
            };
        }
        let at_goal = step.target_bps >= step.goal_bps;
        let target_bps = if at_goal {
            step.goal_bps
        } else {
            scale(step.target_bps, STEP).min(step.goal_bps)
        };
        self.start_step(step, step.target_bps, target_bps, at_goal, next, now);
        Progress::None
    }

    /// What the rung below proved may be of use; else it was for nothing.
    fn fail(&mut self, step: &Step, now: Duration) -> Progress {
        if !step.is_sustained && step.passed_bps >= step.useful_bps && step.end.is_some() {
            let next = step.end.unwrap_or(step.first);
            self.start_step(step, step.passed_bps, step.passed_bps, true, next, now);
            return Progress::None;
        }
        self.failures += 1;
        self.rest = (self.rest + Duration::from_secs(1)).min(REST_MAX);
        self.state = State::Resting {
            until: now + self.rest,
        };
        Progress::Failed
    }

    fn start_step(
        &mut self,
        last: &Step,
        passed_bps: u64,
        target_bps: u64,
        is_sustained: bool,
        first: u64,
        now: Duration,
    ) {
        self.steps += 1;
        let began_us = now.as_micros() as i64;
        let window_us = if is_sustained {
            WINDOW_US
        } else {
            RUNG.as_micros() as i64 * 3 / 5
        };
        self.state = State::Sending(Step {
            is_sustained,
            target_bps,
            passed_bps,
            began: now,
            due: now,
            sent_bytes: 0,
            first,
            end: None,
            received: 0,
            lost: 0,
            told_bytes: 0,
            window_from_us: began_us + window_us,
            window_queue_us: None,
            ..last.clone()
        });
    }
}

impl Step {
    fn length(&self) -> Duration {
        if self.is_sustained { SUSTAIN } else { RUNG }
    }

    fn queue_max_us(&self) -> i64 {
        let added = if self.is_sustained {
            QUEUE_SUSTAINED_US
        } else {
            QUEUE_RUNG_US
        };
        self.before.queue_us + added + self.before.spread_us
    }

    /// Counts a fate; `true` when a sustained step has to end now.
    fn observe(&mut self, fate: &Fate, queue_us: i64) -> bool {
        self.told_bytes += u64::from(fate.bytes);
        if fate.arrived_us.is_none() {
            self.lost += 1;
            return self.is_sustained && self.loses_too_much();
        }
        self.received += 1;
        let is_beyond = fate.sent_us >= self.window_from_us;
        if !self.is_sustained {
            if is_beyond {
                self.note_queue(queue_us);
            }
            return false;
        }
        if !is_beyond {
            self.note_queue(queue_us);
            return false;
        }
        let smallest = self.window_queue_us.replace(queue_us);
        self.window_from_us = fate.sent_us + WINDOW_US;
        smallest.is_some_and(|smallest| smallest > self.queue_max_us())
    }

    fn note_queue(&mut self, queue_us: i64) {
        let smallest = self.window_queue_us.unwrap_or(queue_us);
        self.window_queue_us = Some(smallest.min(queue_us));
    }

    /// A rung has few packets: two of them may be lost by chance.
    fn loses_too_much(&self) -> bool {
        let all = f64::from(self.received + self.lost);
        self.lost > 2 && f64::from(self.lost) > all * self.before.loss_max + 1.0
    }

    fn is_over_at_end(&self) -> bool {
        let queue_us = self.window_queue_us.unwrap_or(self.before.queue_us);
        self.received == 0 || queue_us > self.queue_max_us() || self.loses_too_much()
    }

    /// What the link carried. Loss within the line's own is carried too, and so is what a lost message would have
    /// told about, if that is not much.
    fn carried_bps(&self) -> u64 {
        let is_told = self.told_bytes >= self.sent_bytes / 10 * 7;
        let bytes = if is_told {
            self.sent_bytes
        } else {
            self.told_bytes
        };
        bps(bytes, SUSTAIN.as_micros() as i64).min(scale(self.target_bps, 1.25))
    }
}

pub(super) fn scale(rate_bps: u64, factor: f64) -> u64 {
    (rate_bps as f64 * factor) as u64
}
