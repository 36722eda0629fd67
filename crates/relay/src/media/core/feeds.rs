//! Which feeds a trunk carries: announced by the parent stream by stream, opened and ended by the child.

use super::leg::{Announced, Purpose};
use super::{Core, Origin};
use crate::media::LegId;
use crate::media::announce::Announcement;
use crate::media::shards::Shards;
use crate::media::srtp::Receiver;
use forwarding::{SourceId, StreamId, StreamSpec};
use protocol::{ChildTrunk, LegState, ParentTrunk};
use std::time::{Duration, Instant};

/// A stream no longer announced, or whose trunk is gone, ends after this; shorter, and a reconnect would cost a keyframe.
const STREAM_GRACE: Duration = Duration::from_secs(5);

impl Core {
    /// A parent says what an SSRC is.
    pub(super) fn handle_announcement(
        &mut self,
        id: LegId,
        ssrc: u32,
        announcement: Announcement,
        now: Instant,
    ) {
        let Some(leg) = self.legs.get_mut(&id) else {
            return;
        };
        let is_full = leg.receiver.as_ref().is_some_and(Receiver::is_full);
        let Purpose::TrunkUp(dialler) = &mut leg.purpose else {
            return;
        };
        match announcement {
            Announcement::Is(feed) if dialler.plan.feeds.contains(&feed.site) => {
                let spec = StreamSpec {
                    source: self.sources.id(&feed.site),
                    codec: feed.codec,
                    layer: feed.layer,
                    ssrc,
                    resend: true,
                };
                match dialler.streams.get_mut(&ssrc) {
                    Some(known) if is_still(&self.shards, known.stream, spec) => {
                        known.at = now;
                        known.rate_bps = feed.rate_bps;
                        let stream = known.stream;
                        self.adopt(stream, id, ssrc);
                        self.note_upstream(stream, now);
                    }
                    Some(known) => {
                        let stale = known.stream;
                        self.close_stream(stale);
                        self.open_announced(id, spec, feed.rate_bps, now);
                    }
                    None if is_full => {
                        tracing::info!(
                            leg = id.0,
                            "trunk session has carried all the SSRCs it can, a new one begins"
                        );
                        self.renew_trunk(id, now);
                    }
                    None => self.open_announced(id, spec, feed.rate_bps, now),
                }
            }
            Announcement::Is(_) => {}
            Announcement::Ended => {
                if let Some(ended) = dialler.streams.remove(&ssrc) {
                    self.close_stream(ended.stream);
                }
            }
        }
    }

    /// A stream whose trunk has gone is this parent's, who brings it too.
    fn adopt(&mut self, stream: StreamId, id: LegId, ssrc: u32) {
        if let Some(origin) = self.origins.get_mut(&stream)
            && origin.orphan_since.take().is_some()
        {
            origin.leg = id;
            origin.ssrc = ssrc;
        }
    }

    fn open_announced(&mut self, id: LegId, spec: StreamSpec, rate_bps: Option<u64>, now: Instant) {
        let origin = Origin {
            leg: id,
            ssrc: spec.ssrc,
            orphan_since: None,
            demand: None,
        };
        let Some(stream) = self.open_stream(spec, origin, now) else {
            return;
        };
        if let Some(Purpose::TrunkUp(dialler)) = self.legs.get_mut(&id).map(|leg| &mut leg.purpose)
        {
            let known = Announced {
                stream,
                at: now,
                rate_bps,
            };
            dialler.streams.insert(spec.ssrc, known);
        }
        self.begin_demand(stream, now);
    }

    /// Ends streams whose feed the plan no longer takes from this parent.
    pub(super) fn drop_unplanned(&mut self, parent: &ParentTrunk) {
        let wanted: Vec<SourceId> = parent
            .feeds
            .iter()
            .map(|site| self.sources.id(site))
            .collect();
        let mut dropped = Vec::new();
        for leg in self.legs.values_mut() {
            let Purpose::TrunkUp(dialler) = &mut leg.purpose else {
                continue;
            };
            if dialler.plan.relay == parent.relay {
                let shards = &self.shards;
                dialler.streams.retain(|_, announced| {
                    let keep = shards
                        .stream_spec(announced.stream)
                        .is_some_and(|spec| wanted.contains(&spec.source));
                    if !keep {
                        dropped.push(announced.stream);
                    }
                    keep
                });
            }
        }
        for stream in dropped {
            self.close_stream(stream);
        }
    }

    /// Ends streams whose trunk has gone or whose parent has stopped announcing them.
    pub(super) fn close_orphans(&mut self, now: Instant) {
        let over = |since: Instant| now.saturating_duration_since(since) > STREAM_GRACE;
        let mut ended: Vec<StreamId> = Vec::new();
        for leg in self
            .legs
            .values_mut()
            .filter(|leg| leg.state == LegState::Connected)
        {
            if let Purpose::TrunkUp(dialler) = &mut leg.purpose {
                dialler.streams.retain(|_, announced| {
                    let lapsed = over(announced.at);
                    if lapsed {
                        ended.push(announced.stream);
                    }
                    !lapsed
                });
            }
        }
        let orphans = self
            .origins
            .iter()
            .filter(|(_, origin)| origin.orphan_since.is_some_and(over));
        ended.extend(orphans.map(|(stream, _)| *stream));
        for stream in ended {
            self.close_stream(stream);
        }
    }

    /// Subscribes a connected child to what the plan sends it, and announces that.
    pub(super) fn subscribe_trunk(&mut self, id: LegId, now: Instant) {
        let Some(Purpose::TrunkDown(child)) = self.legs.get(&id).map(|leg| &leg.purpose) else {
            return;
        };
        if !self.shards.is_connected(id) {
            return;
        }
        for site in child.plan.feeds.clone() {
            let source = self.sources.id(&site);
            if let Err(refusal) = self.shards.subscribe(id, source) {
                tracing::warn!(leg = id.0, %site, %refusal, "feed cannot be sent on this trunk");
            }
        }
        self.demand_due = true;
        self.announce_trunk(id, now);
    }

    pub(super) fn unsubscribe_trunk(&mut self, id: LegId, before: &ChildTrunk, after: &ChildTrunk) {
        let gone: Vec<SourceId> = before
            .feeds
            .iter()
            .filter(|site| !after.feeds.contains(site))
            .map(|site| self.sources.id(site))
            .collect();
        let mut compound = self.begin_compound(&[]);
        for source in gone {
            let ended: Vec<u32> = self
                .shards
                .streams()
                .filter(|(_, spec)| spec.source == source)
                .map(|(_, spec)| spec.ssrc)
                .collect();
            for ssrc in ended {
                Announcement::Ended.write(ssrc, &mut compound);
            }
            self.shards.unsubscribe(id, source);
        }
        self.shards.send_rtcp(id, compound);
    }
}

/// Is the stream open, and what the parent says it is?
fn is_still(shards: &Shards, stream: StreamId, says: StreamSpec) -> bool {
    shards
        .stream_spec(stream)
        .is_some_and(|is| (is.source, is.codec, is.layer) == (says.source, says.codec, says.layer))
}
