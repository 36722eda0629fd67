//! What a hall with a valid ufrag can do to the endpoint, driven through it. CPU is printed, never judged: what is
//! judged is that the leg ends and what the gate lets through.

use super::gate::{Gate, Verdict};
use super::tests::{HANDSHAKE, fragment, record};
use super::{Dtls, Event};
use crate::media::{LegId, MediaCertificate};
use std::time::Instant;

/// Runs an attack on a thread with as little stack as a thread may have: a chain walked recursively ends the process.
fn attack(name: &'static str, datagrams: impl Iterator<Item = Vec<u8>> + Send + 'static) -> bool {
    let attack = move || {
        let certificate = MediaCertificate::generate().expect("a certificate");
        let mut server = Dtls::new(&certificate).expect("an endpoint");
        let (now, begun) = (Instant::now(), Instant::now());
        let (mut bytes, mut ended) = (0, false);
        for datagram in datagrams {
            bytes += datagram.len();
            ended |= matches!(
                server.handle_datagram(LegId(2), &datagram, now),
                Some(Event::Failed(_))
            );
            if ended {
                break;
            }
        }
        println!("{name}: {bytes} bytes took {:?}", begun.elapsed());
        ended
    };
    let thread = std::thread::Builder::new()
        .stack_size(512 << 10)
        .spawn(attack);
    thread.expect("a thread").join().expect("no panic")
}

/// A handshake header (RFC 6347 §4.2.2) without what it announces.
fn header(length: u32, message: u8, offset: u32, len: u32) -> Vec<u8> {
    let mut header = fragment(1, length, offset, &[]);
    header[5] = message;
    header[9..12].copy_from_slice(&len.to_be_bytes()[1..]);
    header
}

#[test]
fn one_hundred_kilobytes_of_single_bytes_end_the_leg() {
    let datagrams =
        (0..4000u32).map(|n| record(HANDSHAKE, 0, n as u8, &fragment(1, 4000, n, &[7])));
    assert!(attack("1-byte fragments", datagrams));
}

#[test]
fn overlapping_fragments_end_the_leg() {
    let datagrams = (0..4000u32).map(|n| {
        let offset = n % 1000;
        record(HANDSHAKE, 0, n as u8, &fragment(1, 4000, offset, &[7; 900]))
    });
    assert!(attack("overlapping fragments", datagrams));
}

/// The endpoint steps from one fragment to the next by the length of the whole message, so that the body of one may
/// hide a hundred more from a reader that steps by the length of the part.
#[test]
fn fragments_hidden_in_a_fragment_do_not_get_through() {
    let hello = record(HANDSHAKE, 0, 0, &fragment(1, 4, 0, &[0; 4]));
    let hiding = |n: u32| {
        // By the part's length a fragment of 1,296 bytes follows; by the message's, 108 of one byte that form a chain.
        let hidden = (1..109).flat_map(|m| header(0, 1, n * 108 + m, 1));
        let mut body = [header(13, 1, 0, 1), vec![0], header(1296, 1, 0, 1296)].concat();
        body.extend(hidden);
        record(HANDSHAKE, 0, n as u8 + 1, &body)
    };
    assert_eq!(Gate::new(false).judge(&hiding(0)), Verdict::Drop);
    let datagrams = std::iter::once(hello).chain((0..200).map(hiding));
    assert!(attack("hidden fragments", datagrams));
}

#[test]
fn empty_fragments_end_the_leg() {
    let datagrams = (0..4000u32).map(|n| {
        let many: Vec<u8> = (0..110).flat_map(|_| fragment(1, 0, 0, &[])).collect();
        record(HANDSHAKE, 0, n as u8, &many)
    });
    assert!(attack("empty fragments", datagrams));
}

#[test]
fn early_encrypted_records_end_the_leg_or_are_dropped() {
    let datagrams = (0..4000u32).map(|n| record(HANDSHAKE, 1, n as u8, &[3; 60]));
    assert!(attack("early encrypted records", datagrams));
    let mut gate = Gate::new(true);
    for (kind, epoch, len) in [
        (22, 1, 1200),
        (23, 1, 40),
        (20, 1, 1),
        (22, 2, 40),
        (23, 0, 9),
        (24, 0, 9),
    ] {
        let datagram = record(kind, epoch, 0, &vec![0; len]);
        assert_eq!(
            gate.judge(&datagram),
            Verdict::Drop,
            "{kind} in epoch {epoch}, {len} bytes"
        );
    }
}

#[test]
fn a_thousand_tiny_records_end_the_leg() {
    let datagrams = (0..4000u32).map(|n| {
        let records = (0..100).map(|m| record(21, 0, m, &n.to_be_bytes()));
        records.collect::<Vec<_>>().concat()
    });
    assert!(attack("tiny records", datagrams));
}

/// Once connected a hall holds keys: it may send encrypted handshake records that the gate cannot look into.
#[test]
fn after_completion_little_reaches_the_endpoint() {
    let mut gate = Gate::new(false);
    let flight = record(HANDSHAKE, 0, 1, &fragment(20, 12, 0, &[5; 12]));
    assert_eq!(gate.judge(&flight), Verdict::Pass);
    gate.completed();
    let passed = |gate: &mut Gate, kind, epoch, len| {
        (0..1000u32)
            .filter(|n| gate.judge(&record(kind, epoch, *n as u8, &vec![0; len])) == Verdict::Pass)
            .count()
    };
    assert_eq!(
        passed(&mut gate, HANDSHAKE, 1, 60),
        16,
        "repeats of a Finished"
    );
    assert_eq!(passed(&mut gate, HANDSHAKE, 1, 1200), 0, "hidden fragments");
    assert_eq!(passed(&mut gate, HANDSHAKE, 2, 60), 0, "a further epoch");
    assert_eq!(passed(&mut gate, 23, 1, 60), 0, "application data");
    assert_eq!(
        passed(&mut gate, 21, 1, 26),
        1000,
        "alerts are cheap: the last one says goodbye"
    );
    let many: Vec<u8> = (0..100).flat_map(|n| record(21, 1, n, &[0; 2])).collect();
    assert_eq!(gate.judge(&many), Verdict::Drop);
    let repeats = (0..1000).filter(|_| gate.judge(&flight) == Verdict::Repeat);
    assert_eq!(repeats.count(), 16);
}
