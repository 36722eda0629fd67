//! No nonce is ever used for two different packets, seen where it counts: on the wire. A tap between all relays and
//! guests follows every DTLS session both ways and remembers what was sealed under each index; whatever a random world
//! does, an index that comes again comes with the same bytes. Of an index the wire tells the lower 16 bits, and a stream may
//! jump by more than half of what they tell apart; so the tap asks what each packet was sealed with, and nothing else. Each of these lines, broken, fails it: the count of a slot's used
//! numbers, the refusal of packets from before a slot's segment, the refusal of used numbers by a trunk whose stream is
//! opened anew, the number of its own of what a slot with counted headers sends again.

use super::guest::{opus, vp8};
use super::ingress::{named, simulcast};
use super::trunks::connected;
use super::world::{AUDIO_SSRC, VIDEO_SSRC, World, plan, slots, with_workers};
use crate::media::handle::Command;
use crate::media::rtcp::Writer;
use crate::media::srtp::{rtp_seq_ssrc, used};
use crate::media::{Codec, IceCredentials, Layer, LegMedia, PublishedTrack, WatchSlot};
use protocol::{LegRole, MediaKind};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;

const SEEDS: u64 = 160;
const ACTIONS: usize = 8;
const RELAY_PORT: u16 = 5004;
const FIRST_RELAY: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));

/// What one side has sealed in one DTLS session.
#[derive(Default)]
struct Sealed {
    /// By SSRC and index, RTP and RTCP apart.
    rtp: HashMap<(u32, u64), Vec<u8>>,
    rtcp: HashMap<(u32, u32), Vec<u8>>,
    highest: HashMap<u32, u64>,
}

/// What has happened, to see that something has.
#[derive(Clone, Copy, Default)]
struct Counts {
    packets: u64,
    compounds: u64,
    repeats: u64,
    wraps: u64,
    sessions: u64,
}

/// Follows all sessions.
#[derive(Default)]
struct Tap {
    sides: HashMap<(SocketAddr, SocketAddr), Sealed>,
    hellos: HashMap<(SocketAddr, SocketAddr), Vec<u8>>,
    counts: Counts,
    reused: Vec<String>,
}

impl Tap {
    fn see(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        match bytes {
            [22, ..] => self.see_handshake(from, to, bytes),
            // Halls that jump back in their numbering are not ours to judge.
            _ if from.port() != RELAY_PORT => {}
            [128..=191, 192..=223, ..] => self.see_rtcp(from, to, bytes),
            [128..=191, ..] => self.see_rtp(from, to, bytes),
            _ => {}
        }
    }

    /// A ClientHello with a new random is a new session: both sides get new keys.
    fn see_handshake(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        let is_hello = bytes[3..5] == [0, 0] && bytes.get(13) == Some(&1);
        let random = bytes.get(27..59).filter(|_| is_hello).map(<[u8]>::to_vec);
        if let Some(random) = random
            && self.hellos.insert((from, to), random.clone()) != Some(random)
        {
            self.sides.remove(&(from, to));
            self.sides.remove(&(to, from));
            self.counts.sessions += 1;
        }
    }

    fn see_rtp(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        let (sequence, ssrc) = rtp_seq_ssrc(bytes).expect("an RTP header");
        let side = self.sides.entry((from, to)).or_default();
        let Some(index) = used::index_of(bytes) else {
            let stranger = format!("{from} to {to}: nobody sealed {ssrc:x}, {sequence}");
            self.reused.push(stranger);
            return;
        };
        assert_eq!(index as u16, sequence, "what the wire tells of it");
        let highest = *side.highest.entry(ssrc).or_insert(index);
        self.counts.packets += 1;
        self.counts.wraps += u64::from(index >> 16 > highest >> 16);
        side.highest.insert(ssrc, highest.max(index));
        match side.rtp.get(&(ssrc, index)) {
            None => drop(side.rtp.insert((ssrc, index), bytes.to_vec())),
            Some(before) if before == bytes => self.counts.repeats += 1,
            Some(_) => self
                .reused
                .push(format!("{from} to {to}: RTP {ssrc:x}, {index}")),
        }
    }

