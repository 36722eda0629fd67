//! What one leg carries.

use super::climb::{Climb, Demand, MARGIN, scale};
use super::detector::{Detector, LOSS_MAX, Verdict};
use super::feedback::Feedback;
use super::queue::QueueDelay;
use super::sent::{Content, Fate, SentLog};
use super::span::{OpenSpan, Span};
use super::step::{Aim, Before};
use super::trial::{Finding, Trial};
use std::hint::black_box;
use std::time::Duration;

/// No limit falls below this: sound and the smallest picture.
const LIMIT_MIN_BPS: u64 = 100_000;
/// Of a full link's capacity, what may be sent after: the queue has to empty.
const KEEP: f64 = 0.85;
/// The same when the sender in the mean sent less: only a burst has filled the queue.
const KEEP_AFTER_BURST: f64 = 0.95;
const BURST: f64 = 0.9;
/// The same after loss without a queue: there is nothing to empty.
const KEEP_AFTER_LOSS: f64 = 0.95;
/// A limit that nothing has touched for so long, with the best layers on, is forgotten.
const FORGET: Duration = Duration::from_mins(2);
/// A fall so soon after a limit was taken back says that taking it back was wrong: none is for a while.
const TAKEN_BACK_WRONGLY: Duration = Duration::from_secs(10);
const DISTRUST: Duration = Duration::from_mins(1);
/// Without feedback for this long nothing is tried.
const FEEDBACK_MAX: Duration = Duration::from_millis(500);
/// The time of an answer before any is known.
const ANSWER_DEFAULT: Duration = Duration::from_millis(300);
const ANSWER_GAIN: f64 = 0.2;
/// Spans that must have been calm before a climb.
const CALM_SPANS: u32 = 5;

/// Since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// The limit fell because a queue stood.
    pub fell_for_queue: u64,
    /// The limit fell because of loss.
    pub fell_for_loss: u64,
    /// The limit came back because it had changed nothing: the sign was not the sender's.
    pub taken_back: u64,
    /// Steps of padding begun.
    pub probes: u64,
    /// Climbs that ended without a higher limit.
    pub climbs_failed: u64,
}

/// Estimates what one leg carries, from its transport-wide feedback.
///
/// A leg counts as unlimited until it has met congestion: what is sent and arrives is all that is known of it. From then on
/// there is a limit, which falls when a queue stands or loss goes on, and rises only by proof: what the link
/// has carried for a second, picture and padding together, without a queue.
#[derive(Debug)]
pub struct Estimator {
    sent: SentLog,
    queue: QueueDelay,
    span: OpenSpan,
    detector: Detector,
    trial: Option<Trial>,
    climb: Climb,
    demand: Demand,
    limit_bps: Option<u64>,
    calm_spans: u32,
    touched_at: Duration,
    taken_back_at: Option<Duration>,
    distrusts_until: Duration,
    feedback_at: Option<Duration>,
    answer: Duration,
    figures: Figures,
}

impl Default for Estimator {
    fn default() -> Self {
        Self::new()
    }
}

impl Estimator {
    /// Of a leg that nothing is known of.
    pub fn new() -> Self {
        Self {
            sent: SentLog::new(),
            queue: QueueDelay::default(),
            span: OpenSpan::default(),
            detector: Detector::new(),
            trial: None,
            climb: Climb::new(),
            demand: Demand::default(),
            limit_bps: None,
            calm_spans: 0,
            touched_at: Duration::ZERO,
            taken_back_at: None,
            distrusts_until: Duration::ZERO,
            feedback_at: None,
            answer: ANSWER_DEFAULT,
            figures: Figures::default(),
        }
    }

    /// What may be sent, bits per second of whole datagrams; `None`: no limit has been met.
    pub fn limit_bps(&self) -> Option<u64> {
        self.limit_bps
    }

    /// Since the start.
    pub fn figures(&self) -> Figures {
        let (probes, climbs_failed) = self.climb.counts();
        Figures {
            probes,
            climbs_failed,
            ..self.figures
        }
    }

    /// Begins to read what sending a packet needs.
    pub fn fetch(&self) {
        black_box(self.limit_bps);
        self.sent.fetch();
    }

