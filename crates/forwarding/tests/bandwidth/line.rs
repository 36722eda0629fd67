//! A line with a bottleneck: a token bucket, a queue that drops at its end, random loss, jitter.

use std::collections::{BTreeMap, VecDeque};

/// Seeded, small, good enough to vary worlds.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Below `sides`.
    pub fn roll(&mut self, sides: u64) -> u64 {
        (self.next() >> 11) % sides.max(1)
    }

    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.roll(high - low + 1)
    }

    /// From 0 to 1.
    pub fn part(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// What the line is like now.
#[derive(Clone, Debug)]
pub struct Line {
    pub rate_bps: u64,
    /// What may pass at once.
    pub bucket_bytes: f64,
    /// The longest the queue may get, ms at the line's rate; 0: a policer.
    pub queue_ms: u64,
    pub way_us: u64,
    pub jitter_us: u64,
    /// Packets lost by chance, 0 to 1.
    pub loss: f64,
    /// Nothing passes for this long, every three seconds.
    pub stall_ms: u64,
}

impl Line {
    pub fn wide() -> Self {
        Self {
            rate_bps: 100_000_000,
            bucket_bytes: 3_000.0,
            queue_ms: 200,
            way_us: 20_000,
            jitter_us: 0,
            loss: 0.0,
            stall_ms: 0,
        }
    }
}

pub struct Datagram {
    pub sequence: u16,
    pub bytes: usize,
    pub is_media: bool,
}

/// The line at work; a step is a millisecond.
pub struct Bottleneck {
    pub line: Line,
    queue: VecDeque<Datagram>,
    queued_bytes: usize,
    tokens: f64,
    in_flight: BTreeMap<(u64, u64), Datagram>,
    count: u64,
    last_out_us: u64,
    pub media_dropped: u64,
}

impl Bottleneck {
    pub fn new(line: Line) -> Self {
        Self {
            line,
            queue: VecDeque::new(),
            queued_bytes: 0,
            tokens: 0.0,
            in_flight: BTreeMap::new(),
            count: 0,
            last_out_us: 0,
            media_dropped: 0,
        }
    }

    /// How long a packet that comes now would wait, ms.
    pub fn waiting_ms(&self) -> f64 {
        self.queued_bytes as f64 * 8_000.0 / self.line.rate_bps as f64
    }

    pub fn push(&mut self, datagram: Datagram) {
        let has_tokens = self.queue.is_empty() && self.tokens >= datagram.bytes as f64;
        let room_ms = self.line.queue_ms as f64;
        if !has_tokens
            && self.waiting_ms() + datagram.bytes as f64 * 8_000.0 / self.line.rate_bps as f64
                > room_ms
        {
            self.media_dropped += u64::from(datagram.is_media);
            return;
        }
        self.queued_bytes += datagram.bytes;
        self.queue.push_back(datagram);
    }

    /// A millisecond passes; returns what has arrived at its end.
    pub fn step(&mut self, now_ms: u64, dice: &mut Dice) -> Vec<Datagram> {
        let a_step = self.line.rate_bps as f64 / 8_000.0;
        self.tokens = (self.tokens + a_step).min(self.line.bucket_bytes.max(a_step + 1_500.0));
        let stalls = self.line.stall_ms > 0 && now_ms % 3_000 < self.line.stall_ms;
        while let Some(next) = self.queue.front() {
            if stalls || self.tokens < next.bytes as f64 {
                break;
            }
            let Some(datagram) = self.queue.pop_front() else {
                break;
            };
            self.tokens -= datagram.bytes as f64;
            self.queued_bytes -= datagram.bytes;
            self.leave(datagram, now_ms, dice);
        }
        let later = self.in_flight.split_off(&(now_ms * 1_000 + 1_000, 0));
        std::mem::replace(&mut self.in_flight, later)
            .into_values()
            .collect()
    }

    fn leave(&mut self, datagram: Datagram, now_ms: u64, dice: &mut Dice) {
        if dice.part() < self.line.loss {
            return;
        }
        let jitter_us = dice.roll(self.line.jitter_us + 1);
        let at_us = now_ms * 1_000 + dice.roll(900) + self.line.way_us + jitter_us;
        // Most lines keep the order; one packet in a hundred is overtaken.
        let at_us = if dice.roll(100) == 0 {
            at_us
        } else {
            at_us.max(self.last_out_us)
        };
        self.last_out_us = self.last_out_us.max(at_us);
        self.count += 1;
        self.in_flight.insert((at_us, self.count), datagram);
    }
}
