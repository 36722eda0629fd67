//! The load as its parent sees it.

use crate::case::Row;
use crate::child::Child;
use crate::engine::Server;
use crate::measure::Method;
use crate::wire::{Command, Joined, Marked, Reply};
use anyhow::{Result, bail};
use std::path::Path;
use std::time::Duration;

/// So many halls join at once; more do so in groups.
const JOIN_AT_ONCE: usize = 100;
/// It answers everything within this time: a join of a thousand halls takes longest.
const ANSWER_WITHIN: Duration = Duration::from_mins(1);

/// The load process.
pub struct Load(Child);

impl Load {
    /// Starts one that knows the server and the feed.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(
        method: &Method,
        row: &Row,
        server: &dyn Server,
        folder: &Path,
        core: Option<usize>,
    ) -> Result<Self> {
        let child = Child::start(
            "load",
            folder,
            &method.program,
            &["bench", "load"],
            core.as_slice(),
        )?;
        let mut load = Self(child);
        load.done(&Command::Begin {
            ip: method.ip,
            srtp: row.srtp,
            target: server.target(),
            feed: row.feed,
            lines: row.feed.case.lines(),
        })?;
        Ok(load)
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Tells it something, and hears what it says.
    ///
    /// # Errors
    /// When it cannot be done.
    pub fn ask(&mut self, command: &Command) -> Result<Reply> {
        self.0.tell(command)?;
        match self.0.hear(ANSWER_WITHIN)? {
            Reply::Failed { why } => bail!("{why}"),
            reply => Ok(reply),
        }
    }

    /// Tells it something that has no answer but that it is done.
    ///
    /// # Errors
    /// When it cannot be done.
    pub fn done(&mut self, command: &Command) -> Result<()> {
        self.ask(command).map(drop)
    }

    /// Starts or stops the publisher.
    ///
    /// # Errors
    /// When nobody publishes.
    pub fn send(&mut self, sending: bool, speed: f64) -> Result<()> {
        self.done(&Command::Send { sending, speed })
    }

    /// Lets so many halls join, [`JOIN_AT_ONCE`] at once; the next group begins when all of one have what they need.
    ///
    /// # Errors
    /// When one of them cannot.
    pub fn join(&mut self, legs: usize, to_first_keyframe: bool) -> Result<Joined> {
        let mut all = Joined::default();
        let mut left = legs;
        while left > 0 {
            let group = left.min(JOIN_AT_ONCE);
            let command = Command::Join {
                legs: group,
                at_once: JOIN_AT_ONCE,
                to_first_keyframe,
            };
            let Reply::Joined(joined) = self.ask(&command)? else {
                bail!("the load does not say who joined")
            };
            if let Some(trouble) = &joined.trouble {
                bail!("{trouble}");
            }
            all.add(joined);
            left -= group;
        }
        Ok(all)
    }

    /// What has been received.
    ///
    /// # Errors
    /// When the load has ended.
    pub fn mark(&mut self, at_rest: bool) -> Result<Marked> {
        let Reply::Marked(marked) = self.ask(&Command::Mark { at_rest })? else {
            bail!("the load does not say what it received")
        };
        Ok(marked)
    }
}
