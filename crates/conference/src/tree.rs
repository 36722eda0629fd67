//! The tree of sites: exactly one root, and it is a hub; everything else hangs under a hub.

use crate::tree_check::{Link, check};
use crate::{Site, SiteCode, TreeFault};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most sites of one conference.
pub const SITES_MAX: usize = 100_000;

/// Most sites on a path from the root to a leaf, both included. The administration has five levels.
pub const DEPTH_MAX: usize = 32;

/// Sites that form one tree, parents before children, siblings in the order they were given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Site>", into = "Vec<Site>")]
pub struct SiteTree {
    sites: Vec<Site>,
    parents: Vec<Option<usize>>,
    children: Vec<Vec<usize>>,
    positions: BTreeMap<SiteCode, usize>,
}

impl SiteTree {
    /// Orders `sites` into a tree, or tells every fault.
    pub fn new(sites: Vec<Site>) -> Result<Self, Vec<TreeFault>> {
        let links: Vec<Link<'_>> = sites.iter().map(Link::of).collect();
        let parents = check(&links)?;
        Ok(Self::in_order(sites, &parents))
    }

    /// How many sites.
    pub fn len(&self) -> usize {
        self.sites.len()
    }

    /// Only the tree of a conference not yet created is empty.
    pub fn is_empty(&self) -> bool {
        self.sites.is_empty()
    }

    /// All sites, parents before children.
    pub fn iter(&self) -> impl Iterator<Item = &Site> {
        self.sites.iter()
    }

    /// The site at `position` of [`Self::iter`].
    pub fn get(&self, position: usize) -> Option<&Site> {
        self.sites.get(position)
    }

    /// Where the site stands in [`Self::iter`].
    pub fn position(&self, code: &SiteCode) -> Option<usize> {
        self.positions.get(code).copied()
    }

    /// Position of the hub above; `None` for the root.
    pub fn parent(&self, position: usize) -> Option<usize> {
        self.parents.get(position).copied().flatten()
    }

    /// Positions of the sites directly below.
    pub fn children(&self, position: usize) -> &[usize] {
        self.children.get(position).map_or(&[], Vec::as_slice)
    }

    /// The position itself, the hub above it, and so on up to the root.
    pub fn path_to_root(&self, position: usize) -> impl Iterator<Item = usize> + '_ {
        std::iter::successors(Some(position), |&at| self.parent(at))
    }

    /// Whether the site counts among "55 điểm cầu". Every site does, except a root without any figure of its
    /// own (no roll, nothing declared): such a root only feeds the program, nobody meets there to be counted.
    pub fn is_counted(&self, position: usize) -> bool {
        self.sites.get(position).is_some_and(|site| {
            site.uplink.is_some() || site.on_roll.is_some() || site.expected.is_some()
        })
    }

    /// `parents` comes from [`check`]: one root, no circle.
    fn in_order(sites: Vec<Site>, parents: &[Option<usize>]) -> Self {
        let order = preorder(parents);
        let mut place = vec![0; order.len()];
        for (position, &row) in order.iter().enumerate() {
            place[row] = position;
        }
        let mut slots: Vec<Option<Site>> = sites.into_iter().map(Some).collect();
        let mut tree = Self::default();
        for (position, &row) in order.iter().enumerate() {
            let Some(site) = slots[row].take() else {
                continue;
            };
            let parent = parents[row].map(|row| place[row]);
            tree.positions.insert(site.code.clone(), position);
            tree.sites.push(site);
            tree.parents.push(parent);
            tree.children.push(Vec::new());
            if let Some(parent) = parent {
                tree.children[parent].push(position);
            }
        }
        tree
    }
}

impl TryFrom<Vec<Site>> for SiteTree {
    type Error = crate::Refusal;
    fn try_from(sites: Vec<Site>) -> Result<Self, Self::Error> {
        Self::new(sites).map_err(crate::Refusal::BadTree)
    }
}

impl From<SiteTree> for Vec<Site> {
    fn from(tree: SiteTree) -> Self {
        tree.sites
    }
}

/// Rows so that each stands behind its parent, siblings in row order.
fn preorder(parents: &[Option<usize>]) -> Vec<usize> {
    let mut children = vec![Vec::new(); parents.len()];
    let mut stack = Vec::new();
    for (row, parent) in parents.iter().enumerate().rev() {
        match parent {
            Some(parent) => children[*parent].push(row),
            None => stack.push(row),
        }
    }
    let mut order = Vec::with_capacity(parents.len());
    while let Some(row) = stack.pop() {
        order.push(row);
        // Children were collected last first, so that the first one is popped first.
        stack.extend(&children[row]);
    }
    order
}
