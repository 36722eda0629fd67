//! Importing sites from CSV or TOML. All rows or none: one bad row imports nothing, and every bad place is told.

mod cells;
mod decode;
mod row;
mod table_csv;
mod table_toml;

use crate::tree_check::{self, Link};
use crate::{Counts, DEPTH_MAX, SITES_MAX, Site, TreeFault};
use cells::Cells;
use std::collections::BTreeSet;

/// One imported row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The site.
    pub site: Site,
    /// Figures recorded at the real conference, when the file has them (a `present` cell). They are data about
    /// the past: no event carries them, a demonstration may report them again.
    pub recorded: Option<Counts>,
}

/// One bad place in a file. Nothing was imported.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{column}: found {found}, expected {expected}", self.place())]
pub struct Fault {
    /// Line in the file, from 1; absent when the file as a whole is meant.
    pub line: Option<u32>,
    /// Column or key.
    pub column: String,
    /// What stands there, shortened, invisible characters spelled out.
    pub found: String,
    /// What would be accepted.
    pub expected: String,
}

impl Fault {
    fn place(&self) -> String {
        self.line
            .map_or_else(String::new, |line| format!("line {line}, "))
    }
}

/// Reads sites from CSV: UTF-8 with or without byte order mark, UTF-16 with one, or else Windows-1258; parted
/// by `,` or `;`, whichever the header has more of. The header names the columns.
pub fn from_csv(bytes: &[u8]) -> Result<Vec<Row>, Vec<Fault>> {
    let mut faults = Vec::new();
    let text = decode::text(bytes).map_err(|fault| vec![fault])?;
    let rows = table_csv::read(&text, &mut faults);
    finish(&rows, faults)
}

/// Reads sites from TOML: one `[[sites]]` table for each, keys named as the CSV columns.
pub fn from_toml(text: &str) -> Result<Vec<Row>, Vec<Fault>> {
    let mut faults = Vec::new();
    let rows = table_toml::read(text, &mut faults);
    finish(&rows, faults)
}

/// Reads each row, then checks how they hang together, and lets nothing pass unless all of it does.
fn finish(cells: &[Cells], mut faults: Vec<Fault>) -> Result<Vec<Row>, Vec<Fault>> {
    let unreadable = !faults.is_empty();
    let mut rows = Vec::with_capacity(cells.len());
    for cells in cells.iter().filter(|cells| !cells.shifted) {
        match row::read(cells) {
            Ok(row) => rows.push(row),
            Err(wrong) => faults.extend(wrong),
        }
    }
    // With no row readable at all, "0 sites" would only repeat what was told.
    if !(cells.is_empty() && unreadable) {
        faults.extend(tree_faults(cells));
    }
    if faults.is_empty() {
        return Ok(rows);
    }
    faults.sort_by_key(|fault| fault.line);
    // One place is told once: what follows from its first fault would only confuse.
    let mut told = BTreeSet::new();
    faults.retain(|fault| fault.line.is_none() || told.insert((fault.line, fault.column.clone())));
    Err(faults)
}

fn tree_faults(cells: &[Cells]) -> Vec<Fault> {
    let named: Vec<&Cells> = cells
        .iter()
        .filter(|cells| !cells.text("code").is_empty())
        .collect();
    let links: Vec<Link<'_>> = named
        .iter()
        .map(|cells| Link {
            code: cells.text("code"),
            name: cells.text("name"),
            uplink: cells.text("uplink"),
            kind: row::kind(cells.text("kind")),
        })
        .collect();
    let faults = tree_check::check(&links).err().unwrap_or_default();
    faults
        .into_iter()
        .map(|fault| describe(fault, &named))
        .collect()
}

fn describe(fault: TreeFault, rows: &[&Cells]) -> Fault {
    let line = |row: usize, column: &str| rows.get(row).map(|cells| cells.line(column));
    let at = |row, column: &str, found: String, expected: String| Fault {
        line: line(row, column),
        column: column.to_owned(),
        found,
        expected,
    };
    match fault {
        TreeFault::Size { found } => {
            whole("sites", found.to_string(), format!("1 to {SITES_MAX} rows"))
        }
        TreeFault::NoRoot => whole(
            "uplink",
            "no row with a blank uplink".to_owned(),
            "exactly one, the root".to_owned(),
        ),
        TreeFault::DuplicateCode { row, first, code } => {
            let first = line(first, "code").unwrap_or_default();
            at(
                row,
                "code",
                format!("{code}, as on line {first}"),
                "a code no other row has".to_owned(),
            )
        }
        TreeFault::UnknownUplink { row, uplink, .. } => {
            at(row, "uplink", uplink, "the code of a row".to_owned())
        }
        TreeFault::UplinkNotHub { row, uplink, .. } => at(
            row,
            "uplink",
            format!("{uplink}, of kind site"),
            "a row of kind hub".to_owned(),
        ),
        TreeFault::SecondRoot { row, roots, .. } => at(
            row,
            "uplink",
            format!("blank, as in all of {roots}"),
            "exactly one root".to_owned(),
        ),
        TreeFault::RootNotHub { row, .. } => at(
            row,
            "kind",
            "site, for the root".to_owned(),
            "hub: the root has a blank uplink".to_owned(),
        ),
        TreeFault::Cycle { row, circle } => at(
            row,
            "uplink",
            circle,
            "uplinks that lead to the root".to_owned(),
        ),
        TreeFault::TooDeep { row, .. } => at(
            row,
            "uplink",
            format!("a path of more than {DEPTH_MAX} sites"),
            format!("at most {DEPTH_MAX}"),
        ),
    }
}

fn whole(column: &str, found: String, expected: String) -> Fault {
    Fault {
        line: None,
        column: column.to_owned(),
        found,
        expected,
    }
}
