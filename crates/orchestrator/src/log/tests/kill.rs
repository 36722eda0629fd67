//! SIGKILL in mid-append: what was acknowledged is there, once, and the chain holds.

use super::*;
use crate::log::verify;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Set in the child: it then appends until it is killed.
const FOLDER: &str = "DIEMCAU_TEST_LOG_TO_APPEND_TO";
const ROUNDS: u64 = 25;
const STREAMS: u64 = 4;

/// This test starts itself again as the process that is killed.
#[test]
fn acknowledged_events_outlive_sigkill_and_are_there_once() {
    if let Some(path) = std::env::var_os(FOLDER) {
        return append_forever(Path::new(&path));
    }
    let (_folder, path) = folder();
    let mut acknowledged = BTreeSet::new();
    for round in 0..ROUNDS {
        let mut child = start(&path);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // Each round dies at another moment: at once after the first answer, or somewhere in the flow.
        let answers = 1 + round * 37 % 200;
        let mut said: Vec<_> = lines
            .by_ref()
            .map(Result::unwrap)
            .filter_map(|line| answer(&line))
            .take(answers as usize)
            .collect();
        assert_eq!(said.len() as u64, answers, "the child ended by itself");
        child.kill().unwrap();
        child.wait().unwrap();
        said.extend(lines.map_while(Result::ok).filter_map(|line| answer(&line)));
        for one in said {
            assert!(
                acknowledged.insert(one.clone()),
                "{one:?} acknowledged twice"
            );
        }
        check(&path, &acknowledged);
    }
}

/// `verify` right after the crash, before anybody repairs; then every acknowledged event, once.
fn check(path: &Path, acknowledged: &BTreeSet<(String, u64, String)>) {
    let report = verify(path).unwrap();
    assert!(report.holds(), "{report}");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let log = reopen(path).await;
        let mut stored = BTreeSet::new();
        for (stream, last) in log.streams().await.unwrap() {
            let records = log.read(&stream, 1).await.unwrap();
            assert_eq!(
                records.iter().map(|record| record.seq).collect::<Vec<_>>(),
                (1..=last).collect::<Vec<_>>()
            );
            for record in records {
                let mark = record.event::<Value>().unwrap()["mark"]
                    .as_str()
                    .unwrap()
                    .to_owned();
                assert!(stored.insert((stream.to_string(), record.seq, mark)));
            }
        }
        let lost: Vec<_> = acknowledged.difference(&stored).collect();
        assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
        let marks: BTreeSet<&String> = stored.iter().map(|(_, _, mark)| mark).collect();
        assert_eq!(marks.len(), stored.len(), "an event is there twice");
    });
}

fn start(path: &Path) -> Child {
    let (_, module) = module_path!().split_once("::").unwrap();
    let name = format!("{module}::acknowledged_events_outlive_sigkill_and_are_there_once");
    Command::new(std::env::current_exe().unwrap())
        .args([&name, "--exact", "--test-threads=1"])
        .env(FOLDER, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// `acknowledged STREAM SEQ MARK`; the test harness says other things too. A line cut short was not said.
fn answer(line: &str) -> Option<(String, u64, String)> {
    let mut words = line
        .strip_prefix("acknowledged ")?
        .strip_suffix(" .")?
        .split(' ');
    Some((
        words.next()?.to_owned(),
        words.next()?.parse().ok()?,
        words.next()?.to_owned(),
    ))
}

/// The child: several streams at once, each event marked so that a second copy would show.
fn append_forever(path: &Path) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    runtime.block_on(async {
        let log = reopen(path).await;
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..STREAMS {
            tasks.spawn(append_to(log.clone(), Stream::conference(&format!("c{n}"))));
        }
        tasks.join_all().await;
    });
}

async fn append_to(log: Log, stream: Stream) {
    let mut seq = log.read(&stream, 1).await.unwrap().len() as u64;
    loop {
        let mark = format!("{}-{stream}-{seq}", std::process::id());
        let appended = log
            .append(&stream, seq, &[json!({ "mark": mark })])
            .await
            .unwrap();
        seq = appended.seq;
        // Past the harness, which would keep printed lines to itself.
        writeln!(
            std::io::stdout().lock(),
            "acknowledged {stream} {seq} {mark} ."
        )
        .unwrap();
    }
}
