//! What is written together.

use super::{LogError, Stream};
use jiff::Timestamp;
use serde::Serialize;

/// Most events of one append.
pub const EVENTS_PER_APPEND_MAX: usize = 1_000;

/// Longest event, bytes of JSON: the founding of a conference with 100,000 sites fits.
pub const BODY_BYTES_MAX: usize = 64 << 20;

/// Appends and vault changes that happen together or not at all.
#[derive(Debug, Default)]
pub struct Write {
    pub(super) appends: Vec<Append>,
    pub(super) vault: Vec<(String, Option<Vec<u8>>)>,
}

/// Events for one stream.
#[derive(Debug)]
pub(super) struct Append {
    pub stream: Stream,
    pub expected_seq: u64,
    pub bodies: Vec<String>,
}

/// Where the last events of a write went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Appended {
    /// Number of the stream's last event now; 0 when the write appended nothing.
    pub seq: u64,
    /// When they were written.
    pub at: Timestamp,
}

impl Write {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds events behind number `expected_seq` of `stream`.
    pub fn append<E: Serialize>(
        mut self,
        stream: &Stream,
        expected_seq: u64,
        events: &[E],
    ) -> Result<Self, LogError> {
        limit("events", events.len(), EVENTS_PER_APPEND_MAX)?;
        let bodies: Vec<String> = events
            .iter()
            .map(serde_json::to_string)
            .collect::<Result<_, _>>()?;
        for body in &bodies {
            limit("bytes", body.len(), BODY_BYTES_MAX)?;
        }
        self.appends.push(Append {
            stream: stream.clone(),
            expected_seq,
            bodies,
        });
        Ok(self)
    }

    /// Keeps a value in the vault.
    #[must_use]
    pub fn put(mut self, name: &str, value: &[u8]) -> Self {
        self.vault.push((name.to_owned(), Some(value.to_vec())));
        self
    }

    /// Erases a value from the vault.
    #[must_use]
    pub fn erase(mut self, name: &str) -> Self {
        self.vault.push((name.to_owned(), None));
        self
    }
}

fn limit(what: &'static str, found: usize, most: usize) -> Result<(), LogError> {
    if found > most {
        Err(LogError::TooLarge { what, found, most })
    } else {
        Ok(())
    }
}
