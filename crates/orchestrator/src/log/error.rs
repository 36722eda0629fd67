//! What can go wrong with the log.

use super::Stream;
use std::path::PathBuf;

/// A write that was refused (nothing of it is written) or a read that failed. The log stays usable.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Somebody else appended first: read on from `actual`, decide again.
    #[error("stream {stream} is at {actual}, not at {expected}")]
    Conflict {
        /// Which.
        stream: Stream,
        /// What the writer thought.
        expected: u64,
        /// What it is.
        actual: u64,
    },
    /// One append was larger than the limits in this module.
    #[error("an append of {found} {what}, at most {most} allowed")]
    TooLarge {
        /// `events` or `bytes`.
        what: &'static str,
        /// How many.
        found: usize,
        /// The limit.
        most: usize,
    },
    /// An event that does not become JSON, or a body that is not this event.
    #[error("event body")]
    Body(#[from] serde_json::Error),
    /// The disk is full.
    #[error("no room left for the log")]
    Full(#[source] rusqlite::Error),
    /// Another fault of the store.
    #[error("log store")]
    Store(#[source] rusqlite::Error),
    /// The schema could not be brought up to date, for instance by a program older than the file.
    #[error("log schema")]
    Schema(#[from] rusqlite_migration::Error),
    /// The file is a database, but no log of this program.
    #[error("{} is not a log", .0.display())]
    NotALog(PathBuf),
    /// Another process has it.
    #[error("{} is in use by another process", .0.display())]
    InUse(PathBuf),
    /// A fault of the file system.
    #[error("log file")]
    File(#[from] std::io::Error),
    /// The writer has ended.
    #[error("the log is closed")]
    Closed,
}

impl From<rusqlite::Error> for LogError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::Full(error),
            _ => Self::Store(error),
        }
    }
}
