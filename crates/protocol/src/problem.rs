//! Refusals over HTTP: `application/problem+json` (RFC 9457).

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

/// An error answer. `detail` says what and where, `hint` what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct Problem {
    /// A stable short name for programs, such as `token_expired`.
    #[serde(rename = "type")]
    pub kind: String,
    /// One line for people.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What was wrong, and where.
    pub detail: String,
    /// What to do, when there is something to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Every faulty place, when the input has several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldProblem>,
}

/// One faulty place in an input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct FieldProblem {
    /// 1-based line, when the input has lines.
    pub line: Option<u32>,
    /// Column or key.
    pub column: String,
    /// What stood there (shortened, control characters escaped).
    pub found: String,
    /// What would be accepted.
    pub expected: String,
}
