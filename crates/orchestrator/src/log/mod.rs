//! The log: what happened, in append-only hash-chained streams, and a vault for what must not be in it.
//!
//! ```text
//! callers ──bounded channel──▶ ONE writer thread ── groups of ≤ 200 ──▶ SQLite (WAL, synchronous=FULL)
//!         ◀── answered after the commit ──┘                                   ▲
//! readers ────────────────────────────────────── a connection of their own ───┘
//! ```
//!
//! A stream is one conference or the installation. Each row carries the SHA-256 over the row before it and its
//! own stream, number, time and body, so a changed, removed or moved row shows ([`verify`]). The last number and
//! hash of each stream are kept beside it, so a cut-off tail shows too. Whoever can rewrite the whole file can
//! rewrite all of it: a head written down elsewhere (`verify` prints it) is what catches that.
//!
//! **Invariant:** no SQL outside this module.
//! **Invariant:** a write is acknowledged only after its commit reached the disk; refused, nothing of it is there.
//! **Invariant:** no secrets in streams. The vault holds them, and a value can be replaced or erased there.

mod chain;
mod error;
mod record;
mod schema;
mod stream;
mod verify;
mod write;
mod writer;

#[cfg(test)]
mod tests;

pub use error::LogError;
pub use record::Record;
pub use stream::Stream;
pub use verify::{Break, BreakKind, Report, StreamReport, verify};
pub use write::{Appended, BODY_BYTES_MAX, EVENTS_PER_APPEND_MAX, Write};
pub use writer::Stats;

use rusqlite::{Connection, OptionalExtension};
use serde::Serialize;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{mpsc, oneshot};
use writer::{Job, Writer};

/// Writes that may wait for the writer. When it is full, callers wait for room: nothing acknowledged or
/// refused is ever dropped, and a slow disk slows the callers down.
pub const QUEUE_WRITES_MAX: usize = 1_024;

/// A handle on the log; clones share it. The last one dropped ends the writer after what is queued.
#[derive(Clone)]
pub struct Log {
    jobs: mpsc::Sender<Job>,
    reader: Arc<Mutex<Connection>>,
    stats: Arc<writer::Counters>,
}

impl Log {
    /// Opens or creates the log at `path` (a file; SQLite keeps `-wal` and `-shm`, and this a `.lock`, beside it).
    ///
    /// Blocks for some milliseconds. One process at a time: a second one gets [`LogError::InUse`].
    pub fn open(path: &Path) -> Result<Self, LogError> {
        Self::open_with(path, |_| Ok(()))
    }

    /// `prepare` sees the writer's connection first; tests make the disk small with it.
    fn open_with(
        path: &Path,
        prepare: impl FnOnce(&Connection) -> rusqlite::Result<()>,
    ) -> Result<Self, LogError> {
        let lock = lock(path)?;
        create_private(path)?;
        let mut connection = Connection::open(path)?;
        schema::prepare(&mut connection)?;
        prepare(&connection)?;
        let reader = schema::open_read_only(path)?;
        let stats = Arc::new(writer::Counters::default());
        let (jobs, queue) = mpsc::channel(QUEUE_WRITES_MAX);
        let writer = Writer::new(connection, lock, Arc::clone(&stats));
        std::thread::Builder::new()
            .name("log-writer".to_owned())
            .spawn(move || writer.run(queue))?;
        Ok(Self {
            jobs,
            reader: Arc::new(Mutex::new(reader)),
            stats,
        })
    }

    /// Appends `events` as one whole behind number `expected_seq` of the stream (0: the stream is new), and
    /// answers after the commit.
    ///
    /// [`LogError::Conflict`] when the stream has moved on; on any error nothing of it is written.
    pub async fn append<E: Serialize>(
        &self,
        stream: &Stream,
        expected_seq: u64,
        events: &[E],
    ) -> Result<Appended, LogError> {
        self.write(Write::new().append(stream, expected_seq, events)?)
            .await
    }

    /// Several appends and vault changes that happen together or not at all. Answers with the last append.
    pub async fn write(&self, write: Write) -> Result<Appended, LogError> {
        let (answer, answered) = oneshot::channel();
        self.jobs
            .send(Job { write, answer })
            .await
            .map_err(|_| LogError::Closed)?;
        answered.await.map_err(|_| LogError::Closed)?
    }

    /// Keeps `value` in the vault under `name`, replacing what was there.
    pub async fn put(&self, name: &str, value: &[u8]) -> Result<(), LogError> {
        self.write(Write::new().put(name, value)).await.map(drop)
    }

    /// Erases `name` from the vault; erasing what is not there is done already.
    pub async fn erase(&self, name: &str) -> Result<(), LogError> {
        self.write(Write::new().erase(name)).await.map(drop)
    }

    /// The value kept under `name`.
    pub async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, LogError> {
        let name = name.to_owned();
        self.read_with(move |connection| {
            let mut query = connection.prepare_cached("SELECT value FROM vault WHERE name = ?1")?;
            Ok(query.query_row([name], |row| row.get(0)).optional()?)
        })
        .await
    }

    /// Names in the vault that start with `prefix`, sorted.
    pub async fn names(&self, prefix: &str) -> Result<Vec<String>, LogError> {
        let prefix = prefix.to_owned();
        self.read_with(move |connection| {
            let sql = "SELECT name FROM vault WHERE substr(name, 1, length(?1)) = ?1 ORDER BY name";
            let mut query = connection.prepare_cached(sql)?;
            let names = query.query_map([prefix], |row| row.get(0))?;
            Ok(names.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Every record of the stream from number `from` (1 is the first) on, in order; none when there is none.
    pub async fn read(&self, stream: &Stream, from: u64) -> Result<Vec<Record>, LogError> {
        let stream = stream.clone();
        self.read_with(move |connection| record::read(connection, &stream, from))
            .await
    }

    /// Every stream there is, sorted, with its last number.
    pub async fn streams(&self) -> Result<Vec<(Stream, u64)>, LogError> {
        self.read_with(record::streams).await
    }

    /// Counters since start, for metrics.
    pub fn stats(&self) -> Stats {
        self.stats.snapshot(QUEUE_WRITES_MAX - self.jobs.capacity())
    }

    async fn read_with<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, LogError> + Send + 'static,
    ) -> Result<T, LogError> {
        let reader = Arc::clone(&self.reader);
        let task = tokio::task::spawn_blocking(move || {
            // A reader that panicked left no half-done change behind: the connection only reads.
            read(&reader.lock().unwrap_or_else(PoisonError::into_inner))
        });
        task.await.map_err(|_| LogError::Closed)?
    }
}

/// The vault is in it, so nobody else reads it, whatever folder it is in. SQLite would leave that to the
/// umask; its `-wal` and `-shm` take the file's own mode.
fn create_private(path: &Path) -> std::io::Result<()> {
    let file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match file {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        created => created.map(drop),
    }
}

/// The kernel lets go of the lock when the process ends, however it ends.
fn lock(path: &Path) -> Result<File, LogError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(name)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(LogError::InUse(path.to_owned())),
        Err(std::fs::TryLockError::Error(error)) => Err(error.into()),
    }
}
