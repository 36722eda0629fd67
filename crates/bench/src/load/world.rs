//! Everything the load is, and its loop.

use super::floor_leg::FloorLeg;
use super::joining::Joining;
use super::publisher::{Publisher, SSRCS};
use super::sdp::{Direction, MediaLine};
use super::signalling::{Session, Signalling};
use super::tally::Tally;
use super::transport::{Event, Identity, Transport, drop_everything};
use super::watcher::Watcher;
use super::{AUDIO_PACKET_BYTES, VIDEO_PACKET_BYTES};
use crate::case::Feed;
use crate::statistics::Histogram;
use crate::wire::{Command, Delay, Joined, Marked, Reply};
use anyhow::{Context, Result, bail};
use mio::{Events, Interest, Poll, Token, Waker};
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
/// All legs have joined by then, or the rest will not.
const JOIN_TIME_MAX: Duration = Duration::from_secs(30);
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
    /// Watchers whose packets reach this process; the kernel drops those of the rest.
    verified: usize,
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
            verified: usize::MAX,
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
            Command::Sample { verified } => {
                self.verified = verified;
                for watcher in self.watchers.iter().skip(verified) {
                    drop_everything(&watcher.transport.socket)?;
                }
            }
            Command::Floor { legs } => return self.open_floor(legs),
            Command::Mark { at_rest } => return Ok(Reply::Marked(self.mark(at_rest))),
        }
        Ok(Reply::Done)
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
                        watcher.handle(datagram, now, now_us, &mut self.delays)?;
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

    fn publish(&mut self) -> Result<()> {
        let plan = self.plan.as_ref().context("nothing has begun")?;
        let ssrcs = SSRCS[..plan.lines.len().min(SSRCS.len())].to_vec();
        let mut transport = Transport::new(
            plan.ip,
            &plan.identity,
            Direction::SendOnly,
            plan.lines.clone(),
            ssrcs,
        )?;
        let session = plan
            .server
            .publish(transport.local())
            .context("the publisher is refused")?;
        let now = Instant::now();
        self.poll
            .registry()
            .register(&mut transport.socket, PUBLISHER, Interest::READABLE)?;
        transport.meet(session.remote, now)?;
        self.publisher = Some(Publisher::new(transport, &plan.lines, plan.feed, now));
        let connected = |world: &Self| {
            world
                .publisher
                .as_ref()
                .is_some_and(|p| p.transport.is_connected())
        };
        self.turn_until(connected, JOIN_TIME_MAX)?;
        if !connected(self) {
            bail!(
                "the publisher does not connect: no ICE or DTLS answer within {} s",
                JOIN_TIME_MAX.as_secs()
            );
        }
        Ok(())
    }

    fn turn_until(&mut self, reached: impl Fn(&Self) -> bool, at_most: Duration) -> Result<()> {
        let until = Instant::now() + at_most;
        while !reached(self) && Instant::now() < until {
            self.turn()?;
        }
        Ok(())
    }

    fn join(&mut self, legs: usize, at_once: usize, to_first_keyframe: bool) -> Result<Joined> {
        let plan = self.plan.as_ref().context("nothing has begun")?;
        let has_video = plan.lines.iter().any(|line| line.kind() == "video");
        let first = self.watchers.len();
        let mut asked = Vec::with_capacity(legs);
        for number in first..first + legs {
            let mut transport = Transport::new(
                plan.ip,
                &plan.identity,
                Direction::RecvOnly,
                plan.lines.clone(),
                Vec::new(),
            )?;
            self.poll.registry().register(
                &mut transport.socket,
                Token(number),
                Interest::READABLE,
            )?;
            asked.push((number, transport.local().clone()));
            self.watchers
                .push(Watcher::new(transport, has_video, Instant::now()));
            self.sessions.push(None);
        }
        let joining = Joining::start(&plan.server, &self.waker, asked, at_once);
        let mut joined = Joined::default();
        let until = Instant::now() + JOIN_TIME_MAX;
        let ready = |watcher: &Watcher| {
            watcher.connected_at.is_some() && (!to_first_keyframe || watcher.has_picture())
        };
        while joined.trouble.is_none()
            && Instant::now() < until
            && !self.watchers[first..].iter().all(ready)
        {
            while let Ok(answer) = joining.answers.try_recv() {
                match answer.outcome {
                    Ok(session) => self.meet(answer.number, answer.asked_at, session)?,
                    Err(error) => {
                        joined.trouble = Some(format!("watcher {}: {error:#}", answer.number))
                    }
                }
            }
            self.turn()?;
        }
        let late = self.watchers[first..]
            .iter()
            .filter(|watcher| !ready(watcher))
            .count();
        if late > 0 && joined.trouble.is_none() {
            joined.trouble = Some(format!(
                "{late} of {legs} watchers do not {} within {} s",
                if to_first_keyframe {
                    "get a keyframe"
                } else {
                    "connect"
                },
                JOIN_TIME_MAX.as_secs()
            ));
        }
        for watcher in &self.watchers[first..] {
            let ms = |at: Instant| (at - watcher.asked_at).as_secs_f64() * 1e3;
            joined.connected += usize::from(watcher.transport.is_connected());
            joined.gcm += usize::from(watcher.transport.is_gcm());
            joined.connect_ms.extend(watcher.connected_at.map(ms));
            joined
                .first_keyframe_ms
                .extend(watcher.tally.keyframe_at().map(ms));
        }
        Ok(joined)
    }

    fn meet(&mut self, number: usize, asked_at: Instant, session: Session) -> Result<()> {
        let watcher = self
            .watchers
            .get_mut(number)
            .context("a watcher of that number")?;
        watcher.asked_at = asked_at;
        watcher
            .transport
            .meet(session.remote.clone(), Instant::now())?;
        if let Some(kept) = self.sessions.get_mut(number) {
            *kept = Some(session);
        }
        Ok(())
    }

    fn leave(&mut self) -> Result<()> {
        let plan = self.plan.as_ref().context("nothing has begun")?;
        for mut watcher in self.watchers.drain(..) {
            self.poll
                .registry()
                .deregister(&mut watcher.transport.socket)?;
        }
        for session in self.sessions.drain(..).flatten() {
            plan.server.end(&session)?;
        }
        Ok(())
    }

    fn open_floor(&mut self, legs: usize) -> Result<Reply> {
        let ip = self.plan.as_ref().context("nothing has begun")?.ip;
        let mut told = Vec::with_capacity(legs);
        for _ in 0..legs {
            let (mut leg, of) = FloorLeg::open(ip)?;
            let token = Token(FLOOR + self.floor.len());
            self.poll
                .registry()
                .register(&mut leg.socket, token, Interest::READABLE)?;
            self.floor.push(leg);
            told.push(of);
        }
        Ok(Reply::Floor { legs: told })
    }

    fn mark(&mut self, at_rest: bool) -> Marked {
        let sent = self
            .publisher
            .as_ref()
            .map_or((None, None), Publisher::sent);
        let (video, audio) = if at_rest { sent } else { (None, None) };
        let watched = || {
            self.watchers
                .iter()
                .take(self.verified)
                .map(|watcher| &watcher.tally)
        };
        let floor = || self.floor.iter().map(|leg| &leg.tally);
        let marked = Marked {
            delivered: watched().map(Tally::delivered).sum(),
            bytes: watched()
                .map(|tally| {
                    tally.video.unique() * VIDEO_PACKET_BYTES as u64
                        + tally.audio.unique() * AUDIO_PACKET_BYTES as u64
                })
                .sum(),
            holes: watched().map(|tally| tally.holes(video, audio)).sum(),
            duplicates: watched().map(Tally::duplicates).sum(),
            auth_failures: watched()
                .chain(floor())
                .map(|tally| tally.auth_failures)
                .sum(),
            foreign: watched().map(|tally| tally.foreign).sum(),
            floor_delivered: floor().map(Tally::delivered).sum(),
            floor_holes: floor().map(|tally| tally.holes(None, None)).sum(),
            published: u64::from(sent.0.unwrap_or(0)) + u64::from(sent.1.unwrap_or(0)),
            publisher_nacks: self
                .publisher
                .as_ref()
                .map_or(0, |publisher| publisher.nacks),
            keyframes: self
                .publisher
                .as_ref()
                .map_or(0, |publisher| publisher.keyframes),
            delay_ms: Delay {
                p50: self.delays.percentile_ms(0.5),
                p99: self.delays.percentile_ms(0.99),
                max: self.delays.max_ms(),
            },
        };
        self.delays.clear();
        marked
    }
}
