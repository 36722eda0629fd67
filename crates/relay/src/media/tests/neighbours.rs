//! One bad hall among good ones: whatever it sends, its neighbours have every packet. CPU is printed, never judged.

use super::guest::{CHROMIUM, Guest, opus, vp8};
use super::media::has;
use super::world::{AUDIO_SSRC, VIDEO_SSRC, World, plan, slots};
use crate::media::rtcp::{self, Item, Writer};
use crate::media::srtp::rtp_seq_ssrc;
use crate::media::{LegMedia, stun};
use forwarding::limits::{RESEND_BURST_BYTES, RESEND_BYTES_PER_S};
use protocol::{LegRole, LegState};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

const BAD_ADDRESS: SocketAddr = SocketAddr::new(
    std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 168, 0, 9)),
    9,
);

/// A hall that publishes, a hall that watches, and a bad one that knows its own password.
struct Street {
    world: World,
    relay: usize,
    hub: usize,
    hall: usize,
    bad: usize,
    frames: u16,
    /// Bytes of datagrams to the bad hall.
    sent_to_bad: Rc<Cell<u64>>,
    cpu: Duration,
}

impl Street {
    fn new() -> Self {
        let mut world = World::new();
        let relay = world.relay();
        let now = world.now;
        world.relays[relay]
            .core
            .set_plan(plan(1, &["HUB"], vec![], vec![]), now);
        let hub = world.publisher(relay, "HUB");
        let hall = world.watcher(relay, LegRole::Watch, Some("B"));
        let relay_address = world.relays[relay].address;
        world
            .guests
            .push(Guest::new(BAD_ADDRESS, relay_address, &CHROMIUM));
        let bad = world.guests.len() - 1;
        let sent_to_bad = Rc::new(Cell::new(0));
        let count = sent_to_bad.clone();
        world.lose = Box::new(move |_, to, bytes| {
            if to == BAD_ADDRESS {
                count.set(count.get() + bytes.len() as u64);
            }
            false
        });
        Self {
            world,
            relay,
            hub,
            hall,
            bad,
            frames: 0,
            sent_to_bad,
            cpu: Duration::ZERO,
        }
    }

    /// The bad hall has a leg and has proven its address; it takes no answers.
    fn with_a_leg(mut self) -> Self {
        let media = LegMedia::Watch(slots());
        self.world
            .open(self.relay, self.bad, LegRole::Watch, Some("A"), media);
        let check = self.world.guests[self.bad].check();
        let count = self.sent_to_bad.clone();
        self.world.lose = Box::new(move |_, to, bytes| {
            let is_bad = to == BAD_ADDRESS;
            count.set(count.get() + if is_bad { bytes.len() as u64 } else { 0 });
            is_bad
        });
        self.world.send(self.bad, &check);
        self
    }

    /// The bad hall is a watcher like any other, so far.
    fn connected(mut self) -> Self {
        let media = LegMedia::Watch(slots());
        self.world
            .open(self.relay, self.bad, LegRole::Watch, Some("A"), media);
        self.world.connect(self.bad);
        self.play(10);
        self
    }

    /// Pictures and sound of a second's fiftieth each.
    fn play(&mut self, frames: u16) {
        for _ in 0..frames {
            let n = self.frames;
            let keyframe = n.is_multiple_of(50);
            let picture = vp8(VIDEO_SSRC, n, 1800 * u32::from(n), keyframe);
            let sound = opus(AUDIO_SSRC, n, 960 * u32::from(n), 30);
            self.world.send_rtp(self.hub, &picture);
            self.world.send_rtp(self.hub, &sound);
            self.frames += 1;
            self.world.pass(Duration::from_millis(20));
        }
    }

    /// A thousand datagrams a frame.
    fn attack(&mut self, name: &str, datagrams: impl Iterator<Item = Vec<u8>>) -> u64 {
        let (mut count, mut bytes) = (0u64, 0);
        for datagram in datagrams {
            bytes += datagram.len() as u64;
            let begun = Instant::now();
            self.world.send(self.bad, &datagram);
            self.cpu += begun.elapsed();
            count += 1;
            if count.is_multiple_of(1000) {
                self.play(1);
            }
        }
        println!("{name}: {count} datagrams, {bytes} bytes, {:?}", self.cpu);
        bytes
    }

    /// The neighbour has each picture and each sound, once and readable.
    fn assert_nothing_lost(&mut self) {
        self.play(5);
        let guest = &self.world.guests[self.hall];
        assert_eq!(guest.unreadable, 0);
        let mut numbers: BTreeMap<u32, BTreeSet<u16>> = BTreeMap::new();
        for (number, ssrc) in guest.rtp.iter().filter_map(|packet| rtp_seq_ssrc(packet)) {
            assert!(
                numbers.entry(ssrc).or_default().insert(number),
                "{number} twice"
            );
        }
        assert_eq!(numbers.len(), 2);
        for numbers in numbers.values() {
            assert_eq!(numbers.len(), usize::from(self.frames));
            let span = numbers.last().expect("one") - numbers.first().expect("one");
            assert_eq!(span, self.frames - 1, "a hole");
        }
    }
}

