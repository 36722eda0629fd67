//! Reasons for a no. Names are stable, for programs; the sentence is for logs; screens translate by name.

use crate::{ConferenceId, Identity, SiteCode, SittingState, TextFault, TreeFault};

/// Why a command was refused. Nothing changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Only [`crate::Command::Create`] makes sense before it.
    #[error("the conference does not exist yet")]
    NotCreated,
    /// It exists.
    #[error("conference {0} exists already")]
    AlreadyCreated(ConferenceId),
    /// The title cannot stand.
    #[error("title: {0}")]
    BadTitle(TextFault),
    /// A site's own fields are wrong.
    #[error("site {site}, {field}: found {found}, expected {expected}")]
    BadSite {
        /// Which.
        site: SiteCode,
        /// Which field.
        field: &'static str,
        /// What it holds.
        found: String,
        /// What would be accepted.
        expected: String,
    },
    /// The sites do not form one tree. Every fault.
    #[error("the sites do not form one tree: {}", list(.0))]
    BadTree(Vec<TreeFault>),
    /// No such site here.
    #[error("the conference has no site {0}")]
    UnknownSite(SiteCode),
    /// The chair has to be seen and heard.
    #[error("site {0} is not two-way and cannot be the chair's")]
    ChairNotTwoWay(SiteCode),
    /// A live sitting keeps a chair.
    #[error("a live sitting cannot be left without a chair")]
    ChairInUse,
    /// `live` needs a chair.
    #[error("the sitting cannot go live without a chair")]
    NoChair,
    /// The life cycle has no such step.
    #[error("a sitting that is {from} cannot become {to}")]
    IllegalStep {
        /// Where it is.
        from: SittingState,
        /// Where it was to go.
        to: SittingState,
    },
    /// Counts are taken from ready until closed.
    #[error("head counts are taken while the sitting is ready or live; it is {0}")]
    CountsNotTaken(SittingState),
    /// The root that only feeds the program has no figures.
    #[error(
        "site {0} is not counted: it is the root and has neither a roll nor an expected figure"
    )]
    SiteNotCounted(SiteCode),
    /// The figures contradict each other or the roll.
    #[error("figures of site {site}: {identity}")]
    BrokenIdentity {
        /// Whose.
        site: SiteCode,
        /// How.
        identity: Identity,
    },
    /// The same report id came with other figures or from another site.
    #[error("the report id was used before with other figures")]
    ReportIdReused,
    /// One site's reports are limited, so that one hall cannot fill the log.
    #[error("site {site} has sent {most} reports, the most one site may send")]
    TooManyReports {
        /// Which.
        site: SiteCode,
        /// The limit.
        most: u32,
    },
}

impl Refusal {
    /// A stable name, such as `no_chair`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NotCreated => "not_created",
            Self::AlreadyCreated(_) => "already_created",
            Self::BadTitle(_) => "bad_title",
            Self::BadSite { .. } => "bad_site",
            Self::BadTree(_) => "bad_tree",
            Self::UnknownSite(_) => "unknown_site",
            Self::ChairNotTwoWay(_) => "chair_not_two_way",
            Self::ChairInUse => "chair_in_use",
            Self::NoChair => "no_chair",
            Self::IllegalStep { .. } => "illegal_step",
            Self::CountsNotTaken(_) => "counts_not_taken",
            Self::SiteNotCounted(_) => "site_not_counted",
            Self::BrokenIdentity { identity, .. } => match identity {
                Identity::Roll { .. } => "counts_roll",
                Identity::Sum { .. } => "counts_sum",
                Identity::Late { .. } => "counts_late",
                Identity::Limit { .. } => "counts_limit",
            },
            Self::ReportIdReused => "report_id_reused",
            Self::TooManyReports { .. } => "too_many_reports",
        }
    }
}

fn list(faults: &[TreeFault]) -> String {
    const LISTED_MAX: usize = 5;
    let listed: Vec<String> = faults
        .iter()
        .take(LISTED_MAX)
        .map(ToString::to_string)
        .collect();
    let more = match faults.len().saturating_sub(LISTED_MAX) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    listed.join("; ") + &more
}
