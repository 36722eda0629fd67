//! Ours against `rtc-srtp` and against a model, over hundreds of random sessions. A failure prints its seed.

use super::tests::{BOTH, master, other, rtp};
use super::{Profile, Receiver, Rejected, Sender};
use std::collections::BTreeSet;

const SEEDS: u64 = 300;
/// What a receiver remembers behind the newest packet.
const WINDOW: u64 = 1024;

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

    fn bytes(&mut self, most: u64) -> Vec<u8> {
        (0..self.roll(most + 1))
            .map(|_| self.roll(256) as u8)
            .collect()
    }
}

fn every_session(mut story: impl FnMut(Profile, &mut Dice)) {
    for seed in 0..SEEDS {
        for profile in BOTH {
            let told = std::panic::AssertUnwindSafe(|| story(profile, &mut Dice(seed)));
            if let Err(panic) = std::panic::catch_unwind(told) {
                eprintln!("{profile:?}, seed {seed}");
                std::panic::resume_unwind(panic);
            }
        }
    }
}

/// The packets of one SSRC in the order they come: with gaps, several wraps and some late ones.
struct Line {
    ssrc: u32,
    highest: u64,
    sent: BTreeSet<u64>,
}

impl Line {
    fn new(ssrc: u32, dice: &mut Dice) -> Self {
        let highest = dice.roll(1 << 15);
        Self {
            ssrc,
            highest,
            sent: BTreeSet::from([highest]),
        }
    }

    /// An index not sent before; most go on by one, some jump, some come late.
    fn next(&mut self, dice: &mut Dice) -> u64 {
        let late = self.highest.saturating_sub(1 + dice.roll(900));
        let index = match dice.roll(10) {
            0 => self.highest + 1 + dice.roll(30_000),
            1 if !self.sent.contains(&late) => late,
            _ => self.highest + 1 + dice.roll(3),
        };
        self.highest = self.highest.max(index);
        self.sent.insert(index);
        index
    }
}

#[test]
fn the_other_implementation_follows_us_over_wraps() {
    let mut wraps = 0;
    every_session(|profile, dice| {
        let mut sender = Sender::new(profile, &master(profile)).expect("a sender");
        let mut receiver = other(profile);
        let mut lines: Vec<Line> = (1..4).map(|ssrc| Line::new(ssrc, dice)).collect();
        let first: Vec<(usize, u64)> = (0..3).map(|n| (n, lines[n].highest)).collect();
        let more = (0..150).map(|_| dice.roll(3) as usize).collect::<Vec<_>>();
        let more = more.into_iter().map(|n| (n, None));
        for (n, index) in first
            .into_iter()
            .map(|(n, index)| (n, Some(index)))
            .chain(more)
        {
            let index = index.unwrap_or_else(|| lines[n].next(dice));
            let plain = rtp(lines[n].ssrc, index, &dice.bytes(60));
            let mut packet = plain.clone();
            sender.seal_rtp(&mut packet, index).expect("sealed");
            let opened = receiver.decrypt_rtp(&packet);
            assert_eq!(opened.expect("opened").to_vec(), plain, "index {index}");
            assert!(receiver.decrypt_rtp(&packet).is_err(), "twice");

            let plain = compound(dice);
            let mut packet = plain.clone();
            sender.seal_rtcp(&mut packet).expect("sealed");
            let opened = receiver.decrypt_rtcp(&packet);
            assert_eq!(opened.expect("opened").to_vec(), plain);
        }
        wraps += lines.iter().map(|line| line.highest >> 16).sum::<u64>();
    });
    println!("{wraps} wraps");
    assert!(wraps > 5 * SEEDS, "{wraps}");
}

/// A receiver report of a random SSRC with up to 31 words behind it.
fn compound(dice: &mut Dice) -> Vec<u8> {
    let words = 1 + dice.roll(31) as u16;
    let mut compound = vec![0x80, 201];
    compound.extend_from_slice(&words.to_be_bytes());
    compound.extend((0..words).flat_map(|_| (dice.roll(4) as u32).to_be_bytes()));
    compound
}

