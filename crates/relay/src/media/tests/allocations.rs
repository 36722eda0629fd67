//! In steady state a packet that is forwarded allocates nothing, however many legs it goes to.

use super::guest::opus;
use super::world::{AUDIO_SSRC, VIDEO_SSRC, World, with_workers};
use forwarding::limits::RING_PACKETS;
use protocol::LegRole;
use std::time::Duration;

const HALLS: usize = 20;
const LARGEST: usize = 1152;
/// Packets of a round: eight frames of eight packets, eight of one, and sound.
const ROUND_PACKETS: usize = 8 * 8 + 8 + 8;

/// What a publisher sends, numbered on.
#[derive(Default)]
struct Programme {
    sequence: u16,
    timestamp: u32,
    audio: u16,
}

impl Programme {
    /// A frame of VP8 in packets of almost one size, the last shorter.
    fn frame(&mut self, packets: usize, is_keyframe: bool) -> Vec<Vec<u8>> {
        self.timestamp = self.timestamp.wrapping_add(3000);
        (0..packets)
            .map(|index| {
                let is_last = index + 1 == packets;
                let mut packet = vec![0x80, u8::from(is_last) << 7 | 0x78];
                packet.extend_from_slice(&self.sequence.to_be_bytes());
                packet.extend_from_slice(&self.timestamp.to_be_bytes());
                packet.extend_from_slice(&VIDEO_SSRC.to_be_bytes());
                // RFC 7741 §4.2: the S bit begins a partition; §4.3: the P bit is clear in a keyframe.
                let first = if index == 0 { 0x10 } else { 0 };
                packet.extend_from_slice(&[first, u8::from(!is_keyframe), 0, 0, 0x9d, 1, 0x2a]);
                let len = if is_last { 600 } else { LARGEST - index % 3 };
                packet.resize(len, index as u8);
                self.sequence = self.sequence.wrapping_add(1);
                packet
            })
            .collect()
    }

    fn sound(&mut self) -> Vec<u8> {
        self.audio = self.audio.wrapping_add(1);
        opus(AUDIO_SSRC, self.audio, 960 * u32::from(self.audio), 30)
    }

    fn round(&mut self) -> Vec<Vec<u8>> {
        let mut packets = Vec::new();
        for _ in 0..8 {
            packets.extend(self.frame(8, false));
            packets.push(self.sound());
            packets.extend(self.frame(1, false));
        }
        assert_eq!(packets.len(), ROUND_PACKETS);
        packets
    }
}

/// A relay with a publisher, twenty halls and a child, warm; gives the publisher.
fn conference(world: &mut World, programme: &mut Programme) -> usize {
    let (relay, child) = (world.relay(), world.relay());
    world.trunk(relay, child, &["HUB"]);
    let hub = world.publisher(relay, "HUB");
    for _ in 0..HALLS {
        world.watcher(relay, LegRole::Watch, Some("A"));
    }
    world.until("the trunk is connected", |world| {
        world.report(child).trunks[0].state == protocol::LegState::Connected
    });
    // Somebody below the child wants the programme.
    world.watcher(child, LegRole::Watch, Some("A"));
    for packet in programme.frame(2, true) {
        world.send_rtp(hub, &packet);
    }
    world.pass(Duration::from_secs(1));
    // Every place of the rings has held a packet as large as any.
    for _ in 0..RING_PACKETS.div_ceil(8) {
        for mut packet in programme.round() {
            if packet[1] & 0x7f == 0x78 {
                packet.resize(LARGEST, 0);
            }
            world.send_rtp(hub, &packet);
        }
        world.pass(Duration::from_millis(100));
    }
    hub
}

/// Sends rounds and gives the allocations and the datagrams they caused at the relay.
fn measure(
    world: &mut World,
    hub: usize,
    programme: &mut Programme,
    rounds: usize,
) -> (u64, usize) {
    let (mut allocations, mut datagrams) = (0, 0);
    for _ in 0..rounds {
        let packets = programme.round();
        let mut sealed: Vec<_> = packets
            .iter()
            .map(|packet| world.guests[hub].seal_rtp(packet))
            .collect();
        let (from, mut now) = (world.guests[hub].address, world.now);
        let relay = &mut world.relays[0];
        relay.sent.only_count(true);
        let info = allocation_counter::measure(|| {
            for datagram in &mut sealed {
                now += Duration::from_micros(50);
                relay.core.handle_datagram(now, from, datagram);
                relay.work(now);
            }
        });
        datagrams += relay.sent.only_count(false);
        allocations += info.count_total;
        world.pass(Duration::from_millis(100));
    }
    (allocations, datagrams)
}

fn nothing_is_allocated() {
    let mut world = World::new();
    let mut programme = Programme::default();
    let hub = conference(&mut world, &mut programme);
    let rounds = 10_000 / ROUND_PACKETS;
    let (allocations, datagrams) = measure(&mut world, hub, &mut programme, rounds);
    let sent = rounds * ROUND_PACKETS;
    assert_eq!(datagrams, sent * (HALLS + 1), "every packet to every leg");
    assert_eq!(allocations, 0, "allocations for {sent} packets");
}

#[test]
fn ten_thousand_packets_to_twenty_halls_and_a_child_allocate_nothing() {
    nothing_is_allocated();
}

#[test]
fn nor_do_they_when_two_threads_send() {
    with_workers(2, nothing_is_allocated);
}

#[test]
fn the_counter_counts() {
    let mut world = World::new();
    let relay = world.relay();
    let opened = allocation_counter::measure(|| {
        world.watcher(relay, LegRole::Program, None);
    });
    assert!(opened.count_total > 0, "a leg that opens allocates");
}