fn record(kind: u8, epoch: u8, number: u32, body: &[u8]) -> Vec<u8> {
    let mut record = vec![kind, 254, 253, 0, epoch, 0, 0];
    record.extend_from_slice(&number.to_be_bytes());
    record.extend_from_slice(&(body.len() as u16).to_be_bytes());
    record.extend_from_slice(body);
    record
}

fn fragment(length: u32, message: u8, offset: u32, body: &[u8]) -> Vec<u8> {
    let mut fragment = vec![1];
    fragment.extend_from_slice(&length.to_be_bytes()[1..]);
    fragment.extend_from_slice(&[0, message]);
    fragment.extend_from_slice(&offset.to_be_bytes()[1..]);
    fragment.extend_from_slice(&(body.len() as u32).to_be_bytes()[1..]);
    fragment.extend_from_slice(body);
    fragment
}

/// An attack: its name and its n-th datagram.
type Attack = (&'static str, fn(u32) -> Vec<u8>);

/// The fragment attacks, each of some 100 KB and more.
const HANDSHAKES: [Attack; 5] = [
    ("1-byte fragments", |n| {
        record(22, 0, n, &fragment(4000, 0, n, &[7]))
    }),
    ("overlapping fragments", |n| {
        record(22, 0, n, &fragment(4000, 0, n % 1000, &[7; 900]))
    }),
    ("fragments of every length", |n| {
        record(22, 0, n, &fragment(n + 9, n as u8, n % 7, &[7; 2]))
    }),
    ("early encrypted records", |n| record(22, 1, n, &[7; 60])),
    ("tiny records", |n| {
        (0..100)
            .flat_map(|m| record(20, 0, n * 100 + m, &[1]))
            .collect()
    }),
];

#[test]
fn a_hall_that_attacks_in_its_handshake_loses_its_leg_and_its_neighbours_nothing() {
    for (name, datagram) in HANDSHAKES {
        let mut street = Street::new().with_a_leg();
        street.play(5);
        let before = street.sent_to_bad.get();
        let bytes = street.attack(name, (0..4000).map(datagram));
        let answered = street.sent_to_bad.get() - before;
        assert!(answered <= bytes, "{name}: {answered} for {bytes}");
        assert_eq!(
            street.world.report(street.relay).legs.len(),
            2,
            "{name}: ended"
        );
        street.assert_nothing_lost();
    }
}

#[test]
fn a_connected_hall_that_goes_on_with_handshakes_gets_next_to_nothing() {
    for (name, datagram) in HANDSHAKES {
        let mut street = Street::new().connected();
        let closed = |street: &Street| street.world.report(street.relay).legs.len() < 3;
        street.world.guests[street.bad].rtp.clear();
        let address = street.world.guests[street.bad].address;
        let dtls = Rc::new(Cell::new(0));
        let count = dtls.clone();
        street.world.lose = Box::new(move |_, to, bytes| {
            let is_dtls = to == address && matches!(bytes.first(), Some(20..=63));
            count.set(count.get() + if is_dtls { bytes.len() as u64 } else { 0 });
            is_dtls
        });
        let bytes = street.attack(name, (0..4000).map(datagram));
        assert!(dtls.get() <= bytes, "{name}: {} for {bytes}", dtls.get());
        assert!(
            !closed(&street),
            "{name}: its session is authentic, and stands"
        );
        street.assert_nothing_lost();
        let lost = street.world.guests[street.bad].rtp.is_empty();
        assert!(!lost, "{name}: it is served on");
    }
}

#[test]
fn a_flood_of_checks_gets_no_more_back_than_it_sends() {
    let mut street = Street::new().with_a_leg();
    let bad = &street.world.guests[street.bad];
    let (pwd, username) = (
        bad.relay_ice.pwd.clone(),
        format!("{}:{}", bad.relay_ice.ufrag, bad.ice.ufrag),
    );
    let before = street.sent_to_bad.get();
    let conflicts = (0..5000).map(|_| stun::controlled_request([1; 12], &username, &pwd));
    let bytes = street.attack("role conflicts", conflicts);
    let answered = street.sent_to_bad.get() - before;
    assert!(answered > 0 && answered <= bytes, "{answered} for {bytes}");
    let before = street.sent_to_bad.get();
    let checks = (0..5000).map(|_| stun::request([1; 12], &username, &pwd, 7));
    let bytes = street.attack("checks", checks);
    let answered = street.sent_to_bad.get() - before;
    assert!(answered > 0 && answered <= bytes, "{answered} for {bytes}");
    street.assert_nothing_lost();
}

/// Seals for the bad hall.
fn sealed(street: &mut Street, compounds: impl Iterator<Item = Vec<u8>>) -> Vec<Vec<u8>> {
    let bad = street.bad;
    compounds
        .map(|compound| street.world.guests[bad].seal_rtcp(&compound))
        .collect()
}

fn compound(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut compound = Writer::default();
    compound.receiver_report(1, &[]);
    write(&mut compound);
    compound.0
}

/// What the bad hall is sent, by SSRC.
fn slots_of_bad(street: &Street) -> BTreeMap<u32, u16> {
    let packets = street.world.guests[street.bad].rtp.iter();
    packets
        .filter_map(|packet| rtp_seq_ssrc(packet))
        .map(|(number, ssrc)| (ssrc, number))
        .collect()
}

#[test]
fn a_hall_that_asks_for_everything_again_gets_its_allowance() {
    let mut street = Street::new().connected();
    street.play(200);
    let slots = slots_of_bad(&street);
    let nacks = (0..3000).flat_map(|_| {
        slots.iter().map(|(ssrc, number)| {
            let window: Vec<u16> = (0..512).rev().map(|n| number.wrapping_sub(n)).collect();
            compound(|compound| compound.nack(1, *ssrc, &window))
        })
    });
    let nacks = nacks.collect::<Vec<_>>();
    let nacks = sealed(&mut street, nacks.into_iter());
    let (sent, begun) = (street.sent_to_bad.get(), street.world.now);
    street.attack("NACKs", nacks.into_iter());
    let elapsed = street.world.now - begun;
    let sent = street.sent_to_bad.get() - sent;
    let allowed = RESEND_BURST_BYTES + RESEND_BYTES_PER_S * (1 + elapsed.as_secs());
    println!("{sent} bytes of {allowed} in {elapsed:?}");
    // What was sealed and told beside it: tags, sender reports, the feed itself.
    assert!(sent <= allowed * 3 / 2, "{sent} of {allowed}");
    street.assert_nothing_lost();
}

#[test]
fn ten_thousand_keyframe_requests_are_one_or_two() {
    let mut street = Street::new().connected();
    let slots = slots_of_bad(&street);
    let requests = (0..10_000).map(|n| {
        let ssrc = slots.keys().nth(n % slots.len()).copied().expect("a slot");
        compound(|compound| compound.pli(1, ssrc))
    });
    let requests = requests.collect::<Vec<_>>();
    let requests = sealed(&mut street, requests.into_iter());
    let hub = street.hub;
    street.world.guests[hub].rtcp.clear();
    let begun = street.world.now;
    street.attack("keyframe requests", requests.into_iter());
    let elapsed = street.world.now - begun;
    let asked = keyframe_requests(&street.world.guests[hub].rtcp);
    println!("{asked} asked of the publisher in {elapsed:?}");
    assert!(asked >= 1 && u128::from(asked) <= 1 + elapsed.as_millis() / 500);
    street.assert_nothing_lost();
}

fn keyframe_requests(compounds: &[Vec<u8>]) -> u64 {
    let mut asked = 0;
    for compound in compounds {
        rtcp::read(compound, &mut |item| {
            asked += u64::from(matches!(item, Item::KeyframeRequest { .. }));
        });
    }
    asked
}

/// Compounds whose lengths, counts and masks lie, authentic every one.
#[test]
fn lying_compounds_harm_nobody() {
    let mut street = Street::new().connected();
    let ssrc = slots_of_bad(&street)
        .keys()
        .next()
        .copied()
        .expect("a slot");
    let lies = (0..4000u32).map(|n| {
        let mut lie = compound(|compound| {
            compound.nack(1, ssrc, &[n as u16, n as u16 ^ 0x5555, 0, 65_535]);
            compound.pli(1, ssrc);
            compound.app(ssrc, (n % 32) as u8, *b"FEED", &[n as u8; 60]);
        });
        let at = 4 + n as usize % (lie.len() - 4);
        lie[at] = (n >> 4) as u8;
        lie[4..8].copy_from_slice(&1u32.to_be_bytes());
        lie
    });
    let lies = lies.collect::<Vec<_>>();
    let lies = sealed(&mut street, lies.into_iter());
    street.attack("lying compounds", lies.into_iter());
    street.assert_nothing_lost();
}

/// A sender report goes to every watcher: a publisher must not multiply its flood by its audience.
#[test]
fn a_flood_of_sender_reports_is_not_passed_on() {
    let mut street = Street::new();
    street.play(50);
    let report = |n: u32| forwarding::SenderReport {
        leg: forwarding::LegId(0),
        ssrc: VIDEO_SSRC,
        ntp: u64::from(n) << 20,
        rtp: n,
        packets: n,
        octets: n,
    };
    let (hub, hall) = (street.hub, street.hall);
    street.world.guests[hall].rtcp.clear();
    let begun = street.world.now;
    for n in 0..5000 {
        let mut compound = Writer::default();
        compound.sender_report(&report(n));
        street.world.send_rtcp(hub, &compound.0);
        if n % 1000 == 999 {
            street.play(10);
        }
    }
    let elapsed = street.world.now - begun;
    let passed = street.world.guests[hall].rtcp.len();
    println!("{passed} of 5000 reports in {elapsed:?}");
    let is_report = |item: &Item<'_>| matches!(item, Item::SenderReport { .. });
    assert!(has(&street.world.guests[hall].rtcp, is_report));
    assert!(passed <= 1 + elapsed.as_millis() as usize / 50, "{passed}");
    street.assert_nothing_lost();
    let connected = |leg: &protocol::LegReport| leg.state == LegState::Connected;
    assert!(street.world.report(street.relay).legs.iter().all(connected));
}
