//! Rows out of TOML.

use super::cells::{Cells, column, column_names};
use super::{Fault, whole};
use crate::SITES_MAX;
use crate::text::excerpt;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Reads as many rows as can be read; what cannot becomes a fault.
pub(super) fn read(text: &str, faults: &mut Vec<Fault>) -> Vec<Cells> {
    let mut reader = Reader {
        lines: Lines::new(text),
        faults,
    };
    match DeTable::parse(text) {
        Ok(document) => reader.document(document.get_ref()),
        Err(error) => {
            let span = error.span().unwrap_or_default();
            reader.fault(
                &span,
                "file",
                excerpt(error.message()),
                "TOML with one [[sites]] table for each site",
            );
            Vec::new()
        }
    }
}

struct Reader<'a> {
    lines: Lines,
    faults: &'a mut Vec<Fault>,
}

impl Reader<'_> {
    fn document(&mut self, document: &DeTable<'_>) -> Vec<Cells> {
        for (key, _) in document.iter().filter(|(key, _)| key.get_ref() != "sites") {
            self.fault(
                &key.span(),
                &excerpt(key.get_ref()),
                "an unknown key".to_owned(),
                "sites",
            );
        }
        let sites = document.get("sites");
        let Some(rows) = sites.and_then(|sites| sites.get_ref().as_array()) else {
            let found = sites.map_or("nothing", |sites| sites.get_ref().type_str());
            self.faults.push(whole(
                "sites",
                found.to_owned(),
                "one [[sites]] table for each site".to_owned(),
            ));
            return Vec::new();
        };
        if rows.len() > SITES_MAX {
            self.faults.push(whole(
                "sites",
                format!("{} tables", rows.len()),
                format!("1 to {SITES_MAX}"),
            ));
            return Vec::new();
        }
        rows.into_iter().filter_map(|row| self.row(row)).collect()
    }

    fn row(&mut self, row: &Spanned<DeValue<'_>>) -> Option<Cells> {
        let Some(table) = row.get_ref().as_table() else {
            self.fault(
                &row.span(),
                "sites",
                row.get_ref().type_str().to_owned(),
                "a table",
            );
            return None;
        };
        let mut cells = Cells::new(self.lines.of(row.span().start));
        for (key, value) in table {
            let Some(name) = column(key.get_ref()) else {
                let expected = format!("one of {}", column_names());
                self.fault(
                    &key.span(),
                    &excerpt(key.get_ref()),
                    "an unknown key".to_owned(),
                    &expected,
                );
                continue;
            };
            let text = scalar(value.get_ref(), name);
            if text.is_none() {
                let found = value.get_ref().type_str().to_owned();
                self.fault(&value.span(), name, found, "a single value");
            }
            cells.push(
                name,
                self.lines.of(value.span().start),
                &text.unwrap_or_default(),
            );
        }
        Some(cells)
    }

    fn fault(&mut self, span: &Range<usize>, column: &str, found: String, expected: &str) {
        let line = Some(self.lines.of(span.start));
        self.faults.push(Fault {
            line,
            column: column.to_owned(),
            found,
            expected: expected.to_owned(),
        });
    }
}

/// A value as the text a CSV cell would have. Streets may be an array of strings.
fn scalar(value: &DeValue<'_>, column: &str) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.to_string()),
        DeValue::Float(number) => Some(number.to_string()),
        DeValue::Boolean(truth) => Some(truth.to_string()),
        DeValue::Datetime(date) => Some(date.to_string()),
        DeValue::Array(items) if column == "streets" => {
            let texts: Option<Vec<&str>> = items
                .into_iter()
                .map(|item| item.get_ref().as_str())
                .collect();
            Some(texts?.join(";"))
        }
        DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

/// Line numbers of byte positions.
struct Lines {
    starts: Vec<usize>,
}

impl Lines {
    fn new(text: &str) -> Self {
        Self {
            starts: text.match_indices('\n').map(|(at, _)| at + 1).collect(),
        }
    }

    /// From 1.
    fn of(&self, position: usize) -> u32 {
        u32::try_from(self.starts.partition_point(|&start| start <= position) + 1)
            .unwrap_or(u32::MAX)
    }
}
