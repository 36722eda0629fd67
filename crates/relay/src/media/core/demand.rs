//! Which streams are wanted here: what nobody plays, and no child demands, need not cross the trunk.

use super::Core;
use super::leg::Purpose;
use crate::media::{LegId, want};
use forwarding::StreamId;
use protocol::LegState;
use std::time::{Duration, Instant};

/// A stream goes on for so long after the last one turned away: who switches to and fro costs no keyframes.
const UNWANTED_AFTER: Duration = Duration::from_secs(2);
/// A source that sends nothing for this long is dead; the next one fills the slots.
pub(super) const SILENCE_MAX: Duration = Duration::from_secs(1);
/// A stream that has just been asked for is on its way.
const RESUME_TIME: Duration = Duration::from_secs(2);

/// What is known of a trunk's stream beside its packets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Demand {
    /// Somebody here plays it, awaits it or demands it, or did a moment ago: it crosses the trunk.
    is_wanted: bool,
    /// Since when that is so or not.
    since: Instant,
    /// Since when nobody has wanted it.
    idle_since: Option<Instant>,
    /// What the parent says it measures, bit/s; 0 when nothing comes there either.
    upstream_bps: Option<u64>,
}

impl Demand {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            is_wanted: true,
            since: now,
            idle_since: None,
            upstream_bps: None,
        }
    }

    /// Takes the answer of this moment; true when the parent has to hear.
    fn follow(&mut self, is_wanted: bool, now: Instant) -> bool {
        let idle_since = (!is_wanted).then(|| self.idle_since.unwrap_or(now));
        self.idle_since = idle_since;
        let over = |since| now.saturating_duration_since(since) >= UNWANTED_AFTER;
        let keeps = is_wanted || self.is_wanted && !idle_since.is_some_and(over);
        self.turn(keeps, now)
    }

    fn turn(&mut self, is_wanted: bool, now: Instant) -> bool {
        let turns = self.is_wanted != is_wanted;
        if turns {
            self.is_wanted = is_wanted;
            self.since = now;
        }
        turns
    }

    /// Nothing comes, or can have come yet, because we did not ask for it.
    fn is_paused(&self, now: Instant) -> bool {
        !self.is_wanted || now.saturating_duration_since(self.since) < RESUME_TIME
    }
}

impl Core {
    /// A child says what it wants.
    pub(super) fn handle_want(&mut self, id: LegId, subtype: u8, data: &[u8]) {
        let is_child = |leg: &super::Leg| matches!(leg.purpose, Purpose::TrunkDown(_));
        if !self.legs.get(&id).is_some_and(|leg| is_child(leg)) {
            return;
        }
        let Some((wanted, ssrcs)) = want::read(subtype, data) else {
            return;
        };
        for ssrc in ssrcs {
            self.shards.set_trunk_demand(id, ssrc, wanted);
        }
        self.demand_due = true;
    }

    /// Compares what is wanted with what the parents were told, and tells them the difference.
    pub(super) fn follow_demand(&mut self, now: Instant) {
        self.demand_due = false;
        let mut changed = Vec::new();
        for (stream, origin) in &mut self.origins {
            let Some(demand) = &mut origin.demand else {
                continue;
            };
            if demand.follow(self.shards.is_wanted(*stream), now) {
                changed.push((*stream, *demand));
            }
        }
        for (stream, demand) in &changed {
            self.note_pause(*stream, demand, now);
        }
        let news: Vec<StreamId> = changed.iter().map(|(stream, _)| *stream).collect();
        if !news.is_empty() {
            self.tell_demand(|stream| news.contains(&stream));
        }
    }

    /// A stream that a parent has begun to announce: what nobody wants need not begin to flow.
    pub(super) fn begin_demand(&mut self, stream: StreamId, now: Instant) {
        let is_wanted = self.shards.is_wanted(stream);
        let upstream_bps = self.announced_rate(stream);
        let Some(origin) = self.origins.get_mut(&stream) else {
            return;
        };
        let demand = origin.demand.get_or_insert_with(|| {
            let mut demand = Demand::new(now);
            demand.turn(is_wanted, now);
            demand
        });
        demand.upstream_bps = upstream_bps;
        let demand = *demand;
        self.note_pause(stream, &demand, now);
        self.tell_demand(|other| other == stream);
    }

    /// A parent has said what it measures.
    pub(super) fn note_upstream(&mut self, stream: StreamId, now: Instant) {
        let upstream_bps = self.announced_rate(stream);
        let origin = self.origins.get_mut(&stream);
        let Some(demand) = origin.and_then(|origin| origin.demand.as_mut()) else {
            return;
        };
        demand.upstream_bps = upstream_bps;
        let demand = *demand;
        if !demand.is_wanted {
            self.note_pause(stream, &demand, now);
        }
    }

    /// What the parents say of it; the one that gets it speaks for those that do not.
    fn announced_rate(&self, stream: StreamId) -> Option<u64> {
        let ssrc = self.origins.get(&stream)?.ssrc;
        let said = self.legs.values().filter_map(|leg| match &leg.purpose {
            Purpose::TrunkUp(dialler) => dialler.streams.get(&ssrc)?.rate_bps,
            _ => None,
        });
        said.max()
    }

    /// Numbers that do not come while it is paused are not missing, and a silence is none.
    fn note_pause(&mut self, stream: StreamId, demand: &Demand, now: Instant) {
        let stats = self.shards.stream_stats(stream, now);
        let last = stats.map_or(0, |stats| stats.bitrate_bps);
        let rate = demand.upstream_bps.unwrap_or(last);
        self.shards
            .set_paused(stream, (!demand.is_wanted).then_some(rate));
    }

    /// Repeats everything to the parents: a lost message heals.
    pub(super) fn repeat_demand(&mut self) {
        self.tell_demand(|_| true);
    }

    fn tell_demand(&mut self, which: impl Fn(StreamId) -> bool) {
        let mut parents: Vec<(LegId, Vec<(u32, bool)>)> = Vec::new();
        for (id, leg) in &self.legs {
            let Purpose::TrunkUp(dialler) = &leg.purpose else {
                continue;
            };
            if leg.state != LegState::Connected {
                continue;
            }
            let told = dialler
                .streams
                .iter()
                .filter(|(_, announced)| which(announced.stream))
                .filter_map(|(ssrc, announced)| {
                    let demand = self.origins.get(&announced.stream)?.demand?;
                    Some((*ssrc, demand.is_wanted))
                })
                .collect();
            parents.push((*id, told));
        }
        let own = self.numbers.own_ssrc;
        for (id, told) in parents {
            let mut compounds = Vec::new();
            want::write(
                own,
                &told,
                || self.begin_compound(&[]),
                |compound| compounds.push(compound),
            );
            for compound in compounds {
                self.shards.send_rtcp(id, compound);
            }
        }
    }

    /// What a stream brings, bit/s, at least 1 while it lives: a paused one by what its parent says.
    pub(super) fn rate_of(&self, stream: StreamId, now: Instant) -> Option<u64> {
        let demand = self.origins.get(&stream)?.demand;
        let said = demand
            .filter(|demand| demand.is_paused(now))
            .and_then(|demand| demand.upstream_bps);
        let stats = self.shards.stream_stats(stream, now)?;
        let lives = stats.silent_for.is_some_and(|silent| silent < SILENCE_MAX);
        match said {
            Some(said) if !lives => Some(said).filter(|said| *said > 0),
            _ => lives.then_some(stats.bitrate_bps.max(1)),
        }
    }
}
