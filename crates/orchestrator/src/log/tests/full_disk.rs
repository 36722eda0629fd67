//! A full disk refuses an append as a whole and leaves the log usable. SQLite's own page limit plays the disk:
//! it fails in the same place with the same code.

use super::group::{hold_writer, queued};
use super::*;
use crate::log::verify;

#[tokio::test]
async fn a_full_disk_refuses_whole_appends_and_the_log_goes_on() {
    let (_folder, path) = folder();
    let log = Log::open_with(&path, |connection| {
        connection.pragma_update(None, "max_page_count", 60)
    })
    .unwrap();
    append_one(&log, &thanh_hoa(), 0).await;

    // The first of the two would fit, the second does not.
    let pair = [
        json!({ "n": 2 }),
        json!({ "n": 3, "filling": "x".repeat(1 << 20) }),
    ];
    assert!(matches!(
        log.append(&thanh_hoa(), 1, &pair).await,
        Err(LogError::Full(_))
    ));
    assert_eq!(numbers(&log.read(&thanh_hoa(), 1).await.unwrap()), [1]);

    append_one(&log, &thanh_hoa(), 1).await;
    assert_eq!(numbers(&log.read(&thanh_hoa(), 1).await.unwrap()), [1, 2]);
    assert!(verify(&path).unwrap().holds());
    drop(log);

    let log = reopen(&path).await;
    log.append(&thanh_hoa(), 2, &pair[1..]).await.unwrap();
    assert_eq!(
        numbers(&log.read(&thanh_hoa(), 1).await.unwrap()),
        [1, 2, 3],
        "with room again it fits"
    );
}

#[tokio::test]
async fn a_write_that_does_not_fit_does_not_take_its_neighbours_along() {
    let (_folder, path) = folder();
    let log = Log::open_with(&path, |connection| {
        connection.pragma_update(None, "max_page_count", 60)
    })
    .unwrap();
    let hold = hold_writer(&log, &path).await;
    let big = json!({ "filling": "x".repeat(1 << 20) });
    let (a, b, c) = (
        Stream::conference("a"),
        Stream::conference("b"),
        Stream::conference("c"),
    );
    let (big, event) = ([big], [event(1)]);
    let release = async {
        queued(&log, 3).await;
        drop(hold);
    };
    let (first, middle, last, ()) = tokio::join!(
        log.append(&a, 0, &event),
        log.append(&b, 0, &big),
        log.append(&c, 0, &event),
        release
    );
    assert!(first.is_ok() && last.is_ok());
    assert!(matches!(middle, Err(LogError::Full(_))));
    assert_eq!(log.streams().await.unwrap(), [(a, 1), (c, 1)]);
}
