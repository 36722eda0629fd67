//! What can be asked of a conference.

use crate::{Actor, ConferenceId, Counts, ReportId, Site, SiteCode, SittingState};

/// A wish. [`crate::Conference::apply`] grants it as events or refuses it with a reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Found the conference. Once.
    Create {
        /// Its id.
        id: ConferenceId,
        /// Its title, 1 to 200 visible characters.
        title: String,
        /// Site of the chair, when known already; a two-way site.
        chair: Option<SiteCode>,
        /// All sites, in any order.
        sites: Vec<Site>,
        /// Who.
        by: Actor,
    },
    /// Appoint the chair's site, or withdraw it while the sitting is not live.
    SetChair {
        /// A two-way site.
        chair: Option<SiteCode>,
        /// Who.
        by: Actor,
    },
    /// Move the sitting one step. Asking for the state it is in already is granted and changes nothing.
    MoveSitting {
        /// The state wanted.
        to: SittingState,
        /// Who.
        by: Actor,
    },
    /// A hall reports who is there; its latest accepted report holds.
    ReportCount {
        /// The hall.
        site: SiteCode,
        /// Chosen by the sender; a repeat with the same figures is granted and changes nothing.
        report_id: ReportId,
        /// The figures.
        counts: Counts,
        /// Who.
        by: Actor,
    },
}
