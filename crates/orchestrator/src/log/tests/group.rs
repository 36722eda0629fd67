//! Many writes, few commits.

use super::*;
use rusqlite::Connection;
use std::path::Path;

/// Keeps the writer waiting at its next commit until dropped: another connection has the write lock.
pub(super) fn hold_writer(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    connection
}

/// Waits until `writes` of them are in the queue, behind those the writer has taken already.
pub(super) async fn queued(log: &Log, writes: usize) {
    while log.stats().queued < writes {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_thousand_halls_that_report_at_once_share_a_few_commits() {
    let (_folder, path) = folder();
    let log = Log::open(&path).unwrap();
    let hold = hold_writer(&path);
    let mut halls = tokio::task::JoinSet::new();
    for n in 0..1_000 {
        let log = log.clone();
        halls.spawn(async move { log.append(&Stream::conference(&format!("c{n}")), 0, &[event(n)]).await });
    }
    // The writer took up to 200 and waits; the rest is in the queue.
    queued(&log, 800).await;
    drop(hold);
    assert!(halls.join_all().await.into_iter().all(|outcome| outcome.is_ok()));
    let stats = log.stats();
    assert_eq!((stats.writes, stats.events, stats.queued), (1_000, 1_000, 0));
    assert!((5..=8).contains(&stats.commits), "{} commits", stats.commits);
    assert_eq!(log.streams().await.unwrap().len(), 1_000);
}

#[tokio::test]
async fn a_full_queue_makes_callers_wait_and_loses_nothing() {
    let (_folder, path) = folder();
    let log = Log::open(&path).unwrap();
    let hold = hold_writer(&path);
    let mut callers = tokio::task::JoinSet::new();
    for n in 0..crate::log::QUEUE_WRITES_MAX as u64 + 500 {
        let log = log.clone();
        callers.spawn(async move { log.put(&format!("name {n}"), b"value").await });
    }
    queued(&log, crate::log::QUEUE_WRITES_MAX).await;
    drop(hold);
    assert!(callers.join_all().await.into_iter().all(|outcome| outcome.is_ok()));
    assert_eq!(log.names("name ").await.unwrap().len(), crate::log::QUEUE_WRITES_MAX + 500);
}