    /// All sessions are AES-128-GCM: the index is at the end.
    fn see_rtcp(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        let word = |at: usize| {
            let word: [u8; 4] = bytes[at..at + 4].try_into().expect("a word");
            u32::from_be_bytes(word)
        };
        let (ssrc, index) = (word(4), word(bytes.len() - 4));
        assert_eq!(index >> 31, 1, "encrypted");
        self.counts.compounds += 1;
        let side = self.sides.entry((from, to)).or_default();
        if side
            .rtcp
            .insert((ssrc, index), bytes.to_vec())
            .is_some_and(|before| before != bytes)
        {
            self.reused
                .push(format!("{from} to {to}: RTCP {ssrc:x}, {index:x}"));
        }
    }
}

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }
}

/// A hall with a camera.
struct Hall {
    site: &'static str,
    guest: usize,
    video_ssrc: u32,
    sequence: u16,
    timestamp: u32,
    /// What it has sent, to be sent again.
    sent: VecDeque<Vec<u8>>,
}

/// How the lines between relays are just now.
#[derive(Default)]
struct Lines {
    dice: u64,
    lost_percent: u64,
    /// The first trunk is cut.
    cut: bool,
    /// Datagrams kept back instead of delivered.
    held: Option<Vec<(SocketAddr, SocketAddr, Vec<u8>)>>,
}

/// Three relays in a row, two halls that publish at the first, a hall that watches at each.
struct Stage {
    world: World,
    dice: Dice,
    tap: Rc<RefCell<Tap>>,
    lines: Rc<RefCell<Lines>>,
    halls: Vec<Hall>,
    watchers: Vec<usize>,
    epoch: u64,
}

const SITES: [&str; 2] = ["HUB", "A"];

impl Stage {
    fn new(seed: u64) -> Self {
        used::begin();
        let mut world = World::new();
        for _ in 0..3 {
            world.relay();
        }
        let tap = Rc::new(RefCell::new(Tap::default()));
        let lines = Rc::new(RefCell::new(Lines {
            dice: seed,
            ..Lines::default()
        }));
        world.lose = wire(tap.clone(), lines.clone());
        let mut stage = Self {
            world,
            dice: Dice(seed),
            tap,
            lines,
            halls: Vec::new(),
            watchers: Vec::new(),
            epoch: 0,
        };
        stage.set_plan(&SITES, &SITES);
        stage.world.until("the trunks are up", |world| {
            (0..3).all(|n| connected(world, n))
        });
        // One resends bit-identical, two by retransmission packets with counted headers.
        for (relay, slots) in [slots(), counted_slots(), counted_slots()]
            .into_iter()
            .enumerate()
        {
            let media = LegMedia::Watch(slots);
            let watcher = stage
                .world
                .watcher_of(relay, LegRole::Watch, Some("B"), media);
            stage.watchers.push(watcher);
        }
        for site in SITES {
            let hall = stage.hall(site);
            stage.halls.push(hall);
        }
        stage
    }

    fn hall(&mut self, site: &'static str) -> Hall {
        Hall {
            site,
            guest: self.world.publisher_of(0, site, layered()),
            video_ssrc: VIDEO_SSRC,
            // Close to a wrap.
            sequence: 65_500 + self.dice.roll(36) as u16,
            timestamp: u32::MAX - self.dice.roll(9_000) as u32,
            sent: VecDeque::new(),
        }
    }

    /// Every relay gets a plan with this program; the trunks carry these feeds.
    fn set_plan(&mut self, program: &[&str], feeds: &[&str]) {
        self.epoch += 1;
        let ice = |name: &str| IceCredentials {
            ufrag: name.to_owned(),
            pwd: "p".repeat(32),
        };
        let (first_up, first_down) = self.world.trunk_plans(0, 1, feeds, &ice("first"));
        let (second_up, second_down) = self.world.trunk_plans(1, 2, feeds, &ice("second"));
        let trunks = [
            (vec![], vec![first_down]),
            (vec![first_up], vec![second_down]),
            (vec![second_up], vec![]),
        ];
        let now = self.world.now;
        for (relay, (parents, children)) in self.world.relays.iter_mut().zip(trunks) {
            let plan = plan(self.epoch, program, parents, children);
            relay.core.set_plan(plan, now);
        }
        self.world.settle();
    }

