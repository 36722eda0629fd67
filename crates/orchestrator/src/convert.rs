//! Between the words on the wire and the words of the rules.

use crate::problem::ApiError;
use axum::http::StatusCode;
use conference::{LinkMode, Refusal, SiteKind};
use jiff::Timestamp;
use protocol::FieldProblem;

/// A site's code for the wire.
///
/// # Panics
/// Never: both sides take the same texts, which a property test holds.
pub fn wire_site(code: &conference::SiteCode) -> protocol::SiteCode {
    protocol::SiteCode::try_from(code.as_str().to_owned()).expect("both sides take the same codes")
}

/// A site's code for the rules.
///
/// # Panics
/// Never: both sides take the same texts, which a property test holds.
pub fn rules_site(code: &protocol::SiteCode) -> conference::SiteCode {
    conference::SiteCode::try_from(code.as_str().to_owned())
        .expect("both sides take the same codes")
}

/// A conference's id for the rules.
///
/// # Panics
/// Never: both sides take the same texts, which a property test holds.
pub fn rules_conference(id: &protocol::ConferenceId) -> conference::ConferenceId {
    conference::ConferenceId::try_from(id.as_str().to_owned())
        .expect("both sides take the same ids")
}

/// The figures of a report, for the rules.
pub fn rules_counts(counts: &protocol::Counts) -> conference::Counts {
    conference::Counts {
        expected: counts.expected,
        present: counts.present,
        late: counts.late,
        absent_excused: counts.absent_excused,
        absent_unexcused: counts.absent_unexcused,
        unclassified: counts.unclassified,
        extra: counts.extra,
        ..conference::Counts::default()
    }
}

/// The figures in force, for the wire.
pub fn wire_counts(counts: &conference::Counts) -> protocol::Counts {
    protocol::Counts {
        expected: counts.expected,
        present: counts.present,
        late: counts.late,
        absent_excused: counts.absent_excused,
        absent_unexcused: counts.absent_unexcused,
        unclassified: counts.unclassified,
        extra: counts.extra,
    }
}

/// Sums for the wire.
pub fn wire_totals(totals: &conference::Totals) -> protocol::Totals {
    protocol::Totals {
        sites: totals.sites,
        sites_reported: totals.sites_reported,
        expected: totals.expected,
        present: totals.present,
        late: totals.late,
        absent_excused: totals.absent_excused,
        absent_unexcused: totals.absent_unexcused,
        unclassified: totals.unclassified,
        extra: totals.extra,
        oldest_report_at_ms: totals.oldest_report.map(wire_time_ms),
    }
}

/// Milliseconds since the Unix epoch; a time before it reads as the epoch.
pub fn wire_time_ms(at: Timestamp) -> u64 {
    u64::try_from(at.as_millisecond()).unwrap_or(0)
}

/// A state of the sitting, for the wire.
pub fn wire_state(state: conference::SittingState) -> protocol::SittingState {
    match state {
        conference::SittingState::Draft => protocol::SittingState::Draft,
        conference::SittingState::Ready => protocol::SittingState::Ready,
        conference::SittingState::Live => protocol::SittingState::Live,
        conference::SittingState::Closed => protocol::SittingState::Closed,
    }
}

/// A state of the sitting, for the rules.
pub fn rules_state(state: protocol::SittingState) -> conference::SittingState {
    match state {
        protocol::SittingState::Draft => conference::SittingState::Draft,
        protocol::SittingState::Ready => conference::SittingState::Ready,
        protocol::SittingState::Live => conference::SittingState::Live,
        protocol::SittingState::Closed => conference::SittingState::Closed,
    }
}

/// The sitting, for the wire.
pub fn wire_sitting(sitting: &conference::Sitting) -> protocol::SittingView {
    protocol::SittingView {
        state: wire_state(sitting.state),
        since_ms: wire_time_ms(sitting.since),
        next: sitting
            .state
            .next()
            .iter()
            .copied()
            .map(wire_state)
            .collect(),
        chair: sitting.chair.as_ref().map(wire_site),
    }
}

/// Hub or member, for the wire.
pub fn wire_kind(kind: SiteKind) -> protocol::SiteKind {
    match kind {
        SiteKind::Hub => protocol::SiteKind::Hub,
        SiteKind::Site => protocol::SiteKind::Site,
    }
}

/// How a site takes part, for the wire.
pub fn wire_link_mode(mode: LinkMode) -> protocol::SiteLinkMode {
    match mode {
        LinkMode::TwoWay => protocol::SiteLinkMode::TwoWay,
        LinkMode::Relay => protocol::SiteLinkMode::Relay,
        LinkMode::Loudspeaker => protocol::SiteLinkMode::Loudspeaker,
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let status = match &refusal {
            Refusal::NotCreated | Refusal::UnknownSite(_) => StatusCode::NOT_FOUND,
            Refusal::AlreadyCreated(_)
            | Refusal::ChairInUse
            | Refusal::NoChair
            | Refusal::IllegalStep { .. }
            | Refusal::CountsNotTaken(_)
            | Refusal::SiteNotCounted(_)
            | Refusal::ReportIdReused
            // For good, so not 429: that one asks to be tried again.
            | Refusal::TooManyReports { .. } => StatusCode::CONFLICT,
            Refusal::BadTitle(_)
            | Refusal::BadSite { .. }
            | Refusal::BadTree(_)
            | Refusal::ChairNotTwoWay(_)
            | Refusal::BrokenIdentity { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Self::new(status, refusal.kind(), refusal.to_string())
    }
}

/// Every bad row of an import. A file of nothing but bad rows is told by its first hundred.
pub fn import_problem(faults: Vec<conference::import::Fault>) -> ApiError {
    const LISTED_MAX: usize = 100;
    let detail = format!("{} bad places; nothing was imported", faults.len());
    let fields = faults
        .into_iter()
        .take(LISTED_MAX)
        .map(|fault| FieldProblem {
            line: fault.line,
            column: fault.column,
            found: fault.found,
            expected: fault.expected,
        });
    ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_rows", detail).fields(fields.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::response::IntoResponse;
    use proptest::prelude::*;

    #[test]
    fn a_site_that_has_sent_all_its_reports_is_not_asked_to_try_again() {
        let site = "A".parse().expect("a code");
        let refusal = Refusal::TooManyReports { site, most: 1 };
        let answer = ApiError::from(refusal).into_response();
        assert_eq!(answer.status(), StatusCode::CONFLICT);
    }

    proptest! {
        #[test]
        fn wire_and_rules_take_the_same_codes(text in prop_oneof!["[A-Za-z0-9._-]{0,34}", ".{0,40}"]) {
            prop_assert_eq!(
                protocol::SiteCode::try_from(text.clone()).is_ok(),
                conference::SiteCode::try_from(text.clone()).is_ok()
            );
            prop_assert_eq!(
                protocol::ConferenceId::try_from(text.clone()).is_ok(),
                conference::ConferenceId::try_from(text).is_ok()
            );
        }
    }
}
