//! Sender reports: one timeline for everything a watcher is sent, whatever the publishers' clocks show.

use super::guest::{opus, vp8};
use super::trunks::connected;
use super::world::{AUDIO_SSRC, VIDEO_SSRC, World};
use crate::media::rtcp::{Item, Writer, read};
use protocol::LegRole;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A hall that sends sound and picture and reports on both, by a clock of its own.
struct Speaker {
    guest: usize,
    /// Its NTP time when the story begins.
    epoch: u64,
    began: Instant,
    /// RTP timestamps of that moment.
    video: u32,
    audio: u32,
}

impl Speaker {
    fn ntp(&self, now: Instant) -> u64 {
        let passed = now - self.began;
        let fraction = (u64::from(passed.subsec_nanos()) << 32) / 1_000_000_000;
        self.epoch.wrapping_add(passed.as_secs() << 32 | fraction)
    }

    fn speak(&self, world: &mut World, n: u16) {
        let ms = (world.now - self.began).as_millis() as u32;
        let picture = vp8(
            VIDEO_SSRC,
            n,
            self.video.wrapping_add(90 * ms),
            n.is_multiple_of(25),
        );
        let sound = opus(AUDIO_SSRC, n, self.audio.wrapping_add(48 * ms), 30);
        world.send_rtp(self.guest, &picture);
        world.send_rtp(self.guest, &sound);
    }

    /// Sound and picture report at different times, as browsers do.
    fn report(&self, world: &mut World, ssrc: u32) {
        let ms = (world.now - self.began).as_millis() as u32;
        let rtp = if ssrc == VIDEO_SSRC {
            self.video.wrapping_add(90 * ms)
        } else {
            self.audio.wrapping_add(48 * ms)
        };
        let mut compound = Writer::default();
        compound.sender_report(&forwarding::SenderReport {
            leg: forwarding::LegId(0),
            ssrc,
            ntp: self.ntp(world.now),
            rtp,
            packets: 1,
            octets: 9,
        });
        compound.cname(ssrc, "hall");
        world.send_rtcp(self.guest, &compound.0);
    }
}

fn speak(world: &mut World, speakers: &[&Speaker], steps: std::ops::Range<u16>) {
    for n in steps {
        for speaker in speakers {
            speaker.speak(world, n);
            if n % 50 == 3 {
                speaker.report(world, VIDEO_SSRC);
            }
            if n % 50 == 31 {
                speaker.report(world, AUDIO_SSRC);
            }
        }
        world.pass(Duration::from_millis(20));
    }
}

/// For every SSRC: media time at an NTP instant, out of the last report, in seconds.
fn mappings(world: &World, guest: usize) -> BTreeMap<u32, (u64, u32)> {
    let mut found = BTreeMap::new();
    for compound in &world.guests[guest].rtcp {
        read(compound, &mut |item| {
            if let Item::SenderReport { ssrc, ntp, rtp } = item {
                found.insert(ssrc, (ntp, rtp));
            }
        });
    }
    found
}

fn seconds(ntp: u64) -> f64 {
    ntp.cast_signed() as f64 / 2f64.powi(32)
}

/// When a watcher plays a packet: on the NTP clock of the reports of its SSRC.
fn played_at(packet: &[u8], rate: f64, reports: &BTreeMap<u32, (u64, u32)>) -> u64 {
    let timestamp = u32::from_be_bytes([packet[4], packet[5], packet[6], packet[7]]);
    let ssrc = u32::from_be_bytes([packet[8], packet[9], packet[10], packet[11]]);
    let (ntp, rtp) = reports[&ssrc];
    let ticks = timestamp.wrapping_sub(rtp).cast_signed();
    ntp.wrapping_add_signed((f64::from(ticks) / rate * 2f64.powi(32)) as i64)
}

