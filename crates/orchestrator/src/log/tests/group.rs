//! Many writes, few commits.

use super::*;
use crate::log::writer::{GROUP_WRITES_MAX, Job};
use rusqlite::Connection;
use std::path::Path;
use tokio::sync::oneshot;

/// Keeps the writer waiting at a commit (of one write, made here) until dropped: another connection has the
/// write lock. What is written meanwhile stays in the queue.
pub(super) async fn hold_writer(log: &Log, path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (answer, _) = oneshot::channel();
    log.jobs
        .send(Job {
            write: Write::new().put("held", b""),
            answer,
        })
        .await
        .unwrap();
    queued(log, 0).await;
    connection
}

/// Waits until exactly so many writes are in the queue.
pub(super) async fn queued(log: &Log, writes: usize) {
    while log.stats().queued != writes {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_thousand_halls_that_report_at_once_share_a_few_commits() {
    let (_folder, path) = folder();
    let log = Log::open(&path).unwrap();
    let hold = hold_writer(&log, &path).await;
    let mut halls = tokio::task::JoinSet::new();
    for n in 0..1_000 {
        let log = log.clone();
        halls.spawn(async move {
            log.append(&Stream::conference(&format!("c{n}")), 0, &[event(n)])
                .await
        });
    }
    queued(&log, 1_000).await;
    drop(hold);
    assert!(
        halls
            .join_all()
            .await
            .into_iter()
            .all(|outcome| outcome.is_ok())
    );
    let stats = log.stats();
    assert_eq!(
        (stats.writes, stats.events, stats.queued),
        (1 + 1_000, 1_000, 0)
    );
    assert_eq!(stats.commits, 1 + (1_000 / GROUP_WRITES_MAX) as u64);
    assert_eq!(log.streams().await.unwrap().len(), 1_000);
}

#[tokio::test]
async fn a_full_queue_makes_callers_wait_and_loses_nothing() {
    let (_folder, path) = folder();
    let log = Log::open(&path).unwrap();
    let hold = hold_writer(&log, &path).await;
    let mut callers = tokio::task::JoinSet::new();
    for n in 0..crate::log::QUEUE_WRITES_MAX as u64 + 500 {
        let log = log.clone();
        callers.spawn(async move { log.put(&format!("name {n}"), b"value").await });
    }
    queued(&log, crate::log::QUEUE_WRITES_MAX).await;
    drop(hold);
    assert!(
        callers
            .join_all()
            .await
            .into_iter()
            .all(|outcome| outcome.is_ok())
    );
    assert_eq!(
        log.names("name ").await.unwrap().len(),
        crate::log::QUEUE_WRITES_MAX + 500
    );
}
