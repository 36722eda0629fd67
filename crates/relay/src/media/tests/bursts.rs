//! What may leave as one burst, and that a burst arrives as the datagrams it was made of.

use super::recorder::{Recorder, Sent};
use crate::media::departures::Departures;
use crate::media::intake::Intake;
use crate::media::transmit::{BURST_BYTES_MAX, SEGMENTS_MAX, SocketTransmit, Transmit};
use mio::{Events, Interest, Poll, Token};
use proptest::prelude::*;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

fn hall(n: u8) -> SocketAddr {
    SocketAddr::from(([192, 168, 0, n], 5000))
}

/// Adds datagrams of these lengths, each of its own byte, and gives the calls that were made.
fn calls(datagrams: &[(u8, usize)]) -> Vec<Sent> {
    let recorder = Recorder::default();
    let mut departures = Departures::new(Box::new(recorder.clone()));
    for (number, (to, len)) in datagrams.iter().enumerate() {
        let fill = |room: &mut [u8]| {
            room.fill(number as u8);
            Ok::<(), ()>(())
        };
        assert!(departures.add(hall(*to), *len, fill));
    }
    departures.flush();
    assert_eq!(departures.totals.packets, datagrams.len() as u64);
    recorder.take_calls()
}

/// Length and segment size of each call.
fn shape(datagrams: &[(u8, usize)]) -> Vec<(usize, Option<usize>)> {
    let calls = calls(datagrams).into_iter();
    calls
        .map(|sent| (sent.bytes.len(), sent.segment_size))
        .collect()
}

#[test]
fn equal_packets_to_one_leg_leave_together_and_a_shorter_one_ends_the_burst() {
    let frame = [(1, 1000), (1, 1000), (1, 400), (1, 1000), (1, 1000)];
    assert_eq!(shape(&frame), [(2400, Some(1000)), (2000, Some(1000))]);
    assert_eq!(shape(&[(1, 700)]), [(700, None)], "one is no burst");
    let growing = [(1, 700), (1, 701), (1, 702)];
    assert_eq!(shape(&growing), [(700, None), (701, None), (702, None)]);
}

#[test]
fn another_leg_begins_another_burst() {
    let two = [(1, 900), (1, 900), (2, 900), (2, 900)];
    let calls = calls(&two);
    let to: Vec<_> = calls.iter().map(|sent| sent.to).collect();
    assert_eq!(to, [hall(1), hall(2)]);
}

#[test]
fn a_burst_has_as_many_segments_and_bytes_as_the_kernel_takes() {
    let small = vec![(1, 100); SEGMENTS_MAX + 2];
    assert_eq!(
        shape(&small),
        [(100 * SEGMENTS_MAX, Some(100)), (200, Some(100))]
    );
    let large = vec![(1, 1450); 46];
    const { assert!(46 * 1450 > BURST_BYTES_MAX) };
    assert_eq!(shape(&large), [(45 * 1450, Some(1450)), (1450, None)]);
}

#[test]
fn what_is_sent_by_itself_comes_after_what_was_added_before() {
    let recorder = Recorder::default();
    let mut departures = Departures::new(Box::new(recorder.clone()));
    departures.add(hall(1), 3, |room| {
        room.copy_from_slice(b"rtp");
        Ok::<(), ()>(())
    });
    departures.send(hall(1), b"rtcp");
    let sent: Vec<_> = recorder
        .take()
        .into_iter()
        .map(|(_, bytes)| bytes)
        .collect();
    assert_eq!(sent, [b"rtp".to_vec(), b"rtcp".to_vec()]);
}

#[test]
fn what_cannot_be_sealed_is_counted_and_leaves_no_gap() {
    let recorder = Recorder::default();
    let mut departures = Departures::new(Box::new(recorder.clone()));
    let write = |byte| {
        move |room: &mut [u8]| {
            room.fill(byte);
            if byte == 2 { Err(()) } else { Ok(()) }
        }
    };
    for byte in [1, 2, 3] {
        departures.add(hall(1), 2, write(byte));
    }
    departures.add(hall(1), BURST_BYTES_MAX + 1, write(4));
    departures.flush();
    let sent: Vec<_> = recorder
        .take()
        .into_iter()
        .map(|(_, bytes)| bytes)
        .collect();
    assert_eq!(sent, [[1, 1], [3, 3]]);
    assert_eq!(
        (departures.totals.dropped, departures.totals.packets),
        (2, 2)
    );
}

