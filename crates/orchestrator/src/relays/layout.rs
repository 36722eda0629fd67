//! Who is served where, and the plan each relay gets for it.

use super::Record;
use super::trunk_credentials::TrunkCredentials;
use crate::auth::base64url;
use crate::auth::installation::Installation;
use crate::convert;
use aws_lc_rs::digest;
use conference::{Conference, LinkMode};
use planner::{Input, Refusal};
use protocol::{ChildTrunk, ConferenceId, ParentTrunk, RelayId, RelayPlan, SiteCode};
use std::collections::BTreeMap;

/// A relay's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The relay it takes the program from.
    pub parent: Option<RelayId>,
    /// 1 where the program enters.
    pub level: u32,
}

/// Everybody's place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// The relay of each site.
    pub relay_of: BTreeMap<SiteCode, RelayId>,
    /// The place of each relay.
    pub places: BTreeMap<RelayId, Place>,
    /// What each relay is told, but for the epoch.
    plans: BTreeMap<RelayId, RelayPlan>,
}

impl Layout {
    /// Places the sites of a conference on relays. No relays, no layout, and no fault.
    pub fn make<'a>(
        id: &ConferenceId,
        conference: &Conference,
        records: impl Iterator<Item = &'a Record>,
        keys: &Installation,
    ) -> Result<Self, Refusal> {
        let tree = conference.tree();
        let position = |site: &SiteCode| tree.position(&convert::rules_site(site));
        let records: Vec<(&Record, usize)> = records
            .filter_map(|record| Some((record, position(&record.site)?)))
            .collect();
        if records.is_empty() {
            return Ok(Self::default());
        }
        let chair = conference.sitting().chair.as_ref();
        let input = Input {
            sites: (0..tree.len())
                .filter_map(|at| Some(site(tree.get(at)?, tree.parent(at))))
                .collect(),
            relays: records
                .iter()
                .map(|(record, at)| relay(record, *at))
                .collect(),
            program_source: chair.and_then(|chair| tree.position(chair)).unwrap_or(0),
        };
        let placed = planner::plan(&input)?;
        let codes: Vec<SiteCode> = tree
            .iter()
            .map(|site| convert::wire_site(&site.code))
            .collect();
        let records: Vec<&Record> = records.into_iter().map(|(record, _)| record).collect();
        let program = chair.map(convert::wire_site).into_iter().collect();
        Ok(Making {
            id,
            keys,
            placed,
            codes,
            records,
            program,
        }
        .finish())
    }

    /// Nobody is served.
    pub fn is_empty(&self) -> bool {
        self.plans.is_empty()
    }

    /// A relay's plan under this epoch.
    pub fn plan(&self, relay: &RelayId, epoch: u64) -> Option<RelayPlan> {
        self.plans.get(relay).map(|plan| RelayPlan {
            epoch,
            ..plan.clone()
        })
    }

    /// Tells this layout from another: SHA-256 over every plan, base64url.
    pub fn digest(&self) -> String {
        let plans = serde_json::to_vec(&self.plans).unwrap_or_default();
        base64url(digest::digest(&digest::SHA256, &plans).as_ref())
    }
}

fn site(site: &conference::Site, uplink: Option<usize>) -> planner::Site {
    planner::Site {
        code: site.code.to_string(),
        uplink,
        two_way: site.link_mode == LinkMode::TwoWay,
    }
}

fn relay(record: &Record, site: usize) -> planner::Relay {
    planner::Relay {
        id: record.id.to_string(),
        site,
        capacity: record.capacity,
    }
}

/// A layout under construction: the planner speaks in positions, relays want names.
struct Making<'a> {
    id: &'a ConferenceId,
    keys: &'a Installation,
    placed: planner::Tree,
    codes: Vec<SiteCode>,
    records: Vec<&'a Record>,
    /// The feeds that every relay needs: the chair's.
    program: Vec<SiteCode>,
}

impl Making<'_> {
    fn finish(self) -> Layout {
        let record = |at: usize| self.records.get(at).copied();
        let served = self.codes.iter().zip(&self.placed.sites);
        let relay_of = served
            .filter_map(|(code, at)| Some((code.clone(), record(*at)?.id.clone())))
            .collect();
        let mut layout = Layout {
            relay_of,
            ..Layout::default()
        };
        for (relay, place) in self.records.iter().zip(&self.placed.relays) {
            let parent = place
                .parent
                .and_then(record)
                .map(|parent| parent.id.clone());
            layout.places.insert(
                relay.id.clone(),
                Place {
                    parent,
                    level: place.level,
                },
            );
        }
        for at in 0..self.records.len() {
            if let Some(plan) = self.plan(at, &layout) {
                layout.plans.insert(plan.0, plan.1);
            }
        }
        layout
    }

    fn plan(&self, at: usize, layout: &Layout) -> Option<(RelayId, RelayPlan)> {
        let relay = self.records.get(at)?;
        let parent = self
            .placed
            .relays
            .get(at)?
            .parent
            .and_then(|parent| self.records.get(parent));
        let children = self
            .records
            .iter()
            .zip(&self.placed.relays)
            .filter(|(_, place)| place.parent == Some(at));
        let served = layout.relay_of.iter().filter(|(_, by)| **by == relay.id);
        let plan = RelayPlan {
            epoch: 0,
            conference: self.id.clone(),
            sites: served.map(|(site, _)| site.clone()).collect(),
            program: self.program.clone(),
            floor: None,
            parents: parent
                .map(|parent| self.up(parent, relay))
                .into_iter()
                .collect(),
            children: children.map(|(child, _)| self.down(relay, child)).collect(),
        };
        Some((relay.id.clone(), plan))
    }

    fn up(&self, parent: &Record, child: &Record) -> ParentTrunk {
        let TrunkCredentials { ufrag, pwd } =
            TrunkCredentials::derive(self.keys, self.id, &parent.id, &child.id);
        ParentTrunk {
            relay: parent.id.clone(),
            addresses: parent.about.media_addresses.clone(),
            ice_ufrag: ufrag,
            ice_pwd: pwd,
            certificate_fingerprint: parent.about.certificate_fingerprint.clone(),
            feeds: self.program.clone(),
        }
    }

    fn down(&self, parent: &Record, child: &Record) -> ChildTrunk {
        let TrunkCredentials { ufrag, pwd } =
            TrunkCredentials::derive(self.keys, self.id, &parent.id, &child.id);
        ChildTrunk {
            relay: child.id.clone(),
            ice_ufrag: ufrag,
            ice_pwd: pwd,
            certificate_fingerprint: child.about.certificate_fingerprint.clone(),
            feeds: self.program.clone(),
        }
    }
}
