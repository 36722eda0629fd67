//! A whole evening in milliseconds: publishers behind bad lines, a router, receivers behind bad
//! lines that repair what they can.

use crate::publisher::Publisher;
use crate::recorder::{RTX, Recorder, Sent, ms};
use forwarding::{Kind, LegId, Router, StreamId};
use std::collections::BTreeMap;

/// SplitMix64: small, and the same everywhere.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.roll(100) < percent
    }
}

/// How bad the lines are.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    pub loss_percent: u64,
    pub duplicate_percent: u64,
    pub delay_ms_max: u64,
}

impl Line {
    fn delay(&self, dice: &mut Dice) -> u64 {
        5 + dice.roll(self.delay_ms_max + 1)
    }
}

enum Event {
    /// A packet of a publisher reaches the router.
    In { publisher: usize, number: usize },
    /// A packet of the router reaches a receiver.
    Out(Sent),
}

/// Publishers, the router and receivers.
pub struct World {
    pub router: Router,
    pub out: Recorder,
    pub publishers: Vec<(StreamId, Publisher)>,
    pub dice: Dice,
    pub now: u64,
    /// What each receiver has, by leg and SSRC, in packet order.
    pub received: BTreeMap<(LegId, u32), BTreeMap<u64, Sent>>,
    /// The index each receiver's packets begin with.
    begun: BTreeMap<(LegId, u32), u64>,
    line: Line,
    events: BTreeMap<(u64, u64), Event>,
    events_made: u64,
    keyframe_due: Vec<bool>,
}

impl World {
    pub fn new(seed: u64, line: Line) -> Self {
        Self {
            router: Router::new(),
            out: Recorder::default(),
            publishers: Vec::new(),
            dice: Dice(seed),
            now: 0,
            received: BTreeMap::new(),
            begun: BTreeMap::new(),
            line,
            events: BTreeMap::new(),
            events_made: 0,
            keyframe_due: Vec::new(),
        }
    }

    /// Someone begins to publish, numbering close to a wrap.
    pub fn publish(&mut self, publisher: Publisher) {
        let sequence = 65_000_u16.wrapping_add(self.dice.roll(900) as u16);
        let timestamp = u32::MAX - self.dice.roll(400_000) as u32;
        let publisher = publisher
            .starting_at(sequence, timestamp)
            .filled(|number| 40 + number * 7 % 13 + 60 * usize::from(number % 11 == 0));
        let opened = self.router.open_stream(publisher.spec, ms(self.now));
        self.publishers.push((opened.unwrap(), publisher));
        self.keyframe_due.push(true);
    }

    /// A millisecond passes. `is_live`: cameras are on.
    pub fn step(&mut self, is_live: bool) {
        self.now += 1;
        if is_live {
            self.record();
        }
        self.deliver();
        self.router.handle_timeout(ms(self.now), &mut self.out);
        if self.now.is_multiple_of(25) {
            self.ask_again();
        }
        self.carry_out();
    }

    /// Cameras make a frame every 40 ms, microphones a packet every 20 ms.
    fn record(&mut self) {
        for publisher in 0..self.publishers.len() {
            let (_, maker) = &mut self.publishers[publisher];
            let numbers = match maker.spec.codec.kind() {
                Kind::Video if self.now.is_multiple_of(40) => {
                    let is_key = self.keyframe_due[publisher] || self.dice.chance(2);
                    self.keyframe_due[publisher] = false;
                    let pieces = 1 + self.dice.roll(3) as usize + 4 * usize::from(is_key);
                    maker.frame(is_key, pieces, self.now)
                }
                Kind::Audio if self.now.is_multiple_of(20) => {
                    let number = maker.sound(self.now);
                    number..number + 1
                }
                _ => continue,
            };
            // A frame mostly travels in one piece.
            let delay = self.line.delay(&mut self.dice);
            for number in numbers {
                let strays = self.dice.chance(10);
                let delay = if strays { None } else { Some(delay) };
                self.travel(delay, || Event::In { publisher, number });
            }
        }
    }

