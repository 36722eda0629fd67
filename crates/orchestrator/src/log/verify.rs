//! Checking every chain from its first row to its head.

use super::chain::{self, Hash};
use super::{LogError, Stream, schema};
use rusqlite::{Connection, Row};
use std::collections::BTreeMap;
use std::path::Path;

/// What [`verify`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Every stream, sorted by name.
    pub streams: Vec<StreamReport>,
}

/// One stream's chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamReport {
    /// Which.
    pub stream: Stream,
    /// Events whose links hold, counted from the first.
    pub events: u64,
    /// Hash of the last of them, 64 hexadecimal digits: written down elsewhere, it proves this very history later.
    pub head: String,
    /// The first broken link, if any.
    pub broken: Option<Break>,
}

/// A broken link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Break {
    /// Number of the event at which the chain breaks.
    pub seq: u64,
    /// How.
    pub kind: BreakKind,
}

/// How a chain breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakKind {
    /// The event is not the one that was written there: changed, moved, or resting on a changed one.
    Changed,
    /// The event is gone, though later ones are there.
    Missing,
    /// The event and all behind it are gone, though the stream's head knows of them.
    CutOff,
    /// The event is behind the stream's head, or the head is not its hash.
    BeyondHead,
}

impl std::fmt::Display for BreakKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Changed => "changed or moved",
            Self::Missing => "missing",
            Self::CutOff => "cut off",
            Self::BeyondHead => "not the recorded head",
        })
    }
}

impl Report {
    /// Every link of every stream holds.
    pub fn holds(&self) -> bool {
        self.streams.iter().all(|stream| stream.broken.is_none())
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for StreamReport {
            stream,
            events,
            head,
            broken,
        } in &self.streams
        {
            match broken {
                None => writeln!(f, "{stream}: {events} events, chain holds, head {head}")?,
                Some(Break { seq, kind }) => {
                    writeln!(f, "{stream}: BROKEN at event {seq}: {kind}")?;
                }
            }
        }
        Ok(())
    }
}

/// Checks the log at `path`, also while a process writes it: it sees the state of one moment. Reads only.
/// Blocks while it reads the whole file. An error means that it could not be read; a broken chain is a finding.
pub fn verify(path: &Path) -> Result<Report, LogError> {
    let connection = schema::open_read_only(path)?;
    // One read transaction: events and heads belong to the same moment.
    let transaction = connection.unchecked_transaction()?;
    let mut chains = heads(&transaction)?;
    let mut query = transaction
        .prepare("SELECT stream, seq, at_us, body, hash FROM event ORDER BY stream, seq")?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let stream: String = row.get(0)?;
        chains
            .entry(stream.clone())
            .or_default()
            .follow(&stream, row)?;
    }
    let streams = chains
        .into_iter()
        .map(|(stream, chain)| chain.finish(Stream::stored(stream)))
        .collect();
    Ok(Report { streams })
}

fn heads(connection: &Connection) -> Result<BTreeMap<String, Chain>, LogError> {
    let mut query = connection.prepare("SELECT stream, seq, hash FROM head")?;
    let rows = query.query_map([], |row| {
        let head = (row.get(1)?, row.get::<_, Vec<u8>>(2)?);
        Ok((
            row.get(0)?,
            Chain {
                head,
                ..Chain::default()
            },
        ))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// How far one stream was followed.
#[derive(Default)]
struct Chain {
    head: (u64, Vec<u8>),
    seq: u64,
    hash: Hash,
    broken: Option<Break>,
}

impl Chain {
    fn follow(&mut self, stream: &str, row: &Row<'_>) -> Result<(), LogError> {
        if self.broken.is_some() {
            return Ok(());
        }
        let expected = self.seq + 1;
        let seq: i64 = row.get(1)?;
        if u64::try_from(seq) != Ok(expected) {
            // A number below 1 sorts first; the first event is then not what it was.
            let kind = if seq < 1 {
                BreakKind::Changed
            } else {
                BreakKind::Missing
            };
            self.broken = Some(Break {
                seq: expected,
                kind,
            });
            return Ok(());
        }
        // As bytes: a body that is no longer text is a finding like any other change.
        let body = row.get_ref(3)?.as_bytes().unwrap_or_default();
        let hash = chain::link(&self.hash, stream, expected, row.get(2)?, body);
        let stored: Vec<u8> = row.get(4)?;
        if stored == hash {
            (self.seq, self.hash) = (expected, hash);
        } else {
            self.broken = Some(Break {
                seq: expected,
                kind: BreakKind::Changed,
            });
        }
        Ok(())
    }

    fn finish(self, stream: Stream) -> StreamReport {
        let (head_seq, head_hash) = self.head;
        let at_head = || match self.seq.cmp(&head_seq) {
            std::cmp::Ordering::Less => Some(Break {
                seq: self.seq + 1,
                kind: BreakKind::CutOff,
            }),
            std::cmp::Ordering::Greater => Some(Break {
                seq: head_seq + 1,
                kind: BreakKind::BeyondHead,
            }),
            std::cmp::Ordering::Equal if head_seq > 0 && head_hash != self.hash => Some(Break {
                seq: head_seq,
                kind: BreakKind::BeyondHead,
            }),
            std::cmp::Ordering::Equal => None,
        };
        let broken = self.broken.or_else(at_head);
        StreamReport {
            stream,
            events: self.seq,
            head: chain::hex(&self.hash),
            broken,
        }
    }
}