    fn act(&mut self) {
        self.consent();
        match self.dice.roll(23) {
            0..=7 => self.play(),
            8..=10 => self.ask_again(),
            11 => self.skip_a_cycle(),
            12 => self.restart_encoder(),
            13 => self.jump_back(),
            14 => self.publish_anew(),
            15 => self.repeat_old_packets(),
            16 => self.turn_the_feeds(),
            17 => self.hold_the_lines(),
            18 => self.lose_the_first_trunk(),
            20 | 21 => self.choose_a_layer(),
            19 => self.lines.borrow_mut().lost_percent = self.dice.roll(30),
            _ => self.switch(),
        }
    }

    /// Everybody is still there (RFC 7675).
    fn consent(&mut self) {
        let halls = self.halls.iter().map(|hall| hall.guest);
        for guest in self
            .watchers
            .iter()
            .copied()
            .chain(halls)
            .collect::<Vec<_>>()
        {
            let check = self.world.guests[guest].check();
            self.world.send(guest, &check);
        }
    }

    /// Both halls send some frames and sound.
    fn play(&mut self) {
        for _ in 0..=self.dice.roll(6) {
            for n in 0..self.halls.len() {
                let keyframe = self.dice.roll(4) == 0;
                self.send_one(n, 1, keyframe);
            }
            self.world.pass(Duration::from_millis(20));
        }
    }

    /// The next picture of a hall in two layers, `step` numbers on, and sound. Pieces of a frame come at once, a few
    /// bytes apart, so that they leave as a burst and are padded.
    fn send_one(&mut self, n: usize, step: u16, keyframe: bool) {
        let hall = &mut self.halls[n];
        let (guest, video_ssrc) = (hall.guest, hall.video_ssrc);
        hall.timestamp = hall.timestamp.wrapping_add(3000);
        let timestamp = hall.timestamp;
        let pieces = 1 + self.dice.roll(4) as u16;
        let first = self.halls[n].sequence.wrapping_add(step);
        for (layer, rid) in (0..).zip(["q", "h"]) {
            for piece in 0..pieces {
                let sequence = first.wrapping_add(piece);
                let mut packet = vp8(video_ssrc + 0x1000 * layer, sequence, timestamp, keyframe);
                packet[1] = 0x78 | if piece + 1 == pieces { 0x80 } else { 0 };
                packet[12] = if piece == 0 { 0x10 } else { 0 };
                packet.extend(std::iter::repeat_n(
                    n as u8,
                    20 + self.dice.roll(20) as usize,
                ));
                self.send_sealed(n, guest, &named(packet, rid));
            }
        }
        self.halls[n].sequence = first.wrapping_add(pieces - 1);
        self.send_sealed(n, guest, &opus(AUDIO_SSRC, first, timestamp, 30));
    }

    fn send_sealed(&mut self, n: usize, guest: usize, packet: &[u8]) {
        let sealed = self.world.guests[guest].seal_rtp(packet);
        let sent = &mut self.halls[n].sent;
        if sent.len() == 64 {
            sent.pop_front();
        }
        sent.push_back(sealed.clone());
        self.world.send(guest, &sealed);
    }

    /// A watcher asks for some of what it has and some of what it has not.
    fn ask_again(&mut self) {
        let watcher = self.watchers[self.dice.roll(3) as usize];
        let newest: BTreeMap<u32, u16> = self.world.guests[watcher]
            .rtp
            .iter()
            .filter_map(|packet| rtp_seq_ssrc(packet))
            .map(|(sequence, ssrc)| (ssrc, sequence))
            .collect();
        for (ssrc, sequence) in newest {
            let mut wanted: Vec<u16> = (0..=self.dice.roll(30))
                .map(|_| {
                    sequence
                        .wrapping_add(5)
                        .wrapping_sub(self.dice.roll(60) as u16)
                })
                .collect();
            wanted.sort_unstable();
            wanted.dedup();
            let mut compound = Writer::default();
            compound.receiver_report(1, &[]);
            compound.nack(1, ssrc, &wanted);
            self.world.send_rtcp(watcher, &compound.0);
        }
    }

    /// More packets than there are numbers, of which few are seen: a feed that was paused.
    fn skip_a_cycle(&mut self) {
        let n = self.dice.roll(2) as usize;
        for _ in 0..10 {
            let step = 7_000 + self.dice.roll(1_100) as u16;
            self.send_one(n, step, true);
        }
    }

