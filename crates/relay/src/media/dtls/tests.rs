//! The gate, by itself.

use super::Dtls;
use super::gate::{Gate, Verdict};
use super::hello::{self, Listed};
use crate::media::{LegId, MediaCertificate};
use std::time::Instant;

pub(super) const HANDSHAKE: u8 = 22;

pub(super) fn record(kind: u8, epoch: u16, sequence: u8, body: &[u8]) -> Vec<u8> {
    let mut record = vec![kind, 254, 253];
    record.extend_from_slice(&epoch.to_be_bytes());
    record.extend_from_slice(&[0, 0, 0, 0, 0, sequence]);
    record.extend_from_slice(&(body.len() as u16).to_be_bytes());
    record.extend_from_slice(body);
    record
}

pub(super) fn fragment(kind: u8, length: u32, offset: u32, body: &[u8]) -> Vec<u8> {
    let mut fragment = vec![kind];
    fragment.extend_from_slice(&length.to_be_bytes()[1..]);
    fragment.extend_from_slice(&[0, 0]);
    fragment.extend_from_slice(&offset.to_be_bytes()[1..]);
    fragment.extend_from_slice(&(body.len() as u32).to_be_bytes()[1..]);
    fragment.extend_from_slice(body);
    fragment
}

fn extension(kind: u16, value: &[u8]) -> Vec<u8> {
    let len = value.len() as u16;
    [&kind.to_be_bytes(), &len.to_be_bytes(), value].concat()
}

/// A vector of 16-bit numbers.
fn list(numbers: &[u16]) -> Vec<u8> {
    let len = 2 * numbers.len() as u16;
    let numbers = numbers.iter().flat_map(|number| number.to_be_bytes());
    len.to_be_bytes().into_iter().chain(numbers).collect()
}

/// A ClientHello that lists these groups and SRTP profiles.
fn client_hello(groups: &[u16], profiles: &[u16]) -> Vec<u8> {
    // Another extension in front, as long as Chromium's post-quantum key share.
    let key_share = extension(51, &[0; 0x4c0]);
    let groups = extension(10, &list(groups));
    let srtp = extension(14, &[list(profiles), vec![0]].concat());
    let extensions = [key_share, groups, srtp].concat();
    let mut hello = vec![254, 253];
    hello.extend_from_slice(&[9; 32]);
    hello.extend_from_slice(&[0, 0, 0, 2, 0xc0, 0x2b, 1, 0]);
    hello.extend_from_slice(&(extensions.len() as u16).to_be_bytes());
    hello.extend_from_slice(&extensions);
    hello
}

fn hello_datagrams(groups: &[u16], profiles: &[u16]) -> Vec<Vec<u8>> {
    let hello = client_hello(groups, profiles);
    let (first, second) = hello.split_at(1000);
    let length = hello.len() as u32;
    vec![
        record(HANDSHAKE, 0, 0, &fragment(1, length, 0, first)),
        record(HANDSHAKE, 0, 1, &fragment(1, length, 1000, second)),
    ]
}

#[test]
fn the_choice_is_made_once_the_client_hello_is_whole_in_any_order() {
    let (p256, x25519, gcm, sha1) = (0x17, 0x1d, 7, 1);
    for (groups, profiles, listed) in [
        (&[p256, x25519][..], &[sha1, gcm][..], (true, true)),
        (&[x25519], &[sha1, 2], (true, false)),
        (&[p256, 0x18], &[gcm], (false, true)),
        (&[], &[], (false, false)),
    ] {
        let datagrams = hello_datagrams(groups, profiles);
        let choose = Verdict::Choose(Listed {
            x25519: listed.0,
            gcm: listed.1,
        });
        let mut in_order = Gate::new(true);
        assert_eq!(in_order.judge(&datagrams[0]), Verdict::Hold);
        assert_eq!(in_order.judge(&datagrams[1]), choose);
        let mut reversed = Gate::new(true);
        assert_eq!(reversed.judge(&datagrams[1]), Verdict::Hold);
        assert_eq!(reversed.judge(&datagrams[0]), choose);
    }
}

#[test]
fn after_completion_only_repeats_pass_and_not_for_ever() {
    let mut gate = Gate::new(false);
    let flight = fragment(20, 12, 0, &[5; 12]);
    assert_eq!(gate.judge(&record(HANDSHAKE, 0, 1, &flight)), Verdict::Pass);
    gate.completed();
    let other = fragment(20, 12, 0, &[6; 12]);
    assert_eq!(
        gate.judge(&record(HANDSHAKE, 0, 2, &other)),
        Verdict::Drop,
        "never seen before"
    );
    assert_eq!(
        gate.judge(&record(21, 0, 3, &[1, 0])),
        Verdict::Drop,
        "a plaintext alert is forged"
    );
    let passed = (0..100)
        .filter(|n| gate.judge(&record(HANDSHAKE, 0, 10 + n, &flight)) == Verdict::Repeat)
        .count();
    assert_eq!(passed, 16, "a repeat under a fresh record number, bounded");
}

