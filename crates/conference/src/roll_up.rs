//! Sums over subtrees, kept true step by step: a report touches its site and the hubs above it, no more.

use crate::{Counts, SiteTree};
use jiff::Timestamp;

/// Sums over a site and everything below it. An unreported site is never zero: read `present` only beside
/// `sites_reported` of `sites`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Sites that are counted.
    pub sites: u32,
    /// Of those, sites that have reported.
    pub sites_reported: u32,
    /// Expected at all counted sites whose figure is known, reported or not.
    pub expected: u32,
    /// Expected at the sites that have reported: the denominator of the rate.
    pub expected_reported: u32,
    /// Present at the sites that have reported, and so below.
    pub present: u32,
    /// Late, of those present.
    pub late: u32,
    /// Absent with a reason.
    pub absent_excused: u32,
    /// Absent without a reason.
    pub absent_unexcused: u32,
    /// Absent, no reason stated.
    pub unclassified: u32,
    /// Present beyond those expected.
    pub extra: u32,
    /// Time of the oldest report in the sum; absent when nobody has reported.
    pub oldest_report: Option<Timestamp>,
}

impl Totals {
    /// Expected at sites that have not reported.
    pub fn unreported(&self) -> u32 {
        self.expected - self.expected_reported
    }

    /// One site's share, before anything below is added.
    fn of_site(counted: bool, expected: Option<u32>, report: Option<&(Counts, Timestamp)>) -> Self {
        let Some((counts, at)) = report else {
            return Self {
                sites: counted.into(),
                expected: expected.unwrap_or(0),
                ..Self::default()
            };
        };
        Self {
            sites: counted.into(),
            sites_reported: 1,
            expected: counts.expected,
            expected_reported: counts.expected,
            present: counts.present,
            late: counts.late,
            absent_excused: counts.absent_excused,
            absent_unexcused: counts.absent_unexcused,
            unclassified: counts.unclassified,
            extra: counts.extra,
            oldest_report: Some(*at),
        }
    }

    fn add(&mut self, other: &Self) {
        self.sites += other.sites;
        self.sites_reported += other.sites_reported;
        self.expected += other.expected;
        self.expected_reported += other.expected_reported;
        self.present += other.present;
        self.late += other.late;
        self.absent_excused += other.absent_excused;
        self.absent_unexcused += other.absent_unexcused;
        self.unclassified += other.unclassified;
        self.extra += other.extra;
        self.oldest_report = match (self.oldest_report, other.oldest_report) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }
}

/// Reports and subtree sums, by position in the [`SiteTree`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RollUp {
    reports: Vec<Option<(Counts, Timestamp)>>,
    subtree: Vec<Totals>,
}

impl RollUp {
    /// Nobody has reported.
    pub fn new(tree: &SiteTree) -> Self {
        let mut roll_up = Self {
            reports: vec![None; tree.len()],
            subtree: vec![Totals::default(); tree.len()],
        };
        // Children stand behind their parents, so backwards every child is summed before its parent.
        for position in (0..tree.len()).rev() {
            roll_up.sum(tree, position);
        }
        roll_up
    }

    /// Takes a site's report in place of its last one.
    pub fn report(&mut self, tree: &SiteTree, position: usize, counts: Counts, at: Timestamp) {
        if let Some(slot) = self.reports.get_mut(position) {
            *slot = Some((counts, at));
        }
        for above in tree.path_to_root(position) {
            self.sum(tree, above);
        }
    }

    /// A site's own last report.
    pub fn reported(&self, position: usize) -> Option<&(Counts, Timestamp)> {
        self.reports.get(position)?.as_ref()
    }

    /// Sums over the site and everything below it.
    pub fn subtree(&self, position: usize) -> Totals {
        self.subtree.get(position).copied().unwrap_or_default()
    }

    /// Sums one site from its own figures and its children's sums. Summing anew, instead of adding the
    /// difference, keeps the oldest report right when it is the one replaced.
    fn sum(&mut self, tree: &SiteTree, position: usize) {
        let expected = tree.get(position).and_then(crate::Site::expected);
        let mut totals =
            Totals::of_site(tree.is_counted(position), expected, self.reported(position));
        for &child in tree.children(position) {
            totals.add(&self.subtree(child));
        }
        if let Some(slot) = self.subtree.get_mut(position) {
            *slot = totals;
        }
    }
}
