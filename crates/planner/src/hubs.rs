//! The tree of sites as the planner sees it: depths, distances, and the relays that stand in it.

use crate::{Input, Refusal};

/// Checked once: every position is a site's, every path ends at a root.
pub(crate) struct Hubs {
    uplinks: Vec<Option<usize>>,
    /// Hops to the root.
    depths: Vec<usize>,
    /// The first relay that stands at each site.
    relays: Vec<Option<usize>>,
}

impl Hubs {
    pub fn new(input: &Input) -> Result<Self, Refusal> {
        check(input)?;
        let mut relays = vec![None; input.sites.len()];
        for (relay, spec) in input.relays.iter().enumerate() {
            relays[spec.site].get_or_insert(relay);
        }
        let uplinks: Vec<_> = input.sites.iter().map(|site| site.uplink).collect();
        let depths = depths(input, &uplinks)?;
        Ok(Self {
            uplinks,
            depths,
            relays,
        })
    }

    /// Hops from the site to its root.
    pub fn depth(&self, site: usize) -> usize {
        self.depths[site]
    }

    /// The first relay at the site itself.
    pub fn relay_at(&self, site: usize) -> Option<usize> {
        self.relays[site]
    }

    /// The first relay at the nearest hub strictly above.
    pub fn relay_above(&self, site: usize) -> Option<usize> {
        std::iter::successors(self.uplinks[site], |&at| self.uplinks[at])
            .find_map(|at| self.relays[at])
    }

    /// Hops between two sites along the tree; between two trees, as if their roots hung under one point.
    pub fn distance(&self, a: usize, b: usize) -> usize {
        let (mut a, mut b, mut hops) = (a, b, 0);
        while a != b {
            let deeper = if self.depths[a] >= self.depths[b] {
                &mut a
            } else {
                &mut b
            };
            match self.uplinks[*deeper] {
                Some(above) => *deeper = above,
                // Both stand at roots now, and at different ones.
                None => return hops + 2,
            }
            hops += 1;
        }
        hops
    }
}

fn check(input: &Input) -> Result<(), Refusal> {
    let sites = input.sites.len();
    let known = |what: String, position: usize| {
        if position < sites {
            Ok(())
        } else {
            Err(Refusal::NoSuchSite {
                what,
                position,
                sites,
            })
        }
    };
    for site in &input.sites {
        site.uplink.map_or(Ok(()), |uplink| {
            known(format!("the uplink of site {}", site.code), uplink)
        })?;
    }
    for relay in &input.relays {
        known(format!("relay {}", relay.id), relay.site)?;
        if relay.capacity == 0 {
            return Err(Refusal::NoCapacity {
                relay: relay.id.clone(),
            });
        }
    }
    known("the program source".to_owned(), input.program_source)?;
    if input.relays.is_empty() {
        return Err(Refusal::NoRelay { sites });
    }
    let source = &input.sites[input.program_source];
    if source.two_way {
        Ok(())
    } else {
        Err(Refusal::SourceOnlyReceives {
            site: source.code.clone(),
        })
    }
}

/// Follows every uplink once.
fn depths(input: &Input, uplinks: &[Option<usize>]) -> Result<Vec<usize>, Refusal> {
    let mut depths: Vec<Option<usize>> = vec![None; uplinks.len()];
    for start in 0..uplinks.len() {
        let mut path = Vec::new();
        let mut at = Some(start);
        while let Some(site) = at.filter(|&site| depths[site].is_none()) {
            if path.len() == uplinks.len() {
                return Err(Refusal::Cycle {
                    site: input.sites[site].code.clone(),
                });
            }
            path.push(site);
            at = uplinks[site];
        }
        let mut depth = at
            .and_then(|site| depths[site])
            .map_or(0, |above| above + 1);
        while let Some(site) = path.pop() {
            depths[site] = Some(depth);
            depth += 1;
        }
    }
    Ok(depths.into_iter().map(Option::unwrap_or_default).collect())
}
