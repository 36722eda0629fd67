//! A relay's leg to a hall: layers of a picture, padding, feedback, all by the estimate.

use crate::line::{Bottleneck, Datagram, Dice, Line};
use forwarding::bandwidth::{ArrivalLog, Demand, Estimator, Feedback};
use std::collections::VecDeque;
use std::time::Duration;

const FRAME_MS: u64 = 33;
const PACKET_BYTES: usize = 1_200;
/// A better layer is taken when it leaves room.
const UP_AT: f64 = 0.9;

pub struct Hall {
    pub now_ms: u64,
    pub dice: Dice,
    pub bottleneck: Bottleneck,
    pub estimator: Estimator,
    arrivals: ArrivalLog,
    /// Feedback under way, with the time it comes.
    answers: VecDeque<(u64, Vec<u8>)>,
    /// Bits per second, lowest first.
    pub layers: Vec<u64>,
    pub playing: usize,
    /// The layer that waits for its keyframe, and when that comes.
    switching: Option<(usize, u64)>,
    /// When the layer changed.
    pub switches: Vec<u64>,
    /// Sealed packets that wait for their turn.
    paced: VecDeque<usize>,
    pace_credit: f64,
    pub padding_bytes: u64,
    /// How often padding was asked for.
    pub polls: u64,
    pub waiting_max_ms: f64,
    clock_ahead_ms: u64,
}

impl Hall {
    pub fn new(seed: u64, line: Line) -> Self {
        let mut dice = Dice::new(seed);
        let top = dice.between(1_500_000, 3_000_000);
        Self {
            now_ms: 0,
            bottleneck: Bottleneck::new(line),
            estimator: Estimator::new(),
            arrivals: ArrivalLog::new(),
            answers: VecDeque::new(),
            layers: vec![top / 12, top / 4, top],
            playing: 2,
            switching: None,
            switches: Vec::new(),
            paced: VecDeque::new(),
            pace_credit: 0.0,
            padding_bytes: 0,
            polls: 0,
            waiting_max_ms: 0.0,
            clock_ahead_ms: dice.roll(1 << 34),
            dice,
        }
    }

    pub fn line(&mut self) -> &mut Line {
        &mut self.bottleneck.line
    }

    pub fn top_bps(&self) -> u64 {
        self.layers[2]
    }

    pub fn run_for(&mut self, seconds: u64) {
        self.run_until(seconds * 1_000, |_| false);
    }

    /// Until it holds, or the time is over; returns the milliseconds it took.
    pub fn run_until(&mut self, ms: u64, holds: impl Fn(&Self) -> bool) -> Option<u64> {
        let began = self.now_ms;
        while self.now_ms < began + ms {
            self.step();
            if holds(self) {
                return Some(self.now_ms - began);
            }
        }
        None
    }

    fn now(&self) -> Duration {
        Duration::from_millis(self.now_ms)
    }

    fn step(&mut self) {
        self.now_ms += 1;
        self.play();
        self.pad();
        self.pace();
        self.arrive();
        self.waiting_max_ms = self.waiting_max_ms.max(self.bottleneck.waiting_ms());
    }

    fn play(&mut self) {
        self.choose_layer();
        if !self.now_ms.is_multiple_of(FRAME_MS) {
            return;
        }
        let is_keyframe = self.switches.last() == Some(&self.now_ms);
        let mean = self.layers[self.playing] * FRAME_MS / 8_000;
        let mut bytes = mean * self.dice.between(60, 140) / 100;
        if is_keyframe {
            bytes = mean * 6;
        }
        while bytes > 0 {
            let packet = (bytes as usize).min(PACKET_BYTES);
            self.paced.push_back(packet);
            bytes -= packet as u64;
        }
    }

    /// What the router does: the best layer that the limit bears, at a keyframe.
    fn choose_layer(&mut self) {
        if let Some((layer, _)) = self
            .switching
            .filter(|(_, at)| self.now_ms >= *at && self.now_ms.is_multiple_of(FRAME_MS))
        {
            self.playing = layer;
            self.switching = None;
            self.switches.push(self.now_ms);
        }
        let limit = self.estimator.limit_bps().unwrap_or(u64::MAX);
        let bears = |layer: usize| {
            let room = if layer > self.playing { UP_AT } else { 1.0 };
            self.layers[layer] as f64 <= limit as f64 * room
        };
        let wanted = (0..3).rev().find(|layer| bears(*layer)).unwrap_or(0);
        let aimed_at = self.switching.map_or(self.playing, |(layer, _)| layer);
        if wanted == self.playing {
            self.switching = None;
        } else if wanted != aimed_at {
            self.switching = Some((wanted, self.now_ms + self.dice.between(50, 400)));
        }
        self.estimator.set_demand(Demand {
            next_bps: self.layers.get(self.playing + 1).copied(),
            best_bps: self.top_bps(),
        });
    }

    fn pad(&mut self) {
        let now = self.now();
        if self.estimator.next_timeout().is_none_or(|due| due > now) {
            return;
        }
        self.polls += 1;
        let mut bytes = self.estimator.poll_padding(now);
        while bytes > 0 {
            let packet = bytes.clamp(250, 1_100);
            self.send(packet, false);
            self.padding_bytes += packet as u64;
            bytes = bytes.saturating_sub(packet);
        }
    }

    /// Bursts of 5 ms, then twice the estimate.
    fn pace(&mut self) {
        let rate = self
            .estimator
            .limit_bps()
            .map_or(50e6, |limit| limit as f64 * 2.0);
        let burst = (rate / 8.0 * 0.005).max(2_400.0);
        self.pace_credit = (self.pace_credit + rate / 8_000.0).min(burst);
        while self.pace_credit > 0.0 {
            let Some(bytes) = self.paced.pop_front() else {
                return;
            };
            self.pace_credit -= bytes as f64;
            self.send(bytes, true);
        }
    }

    fn send(&mut self, bytes: usize, is_media: bool) {
        let sequence = self.estimator.reserve(None);
        let now = self.now();
        self.estimator.note_sent(sequence, bytes, now);
        self.bottleneck.push(Datagram {
            sequence,
            bytes,
            is_media,
        });
    }

    fn arrive(&mut self) {
        let clock = Duration::from_millis(self.now_ms + self.clock_ahead_ms);
        for datagram in self.bottleneck.step(self.now_ms, &mut self.dice) {
            self.arrivals.handle_packet(datagram.sequence, clock);
        }
        if self.now_ms.is_multiple_of(50) {
            while let Some(feedback) = self.arrivals.poll_feedback(clock) {
                let mut bytes = Vec::new();
                feedback.write(&mut bytes);
                let way_ms = self.bottleneck.line.way_us / 1_000;
                if self.dice.part() >= self.bottleneck.line.loss {
                    self.answers.push_back((self.now_ms + way_ms, bytes));
                }
            }
        }
        while self
            .answers
            .front()
            .is_some_and(|(at, _)| *at <= self.now_ms)
        {
            let Some((_, bytes)) = self.answers.pop_front() else {
                return;
            };
            let mut feedback = Feedback::default();
            feedback.read(&bytes).expect("what was written is read");
            let now = self.now();
            self.estimator
                .handle_feedback(&feedback, now, &mut Vec::new());
        }
    }
}
