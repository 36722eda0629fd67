//! Head counts (quân số) of one site and the identities that always hold.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Most people one site can report. Keeps every sum over [`crate::SITES_MAX`] sites within 32 bits.
pub const PEOPLE_PER_SITE_MAX: u32 = 20_000;

/// Chosen by whoever reports: sent twice, it counts once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReportId(pub Uuid);

/// The figures of one site, people.
///
/// Always: `expected = present + absent_excused + absent_unexcused + unclassified`, `late ≤ present`, and where the
/// roll is known `expected = on_roll − exempt − moved_out + moved_in`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Who has to be there (triệu tập).
    pub expected: u32,
    /// Who is there (có mặt).
    pub present: u32,
    /// Of those present, who came late (đi chậm).
    #[serde(default)]
    pub late: u32,
    /// Absent with a reason (vắng có lý do).
    #[serde(default)]
    pub absent_excused: u32,
    /// Absent without a reason (vắng không lý do).
    #[serde(default)]
    pub absent_unexcused: u32,
    /// Absent, no reason stated.
    #[serde(default)]
    pub unclassified: u32,
    /// Present beyond those expected (mở rộng); never enters the rate.
    #[serde(default)]
    pub extra: u32,
    /// On this site's roll, attending elsewhere.
    #[serde(default)]
    pub moved_out: u32,
    /// On another site's roll, attending here.
    #[serde(default)]
    pub moved_in: u32,
}

/// An identity that figures break, with both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Identity {
    /// expected = on_roll − exempt − moved_out + moved_in.
    #[error("expected is {expected}, but on_roll − exempt − moved_out + moved_in is {by_roll}")]
    Roll {
        /// Figure reported.
        expected: u32,
        /// What the roll gives; below zero when more moved out than there are.
        by_roll: i64,
    },
    /// expected = present + absent_excused + absent_unexcused + unclassified.
    #[error(
        "expected is {expected}, but present + absent_excused + absent_unexcused + unclassified is {sum}"
    )]
    Sum {
        /// Figure reported.
        expected: u32,
        /// Sum of the parts.
        sum: u64,
    },
    /// late ≤ present.
    #[error("{late} came late, but only {present} are present")]
    Late {
        /// Late.
        late: u32,
        /// Present.
        present: u32,
    },
    /// Every figure ≤ [`PEOPLE_PER_SITE_MAX`].
    #[error("{field} is {found}, at most {PEOPLE_PER_SITE_MAX} people fit one site")]
    Limit {
        /// Which figure.
        field: &'static str,
        /// Its value.
        found: u32,
    },
}

impl Counts {
    /// Checks every identity; `expected_by_roll` is on_roll − exempt where the roll is known.
    pub fn check(&self, expected_by_roll: Option<u32>) -> Result<(), Identity> {
        if let Some((field, found)) = self
            .figures()
            .into_iter()
            .find(|&(_, n)| n > PEOPLE_PER_SITE_MAX)
        {
            return Err(Identity::Limit { field, found });
        }
        let sum = [
            self.present,
            self.absent_excused,
            self.absent_unexcused,
            self.unclassified,
        ]
        .into_iter()
        .map(u64::from)
        .sum();
        if u64::from(self.expected) != sum {
            return Err(Identity::Sum {
                expected: self.expected,
                sum,
            });
        }
        if self.late > self.present {
            return Err(Identity::Late {
                late: self.late,
                present: self.present,
            });
        }
        match expected_by_roll
            .map(|n| i64::from(n) - i64::from(self.moved_out) + i64::from(self.moved_in))
        {
            Some(by_roll) if by_roll != i64::from(self.expected) => Err(Identity::Roll {
                expected: self.expected,
                by_roll,
            }),
            _ => Ok(()),
        }
    }

    /// Everybody in the hall: present + extra.
    pub fn attendance_total(&self) -> u32 {
        self.present.saturating_add(self.extra)
    }

    fn figures(&self) -> [(&'static str, u32); 9] {
        [
            ("expected", self.expected),
            ("present", self.present),
            ("late", self.late),
            ("absent_excused", self.absent_excused),
            ("absent_unexcused", self.absent_unexcused),
            ("unclassified", self.unclassified),
            ("extra", self.extra),
            ("moved_out", self.moved_out),
            ("moved_in", self.moved_in),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// DT-02: 93 expected, 90 present of whom 2 late, 2 excused, 1 not.
    fn dt_02() -> Counts {
        Counts {
            expected: 93,
            present: 90,
            late: 2,
            absent_excused: 2,
            absent_unexcused: 1,
            ..Counts::default()
        }
    }

    #[test]
    fn figures_that_add_up_pass_with_and_without_a_roll() {
        assert_eq!(dt_02().check(None), Ok(()));
        assert_eq!(dt_02().check(Some(93)), Ok(()));
    }

    #[test]
    fn one_person_missing_from_the_sum_is_seen() {
        let counts = Counts {
            present: 89,
            ..dt_02()
        };
        assert_eq!(
            counts.check(None),
            Err(Identity::Sum {
                expected: 93,
                sum: 92
            })
        );
    }

    #[test]
    fn more_late_than_present_is_seen() {
        let counts = Counts {
            late: 91,
            ..dt_02()
        };
        assert_eq!(
            counts.check(None),
            Err(Identity::Late {
                late: 91,
                present: 90
            })
        );
    }

    #[test]
    fn the_roll_binds_and_moves_shift_it() {
        assert_eq!(
            dt_02().check(Some(94)),
            Err(Identity::Roll {
                expected: 93,
                by_roll: 94
            })
        );
        assert_eq!(
            Counts {
                moved_out: 2,
                moved_in: 1,
                ..dt_02()
            }
            .check(Some(94)),
            Ok(())
        );
        let emptied = Counts {
            moved_out: 10,
            ..Counts::default()
        };
        assert_eq!(
            emptied.check(Some(9)),
            Err(Identity::Roll {
                expected: 0,
                by_roll: -1
            })
        );
    }

    #[test]
    fn absurd_figures_neither_pass_nor_overflow() {
        let counts = Counts {
            present: u32::MAX,
            absent_excused: u32::MAX,
            ..Counts::default()
        };
        assert_eq!(
            counts.check(None),
            Err(Identity::Limit {
                field: "present",
                found: u32::MAX
            })
        );
    }

    #[test]
    fn extra_people_attend_but_are_not_expected() {
        let counts = Counts {
            extra: 7,
            ..dt_02()
        };
        assert_eq!(counts.check(Some(93)), Ok(()));
        assert_eq!(counts.attendance_total(), 97);
    }
}
