//! Stories about the log.

mod append;
mod damage;
mod full_disk;
mod group;
mod kill;

use super::{Log, LogError, Record, Stream, Write};
use serde_json::{Value, json};
use std::path::PathBuf;
use tempfile::TempDir;

/// A folder that goes away with the test, and the log's file in it.
fn folder() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("diemcau.db");
    (folder, path)
}

fn thanh_hoa() -> Stream {
    Stream::conference("thanh-hoa")
}

/// An event that says its number.
fn event(n: u64) -> Value {
    json!({ "type": "test.v1", "n": n })
}

async fn append_one(log: &Log, stream: &Stream, seq: u64) {
    log.append(stream, seq, &[event(seq + 1)]).await.unwrap();
}

fn numbers(records: &[Record]) -> Vec<u64> {
    records
        .iter()
        .map(|record| record.event::<Value>().unwrap()["n"].as_u64().unwrap())
        .collect()
}

/// Opens a log that another handle has just let go of: its writer may still be closing.
async fn reopen(path: &std::path::Path) -> Log {
    loop {
        match Log::open(path) {
            Err(LogError::InUse(_)) => tokio::task::yield_now().await,
            other => return other.unwrap(),
        }
    }
}
