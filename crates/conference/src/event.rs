//! What has happened. Written to the log as JSON; a changed shape gets a new version in its tag.

use crate::{Actor, ConferenceId, Counts, ReportId, SiteCode, SiteTree, SittingState};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A fact in the life of a conference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", deny_unknown_fields)]
pub enum Event {
    /// The conference came into being.
    #[serde(rename = "conference_created.v1")]
    Created {
        /// When.
        at: Timestamp,
        /// Who.
        by: Actor,
        /// Its id.
        id: ConferenceId,
        /// Its title.
        title: String,
        /// Site of the chair.
        chair: Option<SiteCode>,
        /// Its sites; reading checks the tree again.
        sites: SiteTree,
    },
    /// Another chair's site, or none.
    #[serde(rename = "chair_set.v1")]
    ChairSet {
        /// When.
        at: Timestamp,
        /// Who.
        by: Actor,
        /// The site.
        chair: Option<SiteCode>,
    },
    /// The sitting moved on.
    #[serde(rename = "sitting_moved.v1")]
    SittingMoved {
        /// When.
        at: Timestamp,
        /// Who.
        by: Actor,
        /// The state left.
        from: SittingState,
        /// The state entered.
        to: SittingState,
    },
    /// A hall's figures were accepted.
    #[serde(rename = "count_reported.v1")]
    CountReported {
        /// When.
        at: Timestamp,
        /// Who.
        by: Actor,
        /// The hall.
        site: SiteCode,
        /// The sender's id of this report.
        report_id: ReportId,
        /// The figures.
        counts: Counts,
    },
}

/// An event that cannot follow the ones before it: the log is not this conference's, or was tampered with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BrokenHistory {
    /// A second founding.
    #[error("conference {0} is created twice")]
    CreatedTwice(ConferenceId),
    /// Something happened before the founding.
    #[error("an event precedes the creation of the conference")]
    NotCreated,
    /// A site the conference does not have.
    #[error("an event names site {0}, which the conference does not have")]
    UnknownSite(SiteCode),
}