    /// Sends something over a bad line.
    fn travel(&mut self, delay: Option<u64>, event: impl Fn() -> Event) {
        let copies = 1 + u64::from(self.dice.chance(self.line.duplicate_percent));
        for _ in 0..copies {
            if !self.dice.chance(self.line.loss_percent) {
                let delay = delay.unwrap_or_else(|| self.line.delay(&mut self.dice));
                let at = self.now + delay;
                self.events_made += 1;
                self.events.insert((at, self.events_made), event());
            }
        }
    }

    fn deliver(&mut self) {
        while let Some(entry) = self.events.first_entry() {
            if entry.key().0 > self.now {
                return;
            }
            match entry.remove() {
                Event::In { publisher, number } => {
                    let (id, maker) = &self.publishers[publisher];
                    let packet = &maker.sent[number];
                    let now = ms(self.now);
                    self.router.handle_rtp(*id, packet, now, &mut self.out);
                }
                Event::Out(sent) => {
                    let ssrc = sent.ssrc & !RTX;
                    let received = self.received.entry((sent.leg, ssrc)).or_default();
                    if let Some(index) = restored(&sent, received) {
                        received.insert(index, sent);
                    }
                }
            }
        }
    }

    /// What the router wants goes over the lines; requests themselves are not lost.
    fn carry_out(&mut self) {
        for sent in self.out.take_sent() {
            let name = (sent.leg, sent.ssrc);
            if sent.ssrc & RTX == 0 {
                self.begun.entry(name).or_insert(sent.index);
            }
            self.travel(None, || Event::Out(sent.clone()));
        }
        for id in std::mem::take(&mut self.out.keyframe_requests) {
            if let Some(publisher) = self.position(id) {
                self.keyframe_due[publisher] = true;
            }
        }
        for (id, sequences) in std::mem::take(&mut self.out.resend_requests) {
            let Some(publisher) = self.position(id) else {
                continue;
            };
            for sequence in sequences {
                let number = self.publishers[publisher].1.number(sequence);
                self.travel(None, || Event::In { publisher, number });
            }
        }
    }

    fn position(&self, id: StreamId) -> Option<usize> {
        self.publishers.iter().position(|(is, _)| *is == id)
    }

    /// Every receiver asks for what is missing below its newest packet.
    fn ask_again(&mut self) {
        for (leg, ssrc) in self.received.keys().copied() {
            let missing = missing(&self.received, &self.begun, (leg, ssrc));
            let now = ms(self.now);
            self.router
                .handle_nack(leg, ssrc, &missing, now, &mut self.out);
        }
    }

    /// Holes among what a receiver has.
    pub fn missing(&self, leg: LegId, ssrc: u32) -> Vec<u16> {
        missing(&self.received, &self.begun, (leg, ssrc))
    }
}

/// The index a packet had the first time, as its receiver guesses it; none when it is padding alone.
fn restored(sent: &Sent, received: &BTreeMap<u64, Sent>) -> Option<u64> {
    if sent.ssrc & RTX == 0 {
        return Some(sent.index);
    }
    let newest = received.keys().next_back().copied().unwrap_or_default();
    let distance = sent.osn?.wrapping_sub(newest as u16).cast_signed();
    newest.checked_add_signed(i64::from(distance))
}

fn missing(
    received: &BTreeMap<(LegId, u32), BTreeMap<u64, Sent>>,
    begun: &BTreeMap<(LegId, u32), u64>,
    name: (LegId, u32),
) -> Vec<u16> {
    let packets = &received[&name];
    let last = packets.keys().next_back().copied().unwrap_or_default();
    let all = begun[&name]..last;
    all.filter(|index| !packets.contains_key(index))
        .map(|index| index as u16)
        .collect()
}
