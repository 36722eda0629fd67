//! The gate, by itself.

use super::Dtls;
use super::gate::{Gate, Verdict};
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

/// A ClientHello whose use_srtp lists these profiles.
fn hello(profiles: &[u16]) -> Vec<u8> {
    let list: Vec<u8> = profiles
        .iter()
        .flat_map(|profile| profile.to_be_bytes())
        .collect();
    let mut srtp = (list.len() as u16).to_be_bytes().to_vec();
    srtp.extend_from_slice(&list);
    srtp.push(0);
    // Another extension in front, as long as Chromium's post-quantum key share.
    let mut extensions = vec![0, 51, 4, 0xc0];
    extensions.extend_from_slice(&[0; 0x4c0]);
    extensions.extend_from_slice(&[0, 14]);
    extensions.extend_from_slice(&(srtp.len() as u16).to_be_bytes());
    extensions.extend_from_slice(&srtp);
    let mut hello = vec![254, 253];
    hello.extend_from_slice(&[9; 32]);
    hello.extend_from_slice(&[0, 0, 0, 2, 0xc0, 0x2b, 1, 0]);
    hello.extend_from_slice(&(extensions.len() as u16).to_be_bytes());
    hello.extend_from_slice(&extensions);
    hello
}

fn hello_datagrams(profiles: &[u16]) -> Vec<Vec<u8>> {
    let hello = hello(profiles);
    let (first, second) = hello.split_at(1000);
    let length = hello.len() as u32;
    vec![
        record(HANDSHAKE, 0, 0, &fragment(1, length, 0, first)),
        record(HANDSHAKE, 0, 1, &fragment(1, length, 1000, second)),
    ]
}

#[test]
fn the_profile_is_chosen_once_the_client_hello_is_whole_in_any_order() {
    for (profiles, gcm) in [
        (&[1u16, 7][..], true),
        (&[1, 2][..], false),
        (&[7][..], true),
    ] {
        let datagrams = hello_datagrams(profiles);
        let mut in_order = Gate::new(true);
        assert_eq!(in_order.judge(&datagrams[0]), Verdict::Hold);
        assert_eq!(in_order.judge(&datagrams[1]), Verdict::Choose { gcm });
        let mut reversed = Gate::new(true);
        assert_eq!(reversed.judge(&datagrams[1]), Verdict::Hold);
        assert_eq!(reversed.judge(&datagrams[0]), Verdict::Choose { gcm });
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
    assert_eq!(*last, Verdict::Choose { gcm: true });
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
