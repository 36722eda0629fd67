//! Log lines: to stderr, filtered by `DIEMCAU_LOG`, as text or one JSON object a line.
//!
//! stdout is left to what a command answers (its ready line, its summary).

use std::io::IsTerminal;
use std::str::FromStr;
use tracing_subscriber::EnvFilter;

/// Environment variable with the filter, in the syntax of `tracing` (`info,relay=debug`).
pub const FILTER_VARIABLE: &str = "DIEMCAU_LOG";
/// Environment variable with the format, `text` or `json`.
pub const FORMAT_VARIABLE: &str = "DIEMCAU_LOG_FORMAT";

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For people; coloured when stderr is a terminal.
    #[default]
    Text,
    /// One JSON object a line, for log collectors.
    Json,
}

impl FromStr for Format {
    type Err = InitError;

    fn from_str(text: &str) -> Result<Self, InitError> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            other => Err(InitError::Format(other.to_owned())),
        }
    }
}

/// Why logging could not start.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The format variable holds another word.
    #[error("{FORMAT_VARIABLE}: found {0:?}, expected \"text\" or \"json\"")]
    Format(String),
    /// The filter variable does not parse.
    #[error("{FILTER_VARIABLE}: found {found:?}, expected a filter such as \"info,relay=debug\"")]
    Filter {
        /// What the variable holds.
        found: String,
        /// What the parser says.
        source: tracing_subscriber::filter::ParseError,
    },
    /// A subscriber is there already.
    #[error("logging was started twice in one process")]
    Twice,
}

/// Starts logging as the environment says; `default_filter` holds when it says nothing.
pub fn init_from_env(default_filter: &str) -> Result<(), InitError> {
    let format = match std::env::var(FORMAT_VARIABLE) {
        Ok(text) => text.parse()?,
        Err(_) => Format::default(),
    };
    let filter = std::env::var(FILTER_VARIABLE).unwrap_or_else(|_| default_filter.to_owned());
    init(format, &filter)
}

/// Starts logging with this format and filter. Once per process.
pub fn init(format: Format, filter: &str) -> Result<(), InitError> {
    let parsed = EnvFilter::try_new(filter).map_err(|source| InitError::Filter {
        found: filter.to_owned(),
        source,
    })?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(parsed)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match format {
        Format::Text => lines.try_init(),
        Format::Json => lines.json().flatten_event(true).try_init(),
    }
    .map_err(|_| InitError::Twice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_format_is_named_with_what_is_expected() {
        let error = Format::from_str("xml").expect_err("xml is no format");
        assert_eq!(
            error.to_string(),
            "DIEMCAU_LOG_FORMAT: found \"xml\", expected \"text\" or \"json\""
        );
    }

    #[test]
    fn a_broken_filter_is_refused_and_a_second_start_too() {
        let error = init(Format::Text, "relay=shouting").expect_err("no such level");
        assert!(error.to_string().contains("shouting"), "{error}");
        init(Format::Json, "info").expect("the first start works");
        let again = init(Format::Text, "info").expect_err("the second does not");
        assert!(matches!(again, InitError::Twice), "{again}");
    }
}
