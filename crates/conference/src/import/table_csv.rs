//! Rows out of CSV (RFC 4180).

use super::cells::{COLUMNS, Cells, column, column_names};
use super::{Fault, whole};
use crate::SITES_MAX;
use crate::text::excerpt;

/// Reads as many rows as can be read; what cannot becomes a fault.
pub(super) fn read(text: &str, faults: &mut Vec<Fault>) -> Vec<Cells> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter(text))
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let mut records = reader.records();
    let Some(Ok(header)) = records.next() else {
        faults.push(whole(
            "header",
            "an empty file".to_owned(),
            format!("columns out of {}", column_names()),
        ));
        return Vec::new();
    };
    let Some(columns) = header_columns(&header, faults) else {
        return Vec::new();
    };
    let mut rows = Vec::new();
    for record in records.filter_map(Result::ok) {
        if rows.len() == SITES_MAX {
            let found = format!("more than {SITES_MAX} rows");
            faults.push(Fault {
                line: Some(line(&record)),
                ..whole("sites", found, format!("1 to {SITES_MAX} rows"))
            });
            break;
        }
        rows.extend(row(&record, &columns, faults));
    }
    rows
}

/// `;` when the first line has more of them than of `,`: spreadsheets of Vietnamese Windows write it so.
fn delimiter(text: &str) -> u8 {
    let header = text.trim_start().lines().next().unwrap_or_default();
    let count = |mark| header.matches(mark).count();
    if count(';') > count(',') { b';' } else { b',' }
}

/// What each column is; `None` when one that must be there is missing. Unknown ones are faults and skipped.
fn header_columns(
    header: &csv::StringRecord,
    faults: &mut Vec<Fault>,
) -> Option<Vec<Option<&'static str>>> {
    let mut columns = Vec::new();
    let at = line(header);
    let mut fault = |column: String, found: String, expected: String| {
        faults.push(Fault {
            line: Some(at),
            column,
            found,
            expected,
        });
    };
    for name in header.iter().map(str::trim) {
        let known = column(name);
        if known.is_none() {
            fault(
                excerpt(name),
                "an unknown column".to_owned(),
                format!("one of {}", column_names()),
            );
        } else if columns.contains(&known) {
            fault(
                excerpt(name),
                "the column a second time".to_owned(),
                "each column once".to_owned(),
            );
        }
        columns.push(known);
    }
    let missing: Vec<&str> = COLUMNS
        .iter()
        .filter(|&&(name, must)| must && !columns.contains(&Some(name)))
        .map(|&(name, _)| name)
        .collect();
    for name in &missing {
        fault(
            (*name).to_owned(),
            "no such column".to_owned(),
            format!("a header with the column {name}"),
        );
    }
    missing.is_empty().then_some(columns)
}

/// One row; a row of blanks is none (spreadsheets leave such behind).
fn row(
    record: &csv::StringRecord,
    columns: &[Option<&'static str>],
    faults: &mut Vec<Fault>,
) -> Option<Cells> {
    if record.iter().all(|cell| cell.trim().is_empty()) {
        return None;
    }
    let line = line(record);
    if record.len() != columns.len() {
        faults.push(Fault {
            line: Some(line),
            column: "row".to_owned(),
            found: format!("{} cells", record.len()),
            expected: format!("{} cells, as in the header", columns.len()),
        });
    }
    // A quote that is never closed swallows the rows behind it into one cell, which may be one nobody reads.
    for (column, _) in columns
        .iter()
        .zip(record)
        .filter(|(_, cell)| is_broken(cell))
    {
        faults.push(Fault {
            line: Some(line),
            column: column.unwrap_or("row").to_owned(),
            found: "a line break inside a cell".to_owned(),
            expected: "one line; is a closing quote missing?".to_owned(),
        });
    }
    let mut cells = Cells::new(line);
    cells.shifted = record.len() != columns.len();
    for (column, cell) in columns.iter().zip(record) {
        if let Some(column) = column {
            cells.push(column, line, cell);
        }
    }
    Some(cells)
}

fn is_broken(cell: &str) -> bool {
    cell.contains(['\n', '\r'])
}

/// Line on which a record starts, from 1.
fn line(record: &csv::StringRecord) -> u32 {
    record.position().map_or(0, |position| {
        u32::try_from(position.line()).unwrap_or(u32::MAX)
    })
}
