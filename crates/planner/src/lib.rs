//! The relay tree: which relay each site attaches to, and which relay each relay takes the program from.
//!
//! A site attaches to the relay that stands at the nearest hub above it; a site with none above, such as the
//! root's own hall, to the one at its own hub. (A hub's own hall thus watches beside its sister halls, and the
//! relay in its cellar serves those below.) Relays take the program along the hub tree, turned so that the
//! relay the program's source attaches to is at the top: level 1. Where a relay is full, the nearest other one
//! with room takes over.
//!
//! **Invariant:** pure and deterministic: the same input gives the same tree. No clock, no randomness, no IO.
//! **Invariant:** no relay serves more than its capacity, halls and child relays together.

mod hubs;
mod input;
mod place;

#[cfg(test)]
mod tests;

pub use input::{Input, Refusal, Relay, Site};

/// Who is served where. Positions are those of the input's lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// The relay of each site.
    pub sites: Vec<usize>,
    /// The place of each relay.
    pub relays: Vec<Placement>,
}

/// A relay's place in the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The relay it takes the program from; `None` for the one at the top.
    pub parent: Option<usize>,
    /// 1 for the top, parent's level + 1 for the others.
    pub level: u32,
    /// Halls and child relays it serves; at most its capacity.
    pub load: u32,
}

/// Places every relay and every site, or names what is missing.
pub fn plan(input: &Input) -> Result<Tree, Refusal> {
    let hubs = hubs::Hubs::new(input)?;
    place::Placer::new(input, &hubs)?.run()
}
