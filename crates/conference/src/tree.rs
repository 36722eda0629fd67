//! The tree of sites: exactly one root, and it is a hub; everything else hangs under a hub.

use crate::{Site, SiteCode, SiteKind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most sites of one conference.
pub const SITES_MAX: usize = 100_000;

/// Most sites on a path from the root to a leaf, both included. The administration has five levels.
pub const DEPTH_MAX: usize = 32;

/// A fault in how sites hang together. `row` is a position in the list checked, from 0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TreeFault {
    /// No sites at all, or more than [`SITES_MAX`].
    #[error("{found} sites, expected 1 to {SITES_MAX}")]
    Size {
        /// How many.
        found: usize,
    },
    /// Two sites with one code.
    #[error("code {code} is used twice")]
    DuplicateCode {
        /// The second one.
        row: usize,
        /// The first one.
        first: usize,
        /// The code.
        code: String,
    },
    /// An uplink that is no site.
    #[error("site {code} names the uplink {uplink}, which is no site")]
    UnknownUplink {
        /// Which.
        row: usize,
        /// Its code.
        code: String,
        /// What it names.
        uplink: String,
    },
    /// An uplink that is no hub.
    #[error("site {code} names the uplink {uplink}, which is not a hub")]
    UplinkNotHub {
        /// Which.
        row: usize,
        /// Its code.
        code: String,
        /// What it names.
        uplink: String,
    },
    /// No root.
    #[error("no site is without an uplink; exactly one has to be: the root")]
    NoRoot,
    /// Several roots: one fault for each of them, all naming the same ones.
    #[error("site {code} is without an uplink, but only one may be; without are {roots}")]
    SecondRoot {
        /// Which.
        row: usize,
        /// Its code.
        code: String,
        /// All roots, code and name, shortened after five.
        roots: String,
    },
    /// The root is not a hub.
    #[error("the root {code} is not a hub")]
    RootNotHub {
        /// Which.
        row: usize,
        /// Its code.
        code: String,
    },
    /// Uplinks that lead in a circle.
    #[error("uplinks form a circle: {circle}")]
    Cycle {
        /// The first of them in the list.
        row: usize,
        /// Code and name of each, in order, shortened after ten.
        circle: String,
    },
    /// Deeper than [`DEPTH_MAX`].
    #[error("site {code} stands more than {DEPTH_MAX} levels deep")]
    TooDeep {
        /// Which.
        row: usize,
        /// Its code.
        code: String,
    },
}

/// What the check needs to know of a site; the import checks rows that are no sites yet.
pub(crate) struct Link<'a> {
    pub code: &'a str,
    pub name: &'a str,
    /// Blank for a root.
    pub uplink: &'a str,
    /// Absent when the import could not read it, which is another fault and told there.
    pub kind: Option<SiteKind>,
}

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

impl<'a> Link<'a> {
    fn of(site: &'a Site) -> Self {
        let uplink = site.uplink.as_ref().map_or("", SiteCode::as_str);
        Self {
            code: site.code.as_str(),
            name: &site.name,
            uplink,
            kind: Some(site.kind),
        }
    }

    fn label(&self) -> String {
        format!(
            "{} ({})",
            crate::text::excerpt(self.code),
            crate::text::excerpt(self.name)
        )
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

/// Each row's parent, or every fault there is.
pub(crate) fn check(links: &[Link<'_>]) -> Result<Vec<Option<usize>>, Vec<TreeFault>> {
    if links.is_empty() || links.len() > SITES_MAX {
        return Err(vec![TreeFault::Size { found: links.len() }]);
    }
    let mut faults = Vec::new();
    let rows = index(links, &mut faults);
    let parents = resolve(links, &rows, &mut faults);
    check_roots(links, &mut faults);
    check_paths(links, &parents, &mut faults);
    if faults.is_empty() {
        Ok(parents)
    } else {
        Err(faults)
    }
}

fn index<'a>(links: &[Link<'a>], faults: &mut Vec<TreeFault>) -> BTreeMap<&'a str, usize> {
    let mut rows = BTreeMap::new();
    for (row, link) in links.iter().enumerate() {
        let first = *rows.entry(link.code).or_insert(row);
        if first != row {
            faults.push(TreeFault::DuplicateCode {
                row,
                first,
                code: crate::text::excerpt(link.code),
            });
        }
    }
    rows
}

