//! What was sent last in a handshake, and when it is sent again (RFC 6347 §4.2.4).
//!
//! The endpoint has a timer of its own. It stops for good with the first handshake record that does not complete the
//! peer's flight, such as a ClientHello that Chromium repeats after 50 ms, and an answer that was lost stays lost. So its
//! timer is never asked, and a flight is kept here until the peer's next one is whole.
//!
//! A repeat is the same datagrams: of their records a peer drops those that it has, by their numbers, and an encrypted
//! record never comes again with other bytes.

use bytes::BytesMut;
use std::time::{Duration, Instant};

/// RFC 6347 §4.2.4.1 recommends 1 s. ICE has shown the path to work, and a hall that lost one datagram should not wait a
/// second for its picture. Longer than most round trips; a flight too many is a kilobyte. Doubles with every repeat.
const RESEND_AFTER: Duration = Duration::from_millis(100);
/// The last leaves after 12.7 s, when the leg's own deadline has mostly come: a bound all the same.
const RESENDS_MAX: u32 = 7;
/// A peer's flight may be several datagrams: all of them together are answered once.
const ANSWER_INTERVAL: Duration = Duration::from_millis(20);

/// The datagrams of a flight.
pub(super) struct Flight {
    datagrams: Vec<BytesMut>,
    sent_at: Instant,
    resend_at: Instant,
    resends: u32,
}

/// A flight has been repeated as often as it may be.
pub(super) struct Exhausted;

impl Flight {
    /// One that leaves now for the first time.
    pub(super) fn new(datagrams: Vec<BytesMut>, now: Instant) -> Self {
        Self {
            datagrams,
            sent_at: now,
            resend_at: now + RESEND_AFTER,
            resends: 0,
        }
    }

    /// When it is due again, unless the peer goes on.
    pub(super) fn resend_at(&self) -> Instant {
        self.resend_at
    }

    /// The peer was silent: what to send now, if it is due.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> Result<&[BytesMut], Exhausted> {
        if now < self.resend_at {
            return Ok(&[]);
        }
        if self.resends == RESENDS_MAX {
            return Err(Exhausted);
        }
        self.resends += 1;
        self.sent_at = now;
        self.resend_at = now + RESEND_AFTER * (1 << self.resends);
        Ok(&self.datagrams)
    }

    /// The peer has repeated its own flight, so it misses this one: what to send now.
    pub(super) fn answer_repeat(&mut self, now: Instant) -> &[BytesMut] {
        if now.saturating_duration_since(self.sent_at) < ANSWER_INTERVAL {
            return &[];
        }
        self.sent_at = now;
        &self.datagrams
    }
}
