//! Stories of a conference whose log fails for a while.

use super::*;
use crate::auth::installation::Installation;
use crate::conference_actor::message::Decided;
use crate::convert;
use crate::journal::Entry;
use crate::log::{Log, Stream};
use crate::metrics::Metrics;
use crate::problem::ApiResult;
use crate::relays::{About, Record};
use conference::{Actor, Command, SittingState, import::from_csv};
use protocol::LinkState;
use std::path::PathBuf;
use telemetry::prometheus::Registry;
use tempfile::TempDir;
use tokio::sync::oneshot;

struct Story {
    state: State,
    log: Log,
    file: PathBuf,
    _folder: TempDir,
}

impl Story {
    /// Thanh Hóa, just imported.
    async fn begin() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("log.db");
        let log = Log::open(&file).expect("a log");
        let id: ConferenceId = "thanh-hoa".parse().expect("an id");
        let rows = from_csv(include_bytes!("../../../../config/thanh-hoa/sites.csv"));
        let found = Command::Create {
            id: convert::rules_conference(&id),
            title: "Hội nghị".to_owned(),
            chair: Some("TINHUY-TH".parse().expect("a code")),
            sites: rows
                .expect("sites")
                .into_iter()
                .map(|row| row.site)
                .collect(),
            by: Actor::System,
        };
        let mut past = Past::default();
        let mut journal = Journal::new(log.clone(), &id);
        for event in past
            .conference
            .apply(found, clock::timestamp())
            .expect("founded")
        {
            past.conference.fold(&event).expect("it follows");
            journal
                .append(&[Entry::Rule(event)])
                .await
                .expect("written");
        }
        let tools = ConferenceTools {
            keys: Arc::new(Installation::for_a_test()),
            metrics: Metrics::register(&Registry::new()).expect("metrics"),
        };
        Self {
            state: State::new(id, past, journal, tools),
            log,
            file,
            _folder: folder,
        }
    }

    /// The store refuses to write and to read, or does so no more.
    fn break_log(&self, broken: bool) {
        let (from, to) = if broken {
            ("event", "away")
        } else {
            ("away", "event")
        };
        let database = rusqlite::Connection::open(&self.file).expect("the file");
        let sql = format!("ALTER TABLE {from} RENAME TO {to}");
        database.execute_batch(&sql).expect("renamed");
    }

    async fn step(&mut self, to: SittingState) -> ApiResult<Decided> {
        let (answer, answered) = oneshot::channel();
        let by = Actor::System;
        let command = Command::MoveSitting { to, by };
        self.state.commit(&mut vec![(command, answer)]).await;
        answered.await.expect("an answer")
    }

    /// As the actor's loop does on its ticks, for as many seconds.
    async fn after(&mut self, seconds: u64) {
        for _ in 0..seconds * TICKS_PER_SECOND {
            self.state.look_around().await;
            self.state.refresh_layout().await;
        }
    }

    /// Somebody else writes to the stream.
    async fn intrude(&self) {
        let stream = Stream::conference("thanh-hoa");
        let seq = self.log.read(&stream, 1).await.expect("read").len() as u64;
        let entry = Entry::Operation(Operation::LinkChanged {
            site: "DT-01".parse().expect("a code"),
            state: LinkState::Ok,
            at_ms: 1,
        });
        self.log
            .append(&stream, seq, &[entry])
            .await
            .expect("written");
    }

    fn sites(&self) -> usize {
        self.state.view(0).sites.len()
    }
}

fn province() -> Record {
    Record {
        id: "province".parse().expect("an id"),
        site: "TINHUY-TH".parse().expect("a code"),
        capacity: 250,
        about: About {
            public_key: String::new(),
            certificate_fingerprint: "AA:BB".to_owned(),
            media_addresses: vec![([127, 0, 0, 1], 5004).into()],
            http_url: "https://127.0.0.1:8444".to_owned(),
        },
        ssrc_block: 1,
        http_url: "https://127.0.0.1:8444".to_owned(),
    }
}

#[tokio::test]
async fn a_command_that_is_not_written_has_not_happened_and_the_conference_stays_on_show() {
    let mut story = Story::begin().await;
    story.break_log(true);
    story
        .step(SittingState::Ready)
        .await
        .expect_err("not written");
    assert_eq!(story.state.conference.sitting().state, SittingState::Draft);
    assert_eq!(story.sites(), 56);
    story.break_log(false);
    story.step(SittingState::Ready).await.expect("written");
    assert_eq!(story.state.conference.sitting().state, SittingState::Ready);
}

#[tokio::test]
async fn a_stream_that_moved_on_and_could_not_be_read_is_read_when_it_can_be() {
    let mut story = Story::begin().await;
    story.intrude().await;
    story
        .step(SittingState::Ready)
        .await
        .expect_err("out of step");
    story.break_log(true);
    story
        .step(SittingState::Ready)
        .await
        .expect_err("unreadable");
    assert_eq!(story.sites(), 56, "what was known last is shown");
    story.break_log(false);
    story
        .step(SittingState::Ready)
        .await
        .expect("read again, and written");

    story.intrude().await;
    story
        .step(SittingState::Live)
        .await
        .expect_err("out of step");
    story.after(5).await;
    assert!(!story.state.out_of_step, "nobody has to ask");
}

#[tokio::test]
async fn no_relay_is_told_of_a_plan_that_is_not_written() {
    let mut story = Story::begin().await;
    story.break_log(true);
    story.state.relays_known(vec![province()]);
    story.after(2).await;
    let id: RelayId = "province".parse().expect("an id");
    let link = story.state.relay_post(&id).expect("a post");
    assert_eq!(*link.plans.borrow(), None);
    story.break_log(false);
    story.after(1).await;
    let plan = link.plans.borrow().clone().expect("a plan");
    assert_eq!((plan.epoch, plan.sites.len()), (1, 56));
    let past = Journal::new(story.log.clone(), &story.state.id)
        .replay()
        .await;
    assert_eq!(past.expect("read").plan.map(|(epoch, _)| epoch), Some(1));
}
