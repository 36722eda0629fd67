//! One conference: deciding (`apply`), happening (`fold`), looking (views).

use crate::LinkMode;
use crate::roll_up::RollUp;
use crate::{
    Actor, BrokenHistory, Command, ConferenceId, Counts, Event, Refusal, ReportId, Site, SiteCode,
    SiteTree, Sitting, SittingState, Totals, text,
};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Most reports one site may send over a conference. A hall reports a handful of times; the limit keeps one
/// that floods from filling the log and the memory.
const REPORTS_PER_SITE_MAX: u32 = 1_000;

/// A conference as its events have made it. `default()` is one that does not exist yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conference {
    id: Option<ConferenceId>,
    title: String,
    tree: SiteTree,
    sitting: Sitting,
    roll_up: RollUp,
    /// Every accepted report, so that a late repeat is recognised.
    accepted: BTreeMap<ReportId, (usize, Counts)>,
    /// Accepted reports per site, by position in `tree`.
    reports: Vec<u32>,
}

/// A site and what is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SiteState<'a> {
    /// The site as imported.
    pub site: &'a Site,
    /// Counted among the conference's sites.
    pub counted: bool,
    /// Its last accepted figures.
    pub counts: Option<&'a Counts>,
    /// When they were accepted.
    pub reported_at: Option<Timestamp>,
    /// Sums over it and everything below it.
    pub subtree: Totals,
}

/// Deciding.
impl Conference {
    /// What `command` leads to at `now`: events to write to the log and then [`Self::fold`], none when the
    /// wish is fulfilled already, or the reason for a no. Changes nothing.
    pub fn apply(&self, command: Command, now: Timestamp) -> Result<Vec<Event>, Refusal> {
        match (command, &self.id) {
            (Command::Create { .. }, Some(id)) => Err(Refusal::AlreadyCreated(id.clone())),
            (
                Command::Create {
                    id,
                    title,
                    chair,
                    sites,
                    by,
                },
                None,
            ) => create(id, &title, chair, sites, by, now),
            (_, None) => Err(Refusal::NotCreated),
            (Command::SetChair { chair, by }, _) => self.set_chair(chair, by, now),
            (Command::MoveSitting { to, by }, _) => self.move_sitting(to, by, now),
            (
                Command::ReportCount {
                    site,
                    report_id,
                    counts,
                    by,
                },
                _,
            ) => self.report_count(site, report_id, counts, by, now),
        }
    }

    fn set_chair(
        &self,
        chair: Option<SiteCode>,
        by: Actor,
        at: Timestamp,
    ) -> Result<Vec<Event>, Refusal> {
        if chair == self.sitting.chair {
            return Ok(Vec::new());
        }
        match &chair {
            Some(code) => check_chair(&self.tree, code)?,
            None if self.sitting.state == SittingState::Live => return Err(Refusal::ChairInUse),
            None => {}
        }
        Ok(vec![Event::ChairSet { at, by, chair }])
    }

    fn move_sitting(
        &self,
        to: SittingState,
        by: Actor,
        at: Timestamp,
    ) -> Result<Vec<Event>, Refusal> {
        let from = self.sitting.state;
        if to == from {
            return Ok(Vec::new());
        }
        if !from.next().contains(&to) {
            return Err(Refusal::IllegalStep { from, to });
        }
        if to == SittingState::Live && self.sitting.chair.is_none() {
            return Err(Refusal::NoChair);
        }
        Ok(vec![Event::SittingMoved { at, by, from, to }])
    }

    /// The repeat of an accepted report is answered before anything else: its sender lost our answer, and the
    /// sitting may have closed meanwhile.
    fn report_count(
        &self,
        site: SiteCode,
        report_id: ReportId,
        counts: Counts,
        by: Actor,
        at: Timestamp,
    ) -> Result<Vec<Event>, Refusal> {
        let Some(position) = self.tree.position(&site) else {
            return Err(Refusal::UnknownSite(site));
        };
        match self.accepted.get(&report_id) {
            Some(&same) if same == (position, counts) => return Ok(Vec::new()),
            Some(_) => return Err(Refusal::ReportIdReused),
            None => {}
        }
        if !self.sitting.state.takes_counts() {
            return Err(Refusal::CountsNotTaken(self.sitting.state));
        }
        if !self.tree.is_counted(position) {
            return Err(Refusal::SiteNotCounted(site));
        }
        let by_roll = self.tree.get(position).and_then(Site::expected_by_roll);
        if let Err(identity) = counts.check(by_roll) {
            return Err(Refusal::BrokenIdentity { site, identity });
        }
        if self
            .reports
            .get(position)
            .is_some_and(|&sent| sent >= REPORTS_PER_SITE_MAX)
        {
            return Err(Refusal::TooManyReports {
                site,
                most: REPORTS_PER_SITE_MAX,
            });
        }
        Ok(vec![Event::CountReported {
            at,
            by,
            site,
            report_id,
            counts,
        }])
    }
}

