//! Checking how sites hang together, by position in a list; rows of an import are checked before they are sites.

use crate::text::excerpt;
use crate::{DEPTH_MAX, SITES_MAX, Site, SiteCode, SiteKind, TreeFault};
use std::collections::BTreeMap;

/// What the check needs to know of a site; the import checks rows that are no sites yet.
pub(crate) struct Link<'a> {
    pub code: &'a str,
    pub name: &'a str,
    /// Blank for a root.
    pub uplink: &'a str,
    /// Absent when the import could not read it, which is another fault and told there.
    pub kind: Option<SiteKind>,
}

impl<'a> Link<'a> {
    pub fn of(site: &'a Site) -> Self {
        let uplink = site.uplink.as_ref().map_or("", SiteCode::as_str);
        Self {
            code: site.code.as_str(),
            name: &site.name,
            uplink,
            kind: Some(site.kind),
        }
    }

    fn label(&self) -> String {
        format!("{} ({})", excerpt(self.code), excerpt(self.name))
    }
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
                code: excerpt(link.code),
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
        let (code, uplink) = (excerpt(link.code), excerpt(link.uplink));
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
                let code = excerpt(links[*row].code);
                faults.push(TreeFault::RootNotHub { row: *row, code });
            }
        }
        several => {
            let names = shortened(several.iter().map(|&row| links[row].label()), 5, ", ");
            faults.extend(several.iter().map(|&row| TreeFault::SecondRoot {
                row,
                code: excerpt(links[row].code),
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
                    code: excerpt(links[row].code),
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
