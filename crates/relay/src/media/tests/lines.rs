//! A hall's line becomes narrow and wide again; a frame is more than its line takes at once.

use super::guest::vp8;
use super::ingress::{named, simulcast};
use super::world::{World, plan, slots};
use crate::media::rtcp::{self, Item, Writer};
use crate::media::srtp::rtp_seq_ssrc;
use crate::media::{Codec, LegMedia, WatchSlot};
use forwarding::bandwidth::ArrivalLog;
use protocol::LegRole;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

const FRAME: Duration = Duration::from_millis(40);
const TRANSPORT_SEQUENCE: u8 = 6;
const RTX: u8 = 99;
/// Bytes of a frame in each layer: 100, 400 and 1,600 kbit/s.
const FRAME_BYTES: [usize; 3] = [500, 2_000, 8_000];
const TOP_BPS: u64 = 1_600_000;
const PACKET_BYTES: usize = 1_100;

/// A video slot as browsers offer it, and no sound.
fn numbered_slots() -> LegMedia {
    let slot = slots().remove(0);
    let mut slot = WatchSlot {
        rtx_payload_types: vec![(Codec::Vp8, RTX)],
        ..slot
    };
    slot.extensions.transport_sequence = Some(TRANSPORT_SEQUENCE);
    LegMedia::Watch(vec![slot])
}

/// The transport-wide number of a packet.
fn number(packet: &[u8]) -> Option<u16> {
    let mut elements = packet.get(16..)?;
    if packet[0] & 0x10 == 0 {
        return None;
    }
    let end = usize::from(u16::from_be_bytes([packet[14], packet[15]])) * 4;
    elements = elements.get(..end)?;
    while let [head, rest @ ..] = elements {
        let len = usize::from(head & 15) + 1;
        if *head == 0 {
            elements = rest;
        } else if head >> 4 == TRANSPORT_SEQUENCE {
            return Some(u16::from_be_bytes([rest[0], rest[1]]));
        } else {
            elements = rest.get(len..)?;
        }
    }
    None
}

/// A hall's line, with all that lies behind it: a queue of half a second before a bottleneck.
struct Line {
    bps: u64,
    free_at: Instant,
    /// Under way, with the time of arrival.
    coming: VecDeque<(Instant, Vec<u8>)>,
    arrived: Vec<(Instant, Vec<u8>)>,
    dropped: usize,
    log: ArrivalLog,
    began: Instant,
}

impl Line {
    fn new(now: Instant) -> Self {
        Self {
            bps: 100_000_000,
            free_at: now,
            coming: VecDeque::new(),
            arrived: Vec::new(),
            dropped: 0,
            log: ArrivalLog::new(),
            began: now,
        }
    }

    fn carry(&mut self, packet: Vec<u8>, now: Instant) {
        let start = self.free_at.max(now);
        if start - now > Duration::from_millis(500) {
            self.dropped += 1;
            return;
        }
        let us = (packet.len() as u64 + 44) * 8_000_000 / self.bps;
        self.free_at = start + Duration::from_micros(us);
        let arrives = self.free_at + Duration::from_millis(20);
        self.coming.push_back((arrives, packet));
    }

    fn arrive(&mut self, now: Instant) {
        while let Some((at, packet)) = self.coming.pop_front_if(|(at, _)| *at <= now) {
            if let Some(number) = number(&packet) {
                self.log.handle_packet(number, at - self.began);
            }
            self.arrived.push((at, packet));
        }
    }
}

/// A hub in three layers, a hall behind a line.
struct Story {
    world: World,
    hub: usize,
    hall: usize,
    line: Line,
    frame: u32,
    sequence: [u16; 3],
    keyframe_wanted: bool,
    first_packet: bool,
}

impl Story {
    fn new() -> Self {
        let mut world = World::new();
        let relay = world.relay();
        let now = world.now;
        world.relays[relay]
            .core
            .set_plan(plan(1, &["HUB"], vec![], vec![]), now);
        let hub = world.publisher_of(relay, "HUB", simulcast());
        let hall = world.watcher_of(relay, LegRole::Watch, Some("A"), numbered_slots());
        let line = Line::new(world.now);
        Self {
            world,
            hub,
            hall,
            line,
            frame: 0,
            sequence: [0; 3],
            keyframe_wanted: true,
            first_packet: true,
        }
    }

    /// A frame in every layer, and what follows from it.
    fn play(&mut self) {
        let is_key = std::mem::take(&mut self.keyframe_wanted);
        for (layer, bytes) in FRAME_BYTES.into_iter().enumerate() {
            let mut left = bytes;
            let mut starts = true;
            while left > 0 {
                let bytes = left.min(PACKET_BYTES);
                left -= bytes;
                self.send_layer(layer, bytes, is_key, starts, left == 0);
                starts = false;
            }
        }
        self.frame += 1;
        self.first_packet = false;
        for _ in 0..4 {
            self.world.pass(FRAME / 4);
            self.carry();
        }
    }

