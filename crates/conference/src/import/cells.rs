//! One row as read: texts by column, and the line each stands on.

/// Every column an import may have, and whether it must.
pub(super) const COLUMNS: [(&str, bool); 20] = [
    ("code", true),
    ("name", true),
    ("kind", true),
    ("level", true),
    ("uplink", true),
    ("link_mode", true),
    ("gso_code", false),
    ("valid_from", false),
    ("former_name", false),
    ("streets", false),
    ("on_roll", false),
    ("exempt", false),
    ("expected", false),
    ("present", false),
    ("late", false),
    ("absent_excused", false),
    ("absent_unexcused", false),
    ("unclassified", false),
    ("extra", false),
    // Where a figure comes from: for readers of the file, not imported.
    ("provenance", false),
];

/// The name in [`COLUMNS`] that `header` means.
pub(super) fn column(header: &str) -> Option<&'static str> {
    COLUMNS
        .iter()
        .map(|&(name, _)| name)
        .find(|name| name.eq_ignore_ascii_case(header))
}

/// All column names, for messages.
pub(super) fn column_names() -> String {
    COLUMNS.map(|(name, _)| name).join(", ")
}

/// One row.
#[derive(Debug, Default)]
pub(super) struct Cells {
    /// Line of the row, from 1.
    line: u32,
    /// The row has too few or too many cells: what stands in which column is anybody's guess. That is told
    /// once; only its code and uplink are looked at further.
    pub shifted: bool,
    texts: Vec<(&'static str, u32, String)>,
}

impl Cells {
    pub fn new(line: u32) -> Self {
        Self {
            line,
            ..Self::default()
        }
    }

    pub fn push(&mut self, column: &'static str, line: u32, text: &str) {
        self.texts.push((column, line, text.trim().to_owned()));
    }

    /// Trimmed text of a cell; a missing one is blank.
    pub fn text(&self, column: &str) -> &str {
        self.find(column).map_or("", |(_, _, text)| text)
    }

    /// Line of a cell, or of the row when it is missing.
    pub fn line(&self, column: &str) -> u32 {
        self.find(column).map_or(self.line, |&(_, line, _)| line)
    }

    fn find(&self, column: &str) -> Option<&(&'static str, u32, String)> {
        self.texts.iter().find(|&&(name, ..)| name == column)
    }
}
