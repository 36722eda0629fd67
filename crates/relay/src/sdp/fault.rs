//! Why an offer is refused: where, what stood there, what would be accepted.

/// Longest piece of foreign text repeated in an error, characters.
const FOUND_MAX: usize = 80;

/// A refusal of an SDP offer, in words for whoever wrote the client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: found {found}, expected {expected}")]
pub struct Fault {
    /// `line 7`, `session level`, `m-line 2 (video)`.
    pub place: String,
    /// What stood there, shortened, control characters escaped.
    pub found: String,
    /// What would be accepted.
    pub expected: String,
}

impl Fault {
    pub(super) fn new(
        place: impl Into<String>,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Self {
            place: place.into(),
            found: found.into(),
            expected: expected.into(),
        }
    }
}

/// Foreign text made fit for an error: quoted, escaped, at most [`FOUND_MAX`] characters of it.
pub(super) fn quoted(text: &str) -> String {
    let mut end = text.chars();
    let short: String = end.by_ref().take(FOUND_MAX).collect();
    let more = if end.next().is_some() { "…" } else { "" };
    format!("{short:?}{more}")
}
