//! Lines that lose packets: what is sent again, what is sent twice, and what only looks like loss.

use crate::publisher::Publisher;
use crate::recorder::{RTX, Sent, full_slot, ms, slot};
use crate::stage::{HALL, SLOT, Stage};
use crate::world::Dice;
use forwarding::limits::{REPEAT_AGE_MAX, REPEAT_DELAY, RESEND_BURST_BYTES};
use forwarding::{Kind, LegId, SlotSpec};
use std::collections::{BTreeMap, BTreeSet};

/// A packet in twenty, as receiver reports say it.
const A_TWENTIETH: u8 = 13;

/// A stage whose line has lost a packet in twenty for a while.
fn lossy(spec: SlotSpec) -> Stage {
    let mut stage = Stage::new(spec);
    (0..10).for_each(|_| stage.router.note_leg_loss(HALL, A_TWENTIETH));
    stage
}

/// The numbers that packets repeat.
fn repeated(sent: &[Sent]) -> Vec<u16> {
    assert!(sent.iter().all(|sent| sent.ssrc == RTX | SLOT));
    sent.iter().filter_map(|sent| sent.osn).collect()
}

#[test]
fn what_a_leg_tells_as_lost_comes_again_until_it_arrives() {
    let mut stage = Stage::new(full_slot(Kind::Video, SLOT));
    let first = stage.frame(true, 3, 0);
    let copy = stage.lost(&first[1], 100);
    assert_eq!(repeated(&copy), [2]);
    assert_eq!(copy[0].payload(), first[1].payload());
    assert!(stage.lost(&first[1], 110).is_empty(), "it is under way");
    let second = stage.lost(&copy[0], 200);
    assert_eq!(repeated(&second), [2]);
    assert!(stage.at(250).is_empty(), "one at a time on a good line");
    let stats = stage.router.leg_stats(HALL).unwrap();
    assert_eq!((stats.resends, stats.repeats), (2, 0));
}

#[test]
fn what_cannot_be_of_use_does_not_come_again() {
    let mut stage = Stage::new(full_slot(Kind::Video, SLOT));
    let first = stage.frame(true, 3, 0);
    let too_late = REPEAT_AGE_MAX.as_millis() as u64 + 1;
    assert!(stage.lost(&first[0], too_late).is_empty(), "too old");
    for (ssrc, number) in [(SLOT, 4), (SLOT, 60_000), (RTX | SLOT, 2), (77, 1)] {
        stage
            .router
            .handle_loss(HALL, ssrc, number, ms(10), &mut stage.out);
        assert!(stage.out.take_sent().is_empty(), "{ssrc} {number}");
    }
    stage
        .router
        .handle_loss(LegId(9), SLOT, 1, ms(10), &mut stage.out);
    assert!(stage.out.take_sent().is_empty(), "nobody");
}

#[test]
fn a_slot_without_retransmission_packets_sends_nothing_by_itself() {
    let mut stage = lossy(slot(Kind::Video, SLOT));
    let first = stage.frame(true, 3, 0);
    assert!(stage.at(20).is_empty());
    assert!(stage.lost(&first[1], 30).is_empty());
}

#[test]
fn a_liar_gets_no_more_than_its_share() {
    let mut stage = lossy(full_slot(Kind::Video, SLOT));
    stage.hall = Publisher::video(1, 11).filled(|_| 1_000);
    let mut told: Vec<Sent> = (0..10)
        .flat_map(|n| stage.frame(n == 0, 20, n * 33))
        .collect();
    let mut bytes = 0;
    for n in 0..200 {
        let lies: Vec<Sent> = told
            .iter()
            .flat_map(|sent| stage.lost(sent, 340 + n / 2))
            .collect();
        bytes += lies.iter().map(|sent| sent.bytes.len() as u64).sum::<u64>();
        told.extend(lies);
    }
    assert!(bytes > 0);
    assert!(bytes < 2 * RESEND_BURST_BYTES, "{bytes}");
}

#[test]
fn on_a_lossy_line_a_repetition_leaves_twice() {
    let mut stage = lossy(full_slot(Kind::Video, SLOT));
    stage.frame(true, 3, 0);
    stage.at(20);
    assert_eq!(repeated(&stage.nack(&[2], 30)), [2]);
    let later = 30 + REPEAT_DELAY.as_millis() as u64;
    assert_eq!(stage.router.next_timeout(), Some(ms(later)));
    assert!(stage.at(later - 1).is_empty());
    assert_eq!(repeated(&stage.at(later)), [2]);
    let stats = stage.router.leg_stats(HALL).unwrap();
    assert_eq!((stats.resends, stats.repeats), (1, 2));
}

#[test]
fn on_a_lossy_line_the_end_of_a_picture_leaves_twice_and_the_rest_once() {
    let mut stage = lossy(full_slot(Kind::Video, SLOT));
    let first = stage.frame(true, 3, 0);
    let again = stage.at(10);
    assert_eq!(repeated(&again), [3]);
    assert_eq!(again[0].payload(), first[2].payload());

    // What is followed at once shows a loss by itself.
    stage.frame(false, 1, 40);
    stage.frame(false, 2, 43);
    assert_eq!(repeated(&stage.at(60)), [6]);
}