/// The last picture and the last sound, which left together, and when they play.
fn last_pair(world: &World, guest: usize) -> (u64, u64) {
    let packets = &world.guests[guest].rtp;
    let reports = mappings(world, guest);
    let last = |payload_type: u8| {
        let packet = packets
            .iter()
            .rev()
            .find(|packet| packet[1] & 0x7f == payload_type);
        packet.expect("one of each kind").clone()
    };
    (
        played_at(&last(98), 90_000.0, &reports),
        played_at(&last(63), 48_000.0, &reports),
    )
}

#[test]
fn sound_and_picture_play_together_and_all_halls_on_one_clock() {
    let mut world = World::new();
    let (parent, child) = (world.relay(), world.relay());
    world.trunk(parent, child, &["A", "B"]);
    world.until("the trunk is up", |world| {
        connected(world, parent) && connected(world, child)
    });
    // One clock three hours ahead of the other, timestamps about to wrap.
    let speaker = |world: &mut World, site: &str, epoch: u64, video: u32, audio: u32| Speaker {
        guest: world.publisher(parent, site),
        epoch,
        began: world.now,
        video,
        audio,
    };
    let a = speaker(&mut world, "A", 0xe000_0000_1234_5678, u32::MAX - 90_000, 5);
    let b = speaker(
        &mut world,
        "B",
        0xe000_2a30_0000_0000,
        77,
        u32::MAX - 48_000,
    );
    let near = world.watcher(parent, LegRole::Watch, Some("HUB"));
    let far = world.watcher(child, LegRole::Watch, Some("HUB"));
    speak(&mut world, &[&a, &b], 0..400);
    let on_a = world.now;
    let mut first = Vec::new();
    for hall in [near, far] {
        let (picture, sound) = last_pair(&world, hall);
        let apart = seconds(picture.wrapping_sub(sound)).abs();
        assert!(apart < 0.0015, "{apart} s apart at hall {hall}");
        first.push(picture);
    }
    // A falls silent, B has the program: its clock is another, the halls' timeline the same.
    speak(&mut world, &[&b], 400..800);
    let passed = (world.now - on_a).as_secs_f64();
    for (hall, before) in [near, far].into_iter().zip(first) {
        let (picture, sound) = last_pair(&world, hall);
        let apart = seconds(picture.wrapping_sub(sound)).abs();
        assert!(apart < 0.0015, "{apart} s apart at hall {hall}");
        let went_on = seconds(picture.wrapping_sub(before));
        assert!(
            (went_on - passed).abs() < 0.05,
            "{went_on} s of program in {passed} s"
        );
    }
}

#[test]
fn round_trips_are_found_from_the_mapped_reports() {
    let mut world = World::new();
    let relay = world.relay();
    let now = world.now;
    world.relays[relay]
        .core
        .set_plan(super::world::plan(1, &["A"], vec![], vec![]), now);
    let a = Speaker {
        guest: world.publisher(relay, "A"),
        epoch: 0x1111_0000_0000_0000,
        began: world.now,
        video: 0,
        audio: 0,
    };
    let hall = world.watcher(relay, LegRole::Watch, Some("HUB"));
    // The picture's report leaves with packet 103, 20 ms before this returns.
    speak(&mut world, &[&a], 0..104);
    let picture = super::media::video(&world.guests[hall].rtp)[0].clone();
    let ssrc = u32::from_be_bytes([picture[8], picture[9], picture[10], picture[11]]);
    let (ntp, _) = mappings(&world, hall)[&ssrc];
    // The answer, of a hall that held the report for 20 ms, takes long.
    world.pass(Duration::from_millis(130));
    let mut compound = Writer::default();
    compound.receiver_report(
        9,
        &[forwarding::ReceptionReport {
            ssrc,
            fraction_lost: 0,
            cumulative_lost: 0,
            highest_sequence: 1,
            jitter: 0,
            last_sender_report: (ntp >> 16) as u32,
            delay_since_last: 65_536 / 50,
        }],
    );
    compound.cname(9, "hall");
    world.send_rtcp(hall, &compound.0);
    let rtt = world.report(relay).legs[1].rtt_ms.expect("measured");
    assert!((rtt - 130.0).abs() < 2.0, "{rtt} ms");
}
