//! TOML configuration, and errors that say file, line, column, key, what was found and what is
//! expected.
//!
//! A configuration is a struct with `#[serde(deny_unknown_fields)]`, read by [`load`]. What serde
//! cannot judge (TLS missing on a public address) the owner of the struct refuses with
//! [`ConfigError::at`], which finds the key in the text.

use serde::de::DeserializeOwned;
use std::fmt;
use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// Longest piece of a file that an error repeats, characters.
const FOUND_CHARS_MAX: usize = 60;

/// What is wrong with a configuration file, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The file as the user named it.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// Dotted path of the key; empty when the file is no TOML. What the owner of the struct refuses has positions in lists
    /// from 0, `relays.1.id`; what the parser refuses has none.
    pub key: String,
    /// What the file holds there; `None` when nothing is there.
    pub found: Option<String>,
    /// What should be there.
    pub expected: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}:{}: ", self.file, self.line, self.column)?;
        if !self.key.is_empty() {
            write!(out, "{}: ", self.key)?;
        }
        let found = self.found.as_deref().unwrap_or("nothing");
        write!(out, "found {found}, expected {}", self.expected)
    }
}

impl std::error::Error for ConfigError {}

/// Reads a configuration out of the text of a file. `file_name` is only for the error.
pub fn load<T: DeserializeOwned>(text: &str, file_name: &str) -> Result<T, ConfigError> {
    toml::from_str(text).map_err(|error| from_toml(text, file_name, error))
}

impl ConfigError {
    /// Refuses the value of a key that parsed but cannot be. `key` is a dotted path as in
    /// `http.listen`, with a number for a place in a list (`relays.1.id`); the error points at the
    /// deepest part of it that the text has.
    pub fn at(
        text: &str,
        file_name: &str,
        key: &str,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        let start = position_of(text, key);
        let (line, column) = line_and_column(text, start);
        let found: String = found.into();
        Self {
            file: file_name.to_owned(),
            line,
            column,
            key: key.to_owned(),
            found: (!found.is_empty()).then_some(found),
            expected: expected.into(),
        }
    }
}

fn from_toml(text: &str, file_name: &str, mut error: toml::de::Error) -> ConfigError {
    let span = error.span().unwrap_or(0..0);
    let (line, column) = line_and_column(text, span.start);
    let message = error.message().to_owned();
    let complaint = Complaint::read(&message, text, &span);
    // Without its input the error writes the path of keys instead of a drawing.
    error.set_input(None);
    let drawn = error.to_string();
    let path = drawn
        .lines()
        .find_map(|line| line.strip_prefix("in `")?.strip_suffix('`'));
    let parts = path.into_iter().chain(complaint.key.as_deref());
    ConfigError {
        file: file_name.to_owned(),
        line,
        column,
        key: parts.collect::<Vec<_>>().join("."),
        found: complaint.found,
        expected: complaint.expected,
    }
}

/// What serde and the TOML parser say in one sentence, taken apart.
struct Complaint {
    /// The last part of the path, when the sentence names it and the path does not.
    key: Option<String>,
    found: Option<String>,
    expected: String,
}

impl Complaint {
    /// The sentences are those of `serde::de::Error` (`invalid_type`, `unknown_field`, …); any
    /// other sentence is a type's own, said about the piece of text it was given.
    fn read(message: &str, text: &str, span: &Range<usize>) -> Self {
        if let Some(field) = quoted_after(message, "missing field ") {
            return Self {
                key: Some(field.to_owned()),
                found: None,
                expected: "a value: this key has to be there".to_owned(),
            };
        }
        if let Some(field) = quoted_after(message, "unknown field ") {
            return Self {
                key: Some(field.to_owned()),
                found: Some("a key of this name".to_owned()),
                expected: expected_part(message, "no key at all here"),
            };
        }
        for opening in ["invalid type: ", "invalid value: ", "invalid length "] {
            if let Some(rest) = message.strip_prefix(opening) {
                let found = rest
                    .split_once(", expected ")
                    .map_or(rest, |(found, _)| found);
                return Self {
                    key: None,
                    found: Some(clip(found)),
                    expected: expected_part(message, "another value"),
                };
            }
        }
        let piece = text.get(span.clone()).unwrap_or_default();
        let first_line = piece.lines().next().unwrap_or_default();
        Self {
            key: None,
            found: Some(if first_line.is_empty() {
                "the end of the line".to_owned()
            } else {
                clip(first_line)
            }),
            expected: match message.split_once(", expected ") {
                Some((said, expected)) => format!("{expected} ({said})"),
                None => format!("another value ({message})"),
            },
        }
    }
}

fn quoted_after<'a>(message: &'a str, opening: &str) -> Option<&'a str> {
    message
        .strip_prefix(opening)?
        .strip_prefix('`')?
        .split('`')
        .next()
}

