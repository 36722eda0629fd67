//! Everything the load is, and its loop.

mod legs;
mod marks;

use super::floor_leg::FloorLeg;
use super::identity::Identity;
use super::publisher::Publisher;
use super::sdp::MediaLine;
use super::signalling::{Session, Signalling};
use super::transport::{Event, drop_everything};
use super::watcher::Watcher;
use crate::case::Feed;
use crate::statistics::Histogram;
use crate::wire::{Command, Reply};
use anyhow::{Context, Result, bail};
use mio::{Events, Poll, Token, Waker};
use std::io::ErrorKind;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

const PUBLISHER: Token = Token(usize::MAX - 1);
/// Tokens of the floor begin here; those of watchers at 0.
const FLOOR: usize = 1 << 32;
/// Larger than any datagram of a server.
const DATAGRAM_BYTES_MAX: usize = 2_048;
/// Nothing comes for so long: the loop looks for commands.
const TURN_MAX: Duration = Duration::from_millis(100);
/// Watchers' timers are looked at this often: none of them minds.
const TIMERS_EVERY: Duration = Duration::from_millis(5);

/// What [`Command::Begin`] told.
struct Plan {
    ip: IpAddr,
    identity: Identity,
    server: Arc<dyn Signalling>,
    feed: Feed,
    lines: Vec<MediaLine>,
}

/// The load.
pub(super) struct World {
    poll: Poll,
    events: Option<Events>,
    waker: Arc<Waker>,
    epoch: Instant,
    plan: Option<Plan>,
    publisher: Option<Publisher>,
    watchers: Vec<Watcher>,
    sessions: Vec<Option<Session>>,
    floor: Vec<FloorLeg>,
    /// Of so many watchers the packets of the last reach this process; the kernel drops those of the rest.
    every: usize,
    delays: Histogram,
    timers_due: Instant,
    buffer: Vec<u8>,
}

impl World {
    pub(super) fn new(poll: Poll, waker: Arc<Waker>) -> Self {
        let now = Instant::now();
        Self {
            poll,
            events: Some(Events::with_capacity(1_024)),
            waker,
            epoch: now,
            plan: None,
            publisher: None,
            watchers: Vec::new(),
            sessions: Vec::new(),
            floor: Vec::new(),
            every: 1,
            delays: Histogram::default(),
            timers_due: now,
            buffer: vec![0; DATAGRAM_BYTES_MAX],
        }
    }

    pub(super) fn execute(&mut self, command: Command) -> Result<Reply> {
        match command {
            Command::Begin {
                ip,
                srtp,
                target,
                feed,
                lines,
            } => {
                self.plan = Some(Plan {
                    ip,
                    identity: Identity::new(srtp)?,
                    server: Arc::from(target.signalling()),
                    feed,
                    lines,
                });
            }
            Command::Publish => self.publish()?,
            Command::Send { sending, speed } => {
                let feed = self.plan.as_ref().context("nothing has begun")?.feed;
                let publisher = self.publisher.as_mut().context("nobody publishes")?;
                publisher.send(sending, feed, speed, Instant::now());
            }
            Command::Join {
                legs,
                at_once,
                to_first_keyframe,
            } => {
                return Ok(Reply::Joined(self.join(
                    legs,
                    at_once,
                    to_first_keyframe,
                )?));
            }
            Command::Leave => self.leave()?,
            Command::Sample { every } => self.sample(every.max(1))?,
            Command::Floor { legs } => return self.open_floor(legs),
            Command::Mark { at_rest } => return Ok(Reply::Marked(self.mark(at_rest)?)),
        }
        Ok(Reply::Done)
    }

    fn sample(&mut self, every: usize) -> Result<()> {
        self.every = every;
        for (number, watcher) in self.watchers.iter().enumerate() {
            if !is_sampled(number, every) {
                drop_everything(&watcher.transport.socket)?;
            }
        }
        Ok(())
    }

    /// Those whose packets reach this process, with their numbers.
    fn verified(&self) -> impl Iterator<Item = (usize, &Watcher)> {
        let watchers = self.watchers.iter().enumerate();
        watchers.filter(|(number, _)| is_sampled(*number, self.every))
    }