#[test]
fn early_encrypted_records_are_bounded() {
    let mut gate = Gate::new(false);
    let passed = (0..60)
        .take_while(|n| gate.judge(&record(HANDSHAKE, 1, *n, &[0; 40])) == Verdict::Pass)
        .count();
    assert_eq!(passed, 16);
}

#[test]
fn records_that_do_not_fill_their_datagram_are_dropped() {
    let mut gate = Gate::new(false);
    let mut datagram = record(HANDSHAKE, 0, 0, &fragment(20, 12, 0, &[5; 12]));
    datagram.push(0);
    assert_eq!(gate.judge(&datagram), Verdict::Drop);
    let beyond = record(HANDSHAKE, 0, 0, &fragment(20, 12, 8, &[5; 12]));
    assert_eq!(
        gate.judge(&beyond),
        Verdict::Drop,
        "a fragment beyond its message"
    );
}

/// The dearest handshake the gate lets through: as many fragments as it takes, as small as they can be.
#[test]
fn as_many_of_the_smallest_fragments_as_may_pass_reach_the_endpoint_and_no_more() {
    let certificate = MediaCertificate::generate().expect("a certificate");
    let endpoint = || Dtls::new(&certificate).expect("an endpoint");
    let (mut client, mut server, now) = (endpoint(), endpoint(), Instant::now());
    client.connect(LegId(1), now).expect("a handshake");
    let (_, first) = client.poll_transmit().expect("a ClientHello");
    let hello = &first[13 + 12..];
    let piece = |offset: usize, body: &[u8]| fragment(1, hello.len() as u32, offset as u32, body);
    // Single bytes, some of them again, then what is left.
    let singly = 127.min(hello.len() - 1);
    let mut records: Vec<Vec<u8>> = (0..127)
        .map(|n| {
            let at = usize::from(n) % singly;
            record(HANDSHAKE, 0, n, &piece(at, &hello[at..=at]))
        })
        .collect();
    records.push(record(HANDSHAKE, 0, 127, &piece(singly, &hello[singly..])));
    let datagrams: Vec<Vec<u8>> = records.chunks(4).map(<[_]>::concat).collect();
    let mut gate = Gate::new(true);
    let verdicts: Vec<Verdict> = datagrams.iter().map(|d| gate.judge(d)).collect();
    let (last, held) = verdicts.split_last().expect("datagrams");
    assert!(held.iter().all(|verdict| *verdict == Verdict::Hold));
    let all = Listed {
        gcm: true,
        x25519: true,
    };
    assert_eq!(*last, Verdict::Choose(all));
    assert_eq!(gate.judge(&datagrams[0]), Verdict::Drop, "one too many");

    let begun = Instant::now();
    for datagram in &datagrams {
        assert!(server.handle_datagram(LegId(2), datagram, now).is_none());
    }
    println!("128 fragments took {:?}", begun.elapsed());
    assert!(
        server.poll_transmit().is_some(),
        "the ClientHello was whole"
    );
}

/// The group of the ServerKeyExchange (RFC 8422 §5.4) that a client which lists P-256 first is answered with.
fn group_chosen(listed: [u16; 3]) -> u16 {
    let certificate = MediaCertificate::generate().expect("a certificate");
    let endpoint = || Dtls::new(&certificate).expect("an endpoint");
    let (mut client, mut server, now) = (endpoint(), endpoint(), Instant::now());
    client.connect(LegId(1), now).expect("a handshake");
    let (ours, theirs) = (list(&[0x17, 0x1d, 0x18]), list(&listed));
    for _ in 0..3 {
        while let Some((_, mut datagram)) = client.poll_transmit() {
            let places = datagram.windows(ours.len());
            if let Some(at) = places.into_iter().position(|place| place == ours) {
                datagram[at..at + theirs.len()].copy_from_slice(&theirs);
            }
            assert!(server.handle_datagram(LegId(2), &datagram, now).is_none());
        }
        while let Some((_, datagram)) = server.poll_transmit() {
            for record in hello::records(&datagram).expect("records") {
                for message in hello::fragments(record.body).expect("messages") {
                    if let (12, [3, high, low, ..]) = (message.kind, message.body) {
                        return u16::from_be_bytes([*high, *low]);
                    }
                }
            }
            client.handle_datagram(LegId(1), &datagram, now);
        }
    }
    panic!("no ServerKeyExchange");
}

#[test]
fn keys_are_exchanged_over_x25519_whenever_the_client_can_and_over_what_it_lists_otherwise() {
    assert_eq!(group_chosen([0x17, 0x1d, 0x18]), 0x1d);
    assert_eq!(group_chosen([0x17, 0x17, 0x18]), 0x17);
    assert_eq!(group_chosen([0x18, 0x18, 0x17]), 0x18);
}