fn expected_part(message: &str, otherwise: &str) -> String {
    message
        .split_once(", expected ")
        .map_or(otherwise, |(_, expected)| expected)
        .to_owned()
}

fn clip(found: &str) -> String {
    match found.char_indices().nth(FOUND_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &found[..end]),
        None => found.to_owned(),
    }
}

/// Line and column from 1; the column counts characters, as editors do.
fn line_and_column(text: &str, start: usize) -> (usize, usize) {
    let before = text.get(..start.min(text.len())).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.matches('\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}

/// Where in the text the deepest part of this path begins that is there.
fn position_of(text: &str, path: &str) -> usize {
    let Ok(document) = DeTable::parse(text) else {
        return 0;
    };
    let root = DeValue::Table(document.into_inner());
    let mut value = &root;
    let mut start = 0;
    for part in path.split('.') {
        let next = match value {
            DeValue::Table(table) => table.get(part),
            DeValue::Array(list) => part.parse().ok().and_then(|index: usize| list.get(index)),
            _ => None,
        };
        let Some(next) = next else { break };
        start = next.span().start;
        value = next.get_ref();
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use std::net::SocketAddr;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only whether it parses is of interest")]
    struct Sample {
        id: String,
        http: Http,
        #[serde(default)]
        relays: Vec<Relay>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only whether it parses is of interest")]
    struct Http {
        listen: SocketAddr,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only whether it parses is of interest")]
    struct Relay {
        id: String,
        capacity: u16,
    }

    const GOOD: &str = "id = \"a\"\n[http]\nlisten = \"127.0.0.1:1\"\n";

    fn refusal(text: &str) -> String {
        load::<Sample>(text, "serve.toml")
            .expect_err("this text is wrong")
            .to_string()
    }

    #[test]
    fn every_mistake_names_its_place_its_key_what_is_there_and_what_should_be() {
        let relay = |line: &str| format!("{GOOD}[[relays]]\nid = \"r\"\n{line}\n");
        for (text, said) in [
            (
                "id = 7\n[http]\nlisten = \"127.0.0.1:1\"".to_owned(),
                "serve.toml:1:6: id: found integer `7`, expected a string",
            ),
            (
                "id = \"a\"\n[http]\n  listen = \"here\"".to_owned(),
                "serve.toml:3:12: http.listen: found \"here\", expected another value (invalid socket address syntax)",
            ),
            (
                "id = \"a\"\n[http]\nlisten = \"127.0.0.1:1\"\nport = 5".to_owned(),
                "serve.toml:4:1: http.port: found a key of this name, expected `listen`",
            ),
            (
                relay("capacity = 70000"),
                "serve.toml:6:12: relays.capacity: found integer `70000`, expected u16",
            ),
            (
                relay(""),
                "serve.toml:4:1: relays.capacity: found nothing, expected a value: this key has to be there",
            ),
            (
                "[http]\nlisten = \"127.0.0.1:1\"".to_owned(),
                "serve.toml:1:1: id: found nothing, expected a value: this key has to be there",
            ),
        ] {
            assert_eq!(refusal(&text), said);
        }
    }

    #[test]
    fn text_that_is_no_toml_is_pointed_at() {
        let said = refusal("id = \"a\"\n[http\n");
        assert!(said.starts_with("serve.toml:2:"), "{said}");
        assert!(said.contains("expected `]`"), "{said}");
        let said = refusal("id = \"a\"\nid = \"b\"\n");
        assert!(said.starts_with("serve.toml:2:1: "), "{said}");
    }

    #[test]
    fn a_refused_value_is_found_in_the_text() {
        let text = format!("{GOOD}[[relays]]\nid = \"r\"\ncapacity = 1\n[[relays]]\nid = \"r\"\n");
        let at = |key| ConfigError::at(&text, "serve.toml", key, "\"r\"", "an id of its own");
        assert_eq!(
            at("relays.1.id").to_string(),
            "serve.toml:8:6: relays.1.id: found \"r\", expected an id of its own"
        );
        let absent = ConfigError::at(&text, "serve.toml", "http.tls", "", "a certificate");
        assert_eq!(
            absent.to_string(),
            "serve.toml:2:1: http.tls: found nothing, expected a certificate"
        );
    }

    #[test]
    fn a_long_value_is_clipped_at_a_character() {
        let text = format!("id = [\"{}\"]\n", "điểm cầu ".repeat(50));
        let said = refusal(&text);
        assert!(said.chars().count() < 200, "{said}");
    }

    #[test]
    fn a_good_file_loads() {
        let sample: Sample = load(GOOD, "serve.toml").expect("good");
        assert_eq!(sample.id, "a");
    }
}
