//! Opening and ending legs.

use super::{FLOOR, PUBLISHER, World};
use crate::load::floor_leg::FloorLeg;
use crate::load::joining::Joining;
use crate::load::publisher::{Publisher, SSRCS};
use crate::load::sdp::Direction;
use crate::load::signalling::Session;
use crate::load::transport::Transport;
use crate::load::watcher::Watcher;
use crate::wire::{Joined, Reply};
use anyhow::{Context, Result, bail};
use mio::{Interest, Token};
use std::time::{Duration, Instant};

/// All legs have joined by then, or the rest will not.
const JOIN_TIME_MAX: Duration = Duration::from_secs(30);

impl World {
    pub(super) fn publish(&mut self) -> Result<()> {
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

    pub(super) fn join(
        &mut self,
        legs: usize,
        at_once: usize,
        to_first_keyframe: bool,
    ) -> Result<Joined> {
        let first = self.watchers.len();
        let joining = self.ask(legs, at_once)?;
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
                        joined.trouble = Some(format!("watcher {}: {error:#}", answer.number));
                    }
                }
            }
            self.turn()?;
        }
        let late = self.watchers[first..]
            .iter()
            .filter(|watcher| !ready(watcher));
        let late = late.count();
        if late > 0 && joined.trouble.is_none() {
            let what = if to_first_keyframe {
                "get a keyframe"
            } else {
                "connect"
            };
            let seconds = JOIN_TIME_MAX.as_secs();
            joined.trouble = Some(format!(
                "{late} of {legs} watchers do not {what} within {seconds} s"
            ));
        }
        self.tell_joined(first, &mut joined);
        Ok(joined)
    }

    /// Makes legs and asks the server for them.
    fn ask(&mut self, legs: usize, at_once: usize) -> Result<Joining> {
        let plan = self.plan.as_ref().context("nothing has begun")?;
        let has_video = plan.lines.iter().any(|line| line.kind() == "video");
        let first = self.watchers.len();
        let mut asked = Vec::with_capacity(legs);
        for number in first..first + legs {
            let lines = plan.lines.clone();
            let mut transport = Transport::new(
                plan.ip,
                &plan.identity,
                Direction::RecvOnly,
                lines,
                Vec::new(),
            )?;
            let socket = &mut transport.socket;
            self.poll
                .registry()
                .register(socket, Token(number), Interest::READABLE)?;
            asked.push((number, transport.local().clone()));
            self.watchers
                .push(Watcher::new(transport, has_video, Instant::now()));
            self.sessions.push(None);
        }
        Ok(Joining::start(&plan.server, &self.waker, asked, at_once))
    }

    fn tell_joined(&self, first: usize, joined: &mut Joined) {
        for watcher in &self.watchers[first..] {
            let ms = |at: Instant| (at - watcher.asked_at).as_secs_f64() * 1e3;
            joined.connected += usize::from(watcher.transport.is_connected());
            joined.gcm += usize::from(watcher.transport.is_gcm());
            joined
                .first_keyframe_ms
                .extend(watcher.tally.keyframe_at().map(ms));
        }
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

    pub(super) fn leave(&mut self) -> Result<()> {
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

    pub(super) fn open_floor(&mut self, legs: usize) -> Result<Reply> {
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
}
