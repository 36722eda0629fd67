//! The plan in force: given by the orchestrator, kept on disk, followed by the media thread.

use crate::config::Standalone;
use crate::disk::{self, DiskError};
use crate::media::{MediaError, MediaHandle};
use protocol::{ConferenceId, RelayPlan};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::watch;

/// Largest plan taken from the orchestrator; one of 10,000 sites has about 1 MiB.
pub const PLAN_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What a relay without an orchestrator calls its conference.
const STANDALONE_CONFERENCE: &str = "standalone";

/// Why a plan is not followed.
#[derive(Debug, thiserror::Error)]
pub enum PlanRefusal {
    /// A newer one is in force.
    #[error("plan epoch {offered} is lower than epoch {in_force} in force")]
    Stale {
        /// Epoch of the plan refused.
        offered: u64,
        /// Epoch of the plan in force.
        in_force: u64,
    },
    /// The media thread is gone or overwhelmed; the next plan or reconnect tries again.
    #[error(transparent)]
    Media(#[from] MediaError),
}

/// The plan in force. Cheap to clone; all clones share it.
#[derive(Clone)]
pub struct Plan {
    in_force: watch::Sender<Option<Arc<RelayPlan>>>,
    media: MediaHandle,
    file: Option<PathBuf>,
}

impl Plan {
    /// No plan yet; the last one in `folder`, if there is one, is put in force at once: media waits for nobody.
    /// One that cannot be read is moved aside: the orchestrator gives a new one.
    pub fn kept(folder: &Path, media: MediaHandle) -> Self {
        let file = folder.join("plan.json");
        let last = disk::read_json::<RelayPlan>(&file).unwrap_or_else(|error| {
            set_aside(&file, &error);
            None
        });
        let plan = Self {
            in_force: watch::Sender::new(None),
            media,
            file: Some(file),
        };
        if let Some(last) = last {
            tracing::info!(
                epoch = last.epoch,
                "going on by plan epoch {} from disk",
                last.epoch
            );
            if let Err(error) = plan.follow(last) {
                tracing::error!(%error, "the plan on disk is not followed: {error}");
            }
        }
        plan
    }

    /// The plan that a standalone configuration amounts to.
    pub fn standalone(standalone: &Standalone, media: MediaHandle) -> Result<Self, PlanRefusal> {
        let plan = Self {
            in_force: watch::Sender::new(None),
            media,
            file: None,
        };
        let Ok(conference) = STANDALONE_CONFERENCE.parse::<ConferenceId>() else {
            return Ok(plan);
        };
        plan.follow(RelayPlan {
            epoch: 1,
            conference,
            sites: standalone.sites.clone(),
            program: standalone.program.clone(),
            floor: None,
            parents: Vec::new(),
            children: Vec::new(),
        })?;
        Ok(plan)
    }

    /// Puts `next` in force. The same plan again changes nothing; one of a lower epoch is refused. Another plan
    /// of the same epoch is followed: the orchestrator's word now, whatever its log has lost meanwhile.
    /// Writes to disk: call it where blocking is allowed.
    pub fn replace(&self, next: RelayPlan) -> Result<(), PlanRefusal> {
        let in_force = self.epoch();
        if next.epoch < in_force {
            return Err(PlanRefusal::Stale {
                offered: next.epoch,
                in_force,
            });
        }
        if self.now().is_some_and(|now| *now == next) {
            return Ok(());
        }
        if let Some(file) = &self.file {
            // A full disk must not hold media back: the plan is followed, and missing only after a restart.
            if let Err(error) = disk::replace_json(file, &next) {
                tracing::error!(%error, "plan epoch {} is in force but not on disk: {error}", next.epoch);
            }
        }
        self.follow(next)
    }

    fn follow(&self, next: RelayPlan) -> Result<(), PlanRefusal> {
        self.media.set_plan(next.clone())?;
        self.in_force.send_replace(Some(Arc::new(next)));
        Ok(())
    }

    /// The plan now; `None` before the first.
    pub fn now(&self) -> Option<Arc<RelayPlan>> {
        self.in_force.borrow().clone()
    }

    /// Its epoch; 0 before the first.
    pub fn epoch(&self) -> u64 {
        self.in_force.borrow().as_ref().map_or(0, |plan| plan.epoch)
    }

    /// Told of every change.
    pub fn changes(&self) -> watch::Receiver<Option<Arc<RelayPlan>>> {
        self.in_force.subscribe()
    }
}

/// Keeps a plan that cannot be followed for whoever wants to know why.
fn set_aside(file: &Path, error: &DiskError) {
    let aside = file.with_extension("damaged");
    let (cause, to) = (std::error::Error::source(error), aside.display());
    tracing::error!(%error, ?cause, "no plan from disk, waiting for the orchestrator's; the file is moved to {to}: {error}");
    if let Err(error) = std::fs::rename(file, &aside) {
        tracing::error!(%error, "it cannot be moved: {error}");
    }
}
