//! Figures as Vietnamese screens and reports write them: `1.350`, `97,7%`, `3.874 (53/55 điểm cầu)`.

use crate::Totals;

/// Digits in groups of three, parted by dots: `3.874`.
pub fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push('.');
        }
        out.push(digit);
    }
    out
}

/// `part` of `whole` in percent with one decimal, rounded half up: `97,7%`; `None` of nothing.
///
/// What is not everybody never reads 100,0% and what is somebody never 0,0%: the last digit gives way.
pub fn percent(part: u64, whole: u64) -> Option<String> {
    if whole == 0 {
        return None;
    }
    let (part, whole) = (u128::from(part), u128::from(whole));
    let mut per_mille = (part * 1000 + whole / 2) / whole;
    if part < whole {
        per_mille = per_mille.min(999);
    }
    if part > 0 {
        per_mille = per_mille.max(1);
    }
    Some(format!(
        "{},{}%",
        number((per_mille / 10) as u64),
        per_mille % 10
    ))
}

/// The sentence of count: `3.874 (53/55 điểm cầu)`.
pub fn count_line(totals: &Totals) -> String {
    format!(
        "{} ({}/{} điểm cầu)",
        number(totals.present.into()),
        number(totals.sites_reported.into()),
        number(totals.sites.into())
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_parted_by_dots() {
        let shown: Vec<_> = [0, 7, 999, 1_000, 1_350, 959_000, 1_441_200]
            .map(number)
            .into();
        assert_eq!(
            shown,
            ["0", "7", "999", "1.000", "1.350", "959.000", "1.441.200"]
        );
    }

    #[test]
    fn rates_of_the_two_conferences() {
        assert_eq!(percent(3_962, 4_054).as_deref(), Some("97,7%"));
        assert_eq!(percent(1_350, 1_353).as_deref(), Some("99,8%"));
    }

    #[test]
    fn one_missing_of_many_is_not_everybody() {
        assert_eq!(percent(1_999_999, 2_000_000).as_deref(), Some("99,9%"));
        assert_eq!(percent(1, 2_000_000).as_deref(), Some("0,1%"));
        assert_eq!(percent(5, 5).as_deref(), Some("100,0%"));
        assert_eq!(percent(0, 5).as_deref(), Some("0,0%"));
        assert_eq!(percent(0, 0), None);
    }

    #[test]
    fn the_count_says_how_many_halls_it_knows() {
        let totals = Totals {
            sites: 55,
            sites_reported: 53,
            present: 3_874,
            ..Totals::default()
        };
        assert_eq!(count_line(&totals), "3.874 (53/55 điểm cầu)");
    }
}
