//! Head counts on the wire.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;
use uuid::Uuid;

/// A hall's report of who is there. Sent again after a lost answer it counts once: `report_id` is the sender's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HeadCount {
    /// Chosen by the sender; the same id with the same figures is acknowledged again and changes nothing.
    #[ts(type = "string")]
    pub report_id: Uuid,
    /// The figures.
    #[serde(flatten)]
    pub counts: Counts,
}

/// The figures of one site, people. `expected = present + absent_excused + absent_unexcused + unclassified`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct Counts {
    /// Who has to be there (triệu tập).
    pub expected: u32,
    /// Who is there (có mặt).
    pub present: u32,
    /// Of those present, who came after the official cut-off (đi chậm).
    #[serde(default)]
    pub late: u32,
    /// Absent with a reason (vắng có lý do).
    #[serde(default)]
    pub absent_excused: u32,
    /// Absent without a reason (vắng không lý do).
    #[serde(default)]
    pub absent_unexcused: u32,
    /// Absent, no reason stated yet.
    #[serde(default)]
    pub unclassified: u32,
    /// Present beyond those expected (mở rộng); never enters the rate.
    #[serde(default)]
    pub extra: u32,
}

/// Sums over a subtree. An unreported site is never zero: `sites_reported` of `sites` says how much is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct Totals {
    /// Sites that are counted.
    pub sites: u32,
    /// Sites that have reported.
    pub sites_reported: u32,
    /// Expected at all sites, reported or not.
    pub expected: u32,
    /// Sums over the sites that have reported.
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
    /// When the oldest report in the sum was acknowledged, milliseconds since the Unix epoch; absent when
    /// nobody has reported.
    #[ts(type = "number | null")]
    pub oldest_report_at_ms: Option<u64>,
}
