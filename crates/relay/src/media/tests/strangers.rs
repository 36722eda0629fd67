//! Strangers flood the one UDP port while halls stream over it: real sockets, a real media thread.

use super::guest::{opus, vp8};
use super::socket::{Peer, media_thread};
use super::world::{AUDIO_SSRC, VIDEO_SSRC, slots, tracks};
use crate::media::{LegMedia, MediaHandle, stun};
use protocol::LegRole;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

const WATCHERS: usize = 4;
const STRANGERS: usize = 8;
/// Five seconds' worth at 10,000 a second.
const DATAGRAMS: u32 = 50_000;
const DATAGRAMS_PER_FRAME: u32 = 100;

/// Those who were not asked.
struct Strangers {
    sockets: Vec<UdpSocket>,
    relay: SocketAddr,
    /// A leg's ufrag, as somebody may have overheard it.
    ufrag: String,
    /// What the publisher has sent, overheard too.
    overheard: VecDeque<Vec<u8>>,
    dice: u64,
    sent: u64,
    sent_bytes: u64,
    /// The kernel would not even take it.
    unsent: u64,
}

impl Strangers {
    fn new(relay: SocketAddr, ufrag: &str) -> Self {
        let socket = |_| {
            let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
            socket.set_nonblocking(true).expect("non-blocking");
            socket
        };
        Self {
            sockets: (0..STRANGERS).map(socket).collect(),
            relay,
            ufrag: ufrag.to_owned(),
            overheard: VecDeque::new(),
            dice: 1,
            sent: 0,
            sent_bytes: 0,
            unsent: 0,
        }
    }

    /// Xorshift.
    fn roll(&mut self, below: u64) -> u64 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        self.dice % below
    }

    fn noise(&mut self, first: u8, len: usize) -> Vec<u8> {
        let mut noise: Vec<u8> = (0..len).map(|_| self.roll(256) as u8).collect();
        noise.insert(0, first);
        noise
    }

    fn datagram(&mut self, n: u32) -> Vec<u8> {
        let transaction = [n as u8; 12];
        let known = format!("{}:guest", self.ufrag);
        match n % 10 {
            0 => stun::request(transaction, "nobody:guest", "password", 7),
            1 => stun::request(transaction, &known, "another password", 7),
            2 => stun::controlled_request(transaction, &known, "another password"),
            3 => stun::success(transaction, self.relay, "another password"),
            4 => {
                // An attribute that claims to be far longer than the message, or the other way round.
                let mut lie = stun::request(transaction, &known, "password", 7);
                let at = [2, 22][self.roll(2) as usize];
                lie[at..at + 2].copy_from_slice(&[0xff, self.roll(256) as u8]);
                lie
            }
            5 => client_hello(n),
            6 => {
                let mut srtp = vp8(VIDEO_SSRC, n as u16, n, false);
                srtp.extend(self.noise(0, 60));
                srtp
            }
            7 => match self.overheard.len() {
                0 => Vec::new(),
                len => {
                    let one = self.roll(len as u64) as usize;
                    self.overheard[one].clone()
                }
            },
            _ => {
                let (first, len) = (self.roll(256) as u8, self.roll(1400) as usize);
                self.noise(first, len)
            }
        }
    }

    fn send(&mut self, n: u32) {
        let datagram = self.datagram(n);
        let socket = &self.sockets[n as usize % STRANGERS];
        if socket.send_to(&datagram, self.relay).is_ok() {
            self.sent += 1;
            self.sent_bytes += datagram.len() as u64;
        } else {
            self.unsent += 1;
        }
    }

    fn received_bytes(&self) -> u64 {
        let mut buffer = [0; 2048];
        let mut bytes = 0;
        for socket in &self.sockets {
            while let Ok((len, _)) = socket.recv_from(&mut buffer) {
                bytes += len as u64;
            }
        }
        bytes
    }
}

/// A whole ClientHello, as far as its frame tells.
fn client_hello(n: u32) -> Vec<u8> {
    let body = vec![n as u8; 180];
    let mut fragment = vec![1, 0, 0, 180, 0, 0, 0, 0, 0, 0, 0, 180];
    fragment.extend_from_slice(&body);
    let mut record = vec![22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0];
    record.extend_from_slice(&(fragment.len() as u16).to_be_bytes());
    record.extend_from_slice(&fragment);
    record
}

