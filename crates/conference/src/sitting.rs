//! The sitting (phiên): draft → ready → live → closed.

use crate::SiteCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Where a sitting is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SittingState {
    /// Being prepared.
    #[default]
    Draft,
    /// Everything in place; halls may join and report.
    Ready,
    /// Open (khai mạc).
    Live,
    /// Over (bế mạc).
    Closed,
}

impl SittingState {
    /// The states one step away; the first is the usual one.
    pub fn next(self) -> &'static [SittingState] {
        match self {
            Self::Draft => &[Self::Ready],
            Self::Ready => &[Self::Live, Self::Draft],
            Self::Live => &[Self::Closed],
            Self::Closed => &[],
        }
    }

    /// Head counts are taken now.
    pub fn takes_counts(self) -> bool {
        matches!(self, Self::Ready | Self::Live)
    }
}

impl std::fmt::Display for SittingState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Draft => "draft",
            Self::Ready => "ready",
            Self::Live => "live",
            Self::Closed => "closed",
        })
    }
}

/// The sitting now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sitting {
    /// Where it is.
    pub state: SittingState,
    /// When it entered that state.
    pub since: Timestamp,
    /// Site of the chair (chủ trì), where the program enters.
    pub chair: Option<SiteCode>,
}
