//! Whatever is done to the file behind the log's back shows, by stream and number.

use super::*;
use crate::log::{Break, BreakKind, chain, verify};
use rusqlite::Connection;
use std::path::Path;

/// Two streams of ten events, closed; then `sql` is done to the file.
async fn damaged(sql: &str) -> (TempDir, PathBuf) {
    let (folder, path) = folder();
    let log = Log::open(&path).unwrap();
    for seq in 0..10 {
        append_one(&log, &thanh_hoa(), seq).await;
        append_one(&log, &Stream::installation(), seq).await;
    }
    drop(log);
    drop(reopen(&path).await);
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    (folder, path)
}

/// The broken links that `verify` names.
fn breaks(path: &Path) -> Vec<(String, u64, BreakKind)> {
    let report = verify(path).unwrap();
    let broken = report.streams.iter().filter_map(|stream| {
        let Break { seq, kind } = stream.broken?;
        Some((stream.stream.to_string(), seq, kind))
    });
    broken.collect()
}

async fn assert_breaks(sql: &str, seq: u64, kind: BreakKind) {
    let (_folder, path) = damaged(sql).await;
    assert_eq!(
        breaks(&path),
        [("conference/thanh-hoa".to_owned(), seq, kind)],
        "{sql}"
    );
    let told = verify(&path).unwrap().to_string();
    assert!(
        told.contains(&format!("conference/thanh-hoa: BROKEN at event {seq}")),
        "{told}"
    );
    assert!(
        told.contains("installation: 10 events, chain holds"),
        "{told}"
    );
}

const HERE: &str = "stream = 'conference/thanh-hoa'";

#[tokio::test]
async fn an_untouched_log_holds() {
    let (_folder, path) = damaged("").await;
    let report = verify(&path).unwrap();
    assert!(report.holds());
    assert_eq!(
        report
            .streams
            .iter()
            .map(|stream| stream.events)
            .collect::<Vec<_>>(),
        [10, 10]
    );
    assert_ne!(
        report.streams[0].head, report.streams[1].head,
        "equal events of two streams hash apart"
    );
}

#[tokio::test]
async fn a_changed_figure_shows() {
    let sql = format!("UPDATE event SET body = replace(body, '4', '5') WHERE {HERE} AND seq = 4");
    assert_breaks(&sql, 4, BreakKind::Changed).await;
}

/// Whoever knows how hashes are made can make the changed event fit: then the one behind it does not.
#[tokio::test]
async fn a_changed_figure_with_a_matching_hash_shows_at_the_next_event() {
    let (_folder, path) = damaged("").await;
    let connection = Connection::open(&path).unwrap();
    let of = |seq: u64| {
        let sql = format!("SELECT at_us, hash FROM event WHERE {HERE} AND seq = {seq}");
        connection
            .query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
    };
    let ((_, before), (at_us, _)): ((i64, chain::Hash), (i64, chain::Hash)) = (of(3), of(4));
    let body = event(5).to_string();
    let hash = chain::link(&before, thanh_hoa().as_str(), 4, at_us, body.as_bytes());
    let sql = format!("UPDATE event SET body = ?1, hash = ?2 WHERE {HERE} AND seq = 4");
    assert_eq!(connection.execute(&sql, (body, hash)).unwrap(), 1);
    drop(connection);
    assert_eq!(
        breaks(&path),
        [("conference/thanh-hoa".to_owned(), 5, BreakKind::Changed)]
    );
}

#[tokio::test]
async fn a_changed_time_shows() {
    assert_breaks(
        &format!("UPDATE event SET at_us = at_us - 1 WHERE {HERE} AND seq = 10"),
        10,
        BreakKind::Changed,
    )
    .await;
}

#[tokio::test]
async fn a_body_that_is_no_text_any_more_shows() {
    let sql = format!("UPDATE event SET body = CAST(x'FF' AS TEXT) WHERE {HERE} AND seq = 2");
    assert_breaks(&sql, 2, BreakKind::Changed).await;
}

#[tokio::test]
async fn a_removed_event_shows() {
    assert_breaks(
        &format!("DELETE FROM event WHERE {HERE} AND seq = 6"),
        6,
        BreakKind::Missing,
    )
    .await;
    assert_breaks(
        &format!("DELETE FROM event WHERE {HERE} AND seq = 1"),
        1,
        BreakKind::Missing,
    )
    .await;
}

#[tokio::test]
async fn a_removed_event_shows_though_the_others_close_ranks() {
    let sql = format!(
        "DELETE FROM event WHERE {HERE} AND seq = 6;
         UPDATE event SET seq = -seq WHERE {HERE} AND seq > 6;
         UPDATE event SET seq = -seq - 1 WHERE {HERE} AND seq < 0;"
    );
    assert_breaks(&sql, 6, BreakKind::Changed).await;
}

#[tokio::test]
async fn events_that_changed_places_show() {
    let sql = format!(
        "UPDATE event SET seq = -3 WHERE {HERE} AND seq = 3;
         UPDATE event SET seq = 3 WHERE {HERE} AND seq = 7;
         UPDATE event SET seq = 7 WHERE {HERE} AND seq = -3;"
    );
    assert_breaks(&sql, 3, BreakKind::Changed).await;
}

#[tokio::test]
async fn an_event_from_another_stream_shows() {
    let sql = format!(
        "UPDATE event SET (body, hash) = (SELECT body, hash FROM event WHERE stream = 'installation' AND seq = 5)
         WHERE {HERE} AND seq = 5"
    );
    assert_breaks(&sql, 5, BreakKind::Changed).await;
}

#[tokio::test]
async fn a_cut_off_tail_shows() {
    assert_breaks(
        &format!("DELETE FROM event WHERE {HERE} AND seq > 8"),
        9,
        BreakKind::CutOff,
    )
    .await;
    assert_breaks(
        &format!("DELETE FROM event WHERE {HERE}"),
        1,
        BreakKind::CutOff,
    )
    .await;
}

#[tokio::test]
async fn a_head_that_is_not_the_last_event_shows() {
    assert_breaks(
        &format!("UPDATE head SET seq = 9 WHERE {HERE}"),
        10,
        BreakKind::BeyondHead,
    )
    .await;
    assert_breaks(
        &format!("UPDATE head SET hash = zeroblob(32) WHERE {HERE}"),
        10,
        BreakKind::BeyondHead,
    )
    .await;
    assert_breaks(
        &format!("DELETE FROM head WHERE {HERE}"),
        1,
        BreakKind::BeyondHead,
    )
    .await;
}

/// A chain rewritten with its heads is consistent in itself. The head noted elsewhere tells it from the old one.
#[tokio::test]
async fn a_rewritten_log_has_another_head() {
    let (_folder, path) = damaged("").await;
    let noted = verify(&path).unwrap().streams[0].head.clone();
    Connection::open(&path)
        .unwrap()
        .execute_batch("DELETE FROM event; DELETE FROM head")
        .unwrap();
    let log = reopen(&path).await;
    for seq in 0..10 {
        append_one(&log, &thanh_hoa(), seq).await;
    }
    let report = verify(&path).unwrap();
    assert!(report.holds());
    assert_ne!(report.streams[0].head, noted);
}
