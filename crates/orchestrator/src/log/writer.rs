//! The one writer: takes what waits, commits it as a group, answers.

use super::chain::{self, Hash};
use super::write::{Append, Appended, Write};
use super::{LogError, Stream};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{mpsc, oneshot};

/// Most writes of one commit. A commit costs one wait for the disk however many writes it holds; more than
/// this would only make the first of them wait longer.
pub(super) const GROUP_WRITES_MAX: usize = 200;

/// A write and who waits for it.
pub(super) struct Job {
    pub write: Write,
    pub answer: oneshot::Sender<Result<Appended, LogError>>,
}

/// Counters since start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Writes acknowledged.
    pub writes: u64,
    /// Writes refused: conflicts and faults of the store.
    pub refused: u64,
    /// Commits, each with up to 200 writes.
    pub commits: u64,
    /// Events stored.
    pub events: u64,
    /// Writes that wait in the queue now.
    pub queued: usize,
}

#[derive(Default)]
pub(super) struct Counters {
    writes: AtomicU64,
    refused: AtomicU64,
    commits: AtomicU64,
    events: AtomicU64,
}

impl Counters {
    pub fn snapshot(&self, queued: usize) -> Stats {
        Stats {
            writes: self.writes.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            commits: self.commits.load(Ordering::Relaxed),
            events: self.events.load(Ordering::Relaxed),
            queued,
        }
    }
}

/// Owns the only connection that writes.
pub(super) struct Writer {
    connection: Connection,
    /// Held as long as the writer lives.
    _lock: File,
    counters: Arc<Counters>,
}

impl Writer {
    pub fn new(connection: Connection, lock: File, counters: Arc<Counters>) -> Self {
        Self {
            connection,
            _lock: lock,
            counters,
        }
    }

    /// Until the last handle is gone and the queue is empty.
    pub fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        while let Some(first) = queue.blocking_recv() {
            let mut group = vec![first];
            while group.len() < GROUP_WRITES_MAX {
                let Ok(job) = queue.try_recv() else { break };
                group.push(job);
            }
            self.settle(group);
        }
    }

    /// Commits the group and answers. When the store refuses a group of several, each is tried alone, so that
    /// one write too large for the disk does not take its neighbours along.
    fn settle(&mut self, group: Vec<Job>) {
        let writes: Vec<&Write> = group.iter().map(|job| &job.write).collect();
        match self.commit(&writes) {
            Ok(outcomes) => {
                for (job, outcome) in group.into_iter().zip(outcomes) {
                    self.answer(job, outcome);
                }
            }
            Err(_) if group.len() > 1 => group.into_iter().for_each(|job| self.settle(vec![job])),
            Err(error) => {
                if let Some(job) = group.into_iter().next() {
                    self.answer(job, Err(error));
                }
            }
        }
    }

    fn answer(&self, job: Job, outcome: Result<Appended, LogError>) {
        match &outcome {
            Ok(_) => {
                let events: usize = job
                    .write
                    .appends
                    .iter()
                    .map(|append| append.bodies.len())
                    .sum();
                self.counters.writes.fetch_add(1, Ordering::Relaxed);
                self.counters
                    .events
                    .fetch_add(events as u64, Ordering::Relaxed);
            }
            Err(_) => {
                self.counters.refused.fetch_add(1, Ordering::Relaxed);
            }
        }
        // Whoever asked may have gone away; what is committed stays so.
        drop(job.answer.send(outcome));
    }

    /// One transaction. The outer error means that nothing of the group is written; an inner one that nothing
    /// of that write is.
    fn commit(&mut self, writes: &[&Write]) -> Result<Vec<Result<Appended, LogError>>, LogError> {
        let at = now_to_the_microsecond();
        // Dropped without commit, it rolls back.
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut outcomes = Vec::with_capacity(writes.len());
        for write in writes {
            outcomes.push(match check(&transaction, write)? {
                Some(conflict) => Err(conflict),
                None => Ok(store(&transaction, write, at)?),
            });
        }
        transaction.commit()?;
        self.counters.commits.fetch_add(1, Ordering::Relaxed);
        Ok(outcomes)
    }
}

/// The precision that is stored: what is answered reads back the same.
fn now_to_the_microsecond() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
}

/// The conflict that forbids the write, before any of it is stored.
fn check(transaction: &Transaction<'_>, write: &Write) -> Result<Option<LogError>, LogError> {
    for (i, append) in write.appends.iter().enumerate() {
        let (stored, _) = head(transaction, &append.stream)?;
        let earlier = write
            .appends
            .iter()
            .take(i)
            .filter(|earlier| earlier.stream == append.stream);
        let actual = stored
            + earlier
                .map(|earlier| earlier.bodies.len() as u64)
                .sum::<u64>();
        if actual != append.expected_seq {
            let (stream, expected) = (append.stream.clone(), append.expected_seq);
            return Ok(Some(LogError::Conflict {
                stream,
                expected,
                actual,
            }));
        }
    }
    Ok(None)
}

fn store(
    transaction: &Transaction<'_>,
    write: &Write,
    at: Timestamp,
) -> Result<Appended, LogError> {
    let mut appended = Appended { seq: 0, at };
    for append in &write.appends {
        appended.seq = store_append(transaction, append, at.as_microsecond())?;
    }
    for (name, value) in &write.vault {
        match value {
            Some(value) => transaction
                .prepare_cached("INSERT INTO vault (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2")?
                .execute((name, value))?,
            None => transaction.prepare_cached("DELETE FROM vault WHERE name = ?1")?.execute([name])?,
        };
    }
    Ok(appended)
}

fn store_append(
    transaction: &Transaction<'_>,
    append: &Append,
    at_us: i64,
) -> Result<u64, LogError> {
    let stream = append.stream.as_str();
    let (mut seq, mut hash) = head(transaction, &append.stream)?;
    if append.bodies.is_empty() {
        return Ok(seq);
    }
    let mut insert = transaction.prepare_cached(
        "INSERT INTO event (stream, seq, at_us, body, hash) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for body in &append.bodies {
        seq += 1;
        hash = chain::link(&hash, stream, seq, at_us, body.as_bytes());
        insert.execute((stream, seq, at_us, body, hash))?;
    }
    transaction
        .prepare_cached(
            "INSERT INTO head (stream, seq, hash) VALUES (?1, ?2, ?3)
             ON CONFLICT (stream) DO UPDATE SET seq = ?2, hash = ?3",
        )?
        .execute((stream, seq, hash))?;
    Ok(seq)
}

/// Last number and hash of a stream; 0 and the genesis for a new one.
fn head(transaction: &Transaction<'_>, stream: &Stream) -> Result<(u64, Hash), LogError> {
    let mut query = transaction.prepare_cached("SELECT seq, hash FROM head WHERE stream = ?1")?;
    let head = query
        .query_row([stream.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(head.unwrap_or((0, chain::GENESIS)))
}