#[test]
fn we_follow_the_other_implementation_over_wraps() {
    every_session(|profile, dice| {
        let mut sender = other(profile);
        let mut receiver = Receiver::new(profile, &master(profile)).expect("a receiver");
        let mut lines: Vec<Line> = (1..4).map(|ssrc| Line::new(ssrc, dice)).collect();
        for _ in 0..150 {
            let line = &mut lines[dice.roll(3) as usize];
            // It keeps the rollover counter itself, so that nothing may be sealed out of order.
            line.highest += 1 + dice.roll(9) * dice.roll(3_000);
            let plain = rtp(line.ssrc, line.highest, &dice.bytes(60));
            let sealed = sender.encrypt_rtp(&plain).expect("sealed").to_vec();
            let mut packet = sealed.clone();
            let len = receiver.open_rtp(&mut packet).expect("opened");
            assert_eq!(packet[..len], plain);
            assert_eq!(receiver.open_rtp(&mut sealed.clone()), Err(Rejected));

            let plain = compound(dice);
            let sealed = sender.encrypt_rtcp(&plain).expect("sealed").to_vec();
            let mut packet = sealed.clone();
            let len = receiver.open_rtcp(&mut packet).expect("opened");
            assert_eq!(packet[..len], plain);
            assert_eq!(receiver.open_rtcp(&mut sealed.clone()), Err(Rejected));
        }
    });
}

/// A packet opens when it is new and not behind the window, and only then; forgeries in between change nothing.
#[test]
fn the_replay_window_is_that_of_the_model() {
    let (mut opened, mut refused) = (0, 0);
    every_session(|profile, dice| {
        let sender = Sender::new(profile, &master(profile)).expect("a sender");
        let mut receiver = Receiver::new(profile, &master(profile)).expect("a receiver");
        let mut highest = dice.roll(1 << 15);
        let mut seen = BTreeSet::new();
        for step in 0..200 {
            let index = match dice.roll(6) {
                _ if step == 0 => highest,
                0 => highest + 1 + dice.roll(20_000),
                1 => highest + 1,
                // The window's edges, and a packet seen before.
                2 => highest.saturating_sub(WINDOW - 2 + dice.roll(5)),
                3 => seen
                    .iter()
                    .copied()
                    .nth(dice.roll(seen.len() as u64) as usize)
                    .expect("one"),
                _ => highest.saturating_sub(dice.roll(2 * WINDOW)),
            };
            let mut packet = rtp(7, index, b"payload");
            sender.seal_rtp(&mut packet, index).expect("sealed");
            let mut forged = packet.clone();
            let last = forged.len() - 1;
            forged[last] ^= 1;
            assert_eq!(receiver.open_rtp(&mut forged), Err(Rejected));
            let is_new = !seen.contains(&index) && index + WINDOW > highest;
            let result = receiver.open_rtp(&mut packet);
            assert_eq!(result.is_ok(), is_new, "{index} after {highest}");
            if is_new {
                seen.insert(index);
                highest = highest.max(index);
                opened += 1;
            } else {
                refused += 1;
            }
        }
    });
    println!("{opened} opened, {refused} refused");
    assert!(opened > 20 * SEEDS && refused > 20 * SEEDS);
}

/// Whoever can write a hall's address as the sender cannot keep its paused stream from being found again, and each
/// forgery costs a bounded number of tries.
#[test]
fn a_paused_stream_is_found_among_forgeries() {
    for profile in BOTH {
        let sender = Sender::new(profile, &master(profile)).expect("a sender");
        let mut receiver = Receiver::new(profile, &master(profile)).expect("a receiver");
        let sealed = |index| {
            let mut packet = rtp(7, index, b"payload");
            sender.seal_rtp(&mut packet, index).expect("sealed");
            packet
        };
        assert!(receiver.open_rtp(&mut sealed(100)).is_ok());
        let mut found_after = None;
        for step in 0..2_000 {
            let index = 3 * 65_536 + 500 + step;
            if receiver.open_rtp(&mut sealed(index)).is_ok() {
                found_after = Some(step);
                break;
            }
            // Two forgeries for every packet.
            for _ in 0..2 {
                let mut forged = sealed(index);
                forged[14] ^= 1;
                assert_eq!(receiver.open_rtp(&mut forged), Err(Rejected));
            }
        }
        println!("{profile:?}: found after {found_after:?} packets");
        assert!(found_after.is_some_and(|packets| packets < 100));
    }
}
