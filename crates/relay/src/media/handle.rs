//! The way to the media thread: bounded commands in, snapshots and a change notice out.

use super::{Bursts, Drops, IceCredentials, Layer, LegId, LegOpened, LegSpec, Lines, MediaError};
use arc_swap::ArcSwap;
use protocol::{RelayPlan, RelayReport};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError};
use tokio::sync::{oneshot, watch};

/// Commands waiting for the media thread. It drains them between datagrams, so even 37 halls joining
/// in one millisecond fit; when it is full the caller gets [`MediaError::Busy`] and answers 503.
pub(super) const COMMANDS_MAX: usize = 256;

/// What the media thread can be told.
pub(super) enum Command {
    /// Open a leg; the answer goes back at once.
    OpenLeg(Box<LegSpec>, oneshot::Sender<Result<LegOpened, MediaError>>),
    /// Close a leg; unknown ids are ignored (it may have been lost meanwhile).
    CloseLeg(LegId),
    /// Follow this plan, changing only what differs.
    SetPlan(Box<RelayPlan>),
    /// The orchestrator's lease of SSRCs: takes effect for streams and slots opened from now on.
    SetSsrcBlock(u16),
    /// The best layer a watcher's slot may show from now on; unknown legs and slots are ignored.
    SetLayer {
        leg: LegId,
        slot: usize,
        layer: Layer,
    },
    /// New ICE credentials of both sides.
    RestartIce {
        leg: LegId,
        remote: IceCredentials,
        local: IceCredentials,
        answer: oneshot::Sender<Result<(), MediaError>>,
    },
    /// End the thread.
    Stop,
}

/// A handle to the media thread. Cheap to clone; the thread ends when told or when the last handle drops.
#[derive(Clone)]
pub struct MediaHandle {
    pub(super) commands: SyncSender<Command>,
    pub(super) waker: Arc<mio::Waker>,
    pub(super) report: Arc<ArcSwap<RelayReport>>,
    pub(super) drops: Arc<ArcSwap<Drops>>,
    pub(super) lines: Arc<ArcSwap<Lines>>,
    pub(super) bursts: Arc<ArcSwap<Bursts>>,
    pub(super) changed: watch::Receiver<u64>,
    pub(super) local_addr: SocketAddr,
}

impl MediaHandle {
    /// Opens a leg; it then waits (10 s) for the peer's first connectivity check.
    pub async fn open_leg(&self, spec: LegSpec) -> Result<LegOpened, MediaError> {
        let (answer, answered) = oneshot::channel();
        self.send(Command::OpenLeg(Box::new(spec), answer))?;
        answered.await.map_err(|_| MediaError::Stopped)?
    }

    /// Closes a leg; its streams end. Closing a leg that is gone already is not an error.
    pub fn close_leg(&self, leg: LegId) -> Result<(), MediaError> {
        self.send(Command::CloseLeg(leg))
    }

    /// Lets slot `slot` of a watching leg show layers up to `layer` from now on. A leg that is gone or has no such slot
    /// is not an error.
    pub fn set_layer(&self, leg: LegId, slot: usize, layer: Layer) -> Result<(), MediaError> {
        self.send(Command::SetLayer { leg, slot, layer })
    }

    /// Restarts ICE on a session (RFC 8445 §9, RFC 9725 §4.3.3): checks with the new credentials of both sides are
    /// answered from now on, those with the old ones until the first new one has come. Keys and streams stay.
    ///
    /// # Errors
    /// [`MediaError::NoSuchLeg`] when it has ended, [`MediaError::BadSpec`] when the new local ufrag is in use.
    pub async fn restart_ice(
        &self,
        leg: LegId,
        remote: IceCredentials,
        local: IceCredentials,
    ) -> Result<(), MediaError> {
        let (answer, answered) = oneshot::channel();
        self.send(Command::RestartIce {
            leg,
            remote,
            local,
            answer,
        })?;
        answered.await.map_err(|_| MediaError::Stopped)?
    }

    /// Follows `plan` from now on. Legs and trunks that it does not change keep running.
    /// The caller has checked that its epoch is the highest seen.
    pub fn set_plan(&self, plan: RelayPlan) -> Result<(), MediaError> {
        self.send(Command::SetPlan(Box::new(plan)))
    }

    /// Allocates SSRCs in `block << 16` from now on.
    pub fn set_ssrc_block(&self, block: u16) -> Result<(), MediaError> {
        self.send(Command::SetSsrcBlock(block))
    }

    /// The state of everything, at most 500 ms old; at once after a change of a feed's or leg's state.
    pub fn report(&self) -> Arc<RelayReport> {
        self.report.load_full()
    }

    /// What was dropped since start; as old as [`Self::report`].
    pub fn drops(&self) -> Drops {
        **self.drops.load()
    }

    /// How the lines of sessions are served; at most half a second old.
    pub fn lines(&self) -> Lines {
        **self.lines.load()
    }

    /// What left in bursts since start; as old as [`Self::report`].
    pub fn bursts(&self) -> Bursts {
        **self.bursts.load()
    }

    /// Rises with every change of a feed's, leg's or trunk's state (not with counters).
    /// A leg that is lost leaves the report: compare sessions to notice.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.changed.clone()
    }

    /// Where the one UDP socket is bound (the port is real even when 0 was asked for).
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Ends the media thread; peers notice by DTLS close_notify.
    pub fn stop(&self) -> Result<(), MediaError> {
        self.send(Command::Stop)
    }

    fn send(&self, command: Command) -> Result<(), MediaError> {
        self.commands
            .try_send(command)
            .map_err(|error| match error {
                TrySendError::Full(_) => MediaError::Busy,
                TrySendError::Disconnected(_) => MediaError::Stopped,
            })?;
        self.waker.wake().map_err(|_| MediaError::Stopped)
    }
}
