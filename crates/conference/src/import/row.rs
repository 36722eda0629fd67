//! From the cells of one row to a site.

use super::cells::Cells;
use super::{Fault, Row};
use crate::id::EXPECTED;
use crate::site::expected_text;
use crate::text::{self, NAME_CHARS_MAX};
use crate::{Counts, LinkMode, PEOPLE_PER_SITE_MAX, Site, SiteCode, SiteKind};

/// Reads one row, or tells everything wrong with it. How it hangs under others is checked elsewhere.
pub(super) fn read(cells: &Cells) -> Result<Row, Vec<Fault>> {
    let mut reader = Reader {
        cells,
        faults: Vec::new(),
    };
    let site = reader.site();
    let recorded = reader.recorded(site.as_ref());
    let Some(site) = site else {
        return Err(reader.faults);
    };
    for (column, found, expected) in site.faults() {
        reader.fault(column, found, &expected);
    }
    if let Some(recorded) = &recorded {
        reader.check_recorded(recorded);
    }
    if reader.faults.is_empty() {
        Ok(Row { site, recorded })
    } else {
        Err(reader.faults)
    }
}

/// The kind a cell names.
pub(super) fn kind(text: &str) -> Option<SiteKind> {
    match text {
        "hub" => Some(SiteKind::Hub),
        "site" => Some(SiteKind::Site),
        _ => None,
    }
}

fn link_mode(text: &str) -> Option<LinkMode> {
    match text {
        "two_way" => Some(LinkMode::TwoWay),
        "relay" => Some(LinkMode::Relay),
        "loudspeaker" => Some(LinkMode::Loudspeaker),
        _ => None,
    }
}

struct Reader<'a> {
    cells: &'a Cells,
    faults: Vec<Fault>,
}

impl Reader<'_> {
    /// Reads every cell before giving up, so that all faults of the row are told at once.
    fn site(&mut self) -> Option<Site> {
        let code = self.parsed("code", EXPECTED, |text| text.parse::<SiteCode>().ok());
        let kind = self.parsed("kind", "hub or site", kind);
        let link_mode = self.parsed("link_mode", "two_way, relay or loudspeaker", link_mode);
        let name = self.required_text("name", NAME_CHARS_MAX);
        let level = self.required_text("level", 40);
        let uplink = self.cells.text("uplink").parse().ok();
        let former_name =
            Some(compose(self.cells.text("former_name"))).filter(|text| !text.is_empty());
        let valid_from = self.optional("valid_from", "a date such as 2021-02-01", |text| {
            text.parse().ok()
        });
        let gso_code = Some(self.cells.text("gso_code").to_owned()).filter(|text| !text.is_empty());
        let streets = self.streets();
        let (on_roll, exempt) = (self.people("on_roll"), self.people("exempt"));
        let expected = self.people("expected");
        Some(Site {
            code: code?,
            name: name?,
            kind: kind?,
            level: level?,
            uplink,
            link_mode: link_mode?,
            gso_code,
            valid_from,
            former_name,
            streets,
            on_roll,
            exempt,
            expected,
        })
    }

    /// Figures of the real conference: there when the row has a `present` cell; other blank cells are zero.
    fn recorded(&mut self, site: Option<&Site>) -> Option<Counts> {
        let columns = [
            "present",
            "late",
            "absent_excused",
            "absent_unexcused",
            "unclassified",
            "extra",
        ];
        let [
            present,
            late,
            absent_excused,
            absent_unexcused,
            unclassified,
            extra,
        ] = columns.map(|c| self.people(c));
        let others = [late, absent_excused, absent_unexcused, unclassified, extra];
        if self.cells.text("present").is_empty() && others.iter().flatten().any(|&n| n > 0) {
            self.fault(
                "present",
                "blank".to_owned(),
                "a figure, as the row has other recorded figures",
            );
        }
        let [late, absent_excused, absent_unexcused, unclassified, extra] =
            others.map(|n| n.unwrap_or(0));
        let expected = site?.expected();
        let present = present?;
        if expected.is_none() {
            self.fault(
                "expected",
                "blank".to_owned(),
                "a figure, as the row has recorded figures",
            );
        }
        Some(Counts {
            expected: expected?,
            present,
            late,
            absent_excused,
            absent_unexcused,
            unclassified,
            extra,
            ..Counts::default()
        })
    }

    fn check_recorded(&mut self, recorded: &Counts) {
        if let Err(identity) = recorded.check(None) {
            self.fault("present", identity.to_string(), "figures that add up");
        }
    }

    fn streets(&mut self) -> Vec<String> {
        let text = self.cells.text("streets");
        text.split(';')
            .map(str::trim)
            .filter(|street| !street.is_empty())
            .map(compose)
            .collect()
    }

    fn people(&mut self, column: &str) -> Option<u32> {
        let expected = format!("blank or a whole number of people, 0 to {PEOPLE_PER_SITE_MAX}");
        self.optional(column, &expected, |text| {
            let digits = text.bytes().all(|b| b.is_ascii_digit());
            text.parse()
                .ok()
                .filter(|&n| digits && n <= PEOPLE_PER_SITE_MAX)
        })
    }

    fn required_text(&mut self, column: &str, chars_max: usize) -> Option<String> {
        match text::plain(self.cells.text(column), chars_max) {
            Ok(text) => Some(text),
            Err(fault) => {
                self.fault(column, fault.to_string(), &expected_text(chars_max));
                None
            }
        }
    }

    fn optional<T>(
        &mut self,
        column: &str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        if self.cells.text(column).is_empty() {
            None
        } else {
            self.parsed(column, expected, parse)
        }
    }

    fn parsed<T>(
        &mut self,
        column: &str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.cells.text(column);
        let value = parse(text);
        if value.is_none() {
            let found = if text.is_empty() {
                "blank".to_owned()
            } else {
                text::excerpt(text)
            };
            self.fault(column, found, expected);
        }
        value
    }

    fn fault(&mut self, column: &str, found: String, expected: &str) {
        self.faults.push(Fault {
            line: Some(self.cells.line(column)),
            column: column.to_owned(),
            found,
            expected: expected.to_owned(),
        });
    }
}

/// Composed form (NFC), so that one name has one spelling; what is wrong with it the site tells.
fn compose(text: &str) -> String {
    use unicode_normalization::UnicodeNormalization;
    text.nfc().collect()
}