async fn watchers(media: &MediaHandle) -> Vec<Peer> {
    let mut watchers = Vec::new();
    for _ in 0..WATCHERS {
        let watch = LegMedia::Watch(slots());
        watchers.push(Peer::join(media, LegRole::Watch, "A", watch).await);
    }
    watchers
}

/// The next frame: three packets of picture and one of sound.
fn send_frame(hub: &mut Peer, frame: u16, strangers: &mut Strangers) {
    let timestamp = 1800 * u32::from(frame);
    let mut packets: Vec<Vec<u8>> = (0..3)
        .map(|n| {
            let mut packet = vp8(VIDEO_SSRC, frame * 3 + n, timestamp, frame == 0 && n == 0);
            // The second and third go on with what the first begins, which ends with the third.
            packet[1] = if n == 2 { 0x80 | 0x78 } else { 0x78 };
            packet[12] = if n == 0 { 0x10 } else { 0 };
            packet.extend([n as u8; 200]);
            packet
        })
        .collect();
    packets.push(opus(AUDIO_SSRC, frame, 960 * u32::from(frame), 30));
    for packet in packets {
        let sealed = hub.guest.seal_rtp(&packet);
        hub.send(&sealed);
        strangers.overheard.push_back(sealed);
        if strangers.overheard.len() > 64 {
            strangers.overheard.pop_front();
        }
    }
}

fn assert_no_hole(watcher: &Peer, frames: usize) {
    assert_eq!(watcher.guest.unreadable, 0);
    let mut numbers: BTreeMap<u32, BTreeSet<u16>> = BTreeMap::new();
    let packets = watcher.guest.rtp.iter();
    for (number, ssrc) in packets.filter_map(|packet| crate::media::srtp::rtp_seq_ssrc(packet)) {
        assert!(
            numbers.entry(ssrc).or_default().insert(number),
            "{number} twice"
        );
    }
    let counts: BTreeSet<usize> = numbers.values().map(BTreeSet::len).collect();
    assert_eq!(counts, BTreeSet::from([frames, 3 * frames]));
    for numbers in numbers.values() {
        let span = numbers.last().expect("one") - numbers.first().expect("one");
        assert_eq!(usize::from(span) + 1, numbers.len(), "a hole");
    }
}

/// As fast as the halls get their packets; a slow machine takes longer and sees the same.
#[tokio::test]
async fn ten_thousand_packets_a_second_of_strangers_leave_no_hole_and_get_no_byte() {
    let media = media_thread(8, 2);
    let mut hub = Peer::join(&media, LegRole::Publish, "HUB", LegMedia::Publish(tracks())).await;
    let mut halls = watchers(&media).await;
    let mut strangers = Strangers::new(media.local_addr(), &halls[0].guest.relay_ice.ufrag);
    let begun = Instant::now();
    let mut answered = 0;
    for frame in 0..DATAGRAMS / DATAGRAMS_PER_FRAME {
        for n in 0..DATAGRAMS_PER_FRAME {
            strangers.send(frame * DATAGRAMS_PER_FRAME + n);
            if n == DATAGRAMS_PER_FRAME / 2 {
                send_frame(&mut hub, frame as u16, &mut strangers);
            }
        }
        let expected = 4 * (frame as usize + 1);
        for hall in &mut halls {
            hall.until("the frame", |guest| guest.rtp.len() >= expected);
        }
        if frame % 100 == 0 {
            // Consent, on a machine that takes half a minute.
            let everybody = halls.iter().chain([&hub]);
            everybody.for_each(|peer| peer.send(&peer.guest.check()));
        }
        answered += strangers.received_bytes();
    }
    let took = begun.elapsed();
    let rate = strangers.sent as f64 / took.as_secs_f64();
    println!(
        "{} datagrams ({} not taken) in {took:?}: {rate:.0} a second",
        strangers.sent, strangers.unsent
    );
    for hall in &halls {
        assert_no_hole(hall, (DATAGRAMS / DATAGRAMS_PER_FRAME) as usize);
    }
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut told = media.drops();
    while told.from_strangers == 0 || told.stun_refused == 0 || told.not_ours == 0 {
        assert!(Instant::now() < deadline, "never told: {told:?}");
        tokio::task::yield_now().await;
        told = media.drops();
    }
    println!("{told:?}");
    answered += strangers.received_bytes();
    assert_eq!(answered, 0, "for {} bytes", strangers.sent_bytes);
    assert_eq!(media.report().legs.len(), 1 + WATCHERS);
    media.stop().expect("told");
}