    /// Waits for datagrams or timers, and handles what there is.
    pub(super) fn turn(&mut self) -> Result<()> {
        let mut events = self
            .events
            .take()
            .unwrap_or_else(|| Events::with_capacity(1_024));
        let wait = self
            .next_timeout()
            .saturating_duration_since(Instant::now());
        let polled = self.poll.poll(&mut events, Some(wait));
        if let Err(error) = polled
            && error.kind() != ErrorKind::Interrupted
        {
            return Err(error.into());
        }
        for event in &events {
            self.read(event.token())?;
            // Many sockets are read in one turn; the publisher does not wait for all of them.
            self.publish_due()?;
        }
        self.events = Some(events);
        self.publish_due()?;
        let now = Instant::now();
        if now >= self.timers_due {
            self.timers_due = now + TIMERS_EVERY;
            for watcher in &mut self.watchers {
                if watcher.next_timeout().is_some_and(|due| due <= now) {
                    watcher.handle_timeout(now)?;
                }
            }
            if let Some(publisher) = &mut self.publisher {
                publisher.transport.handle_timeout(now)?;
            }
        }
        Ok(())
    }

    fn publish_due(&mut self) -> Result<()> {
        match &mut self.publisher {
            Some(publisher) => publisher.handle_timeout(Instant::now(), self.epoch),
            None => Ok(()),
        }
    }

    fn next_timeout(&self) -> Instant {
        let timers = if self.watchers.is_empty() && self.publisher.is_none() {
            Instant::now() + TURN_MAX
        } else {
            self.timers_due
        };
        let publisher = self.publisher.as_ref().and_then(Publisher::next_timeout);
        publisher.map_or(timers, |due| due.min(timers))
    }

    /// Reads one socket until it is empty.
    fn read(&mut self, token: Token) -> Result<()> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let outcome = self.drain(token, &mut buffer);
        self.buffer = buffer;
        outcome
    }

    fn drain(&mut self, token: Token, buffer: &mut [u8]) -> Result<()> {
        loop {
            let socket = match (token, self.publisher.as_ref()) {
                (PUBLISHER, Some(publisher)) => &publisher.transport.socket,
                (Token(at), _) if at < FLOOR => match self.watchers.get(at) {
                    Some(watcher) => &watcher.transport.socket,
                    None => return Ok(()),
                },
                (Token(at), _) => match self.floor.get(at.wrapping_sub(FLOOR)) {
                    Some(leg) => &leg.socket,
                    None => return Ok(()),
                },
            };
            let len = match socket.recv(buffer) {
                Ok(len) => len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                // A server that went away is seen by the silence.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => continue,
                Err(error) => return Err(error.into()),
            };
            let now = Instant::now();
            let now_us = (now - self.epoch).as_micros() as u64;
            let datagram = &mut buffer[..len];
            match token {
                PUBLISHER => self.hear_publisher(datagram, now)?,
                Token(at) if at < FLOOR => {
                    if let Some(watcher) = self.watchers.get_mut(at) {
                        let handled = watcher.handle(datagram, now, now_us, &mut self.delays);
                        handled.with_context(|| format!("hall {}", at + 1))?;
                    }
                }
                Token(at) => {
                    if let Some(leg) = self.floor.get_mut(at.wrapping_sub(FLOOR)) {
                        leg.handle(datagram, now, now_us, &mut self.delays);
                    }
                }
            }
        }
    }

    fn hear_publisher(&mut self, datagram: &mut [u8], now: Instant) -> Result<()> {
        let Some(publisher) = &mut self.publisher else {
            return Ok(());
        };
        match publisher.transport.handle(datagram, now)? {
            Event::Rtcp(compound) => publisher.handle_rtcp(&compound),
            Event::Closed => bail!("the server has ended the publisher's leg"),
            _ => {}
        }
        Ok(())
    }
}

/// Of so many halls the last: who is served last is the worst off.
fn is_sampled(number: usize, every: usize) -> bool {
    (number + 1).is_multiple_of(every)
}

#[cfg(test)]
mod tests {
    use super::is_sampled;

    #[test]
    fn a_sample_is_spread_over_all_halls_and_has_the_last() {
        let sample = |legs: usize, every| -> Vec<usize> {
            (0..legs).filter(|leg| is_sampled(*leg, every)).collect()
        };
        let spread = sample(1_000, 50);
        assert_eq!((spread.len(), spread[0], spread[19]), (20, 49, 999));
        assert_eq!(sample(3, 1), [0, 1, 2]);
    }
}
