//! Reading back.

use super::{LogError, Stream};
use jiff::Timestamp;
use rusqlite::{Connection, Row};
use serde::de::DeserializeOwned;

/// One event as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its number in the stream, from 1 without gaps.
    pub seq: u64,
    /// When it was written, to the microsecond.
    pub at: Timestamp,
    /// JSON.
    pub body: String,
}

impl Record {
    /// The event.
    pub fn event<E: DeserializeOwned>(&self) -> Result<E, LogError> {
        Ok(serde_json::from_str(&self.body)?)
    }
}

pub(super) fn read(
    connection: &Connection,
    stream: &Stream,
    from: u64,
) -> Result<Vec<Record>, LogError> {
    let sql = "SELECT seq, at_us, body FROM event WHERE stream = ?1 AND seq >= ?2 ORDER BY seq";
    let mut query = connection.prepare_cached(sql)?;
    let records = query.query_map((stream.as_str(), from), record)?;
    Ok(records.collect::<Result<_, _>>()?)
}

fn record(row: &Row<'_>) -> rusqlite::Result<Record> {
    let at = Timestamp::from_microsecond(row.get(1)?).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(1, rusqlite::types::Type::Integer, error.into())
    })?;
    Ok(Record {
        seq: row.get(0)?,
        at,
        body: row.get(2)?,
    })
}

pub(super) fn streams(connection: &Connection) -> Result<Vec<(Stream, u64)>, LogError> {
    let mut query = connection.prepare_cached("SELECT stream, seq FROM head ORDER BY stream")?;
    let streams = query.query_map([], |row| Ok((Stream::stored(row.get(0)?), row.get(1)?)))?;
    Ok(streams.collect::<Result<_, _>>()?)
}