    fn restart_encoder(&mut self) {
        self.world.pass(Duration::from_millis(1100));
        let n = self.dice.roll(2) as usize;
        self.halls[n].video_ssrc += 1;
        self.halls[n].sequence = self.dice.roll(65_536) as u16;
        self.play();
    }

    /// The same SSRC goes on with older numbers.
    fn jump_back(&mut self) {
        let n = self.dice.roll(2) as usize;
        self.send_one(n, 45_000, true);
        for _ in 0..55 {
            self.send_one(n, 1, true);
        }
        self.play();
    }

    fn publish_anew(&mut self) {
        let n = self.dice.roll(2) as usize;
        let lost = std::mem::take(&mut self.lines.borrow_mut().lost_percent);
        let hall = self.hall(self.halls[n].site);
        self.halls[n] = hall;
        self.lines.borrow_mut().lost_percent = lost;
        self.play();
    }

    /// A replay of what a hall sent before.
    fn repeat_old_packets(&mut self) {
        let n = self.dice.roll(2) as usize;
        for _ in 0..10 {
            let hall = &self.halls[n];
            if hall.sent.is_empty() {
                return;
            }
            let old = hall.sent[self.dice.roll(hall.sent.len() as u64) as usize].clone();
            self.world.send(hall.guest, &old);
        }
    }

    /// The trunks carry less for a while, in which numbers go by.
    fn turn_the_feeds(&mut self) {
        self.set_plan(&SITES, &SITES[..1]);
        self.play();
        self.skip_a_cycle();
        self.set_plan(&SITES, &SITES);
        self.play();
    }

    /// Relays hear nothing of each other, then all of it at once, some of it out of order. Beyond 5 s the trunks begin
    /// new sessions and what comes is of old ones.
    fn hold_the_lines(&mut self) {
        self.lines.borrow_mut().held = Some(Vec::new());
        self.play();
        let silence = [300, 1500, 7000][self.dice.roll(3) as usize];
        self.world.pass(Duration::from_millis(silence));
        self.play();
        let held = self.lines.borrow_mut().held.take();
        let mut held = held.unwrap_or_default();
        for _ in 0..held.len() / 8 {
            let (a, b) = (
                self.dice.roll(held.len() as u64),
                self.dice.roll(held.len() as u64),
            );
            held.swap(a as usize, b as usize);
        }
        let now = self.world.now;
        for (from, to, mut bytes) in held {
            let relay = self
                .world
                .relays
                .iter_mut()
                .find(|relay| relay.address == to);
            if let Some(relay) = relay {
                relay.core.handle_datagram(now, from, &mut bytes);
            }
            self.world.settle();
        }
        self.play();
    }

    /// The relay in the middle loses its parent for so long that its streams end. They come back under the same SSRCs
    /// to a child whose session has lasted, all but a cycle on: under numbers that it has seen.
    fn lose_the_first_trunk(&mut self) {
        self.play();
        self.lines.borrow_mut().cut = true;
        for n in 0..self.halls.len() {
            for _ in 0..8 {
                let step = 8_192 - self.dice.roll(6) as u16;
                self.send_one(n, step, true);
            }
        }
        self.world.pass(Duration::from_secs(12));
        self.lines.borrow_mut().cut = false;
        self.world.pass(Duration::from_secs(3));
        for _ in 0..4 {
            self.play();
        }
    }

    fn choose_a_layer(&mut self) {
        let relay = self.dice.roll(3) as usize;
        let choice = Command::SetLayer {
            leg: self.world.leg(relay, self.watchers[relay]),
            slot: 0,
            layer: [Layer::LOWEST, Layer::BEST][self.dice.roll(2) as usize],
        };
        let now = self.world.now;
        self.world.relays[relay].core.handle_command(choice, now);
        self.play();
    }

    /// The program changes, and back again soon.
    fn switch(&mut self) {
        let turned = [SITES[1], SITES[0]];
        self.set_plan(&turned, &SITES);
        self.world.pass(Duration::from_millis(100));
        self.play();
        if self.dice.roll(2) == 0 {
            self.set_plan(&SITES, &SITES);
            self.play();
        }
    }
}

/// Slots of a browser: whatever is sent again has a number of its own, because its header changes.
fn counted_slots() -> Vec<WatchSlot> {
    let mut slots = slots();
    for slot in slots
        .iter_mut()
        .filter(|slot| slot.kind == MediaKind::Video)
    {
        slot.rtx_payload_types = vec![(Codec::Vp8, 99)];
        slot.extensions.transport_sequence = Some(7);
        slot.extensions.mid = Some(9);
    }
    slots
}

