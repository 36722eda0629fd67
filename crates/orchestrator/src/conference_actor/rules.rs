//! Commands: decided, written, and only then answered.

use super::actor::State;
use super::message::Decided;
use crate::clock;
use crate::convert;
use crate::journal::{Entry, JournalError, Operation};
use crate::log::LogError;
use crate::problem::{ApiError, ApiResult};
use conference::{Command, Conference};
use tokio::sync::oneshot;

/// A command and who waits for the answer.
pub(super) type Pending = (Command, oneshot::Sender<ApiResult<Decided>>);

/// What commands lead to while it is not written yet.
struct Draft {
    conference: Conference,
    entries: Vec<Entry>,
    changes_layout: bool,
}

impl State {
    /// Decides commands in order, commits what they lead to as one append, then answers each.
    ///
    /// Each is decided on the state that the ones before it led to. When the commit fails nothing has
    /// happened: everybody is told so and the state is the one before.
    pub(super) async fn commit(&mut self, pending: &mut Vec<Pending>) {
        if pending.is_empty() {
            return;
        }
        if let Err(error) = self.read_back().await {
            return refuse(pending.drain(..).map(|(_, answer)| answer), &error);
        }
        let mut draft = Draft {
            conference: self.conference.clone(),
            entries: Vec::new(),
            changes_layout: false,
        };
        let decided: Vec<_> = pending
            .drain(..)
            .map(|(command, answer)| (draft.decide(command), answer))
            .collect();
        if let Err(error) = self.append(&draft.entries).await {
            return refuse(decided.into_iter().map(|(_, answer)| answer), &error);
        }
        self.dirty |= !draft.entries.is_empty();
        self.layout_is_old |= draft.changes_layout;
        self.conference = draft.conference;
        for (decided, answer) in decided {
            // Who asked may have gone away; what is committed stays so.
            drop(answer.send(decided));
        }
    }

    /// Appends; a refused append leaves nothing behind. One that meets a stream that has moved on means that
    /// it has to be read again.
    pub(super) async fn append(&mut self, entries: &[Entry]) -> Result<(), LogError> {
        let appended = self.journal.append(entries).await;
        self.out_of_step |= matches!(appended, Err(LogError::Conflict { .. } | LogError::Closed));
        appended
    }

    /// Goes to what the log says, where the two are out of step. When it cannot be read the last known state
    /// stays on show, and commands are refused until it can.
    pub(super) async fn read_back(&mut self) -> Result<(), JournalError> {
        if !self.out_of_step {
            return Ok(());
        }
        let past = self.journal.replay().await.inspect_err(|error| {
            tracing::error!(conference = %self.id, %error, "the log cannot be read back: {error}");
        })?;
        self.conference = past.conference;
        if let Some(plan) = past.plan.filter(|plan| plan.0 > self.plan.0) {
            self.plan = plan;
        }
        self.out_of_step = false;
        self.layout_is_old = true;
        self.dirty = true;
        Ok(())
    }

    /// Writes what happened beside the rules. Best effort: these are for the audit, and a disk that is full
    /// is told by every refused command.
    pub(super) async fn note(&mut self, operations: Vec<Operation>) {
        if operations.is_empty() {
            return;
        }
        let entries: Vec<Entry> = operations.into_iter().map(Entry::Operation).collect();
        if let Err(error) = self.append(&entries).await {
            tracing::error!(conference = %self.id, %error, "not written to the log: {error}");
        }
    }
}

impl Draft {
    fn decide(&mut self, command: Command) -> ApiResult<Decided> {
        let site = match &command {
            Command::ReportCount { site, .. } => Some(site.clone()),
            _ => None,
        };
        let changes_layout = matches!(command, Command::Create { .. } | Command::SetChair { .. });
        let events = self.conference.apply(command, clock::timestamp())?;
        for event in events {
            self.conference
                .fold(&event)
                .map_err(|error| ApiError::fault(&error))?;
            self.entries.push(Entry::Rule(event));
        }
        self.changes_layout |= changes_layout;
        let counts = site.and_then(|site| {
            self.conference
                .site(&site)?
                .counts
                .map(convert::wire_counts)
        });
        Ok(Decided {
            sitting: convert::wire_sitting(self.conference.sitting()),
            counts,
        })
    }
}

fn refuse(
    answers: impl Iterator<Item = oneshot::Sender<ApiResult<Decided>>>,
    error: &dyn std::fmt::Display,
) {
    let fault = ApiError::fault(error);
    for answer in answers {
        drop(answer.send(Err(fault.clone())));
    }
}
