//! Appending, reading back, the vault.

use super::*;
use crate::log::{EVENTS_PER_APPEND_MAX, verify};

#[tokio::test]
async fn what_is_appended_reads_back_in_order_after_a_restart() {
    let (_folder, path) = folder();
    let log = Log::open(&path).unwrap();
    let first = log
        .append(&thanh_hoa(), 0, &[event(1), event(2)])
        .await
        .unwrap();
    let last = log.append(&thanh_hoa(), 2, &[event(3)]).await.unwrap();
    log.append(&Stream::installation(), 0, &[event(1)])
        .await
        .unwrap();
    assert_eq!((first.seq, last.seq), (2, 3));
    drop(log);

    let log = reopen(&path).await;
    let records = log.read(&thanh_hoa(), 1).await.unwrap();
    assert_eq!(numbers(&records), [1, 2, 3]);
    assert_eq!(
        records.iter().map(|record| record.seq).collect::<Vec<_>>(),
        [1, 2, 3]
    );
    assert_eq!(records[2].at, last.at);
    assert_eq!(numbers(&log.read(&thanh_hoa(), 3).await.unwrap()), [3]);
    assert_eq!(log.read(&thanh_hoa(), 4).await.unwrap(), []);
    assert_eq!(
        log.streams().await.unwrap(),
        [(thanh_hoa(), 3), (Stream::installation(), 1)]
    );
}

#[tokio::test]
async fn nobody_else_reads_the_log_in_a_folder_that_everybody_may_enter() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, path) = folder();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let log = Log::open(&path).unwrap();
    append_one(&log, &thanh_hoa(), 0).await;
    for end in ["", "-wal", "-shm"] {
        let mut file = path.as_os_str().to_owned();
        file.push(end);
        let mode = std::fs::metadata(file).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{end}: {mode:o}");
    }
}

#[tokio::test]
async fn whoever_comes_second_is_told_where_the_stream_is() {
    let (_folder, path) = folder();
    let log = Log::open(&path).unwrap();
    append_one(&log, &thanh_hoa(), 0).await;
    for expected_seq in [0, 2] {
        let refused = log
            .append(&thanh_hoa(), expected_seq, &[event(9)])
            .await
            .unwrap_err();
        let LogError::Conflict {
            stream,
            expected,
            actual,
        } = refused
        else {
            panic!("{refused}")
        };
        assert_eq!((stream, expected, actual), (thanh_hoa(), expected_seq, 1));
    }
    assert_eq!(numbers(&log.read(&thanh_hoa(), 1).await.unwrap()), [1]);
}

#[tokio::test]
async fn of_many_that_append_at_the_same_number_one_wins() {
    let (_folder, path) = folder();
    let log = Log::open(&path).unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..50 {
        let log = log.clone();
        tasks.spawn(async move { log.append(&thanh_hoa(), 0, &[event(n)]).await });
    }
    let outcomes = tasks.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert_eq!(log.read(&thanh_hoa(), 1).await.unwrap().len(), 1);
    assert_eq!((log.stats().writes, log.stats().refused), (1, 49));
}

#[tokio::test]
async fn a_write_of_several_parts_happens_whole_or_not_at_all() {
    let (_folder, path) = folder();
    let log = Log::open(&path).unwrap();
    let conflicting = Write::new()
        .append(&Stream::installation(), 0, &[event(1)])
        .unwrap()
        .put("relay/ward", b"secret")
        .append(&thanh_hoa(), 7, &[event(8)])
        .unwrap();
    assert!(matches!(
        log.write(conflicting).await,
        Err(LogError::Conflict { actual: 0, .. })
    ));
    assert_eq!(log.read(&Stream::installation(), 1).await.unwrap(), []);
    assert_eq!(log.get("relay/ward").await.unwrap(), None);

    let fitting = Write::new()
        .append(&Stream::installation(), 0, &[event(1)])
        .unwrap()
        .append(&Stream::installation(), 1, &[event(2)])
        .unwrap()
        .put("relay/ward", b"secret");
    assert_eq!(log.write(fitting).await.unwrap().seq, 2);
    assert_eq!(
        log.get("relay/ward").await.unwrap().as_deref(),
        Some(b"secret".as_slice())
    );
    assert!(verify(&path).unwrap().holds());
}

#[tokio::test]
async fn the_vault_replaces_and_erases() {
    let (_folder, path) = folder();
    let log = Log::open(&path).unwrap();
    log.put("user/admin", b"old").await.unwrap();
    log.put("user/admin", b"new").await.unwrap();
    log.put("user/vien", b"v").await.unwrap();
    log.put("used%", b"").await.unwrap();
    assert_eq!(
        log.get("user/admin").await.unwrap().as_deref(),
        Some(b"new".as_slice())
    );
    assert_eq!(
        log.names("user/").await.unwrap(),
        ["user/admin", "user/vien"]
    );
    log.erase("user/admin").await.unwrap();
    log.erase("user/admin").await.unwrap();
    assert_eq!(log.get("user/admin").await.unwrap(), None);
}

#[tokio::test]
async fn an_append_beyond_the_limits_is_refused() {
    let (_folder, path) = folder();
    let log = Log::open(&path).unwrap();
    let events = vec![event(1); EVENTS_PER_APPEND_MAX + 1];
    assert!(matches!(
        log.append(&thanh_hoa(), 0, &events).await,
        Err(LogError::TooLarge { what: "events", .. })
    ));
    assert_eq!(
        log.append::<Value>(&thanh_hoa(), 0, &[]).await.unwrap().seq,
        0,
        "nothing appended is nothing written"
    );
    assert_eq!(log.streams().await.unwrap(), []);
}

#[tokio::test]
async fn one_log_has_one_process() {
    let (_folder, path) = folder();
    let log = Log::open(&path).unwrap();
    assert!(matches!(Log::open(&path), Err(LogError::InUse(_))));
    append_one(&log, &thanh_hoa(), 0).await;
    assert_eq!(
        verify(&path).unwrap().streams[0].events,
        1,
        "verifying does not need the log for itself"
    );
}

#[test]
fn what_is_no_log_is_not_taken_for_one() {
    let (folder, path) = folder();
    assert!(matches!(verify(&path), Err(LogError::Store(_))), "missing");
    assert!(!path.exists(), "looking creates nothing");
    std::fs::write(&path, "a letter, not a database, however long it may be").unwrap();
    assert!(
        matches!(verify(&path), Err(LogError::Store(_))),
        "no database"
    );
    assert!(
        matches!(Log::open(&path), Err(LogError::Store(_))),
        "no database"
    );
    let other = folder.path().join("other.db");
    rusqlite::Connection::open(&other)
        .unwrap()
        .execute_batch("CREATE TABLE t (x)")
        .unwrap();
    assert!(
        matches!(verify(&other), Err(LogError::NotALog(_))),
        "another program's database"
    );
}
