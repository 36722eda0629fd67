//! Commands: decided, written, and only then answered.

use super::actor::State;
use super::message::Decided;
use crate::clock;
use crate::convert;
use crate::journal::{Entry, Operation};
use crate::problem::{ApiError, ApiResult};
use conference::{Command, Conference};
use tokio::sync::oneshot;

/// A command and who waits for the answer.
pub(super) type Pending = (Command, oneshot::Sender<ApiResult<Decided>>);

impl State {
    /// Decides commands in order, commits what they lead to as one append, then answers each.
    ///
    /// Each is decided on the state that the ones before it led to. When the commit fails nothing has
    /// happened: everybody is told so and the state goes back to what the log says.
    pub(super) async fn commit(&mut self, pending: &mut Vec<Pending>) {
        if pending.is_empty() {
            return;
        }
        let mut entries = Vec::new();
        let mut answers = Vec::with_capacity(pending.len());
        for (command, answer) in pending.drain(..) {
            answers.push((self.decide(command, &mut entries), answer));
        }
        let committed = self.journal.append(&entries).await;
        if let Err(error) = &committed {
            self.restore().await;
            let fault = ApiError::fault(error);
            for (_, answer) in answers {
                drop(answer.send(Err(fault.clone())));
            }
            return;
        }
        self.dirty |= !entries.is_empty();
        for (decided, answer) in answers {
            // Who asked may have gone away; what is committed stays so.
            drop(answer.send(decided));
        }
    }

    fn decide(&mut self, command: Command, entries: &mut Vec<Entry>) -> ApiResult<Decided> {
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
            entries.push(Entry::Rule(event));
        }
        self.layout_is_old |= changes_layout;
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

    /// Goes back to what the log says.
    async fn restore(&mut self) {
        match self.journal.replay().await {
            Ok(past) => self.conference = past.conference,
            Err(error) => {
                // An empty conference refuses everything until a later attempt reads the log again.
                tracing::error!(conference = %self.id, %error, "the log cannot be read back: {error}");
                self.conference = Conference::default();
            }
        }
        self.dirty = true;
    }

    /// Writes what happened beside the rules. Best effort: these are for the audit, and a disk that is full
    /// is told by every refused command.
    pub(super) async fn note(&mut self, operations: Vec<Operation>) {
        if operations.is_empty() {
            return;
        }
        let entries: Vec<Entry> = operations.into_iter().map(Entry::Operation).collect();
        if let Err(error) = self.journal.append(&entries).await {
            tracing::error!(conference = %self.id, %error, "not written to the log: {error}");
        }
    }
}
