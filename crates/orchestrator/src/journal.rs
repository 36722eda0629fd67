//! A conference's stream of the log: what the rules decided, and what was done beside them.

use crate::log::{Log, LogError, Stream};
use conference::{BrokenHistory, Conference};
use protocol::{ConferenceId, LinkState, SiteCode};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Entries of one append; the log takes this many at once.
const ENTRIES_PER_APPEND_MAX: usize = crate::log::EVENTS_PER_APPEND_MAX;

/// One entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Entry {
    /// The rules decided it.
    Rule(conference::Event),
    /// It was done beside the rules.
    Operation(Operation),
}

/// What is done beside the rules, and has to outlive a restart or be known to an auditor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", deny_unknown_fields)]
pub enum Operation {
    /// Relays were given a new plan.
    #[serde(rename = "plan_issued.v1")]
    PlanIssued {
        /// Its epoch.
        epoch: u64,
        /// SHA-256 over the plans, base64url: the same plan after a restart keeps its epoch.
        digest: String,
    },
    /// A second device joined as a site; the first lost its link.
    #[serde(rename = "hall_taken_over.v1")]
    HallTakenOver {
        /// Which site.
        site: SiteCode,
        /// Id of the token that lost.
        old_token: String,
        /// Id of the token that won.
        new_token: String,
    },
    /// A site's link changed its state.
    #[serde(rename = "link_changed.v1")]
    LinkChanged {
        /// Which site.
        site: SiteCode,
        /// The state now.
        state: LinkState,
        /// When, milliseconds since the Unix epoch.
        at_ms: u64,
    },
}

/// What a conference's stream adds up to.
#[derive(Default)]
pub struct Past {
    /// The conference.
    pub conference: Conference,
    /// Epoch and digest of the last plan.
    pub plan: Option<(u64, String)>,
    /// State of every link that ever was one, and since when.
    pub links: BTreeMap<SiteCode, (LinkState, u64)>,
}

/// Why a stream cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Events that cannot follow one another.
    #[error("event {seq} of {stream}: {source}")]
    Broken {
        /// Which stream.
        stream: Stream,
        /// Which event.
        seq: u64,
        /// Why.
        source: BrokenHistory,
    },
}

/// Reads and appends one conference's stream. Its owner is the only writer.
pub struct Journal {
    log: Log,
    stream: Stream,
    seq: u64,
}

impl Journal {
    /// The stream of a conference, not read yet.
    pub fn new(log: Log, conference: &ConferenceId) -> Self {
        Self {
            log,
            stream: Stream::conference(conference.as_str()),
            seq: 0,
        }
    }

    /// Reads the stream from its first entry.
    pub async fn replay(&mut self) -> Result<Past, JournalError> {
        let mut past = Past::default();
        let mut seq = 0;
        for record in self.log.read(&self.stream, 1).await? {
            seq = record.seq;
            past.take(record.event()?)
                .map_err(|source| JournalError::Broken {
                    stream: self.stream.clone(),
                    seq,
                    source,
                })?;
        }
        self.seq = seq;
        Ok(past)
    }

    /// Appends; answers after the commit. More entries than the log takes at once go in several appends.
    pub async fn append(&mut self, entries: &[Entry]) -> Result<(), LogError> {
        for part in entries.chunks(ENTRIES_PER_APPEND_MAX) {
            self.seq = self.log.append(&self.stream, self.seq, part).await?.seq;
        }
        Ok(())
    }
}

impl Past {
    fn take(&mut self, entry: Entry) -> Result<(), BrokenHistory> {
        match entry {
            Entry::Rule(event) => self.conference.fold(&event)?,
            Entry::Operation(Operation::PlanIssued { epoch, digest }) => {
                self.plan = Some((epoch, digest));
            }
            Entry::Operation(Operation::LinkChanged { site, state, at_ms }) => {
                self.links.insert(site, (state, at_ms));
            }
            Entry::Operation(Operation::HallTakenOver { .. }) => {}
        }
        Ok(())
    }
}
