//! A thread that sends: one shard, told by the core what to do. It receives nothing from the network.

use super::shard::{Figures, FromWorker, Order, Shard, StreamOrder, Wish, WorkerEnd};
use crossbeam_channel::TryRecvError;
use mio::Waker;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Orders done on one look at the clock: a frame of a few dozen packets.
const ORDERS_AT_ONCE: usize = 64;
/// How often the core is told the figures of the report, as often as that is published.
const FIGURES_INTERVAL: Duration = Duration::from_millis(500);
/// How soon the core learns that a stream is wanted or no longer wanted.
const WANTED_INTERVAL: Duration = Duration::from_millis(50);
/// The shortest sleep and the longest. The router's next moment may lie in the past: that must not make a busy loop.
const SLEEP_MIN: Duration = Duration::from_micros(500);
const SLEEP_MAX: Duration = Duration::from_millis(50);

/// A shard and its end of the queues. Sans-IO but for the thread around it.
pub(super) struct Worker {
    shard: Shard,
    core: WorkerEnd,
    /// Streams the core thinks are wanted here.
    wanted: BTreeSet<u32>,
    wanted_due: Instant,
    figures_due: Instant,
}

/// What the worker does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// There may be more to do now.
    Again,
    /// Nothing until it is woken or this moment comes.
    SleepUntil(Instant),
    /// The core is gone.
    End,
}

impl Worker {
    pub(super) fn new(shard: Shard, core: WorkerEnd, now: Instant) -> Self {
        Self {
            shard,
            core,
            wanted: BTreeSet::new(),
            wanted_due: now,
            figures_due: now,
        }
    }

    /// Works until the core is gone; wakes it when there is something to hear.
    pub(super) fn run(mut self, waker: &Waker) {
        // Set once, here.
        let _ = self.core.thread.set(std::thread::current());
        loop {
            let turn = self.turn(Instant::now());
            if self.core.send() {
                // Only when the core's thread has ended, which the queue tells too.
                let _ = waker.wake();
            }
            match turn {
                Turn::Again => {}
                Turn::SleepUntil(until) => {
                    std::thread::park_timeout(until.saturating_duration_since(Instant::now()));
                }
                Turn::End => return,
            }
        }
    }

    /// Does what is queued and what is due.
    pub(super) fn turn(&mut self, now: Instant) -> Turn {
        self.shard.set_now(now);
        let mut done = 0;
        let mut ended = false;
        while done < ORDERS_AT_ONCE {
            match self.core.orders.try_recv() {
                Ok(order) => self.apply(order),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    ended = true;
                    break;
                }
            }
            done += 1;
        }
        if self.shard.next_timeout().is_some_and(|at| at <= now) {
            self.shard.handle_timeout();
        }
        self.shard.wires.departures.flush();
        self.tell(now);
        match (ended, done) {
            (true, _) => Turn::End,
            (false, ORDERS_AT_ONCE) => Turn::Again,
            (false, _) => Turn::SleepUntil(self.next_turn(now)),
        }
    }

    /// A turn, and the core hears of it at once.
    #[cfg(test)]
    pub(super) fn turn_inline(&mut self, now: Instant) {
        self.wanted_due = now;
        self.figures_due = now;
        self.turn_in_time(now);
    }

    /// A turn, and the core hears what is due.
    #[cfg(test)]
    pub(super) fn turn_in_time(&mut self, now: Instant) {
        while self.turn(now) == Turn::Again {}
        self.core.send();
    }

    fn next_turn(&self, now: Instant) -> Instant {
        let due = self.shard.next_timeout().into_iter();
        due.chain([self.figures_due, self.wanted_due, now + SLEEP_MAX])
            .min()
            .unwrap_or(now)
            .max(now + SLEEP_MIN)
    }

    fn apply(&mut self, order: Order) {
        match order {
            Order::Stream(ssrc, order) => {
                self.shard.apply_to_stream(ssrc, &order);
                match order {
                    StreamOrder::Rtp(packet) => self.core.give_back(packet),
                    StreamOrder::Close => self.forget(ssrc),
                    _ => {}
                }
            }
            Order::Leg(leg, order) => {
                if let Err(refusal) = self.shard.apply_to_leg(leg, order) {
                    tracing::debug!(leg = leg.0, %refusal, "order refused by a worker's router");
                }
            }
        }
    }

    /// The core has forgotten with the stream that it was wanted, unless it hears of that only now. A stream that begins
    /// under this number before the next telling is told of anew.
    fn forget(&mut self, ssrc: u32) {
        if self.wanted.remove(&ssrc) {
            self.core.say(FromWorker::Wanted(ssrc, false));
        }
    }

    /// Tells the core what its legs want and how they are served.
    fn tell(&mut self, now: Instant) {
        let wishes = std::mem::take(&mut self.shard.wires.wishes);
        for wish in wishes {
            // What is missing is asked for by the core's own router.
            let Wish::Keyframe(stream) = wish else {
                continue;
            };
            if let Some(spec) = self.shard.router.stream_spec(stream) {
                self.core.say(FromWorker::Keyframe(spec.ssrc));
            }
        }
        if now >= self.wanted_due {
            self.wanted_due = now + WANTED_INTERVAL;
            self.tell_wanted();
        }
        if now >= self.figures_due {
            self.figures_due = now + FIGURES_INTERVAL;
            let figures = Box::new(self.figures(now));
            self.core.say(FromWorker::Figures(figures));
        }
    }

    fn tell_wanted(&mut self) {
        let router = &self.shard.router;
        for (stream, spec) in router.streams() {
            let is_wanted = router.is_wanted(stream);
            let is_told = is_wanted == self.wanted.contains(&spec.ssrc);
            // What finds no room is told the next time.
            if is_told || !self.core.say(FromWorker::Wanted(spec.ssrc, is_wanted)) {
                continue;
            }
            if is_wanted {
                self.wanted.insert(spec.ssrc);
            } else {
                self.wanted.remove(&spec.ssrc);
            }
        }
    }

    fn figures(&self, now: Instant) -> Figures {
        let router = &self.shard.router;
        let watchers = router.streams().filter_map(|(stream, spec)| {
            let stats = self.shard.stream_stats(stream, now)?;
            Some((spec.ssrc, stats.watchers))
        });
        Figures {
            totals: self.shard.wires.departures.totals,
            legs: self.shard.wires.all_figures(),
            watchers: watchers.collect(),
        }
    }
}
