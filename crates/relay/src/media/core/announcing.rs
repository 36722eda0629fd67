//! Telling children which feeds their trunks carry.

use super::Core;
use super::leg::Purpose;
use crate::media::LegId;
use crate::media::announce::{Announcement, Carried};
use crate::media::rtcp::Writer;
use forwarding::{StreamId, StreamSpec};
use protocol::{ChildTrunk, LegState, SiteCode};
use std::time::Instant;

/// Bytes of announcements per compound: below every path MTU with SRTCP around it.
const COMPOUND_BYTES_MAX: usize = 1100;
/// What is said of a stream whose first packet has just come: it lives.
const RATE_UNKNOWN_BPS: u64 = 1;

impl Core {
    /// Announces everything on every connected child's trunk; without streams the compound shows that the trunk lives.
    pub(super) fn announce_all(&mut self, now: Instant) {
        for id in self.connected_children(|_| true) {
            self.announce_trunk(id, now);
        }
    }

    /// Announces a new stream before its first packet.
    pub(super) fn announce_start(&mut self, spec: StreamSpec) {
        self.announce(spec, |site| carried(site, spec, Some(RATE_UNKNOWN_BPS)));
    }

    /// Tells children that a stream has ended, before the router forgets it.
    pub(super) fn announce_end(&mut self, spec: StreamSpec) {
        self.announce(spec, |_| Announcement::Ended);
    }

    /// Tells the children that the plan sends this stream's source to.
    fn announce(&mut self, spec: StreamSpec, what: impl FnOnce(SiteCode) -> Announcement) {
        let Some(site) = self.sources.name(spec.source).cloned() else {
            return;
        };
        let children = self.connected_children(|child| child.feeds.contains(&site));
        let announcement = what(site);
        for id in children {
            let mut compound = self.begin_compound(&[]);
            announcement.write(spec.ssrc, &mut compound);
            self.shards.send_rtcp(id, compound);
        }
    }

    pub(super) fn announce_trunk(&mut self, id: LegId, now: Instant) {
        let streams: Vec<(StreamId, StreamSpec)> = self.shards.trunk_streams(id).collect();
        let mut compound: Writer = self.begin_compound(&[]);
        for (stream, spec) in streams {
            let Some(site) = self.sources.name(spec.source).cloned() else {
                continue;
            };
            carried(site, spec, self.rate_of(stream, now)).write(spec.ssrc, &mut compound);
            if compound.0.len() > COMPOUND_BYTES_MAX {
                let full = std::mem::replace(&mut compound, self.begin_compound(&[]));
                self.shards.send_rtcp(id, full);
            }
        }
        self.shards.send_rtcp(id, compound);
    }

    fn connected_children(&self, wanted: impl Fn(&ChildTrunk) -> bool) -> Vec<LegId> {
        self.legs
            .iter()
            .filter(|(_, leg)| leg.state == LegState::Connected)
            .filter(
                |(_, leg)| matches!(&leg.purpose, Purpose::TrunkDown(child) if wanted(&child.plan)),
            )
            .map(|(id, _)| *id)
            .collect()
    }
}

/// What is said of a stream; one without a rate is silent.
fn carried(site: SiteCode, spec: StreamSpec, rate_bps: Option<u64>) -> Announcement {
    Announcement::Is(Carried {
        site,
        codec: spec.codec,
        layer: spec.layer,
        rate_bps: Some(rate_bps.unwrap_or(0)),
    })
}
