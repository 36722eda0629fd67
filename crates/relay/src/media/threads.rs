//! The threads of the media plane, and where they run.

use super::MediaConfig;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use std::io;

/// How many there are, and on which processors.
pub(super) struct Threads {
    pub(super) count: usize,
    cores: Vec<usize>,
}

impl Threads {
    pub(super) fn of(config: &MediaConfig) -> Self {
        Self {
            count: config.workers.max(1),
            cores: config.pin_cores.clone(),
        }
    }

    /// Starts thread `number`; 0 is the one that receives.
    pub(super) fn spawn(
        &self,
        number: usize,
        work: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        let core = self.cores.get(number).copied();
        let name = if number == 0 {
            "media".to_owned()
        } else {
            format!("media-{number}")
        };
        std::thread::Builder::new().name(name).spawn(move || {
            if let Some(core) = core {
                pin(core);
            }
            work();
        })?;
        Ok(())
    }
}

/// Keeps this thread on one processor. Without it the kernel may move it, which is only slower.
fn pin(core: usize) {
    let mut set = CpuSet::new();
    let pinned = set
        .set(core)
        .and_then(|()| sched_setaffinity(Pid::from_raw(0), &set));
    if let Err(error) = pinned {
        tracing::warn!(core, %error, "media thread cannot be pinned");
    }
}
