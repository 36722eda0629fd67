//! Placing: relays first, since a branch without its trunk is a branch lost, then halls.

use crate::hubs::Hubs;
use crate::{Input, Placement, Refusal, Tree};
use std::collections::VecDeque;

pub(crate) struct Placer<'a> {
    input: &'a Input,
    hubs: &'a Hubs,
    /// Room left at each relay.
    room: Vec<u32>,
    placements: Vec<Option<Placement>>,
    sites: Vec<Option<usize>>,
}

impl<'a> Placer<'a> {
    /// Refuses when all relays together are too small. They suffice exactly when this and [`Self::top`] pass: each
    /// relay placed takes one place and brings at least one, so trunks never run out of room, and a hall may go
    /// anywhere.
    pub fn new(input: &'a Input, hubs: &'a Hubs) -> Result<Self, Refusal> {
        let room: u64 = input
            .relays
            .iter()
            .map(|relay| u64::from(relay.capacity))
            .sum();
        let needed = input.sites.len() as u64 + input.relays.len() as u64 - 1;
        if room < needed {
            return Err(Refusal::NotEnoughRoom {
                room,
                needed,
                missing: needed - room,
            });
        }
        Ok(Self {
            input,
            hubs,
            room: input.relays.iter().map(|relay| relay.capacity).collect(),
            placements: vec![None; input.relays.len()],
            sites: vec![None; input.sites.len()],
        })
    }

    pub fn run(mut self) -> Result<Tree, Refusal> {
        let source = self.input.program_source;
        let top = self.top(source)?;
        // The source comes first: the tree hangs from where it really attaches.
        self.attach(source, top);
        self.place_relays(top);
        self.place_sites();
        self.finish()
    }

    /// The relay a site belongs to, when it has room.
    fn home(&self, site: usize) -> usize {
        let natural = self
            .hubs
            .relay_above(site)
            .or_else(|| self.hubs.relay_at(site));
        natural
            .or_else(|| self.nearest(site, |_| true))
            .unwrap_or_default()
    }

    /// The relay the program enters by: the source's own, or the nearest with room for the source and a child.
    fn top(&self, source: usize) -> Result<usize, Refusal> {
        let needed = if self.room.len() > 1 { 2 } else { 1 };
        let home = Some(self.home(source)).filter(|&home| self.room[home] >= needed);
        let found = home.or_else(|| self.nearest(source, |relay| self.room[relay] >= needed));
        found.ok_or_else(|| Refusal::NoRoomAtTop {
            site: self.input.sites[source].code.clone(),
        })
    }

    fn attach(&mut self, site: usize, relay: usize) {
        self.room[relay] -= 1;
        self.sites[site] = Some(relay);
    }

    /// The nearest relay that qualifies; of equally near ones the higher in the hub tree, then the first.
    fn nearest(&self, site: usize, qualifies: impl Fn(usize) -> bool) -> Option<usize> {
        (0..self.input.relays.len())
            .filter(|&relay| qualifies(relay))
            .min_by_key(|&relay| {
                let at = self.input.relays[relay].site;
                (self.hubs.distance(site, at), self.hubs.depth(at), relay)
            })
    }

    /// Breadth first from the top along the hub tree. A relay that finds its parent full waits until all others
    /// are placed and then hangs under the nearest placed one with room.
    fn place_relays(&mut self, top: usize) {
        let neighbours = self.neighbours(top);
        self.placements[top] = Some(Placement {
            parent: None,
            level: 1,
            load: 0,
        });
        let (mut next, mut waiting) = (VecDeque::from([top]), VecDeque::new());
        loop {
            while let Some(parent) = next.pop_front() {
                for &relay in &neighbours[parent] {
                    if self.placements[relay].is_some() {
                    } else if self.room[parent] > 0 {
                        self.hang(relay, parent);
                        next.push_back(relay);
                    } else {
                        waiting.push_back(relay);
                    }
                }
            }
            let Some(relay) = waiting.pop_front() else {
                return;
            };
            let at = self.input.relays[relay].site;
            let open = |other: usize| self.placements[other].is_some() && self.room[other] > 0;
            if let Some(parent) = self.nearest(at, open) {
                self.hang(relay, parent);
                next.push_back(relay);
            }
        }
    }

    fn hang(&mut self, relay: usize, parent: usize) {
        let level = self.placements[parent].map_or(1, |above| above.level) + 1;
        self.room[parent] -= 1;
        self.placements[relay] = Some(Placement {
            parent: Some(parent),
            level,
            load: 0,
        });
    }

    /// The hub tree of relays without direction. One with none above hangs at the top of the plan, unless the
    /// two are in one branch already.
    fn neighbours(&self, top: usize) -> Vec<Vec<usize>> {
        let own_branch = std::iter::successors(Some(top), |&relay| self.above(relay)).last();
        let mut neighbours = vec![Vec::new(); self.input.relays.len()];
        for relay in 0..self.input.relays.len() {
            let elsewhere = Some(top).filter(|_| own_branch != Some(relay));
            if let Some(above) = self.above(relay).or(elsewhere) {
                neighbours[above].push(relay);
                neighbours[relay].push(above);
            }
        }
        neighbours
    }

    /// The relay above in the hub tree; for a second relay at one hub it is the first one there.
    fn above(&self, relay: usize) -> Option<usize> {
        let site = self.input.relays[relay].site;
        let first_here = self.hubs.relay_at(site).filter(|&first| first != relay);
        first_here.or_else(|| self.hubs.relay_above(site))
    }

    /// First everybody who finds room at home, so that nobody loses their place to an overflow from elsewhere.
    fn place_sites(&mut self) {
        for overflow in [false, true] {
            for site in 0..self.sites.len() {
                if self.sites[site].is_some() {
                    continue;
                }
                let home = self.home(site);
                if self.room[home] > 0 {
                    self.attach(site, home);
                } else if overflow
                    && let Some(relay) = self.nearest(site, |relay| self.room[relay] > 0)
                {
                    self.attach(site, relay);
                }
            }
        }
    }

    fn finish(self) -> Result<Tree, Refusal> {
        let relays = self
            .placements
            .into_iter()
            .zip(&self.room)
            .zip(&self.input.relays);
        let relays: Option<Vec<Placement>> = relays
            .map(|((placement, room), relay)| {
                Some(Placement {
                    load: relay.capacity - room,
                    ..placement?
                })
            })
            .collect();
        let sites: Option<Vec<usize>> = self.sites.into_iter().collect();
        match (sites, relays) {
            (Some(sites), Some(relays)) => Ok(Tree { sites, relays }),
            _ => Err(Refusal::NoRelay {
                sites: self.input.sites.len(),
            }),
        }
    }
}