    fn send_layer(&mut self, layer: usize, bytes: usize, is_key: bool, starts: bool, ends: bool) {
        let sequence = self.sequence[layer];
        self.sequence[layer] = sequence.wrapping_add(1);
        let ssrc = 0xc000 + layer as u32;
        let mut packet = vp8(ssrc, sequence, self.frame * 3_600, is_key && starts);
        if !starts {
            // Not the beginning of a partition.
            packet[12] = 0;
        }
        if !ends {
            packet[1] &= 0x7f;
        }
        packet.resize(12 + bytes, layer as u8);
        let packet = if self.first_packet {
            named(packet, ["q", "h", "f"][layer])
        } else {
            packet
        };
        self.world.send_rtp(self.hub, &packet);
    }

    fn carry(&mut self) {
        let now = self.world.now;
        for packet in std::mem::take(&mut self.world.guests[self.hall].rtp) {
            self.line.carry(packet, now);
        }
        self.line.arrive(now);
        let clock = now - self.line.began;
        while let Some(feedback) = self.line.log.poll_feedback(clock) {
            let mut compound = Writer::default();
            compound.receiver_report(1, &[]);
            compound.transport_feedback(1, 2, feedback);
            self.world.send_rtcp(self.hall, &compound.0);
        }
        for compound in std::mem::take(&mut self.world.guests[self.hub].rtcp) {
            rtcp::read(&compound, &mut |item| {
                self.keyframe_wanted |= matches!(item, Item::KeyframeRequest { .. });
            });
        }
    }

    fn play_for(&mut self, seconds: u32) {
        for _ in 0..seconds * 25 {
            self.play();
        }
    }

    /// Plays until it is so; the time it took.
    fn play_until(&mut self, what: &str, is_so: impl Fn(&mut Self) -> bool) -> Duration {
        let began = self.world.now;
        while self.world.now - began < Duration::from_secs(30) {
            self.play();
            if is_so(self) {
                return self.world.now - began;
            }
        }
        panic!("never happened: {what}");
    }

    /// The layer of the last picture packet that arrived, by its filling; not of retransmissions.
    fn layer(&self) -> Option<u8> {
        let media = |packet: &&(Instant, Vec<u8>)| packet.1[1] & 0x7f != RTX;
        let (_, packet) = self.line.arrived.iter().rev().find(media)?;
        packet.last().copied()
    }
}

#[test]
fn a_line_that_becomes_narrow_costs_a_layer_until_it_is_wide_again() {
    let mut story = Story::new();
    story.play_for(5);
    assert_eq!(story.layer(), Some(2), "the best, while nothing is wrong");
    let numbers: Vec<u16> = story
        .line
        .arrived
        .iter()
        .filter_map(|(_, p)| number(p))
        .collect();
    assert!(
        numbers
            .windows(2)
            .all(|pair| pair[1] == pair[0].wrapping_add(1))
    );

    story.line.bps = 700_000;
    let fell = story.play_until("a lower layer", |story| story.layer() < Some(2));
    story.play_for(15);
    assert_eq!(story.layer(), Some(1), "the one that fits");
    let waits = story
        .line
        .free_at
        .saturating_duration_since(story.world.now);
    assert!(
        waits < Duration::from_millis(150),
        "no queue is left: {waits:?}"
    );

    story.line.bps = TOP_BPS * 4;
    let rose = story.play_until("the best layer", |story| story.layer() == Some(2));
    println!("fell after {fell:?}, rose after {rose:?}");
    assert!(fell <= Duration::from_secs(3), "{fell:?}");
    assert!(rose <= Duration::from_secs(15), "{rose:?}");
    assert_eq!(story.world.guests[story.hall].unreadable, 0);
}

#[test]
fn a_line_with_room_that_loses_one_packet_in_twenty_costs_no_layer() {
    let mut story = Story::new();
    let mut dice = 7_u32;
    story.world.lose = Box::new(move |from, _, bytes| {
        dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let is_media = from.port() == 5004 && bytes.len() > 200;
        is_media && dice >> 16 < 65_536 / 20
    });
    for second in 0..30 {
        story.play_for(1);
        assert!(second < 2 || story.layer() == Some(2), "after {second} s");
    }
}

#[test]
fn a_frame_larger_than_five_milliseconds_leaves_in_parts_and_whole() {
    let mut story = Story::new();
    story.play_for(1);
    story.line.arrived.clear();
    let before = story.world.guests[story.hall].rtp.len();
    assert_eq!(before, 0, "all was carried off");
    let packets = 80;
    for n in 0..packets {
        story.send_layer(2, PACKET_BYTES, false, n == 0, n == packets - 1);
    }
    let at_once = story.world.guests[story.hall].rtp.len();
    // 31,250 bytes at 50 Mbit/s, and the packet that goes beyond.
    assert!((20..=30).contains(&at_once), "{at_once}");
    for _ in 0..4 {
        story.world.pass(Duration::from_millis(10));
    }
    let got = &story.world.guests[story.hall];
    assert_eq!((got.rtp.len(), got.unreadable), (packets, 0));
    let in_order = got.rtp.windows(2).all(|pair| {
        let sequence = |packet: &[u8]| rtp_seq_ssrc(packet).map(|(sequence, _)| sequence);
        sequence(&pair[1]) == sequence(&pair[0]).map(|s| s.wrapping_add(1))
    });
    assert!(in_order);
}