/// Tracks of a hall whose picture has two layers.
fn layered() -> Vec<PublishedTrack> {
    let mut tracks = simulcast();
    tracks[1].rids.truncate(2);
    tracks
}

/// Every datagram passes the tap first; then the lines between relays may lose it or hold it.
fn wire(tap: Rc<RefCell<Tap>>, lines: Rc<RefCell<Lines>>) -> super::world::Loss {
    Box::new(move |from, to, bytes| {
        tap.borrow_mut().see(from, to, bytes);
        let mut lines = lines.borrow_mut();
        let is_between_relays = from.port() == RELAY_PORT && to.port() == RELAY_PORT;
        if let Some(held) = lines.held.as_mut().filter(|_| is_between_relays) {
            held.push((from, to, bytes.to_vec()));
            return true;
        }
        let is_first = [from, to].iter().any(|end| end.ip() == FIRST_RELAY);
        if lines.cut && is_between_relays && is_first {
            return true;
        }
        let mut dice = Dice(lines.dice);
        let is_media = matches!(bytes.first(), Some(128..=191));
        let lost = is_media && dice.roll(100) < lines.lost_percent;
        lines.dice = dice.0;
        lost
    })
}

#[test]
fn no_index_is_ever_sealed_with_other_bytes() {
    no_index_comes_with_other_bytes(0..SEEDS);
}

/// Each leg is one thread's, and so are its numbers.
#[test]
fn nor_by_two_threads_that_send() {
    with_workers(2, || no_index_comes_with_other_bytes(SEEDS..SEEDS * 3 / 2));
}

fn no_index_comes_with_other_bytes(seeds: Range<u64>) {
    let worlds = seeds.end - seeds.start;
    let mut total = Counts::default();
    for seed in seeds {
        let mut stage = Stage::new(seed);
        for _ in 0..ACTIONS {
            stage.act();
        }
        let tap = stage.tap.borrow();
        let reused = tap.reused.get(..tap.reused.len().min(5));
        assert!(tap.reused.is_empty(), "seed {seed}: {reused:?}");
        let Counts {
            packets,
            compounds,
            repeats,
            wraps,
            sessions,
        } = tap.counts;
        total.packets += packets;
        total.compounds += compounds;
        total.repeats += repeats;
        total.wraps += wraps;
        total.sessions += sessions;
    }
    let Counts {
        packets,
        compounds,
        repeats,
        wraps,
        sessions,
    } = total;
    println!(
        "{packets} packets, {repeats} again, {compounds} compounds, {wraps} wraps, {sessions} sessions"
    );
    assert!(repeats > worlds * 5 && wraps > worlds && sessions > worlds * 6);
}

/// The tap is not blind: two packets under one index, and one packet twice.
#[test]
fn the_tap_sees_a_reused_nonce() {
    let (a, b) = (
        SocketAddr::from(([10, 0, 0, 1], RELAY_PORT)),
        SocketAddr::from(([10, 0, 0, 2], RELAY_PORT)),
    );
    used::begin();
    let mut tap = Tap::default();
    let sealed = |sequence, index, more: &[u8]| {
        let mut packet = vp8(7, sequence, 0, true);
        packet.extend(more);
        used::note(&packet, index);
        packet
    };
    let packet = sealed(65_535, 65_535, &[]);
    let other = sealed(65_535, 65_535, &[1]);
    let a_cycle_on = sealed(65_535, 131_071, &[2]);
    tap.see(a, b, &packet);
    tap.see(a, b, &sealed(0, 65_536, &[]));
    tap.see(a, b, &packet);
    tap.see(a, b, &a_cycle_on);
    tap.see(b, a, &other);
    assert!(
        tap.reused.is_empty(),
        "the same again, another index, and the other side's keys"
    );
    tap.see(a, b, &other);
    assert_eq!(tap.reused.len(), 1);
    let compound = |last: u8| [&[0x80, 201, 0, 1, 0, 0, 0, 7, last][..], &[0x80, 0, 0, 1]].concat();
    tap.see(a, b, &compound(1));
    tap.see(a, b, &compound(2));
    assert_eq!(tap.reused.len(), 2);
}