proptest! {
    #[test]
    fn every_datagram_leaves_whole_in_order_and_every_burst_is_one_the_kernel_takes(
        datagrams in prop::collection::vec((0u8..3, prop_oneof![1usize..40, 1180usize..1200]), 1..300),
    ) {
        let calls = calls(&datagrams);
        let mut rest = datagrams.iter().enumerate();
        for sent in calls {
            prop_assert!(sent.bytes.len() <= BURST_BYTES_MAX);
            let size = sent.segment_size.unwrap_or(sent.bytes.len());
            prop_assert!(sent.bytes.chunks(size).len() <= SEGMENTS_MAX);
            for datagram in sent.bytes.chunks(size) {
                let (number, (to, len)) = rest.next().expect("no more than were added");
                prop_assert_eq!((sent.to, datagram.len()), (hall(*to), *len));
                prop_assert!(datagram.iter().all(|byte| *byte == number as u8));
            }
        }
        prop_assert!(rest.next().is_none());
    }
}

/// Two sockets on loopback.
fn pair() -> (UdpSocket, UdpSocket) {
    let bind = || UdpSocket::bind("127.0.0.1:0").expect("a socket");
    (bind(), bind())
}

fn frame() -> Vec<u8> {
    (0..5400usize).map(|at| (at / 1000) as u8).collect()
}

#[test]
fn a_burst_arrives_as_its_datagrams() {
    let (sender, receiver) = pair();
    receiver
        .set_read_timeout(Some(Duration::from_secs(30)))
        .expect("a time-out");
    let to = receiver.local_addr().expect("bound");
    let mut transmit = SocketTransmit::new(sender).expect("a way out");
    let outcome = transmit.send(to, &frame(), Some(1000));
    assert_eq!(outcome.refused, 0);
    let mut buffer = [0; 2048];
    for expected in frame().chunks(1000) {
        let len = receiver.recv(&mut buffer).expect("a datagram");
        assert_eq!(&buffer[..len], expected);
    }
}

#[test]
fn a_burst_that_the_kernel_refuses_goes_datagram_by_datagram_for_good() {
    let (sender, receiver) = pair();
    receiver
        .set_read_timeout(Some(Duration::from_secs(30)))
        .expect("a time-out");
    let to = receiver.local_addr().expect("bound");
    let mut transmit = SocketTransmit::new(sender).expect("a way out");
    // More segments than any kernel takes: EINVAL, as from an adapter that cannot.
    let bytes = vec![7; 10 * 200];
    let outcome = transmit.send(to, &bytes, Some(10));
    assert!(outcome.was_split);
    assert_eq!((outcome.refused, transmit.segments_max()), (0, 1));
    let mut buffer = [0; 64];
    for _ in 0..200 {
        assert_eq!(receiver.recv(&mut buffer).expect("a datagram"), 10);
    }
}

/// The way in by a socket, and what tells that something has come.
fn polled(receiver: UdpSocket) -> (Intake, Poll) {
    receiver.set_nonblocking(true).expect("set");
    let mut intake = Intake::new(receiver).expect("a way in");
    let poll = Poll::new().expect("a poll");
    poll.registry()
        .register(&mut intake.socket, Token(0), Interest::READABLE)
        .expect("registered");
    (intake, poll)
}

#[test]
fn joined_datagrams_are_taken_apart() {
    let (sender, receiver) = pair();
    let to = receiver.local_addr().expect("bound");
    let from = sender.local_addr().expect("bound");
    let (mut intake, mut poll) = polled(receiver);
    let mut transmit = SocketTransmit::new(sender).expect("a way out");
    transmit.send(to, &frame(), Some(1000));
    transmit.send(to, b"by itself", None);

    let mut seen = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(30);
    while seen.len() < 7 {
        assert!(Instant::now() < deadline, "only {} came", seen.len());
        let mut events = Events::with_capacity(1);
        poll.poll(&mut events, Some(Duration::from_millis(100)))
            .expect("polled");
        while intake.read(|source, datagram, _| seen.push((source, datagram.to_vec()))) {}
    }
    let mut expected: Vec<_> = frame().chunks(1000).map(<[u8]>::to_vec).collect();
    expected.push(b"by itself".to_vec());
    assert!(seen.iter().all(|(source, _)| *source == from));
    let seen: Vec<_> = seen.into_iter().map(|(_, bytes)| bytes).collect();
    assert_eq!(seen, expected);
}

#[test]
fn what_comes_after_the_last_call_wakes_the_reader_again() {
    let (sender, receiver) = pair();
    sender
        .connect(receiver.local_addr().expect("bound"))
        .expect("connected");
    let (mut intake, mut poll) = polled(receiver);
    // As many as a call has room for, and fewer: after each the reader waits, and must be woken for the next.
    for count in [1, 16, 15, 40, 3, 1] {
        for _ in 0..count {
            // Of different lengths, so that the kernel joins none.
            sender.send(&[7; 9]).expect("sent");
            sender.send(&[7; 90]).expect("sent");
        }
        let mut seen = 0;
        while seen < 2 * count {
            let mut events = Events::with_capacity(1);
            poll.poll(&mut events, Some(Duration::from_secs(30)))
                .expect("polled");
            assert!(!events.is_empty(), "{seen} of {}", 2 * count);
            while intake.read(|_, _, _| seen += 1) {}
        }
    }
}