    /// The transport-wide sequence number of the next packet, and what that carries; `None`: padding alone.
    pub fn reserve(&mut self, content: Option<Content>) -> u16 {
        self.sent.reserve(content)
    }

    /// A packet with such a number leaves, `bytes` long as a datagram.
    pub fn note_sent(&mut self, sequence: u16, bytes: usize, now: Duration) {
        self.sent.note_sent(sequence, bytes, now);
        self.climb.note_sent(bytes);
    }

    /// What the leg's slots play and would like to.
    pub fn set_demand(&mut self, demand: Demand) {
        self.demand = demand;
    }

    /// The leg tells what became of packets. What those carried that it tells as missing, for the first time, is added to
    /// `lost`: it may only be late.
    pub fn handle_feedback(&mut self, feedback: &Feedback, now: Duration, lost: &mut Vec<Content>) {
        self.feedback_at = Some(now);
        let Self { sent, .. } = self;
        let mut newest_us = None;
        // The log lends each fate while it is told; everything else reacts at once.
        let mut rest = Reaction {
            queue: &mut self.queue,
            span: &mut self.span,
            climb: &mut self.climb,
            closed: Vec::new(),
            proved: None,
        };
        sent.handle_feedback(feedback, now, &mut |fate| {
            newest_us = fate.arrived_us.map(|_| fate.sent_us).or(newest_us);
            lost.extend(fate.content.filter(|_| fate.arrived_us.is_none()));
            rest.take(&fate, now);
        });
        let Reaction { closed, proved, .. } = rest;
        if let Some(sent_us) = newest_us {
            self.learn_answer(sent_us, now);
        }
        if let Some(bps) = proved {
            self.raise(bps, now);
        }
        for span in closed {
            self.handle_span(span, now);
        }
        self.forget_limit(now);
    }

    /// Padding to send now, bytes. To be asked at [`Self::next_timeout`].
    pub fn poll_padding(&mut self, now: Duration) -> usize {
        if self.climb.is_due(now) {
            self.begin_climb(now);
        }
        self.climb.poll(self.sent.next(), self.answer, now) as usize
    }

    /// The leg has no stream that could carry padding.
    pub fn cannot_pad(&mut self, now: Duration) {
        self.climb.stop(now);
    }

    /// When [`Self::poll_padding`] is due; `None` while there is nothing to try for.
    pub fn next_timeout(&self) -> Option<Duration> {
        let is_trying = !self.climb.is_resting() || self.aim().is_some();
        (self.limit_bps.is_some() && is_trying).then(|| self.climb.next_timeout())
    }

    /// The least and the most that would be of use, when the limit forbids a better layer.
    fn aim(&self) -> Option<Aim> {
        let limit = self.limit_bps?;
        let useful_bps = scale(self.demand.next_bps?, MARGIN);
        let goal_bps = scale(self.demand.best_bps, MARGIN).max(useful_bps);
        (useful_bps > limit).then_some(Aim {
            useful_bps,
            goal_bps,
        })
    }

    fn begin_climb(&mut self, now: Duration) {
        let is_heard = self
            .feedback_at
            .is_some_and(|at| now.saturating_sub(at) < FEEDBACK_MAX);
        let is_ready = is_heard && self.calm_spans >= CALM_SPANS;
        let (true, Some(aim), Some(second)) = (is_ready, self.aim(), self.detector.last_second())
        else {
            self.climb.put_off(now);
            return;
        };
        let before = Before {
            queue_us: second.queue_us,
            spread_us: self.detector.spread_us(),
            loss_max: second.loss() + LOSS_MAX,
        };
        let sent_bps = second.sent_bps().max(LIMIT_MIN_BPS);
        self.climb
            .begin(sent_bps, aim, before, self.sent.next(), now);
    }