fn create(
    id: ConferenceId,
    title: &str,
    chair: Option<SiteCode>,
    sites: Vec<Site>,
    by: Actor,
    at: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    let title = text::plain(title, text::NAME_CHARS_MAX).map_err(Refusal::BadTitle)?;
    for site in &sites {
        if let Some((field, found, expected)) = site.faults().into_iter().next() {
            return Err(Refusal::BadSite {
                site: site.code.clone(),
                field,
                found,
                expected,
            });
        }
    }
    let sites = SiteTree::new(sites).map_err(Refusal::BadTree)?;
    if let Some(code) = &chair {
        check_chair(&sites, code)?;
    }
    Ok(vec![Event::Created {
        at,
        by,
        id,
        title,
        chair,
        sites,
    }])
}

fn check_chair(tree: &SiteTree, code: &SiteCode) -> Result<(), Refusal> {
    match tree.position(code).and_then(|position| tree.get(position)) {
        None => Err(Refusal::UnknownSite(code.clone())),
        Some(site) if site.link_mode != LinkMode::TwoWay => {
            Err(Refusal::ChairNotTwoWay(code.clone()))
        }
        Some(_) => Ok(()),
    }
}

/// Happening.
impl Conference {
    /// Lets an event from the log happen. The same events in the same order give an equal conference.
    pub fn fold(&mut self, event: &Event) -> Result<(), BrokenHistory> {
        match (event, &self.id) {
            (Event::Created { id, .. }, Some(_)) => {
                return Err(BrokenHistory::CreatedTwice(id.clone()));
            }
            (
                Event::Created {
                    at,
                    id,
                    title,
                    chair,
                    sites,
                    ..
                },
                None,
            ) => {
                self.id = Some(id.clone());
                self.title.clone_from(title);
                self.sitting = Sitting {
                    state: SittingState::Draft,
                    since: *at,
                    chair: chair.clone(),
                };
                self.roll_up = RollUp::new(sites);
                self.reports = vec![0; sites.len()];
                self.tree = sites.clone();
            }
            (_, None) => return Err(BrokenHistory::NotCreated),
            (Event::ChairSet { chair, .. }, _) => self.sitting.chair.clone_from(chair),
            (Event::SittingMoved { at, to, .. }, _) => {
                self.sitting.state = *to;
                self.sitting.since = *at;
            }
            (
                Event::CountReported {
                    at,
                    site,
                    report_id,
                    counts,
                    ..
                },
                _,
            ) => {
                let unknown = || BrokenHistory::UnknownSite(site.clone());
                let position = self.tree.position(site).ok_or_else(unknown)?;
                self.accepted.insert(*report_id, (position, *counts));
                if let Some(sent) = self.reports.get_mut(position) {
                    *sent += 1;
                }
                self.roll_up.report(&self.tree, position, *counts, *at);
            }
        }
        Ok(())
    }
}

/// Looking.
impl Conference {
    /// Its id; `None` before it was created.
    pub fn id(&self) -> Option<&ConferenceId> {
        self.id.as_ref()
    }

    /// Its title.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The sitting.
    pub fn sitting(&self) -> &Sitting {
        &self.sitting
    }

    /// The sites and how they hang together.
    pub fn tree(&self) -> &SiteTree {
        &self.tree
    }

    /// Sums over the whole conference.
    pub fn totals(&self) -> Totals {
        self.roll_up.subtree(0)
    }

    /// One site.
    pub fn site(&self, code: &SiteCode) -> Option<SiteState<'_>> {
        self.state_at(self.tree.position(code)?)
    }

    /// Every site, parents before children.
    pub fn sites(&self) -> impl Iterator<Item = SiteState<'_>> {
        (0..self.tree.len()).filter_map(|position| self.state_at(position))
    }

    /// The site and every hub above it, in that order: what a report of `code` changes.
    pub fn path_to_root(&self, code: &SiteCode) -> impl Iterator<Item = SiteState<'_>> {
        let position = self.tree.position(code);
        let path = position
            .into_iter()
            .flat_map(|position| self.tree.path_to_root(position));
        path.filter_map(|position| self.state_at(position))
    }

    fn state_at(&self, position: usize) -> Option<SiteState<'_>> {
        let report = self.roll_up.reported(position);
        Some(SiteState {
            site: self.tree.get(position)?,
            counted: self.tree.is_counted(position),
            counts: report.map(|(counts, _)| counts),
            reported_at: report.map(|&(_, at)| at),
            subtree: self.roll_up.subtree(position),
        })
    }
}
