//! Stories and properties of [`Reception`]; every property prints its seed when it fails.

use super::*;
use proptest::prelude::*;

const SSRC: u32 = 7;

fn at(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// `frames` frames of `each` packets from this sequence number on, every tenth a keyframe.
fn film(first_sequence: u16, frames: u32, each: u32) -> Vec<Arrival> {
    (0..frames * each)
        .map(|index| Arrival {
            ssrc: SSRC,
            sequence: first_sequence.wrapping_add(index as u16),
            timestamp: (index / each).wrapping_mul(6000),
            marker: index % each == each - 1,
            video: true,
            starts_keyframe: index % each == 0 && (index / each).is_multiple_of(10),
        })
        .collect()
}

fn play(reception: &mut Reception, packets: &[Arrival]) {
    for (index, packet) in packets.iter().enumerate() {
        reception.handle_packet(*packet, at(index as u64));
    }
}

#[test]
fn an_untouched_film_is_complete_over_the_wrap_of_sequence_numbers() {
    let mut reception = Reception::default();
    play(&mut reception, &film(65_500, 50, 3));
    let totals = reception.totals();
    assert_eq!(
        (totals.packets, totals.frames, totals.gaps, totals.holes),
        (150, 50, 0, 0)
    );
    assert_eq!(reception.first_frame_at(), Some(at(2)));
}

#[test]
fn frames_count_from_the_first_keyframe_on() {
    let mut reception = Reception::default();
    play(&mut reception, &film(0, 20, 2)[3..]);
    assert_eq!(
        reception.totals().frames,
        10,
        "the first keyframe is the eleventh frame"
    );
}

#[test]
fn a_stream_that_begins_without_a_keyframe_is_asked_for_one() {
    let mut reception = Reception::default();
    let film = film(0, 20, 2);
    play(&mut reception, &film[3..8]);
    assert_eq!(
        reception.poll_keyframe_request(at(50)),
        None,
        "it may be on the way"
    );
    assert_eq!(reception.poll_keyframe_request(at(150)), Some(SSRC));
    assert_eq!(
        reception.poll_keyframe_request(at(300)),
        None,
        "once a second"
    );
    play(&mut reception, &film[8..]);
    assert_eq!(
        reception.poll_keyframe_request(at(5_000)),
        None,
        "it has come"
    );
}

#[test]
fn a_repaired_packet_is_no_hole() {
    let mut reception = Reception::default();
    let mut packets = film(10, 10, 2);
    let lost = packets.remove(5);
    play(&mut reception, &packets);
    assert_eq!(
        reception.totals().frames,
        2,
        "everything after the gap waits"
    );
    reception.handle_packet(lost, at(900));
    let totals = reception.totals();
    assert_eq!(
        (totals.frames, totals.gaps, totals.repaired, totals.holes),
        (10, 1, 1, 0)
    );
}

#[test]
fn a_packet_that_never_comes_is_a_hole_and_calls_for_a_keyframe() {
    let mut reception = Reception::default();
    let mut packets = film(10, 20, 2);
    packets.remove(5);
    play(&mut reception, &packets[..17]);
    assert_eq!(
        reception.poll_keyframe_request(at(20)),
        None,
        "it may still be repaired"
    );
    reception.handle_timeout(at(1_500));
    assert_eq!(
        (reception.totals().holes, reception.totals().frames),
        (1, 7)
    );
    assert_eq!(reception.poll_keyframe_request(at(1_500)), Some(SSRC));
    assert_eq!(
        reception.poll_keyframe_request(at(1_600)),
        None,
        "one request a second"
    );
    for packet in &packets[17..] {
        reception.handle_packet(*packet, at(1_700));
    }
    assert_eq!(reception.totals().frames, 18);
    assert_eq!(
        reception.poll_keyframe_request(at(9_000)),
        None,
        "the keyframe has come"
    );
}

#[test]
fn a_lost_marker_spoils_its_frame_and_the_next_whose_beginning_is_unknown() {
    let mut reception = Reception::default();
    let mut packets = film(0, 6, 2);
    packets.remove(3);
    play(&mut reception, &packets);
    reception.handle_timeout(at(5_000));
    assert_eq!(
        (reception.totals().frames, reception.totals().holes),
        (4, 1)
    );
}

#[test]
fn a_picture_that_stops_is_one_freeze() {
    let mut reception = Reception::default();
    play(&mut reception, &film(0, 5, 1));
    reception.handle_timeout(at(500));
    assert_eq!(reception.totals().freezes, 0);
    for ms in [1_500, 3_000, 9_000] {
        reception.handle_timeout(at(ms));
    }
    assert_eq!(reception.totals().freezes, 1);
}

#[test]
fn numbering_that_begins_anew_is_followed_after_two_packets() {
    let mut reception = Reception::default();
    play(&mut reception, &film(40_000, 10, 2));
    play(&mut reception, &film(20_000, 20, 2));
    let totals = reception.totals();
    assert_eq!((totals.late, totals.holes), (1, 0));
    assert_eq!(
        totals.frames, 20,
        "the first keyframe after the restart lost its first packet"
    );
}

#[test]
fn resends_of_what_is_here_already_are_no_new_beginning() {
    let mut reception = Reception::default();
    let film = film(100, 20, 2);
    play(&mut reception, &film[..30]);
    play(&mut reception, &film[4..8]);
    play(&mut reception, &film[30..]);
    let totals = reception.totals();
    assert_eq!(
        (totals.packets, totals.frames, totals.late, totals.gaps),
        (40, 20, 4, 0)
    );
}

#[test]
fn a_new_session_keeps_the_totals() {
    let mut reception = Reception::default();
    play(&mut reception, &film(0, 10, 2));
    reception.begin_session();
    assert_eq!(reception.last_packet_at(), None);
    play(&mut reception, &film(9, 10, 2));
    assert_eq!(
        (reception.totals().frames, reception.totals().packets),
        (20, 40)
    );
}

#[test]
fn more_streams_than_a_relay_sends_are_refused() {
    let mut reception = Reception::default();
    for ssrc in 0..100 {
        reception.handle_packet(
            Arrival {
                ssrc,
                ..film(0, 1, 1)[0]
            },
            at(1),
        );
    }
    assert_eq!(
        (reception.totals().packets, reception.totals().late),
        (8, 92)
    );
}

/// What the network does to one packet: lost, late by so many places, sent again.
#[derive(Clone, Debug)]
enum Fate {
    Through,
    Lost,
    Late(usize),
    Twice,
}

fn fates(count: usize) -> impl Strategy<Value = Vec<Fate>> {
    let fate = prop_oneof![
        8 => Just(Fate::Through),
        1 => Just(Fate::Lost),
        1 => (1_usize..20).prop_map(Fate::Late),
        1 => Just(Fate::Twice),
    ];
    proptest::collection::vec(fate, count)
}

/// Applies the fates; the first and the last packet always get through, so that the ends of the
/// film are known to the receiver.
fn through_the_network(film: &[Arrival], fates: &[Fate]) -> Vec<Arrival> {
    let last = film.len() - 1;
    let mut delivered: Vec<(usize, Arrival)> = Vec::new();
    for (index, (packet, fate)) in film.iter().zip(fates).enumerate() {
        let place = index * 2;
        match fate {
            _ if index == 0 || index == last => delivered.push((place, *packet)),
            Fate::Through => delivered.push((place, *packet)),
            Fate::Lost => {}
            Fate::Late(by) => delivered.push((place + by * 2 + 1, *packet)),
            Fate::Twice => delivered.extend([(place, *packet), (place + 1, *packet)]),
        }
    }
    delivered.sort_by_key(|(place, _)| *place);
    delivered.into_iter().map(|(_, packet)| packet).collect()
}

proptest! {
    /// Against a model that sees the whole film at once: packets, holes and frames are exact
    /// whatever is lost, reordered or doubled within the window.
    #[test]
    fn counts_are_those_of_a_receiver_that_knows_everything(
        first_sequence in any::<u16>(),
        each in 1_u32..5,
        fates in fates(200),
    ) {
        let film = film(first_sequence, 200 / each, each);
        let delivered = through_the_network(&film, &fates);
        let mut reception = Reception::default();
        play(&mut reception, &delivered);
        reception.handle_timeout(at(60_000));

        let here: Vec<bool> = film.iter().map(|packet| delivered.contains(packet)).collect();
        let totals = reception.totals();
        let unique = here.iter().filter(|here| **here).count() as u64;
        prop_assert_eq!(totals.packets, unique);
        prop_assert_eq!(totals.holes, film.len() as u64 - unique);
        prop_assert_eq!(totals.gaps, totals.repaired + totals.holes);
        prop_assert_eq!(totals.duplicates + totals.late, delivered.len() as u64 - unique);
        prop_assert_eq!(totals.frames, frames_of_the_model(&film, &here, each as usize));
    }

    /// No packet whatsoever makes it panic or grow.
    #[test]
    fn any_packets_are_survived(
        packets in proptest::collection::vec(
            (0_u32..12, any::<u16>(), any::<u32>(), any::<bool>(), any::<bool>(), 0_u64..5_000), 0..400),
    ) {
        let mut reception = Reception::default();
        for (ssrc, sequence, timestamp, marker, video, ms) in packets {
            let arrival = Arrival { ssrc, sequence, timestamp, marker, video, starts_keyframe: marker };
            reception.handle_packet(arrival, at(ms));
            reception.handle_timeout(at(ms));
            let _ = reception.poll_keyframe_request(at(ms));
        }
        prop_assert!(reception.streams.len() <= STREAMS_MAX);
        for stream in reception.streams.values() {
            prop_assert!(stream.cells.len() <= WINDOW_PACKETS);
        }
        let totals = reception.totals();
        prop_assert!(totals.repaired + totals.holes <= totals.gaps);
    }
}

/// A frame counts when all of it is here, its beginning is known (the packet before it is here, or
/// it is a keyframe), and a keyframe has counted before.
fn frames_of_the_model(film: &[Arrival], here: &[bool], each: usize) -> u64 {
    let mut showing = false;
    let mut frames = 0;
    for (index, packets) in film.chunks(each).enumerate() {
        let start = index * each;
        let all = here[start..start + each].iter().all(|here| *here);
        let beginning_known = packets[0].starts_keyframe || (start > 0 && here[start - 1]);
        showing |= all && packets[0].starts_keyframe;
        frames += u64::from(all && beginning_known && showing);
    }
    frames
}