fn resolve(
    links: &[Link<'_>],
    rows: &BTreeMap<&str, usize>,
    faults: &mut Vec<TreeFault>,
) -> Vec<Option<usize>> {
    let mut parents = vec![None; links.len()];
    for (row, link) in links
        .iter()
        .enumerate()
        .filter(|(_, link)| !link.uplink.is_empty())
    {
        let (code, uplink) = (
            crate::text::excerpt(link.code),
            crate::text::excerpt(link.uplink),
        );
        let Some(&parent) = rows.get(link.uplink) else {
            faults.push(TreeFault::UnknownUplink { row, code, uplink });
            continue;
        };
        if links[parent].kind == Some(SiteKind::Site) {
            faults.push(TreeFault::UplinkNotHub { row, code, uplink });
        }
        parents[row] = Some(parent);
    }
    parents
}

fn check_roots(links: &[Link<'_>], faults: &mut Vec<TreeFault>) {
    let roots: Vec<usize> = (0..links.len())
        .filter(|&row| links[row].uplink.is_empty())
        .collect();
    match roots.as_slice() {
        [] => faults.push(TreeFault::NoRoot),
        [row] => {
            if links[*row].kind == Some(SiteKind::Site) {
                let code = crate::text::excerpt(links[*row].code);
                faults.push(TreeFault::RootNotHub { row: *row, code });
            }
        }
        several => {
            let names = shortened(several.iter().map(|&row| links[row].label()), 5, ", ");
            faults.extend(several.iter().map(|&row| TreeFault::SecondRoot {
                row,
                code: crate::text::excerpt(links[row].code),
                roots: names.clone(),
            }));
        }
    }
}

/// Follows every uplink once. `depth` is 0 while unknown.
fn check_paths(links: &[Link<'_>], parents: &[Option<usize>], faults: &mut Vec<TreeFault>) {
    const ON_PATH: usize = usize::MAX;
    const IN_CIRCLE: usize = usize::MAX - 1;
    let mut depths = vec![0_usize; links.len()];
    for start in 0..links.len() {
        let mut path = Vec::new();
        let mut at = Some(start);
        while let Some(row) = at.filter(|&row| depths[row] == 0) {
            depths[row] = ON_PATH;
            path.push(row);
            at = parents[row];
        }
        let mut depth = at.map_or(0, |row| depths[row]);
        if let (ON_PATH, Some(entry)) = (depth, at) {
            faults.push(cycle(links, &path, entry));
        }
        if depth >= IN_CIRCLE {
            path.drain(..).for_each(|row| depths[row] = IN_CIRCLE);
        }
        while let Some(row) = path.pop() {
            depth += 1;
            depths[row] = depth;
            if depth == DEPTH_MAX + 1 {
                faults.push(TreeFault::TooDeep {
                    row,
                    code: crate::text::excerpt(links[row].code),
                });
            }
        }
    }
}

fn cycle(links: &[Link<'_>], path: &[usize], entry: usize) -> TreeFault {
    let circle: Vec<usize> = path
        .iter()
        .copied()
        .skip_while(|&row| row != entry)
        .collect();
    let row = circle.iter().copied().min().unwrap_or(entry);
    let closed = circle
        .iter()
        .cycle()
        .skip_while(|&&at| at != row)
        .take(circle.len() + 1);
    TreeFault::Cycle {
        row,
        circle: shortened(closed.map(|&row| links[row].label()), 10, " → "),
    }
}

fn shortened(labels: impl Iterator<Item = String>, most: usize, between: &str) -> String {
    let mut labels = labels.peekable();
    let mut shown: Vec<String> = labels.by_ref().take(most).collect();
    if labels.peek().is_some() {
        shown.push("…".to_owned());
    }
    shown.join(between)
}