#[test]
fn sound_good_lines_and_full_lines_get_nothing_twice() {
    let mut sound = lossy(full_slot(Kind::Audio, SLOT));
    let n = sound.hall.sound(0);
    let packet = sound.hall.sent[n].clone();
    sound
        .router
        .handle_rtp(sound.id, &packet, ms(0), &mut sound.out);
    assert_eq!(sound.out.take_sent().len(), 1);
    assert!(sound.at(20).is_empty());

    let mut full = lossy(full_slot(Kind::Video, SLOT));
    let limit = Some(2_000_000);
    full.router.set_leg_rate(HALL, limit, ms(0), &mut full.out);
    let mut good = Stage::new(full_slot(Kind::Video, SLOT));
    for stage in [&mut full, &mut good] {
        stage.frame(true, 3, 0);
        assert!(stage.at(20).is_empty());
    }
}

/// A hall on a line that loses a packet in twenty each way. It asks as libwebrtc does: at once when a gap shows, then
/// every tenth of a second; ten times a second it tells what arrived.
struct LossyHall {
    stage: Stage,
    dice: Dice,
    /// When each packet of the slot arrived, by index.
    arrived: BTreeMap<u64, u64>,
    newest: u64,
    /// Missing below the newest, and when it asks next.
    missing: BTreeMap<u64, u64>,
    /// Sent and not told about yet, by transport-wide number.
    flying: BTreeMap<u16, Sent>,
    came: BTreeSet<u16>,
    under_way: Vec<(u64, Sent)>,
}

impl LossyHall {
    const WAY: u64 = 10;

    fn new(seed: u64, stage: Stage) -> Self {
        Self {
            stage,
            dice: Dice(seed),
            arrived: BTreeMap::new(),
            newest: 0,
            missing: BTreeMap::new(),
            flying: BTreeMap::new(),
            came: BTreeSet::new(),
            under_way: Vec::new(),
        }
    }

    fn loses(&mut self) -> bool {
        self.dice.roll(20) == 0
    }

    fn carry(&mut self, sent: Vec<Sent>, now: u64) {
        for sent in sent {
            if let Some(number) = sent.transport_sequence {
                self.flying.insert(number, sent.clone());
            }
            if !self.loses() {
                self.under_way.push((now + Self::WAY, sent));
            }
        }
    }

    fn arrive(&mut self, now: u64) {
        for (_, sent) in self.under_way.extract_if(.., |(at, _)| *at <= now) {
            self.came.extend(sent.transport_sequence);
            let index = sent.osn.map_or(sent.index, u64::from);
            self.arrived.entry(index).or_insert(now);
            self.missing.remove(&index);
            let gap = self.newest + 1..index;
            self.missing.extend(gap.map(|index| (index, now)));
            self.newest = self.newest.max(index);
        }
    }

    fn ask(&mut self, now: u64) {
        let due = self.missing.iter_mut().filter(|(_, at)| **at <= now);
        let missing: Vec<u16> = due
            .map(|(index, at)| {
                *at = now + 100;
                *index as u16
            })
            .collect();
        if !missing.is_empty() && !self.loses() {
            let Stage { router, out, .. } = &mut self.stage;
            router.handle_nack(HALL, SLOT, &missing, ms(now + Self::WAY), out);
        }
    }

    fn tell(&mut self, now: u64) {
        let newest = self.came.last().copied().unwrap_or(0);
        let is_told = !self.loses();
        while let Some(entry) = self.flying.first_entry().filter(|it| *it.key() <= newest) {
            let (number, sent) = entry.remove_entry();
            if is_told && !self.came.contains(&number) {
                let again = self.stage.lost(&sent, now + Self::WAY);
                self.carry(again, now + Self::WAY);
            }
        }
    }

    /// A minute of pictures of one packet, fifteen a second: each must be there before the freeze that a viewer would
    /// see, 150 ms after its time. Gives those that were not.
    fn watch(&mut self) -> usize {
        let mut recorded = Vec::new();
        for now in 0..60_000 {
            if now % 66 == 0 {
                let sent = self.stage.frame(now == 0, 1, now);
                recorded.push(now);
                self.carry(sent, now);
            }
            let due = self.stage.at(now);
            self.carry(due, now);
            self.arrive(now);
            self.ask(now);
            let asked_for = self.stage.out.take_sent();
            self.carry(asked_for, now + Self::WAY);
            if now % 100 == 50 {
                self.tell(now);
            }
        }
        let is_late = |(n, at): (u64, u64)| {
            let arrived = self.arrived.get(&n);
            arrived.is_none_or(|arrived| *arrived > at + Self::WAY + 150)
        };
        // The last ones had no time.
        recorded.truncate(recorded.len() - 10);
        let pictures = (1..).zip(recorded);
        pictures.filter(|picture| is_late(*picture)).count()
    }
}

#[test]
fn a_minute_of_a_twentieth_lost_both_ways_freezes_hardly_any_picture() {
    let worlds = 40;
    let late = |seed: u64, told: bool| {
        let stage = if told {
            lossy(full_slot(Kind::Video, SLOT))
        } else {
            Stage::new(slot(Kind::Video, SLOT))
        };
        LossyHall::new(seed, stage).watch()
    };
    let frozen: Vec<(u64, usize)> = (0..worlds)
        .map(|seed| (seed, late(seed, true)))
        .filter(|(_, late)| *late > 0)
        .collect();
    let unaided: usize = (0..worlds).map(|seed| late(seed, false)).sum();
    let aided: usize = frozen.iter().map(|(_, late)| late).sum();
    println!("{aided} late pictures in {worlds} minutes, {unaided} without help; seeds {frozen:?}");
    assert!(unaided > 40, "{unaided}: a line that tests nothing");
    assert!(aided * 50 < unaided, "seed and late pictures: {frozen:?}");
}
