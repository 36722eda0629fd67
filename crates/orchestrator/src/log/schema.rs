//! Tables, and how a connection is set up.

use super::LogError;
use rusqlite::{Connection, OpenFlags};
use rusqlite_migration::{M, Migrations};
use std::path::Path;
use std::time::Duration;

/// `dcau` in ASCII, in the file's header: this database is ours.
const APPLICATION_ID: i32 = 0x6463_6175;

/// How long a statement waits for another process that reads or verifies the file.
const BUSY_WAIT: Duration = Duration::from_secs(10);

const MIGRATIONS: [M<'static>; 1] = [M::up(
    "CREATE TABLE event (
         stream TEXT NOT NULL,
         seq INTEGER NOT NULL,
         at_us INTEGER NOT NULL,
         body TEXT NOT NULL,
         hash BLOB NOT NULL,
         PRIMARY KEY (stream, seq)
     ) STRICT;
     CREATE TABLE head (stream TEXT NOT NULL PRIMARY KEY, seq INTEGER NOT NULL, hash BLOB NOT NULL) STRICT;
     CREATE TABLE vault (name TEXT NOT NULL PRIMARY KEY, value BLOB NOT NULL) STRICT;",
)];

/// Sets up the writer's connection and brings the tables up to date.
pub(super) fn prepare(connection: &mut Connection) -> Result<(), LogError> {
    connection.busy_timeout(BUSY_WAIT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // FULL: a commit is on the disk when it returns, even if the power goes the moment after.
    connection.pragma_update(None, "synchronous", "FULL")?;
    // What the vault erases is overwritten, not only unlinked.
    connection.pragma_update(None, "secure_delete", "ON")?;
    Migrations::from_slice(&MIGRATIONS).to_latest(connection)?;
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    Ok(())
}

/// A connection that cannot write. The file has to be there already.
pub(super) fn open_read_only(path: &Path) -> Result<Connection, LogError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_WAIT)?;
    let id: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if id == APPLICATION_ID {
        Ok(connection)
    } else {
        Err(LogError::NotALog(path.to_owned()))
    }
}