    fn handle_span(&mut self, span: Span, now: Duration) {
        self.conclude_trial(span, now);
        let verdict = self.detector.judge(span, self.trial.is_some());
        let keep = match verdict {
            Verdict::Calm => {
                self.calm_spans = self.calm_spans.saturating_add(1);
                self.raise_by_traffic(now);
                return;
            }
            Verdict::Unsure => {
                self.calm_spans = 0;
                return;
            }
            Verdict::Queue { capacity_bps } => {
                self.figures.fell_for_queue += 1;
                let sent_bps = self.detector.sent_bps() as f64;
                let is_burst = sent_bps < capacity_bps as f64 * BURST;
                let keep = if is_burst { KEEP_AFTER_BURST } else { KEEP };
                scale(capacity_bps, keep)
            }
            Verdict::Loss { capacity_bps, .. } => {
                self.figures.fell_for_loss += 1;
                scale(capacity_bps, KEEP_AFTER_LOSS)
            }
        };
        self.fall(verdict, keep, now);
    }

    fn fall(&mut self, verdict: Verdict, keep_bps: u64, now: Duration) {
        let since = self.taken_back_at.take().map(|at| now.saturating_sub(at));
        if since.is_some_and(|since| since < TAKEN_BACK_WRONGLY) {
            self.distrusts_until = now + DISTRUST;
        }
        self.trial = Trial::begin(verdict, self.limit_bps, self.trial.take());
        let keep_bps = keep_bps.max(LIMIT_MIN_BPS);
        self.limit_bps = Some(self.limit_bps.map_or(keep_bps, |limit| limit.min(keep_bps)));
        self.calm_spans = 0;
        self.touched_at = now;
        self.detector.forget();
        self.climb.handle_fall(now);
    }

    fn conclude_trial(&mut self, span: Span, now: Duration) {
        let threshold_us = self.detector.threshold_us();
        let Some(trial) = &mut self.trial else { return };
        let finding = trial.observe(span, threshold_us);
        if finding == Finding::Open {
            return;
        }
        let limit_before = trial.limit_before;
        self.trial = None;
        match finding {
            Finding::Open | Finding::Over => return,
            Finding::ForeignQueue(queue_us) => {
                self.queue.rebase(queue_us);
                self.detector.forget();
            }
            Finding::RandomLoss(loss) => self.detector.set_inherent_loss(loss),
        }
        if now < self.distrusts_until {
            return;
        }
        self.limit_bps = limit_before;
        self.taken_back_at = Some(now);
        self.figures.taken_back += 1;
        self.touched_at = now;
    }

    /// What goes through for a second without a queue goes through.
    fn raise_by_traffic(&mut self, now: Duration) {
        if self.calm_spans < CALM_SPANS {
            return;
        }
        if let Some(second) = self.detector.last_second() {
            self.raise(second.sent_bps(), now);
        }
    }

    fn raise(&mut self, bps: u64, now: Duration) {
        if let Some(limit) = self.limit_bps.filter(|limit| *limit < bps) {
            // Traffic that wobbles around the limit touches it all the time; only a real rise counts.
            if bps > limit + limit / 20 {
                self.touched_at = now;
            }
            self.limit_bps = Some(bps);
        }
    }

    /// Looked at with each feedback: nothing else is sure to come while all play the best they want.
    fn forget_limit(&mut self, now: Duration) {
        let is_content = self.demand.next_bps.is_none() && self.demand.best_bps > 0;
        if is_content && now.saturating_sub(self.touched_at) >= FORGET {
            self.limit_bps = None;
            self.trial = None;
        }
    }

    fn learn_answer(&mut self, sent_us: i64, now: Duration) {
        let passed_us = (now.as_micros() as i64 - sent_us).clamp(0, 3_000_000) as f64;
        let before_us = self.answer.as_micros() as f64;
        let smooth_us = before_us + (passed_us - before_us) * ANSWER_GAIN;
        self.answer = Duration::from_micros(smooth_us as u64);
    }
}

/// Everything a fate touches, beside the log that tells it.
struct Reaction<'a> {
    queue: &'a mut QueueDelay,
    span: &'a mut OpenSpan,
    climb: &'a mut Climb,
    closed: Vec<Span>,
    proved: Option<u64>,
}

impl Reaction<'_> {
    fn take(&mut self, fate: &Fate, now: Duration) {
        let queue_us = fate
            .arrived_us
            .map_or(0, |arrived| self.queue.of(fate.sent_us, arrived, now));
        let proved = self.climb.handle_fate(fate, queue_us, now);
        self.proved = proved.or(self.proved);
        self.closed.extend(self.span.add(fate, queue_us));
    }
}
