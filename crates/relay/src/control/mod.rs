//! The relay's side of the control link: registered once, connected whenever the orchestrator is there.
//!
//! **Invariant:** nothing here stops media. A dead, restarted or lying orchestrator costs plans and reports only.

mod backoff;
mod client;
mod link;
mod pin;
mod registration;

pub use client::{Client, ClientError};
pub use pin::Pin;

use crate::config::Secret;
use crate::identity::Identity;
use crate::media::MediaHandle;
use crate::metrics::RelayMetrics;
use crate::plan::Plan;
use backoff::Backoff;
use protocol::{RelayId, RelayWelcome};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// A link that held this long was a good one: the next attempt starts from the shortest wait again.
const GOOD_AFTER: Duration = Duration::from_secs(30);

/// What the relay says about itself.
#[derive(Clone, Debug)]
pub struct About {
    /// Its id.
    pub relay: RelayId,
    /// SHA-256 of its DTLS certificate, `AA:BB:…`.
    pub certificate_fingerprint: String,
    /// Where its media port is reached.
    pub media_addresses: Vec<SocketAddr>,
    /// Base URL of WHIP and WHEP.
    pub http_url: String,
}

/// The control task's state.
pub struct Control {
    /// What the relay says about itself.
    pub about: About,
    /// Its key.
    pub identity: Identity,
    /// Good for one registration.
    pub join_key: Option<Secret>,
    /// The orchestrator met at registration.
    pub pin: Pin,
    /// Where plans go.
    pub plan: Plan,
    /// Where reports come from.
    pub media: MediaHandle,
    /// Counts connections and refusals.
    pub metrics: RelayMetrics,
    /// How to reach the orchestrator.
    pub client: Client,
}

/// Why there is no link now.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// Not registered, and no key to register with.
    #[error("not registered: orchestrator.join_key is missing in the configuration")]
    NoJoinKey,
    /// The orchestrator refuses the registration.
    #[error("registration refused with status {status}: {detail}")]
    Registration {
        /// HTTP status.
        status: u16,
        /// What it says.
        detail: String,
    },
    /// The orchestrator answers with a key or lease that cannot be.
    #[error("the answer to the registration is unusable: {0}")]
    BadWelcome(&'static str),
    /// Whoever answers does not hold the pinned key.
    #[error(
        "whoever answers does not hold the key of the orchestrator this relay registered with; if its data was lost, remove orchestrator.json here and give a new join_key"
    )]
    NotPinned,
    /// It does not speak as agreed.
    #[error("expected {expected} from the orchestrator, found {found}")]
    Protocol {
        /// Message expected.
        expected: &'static str,
        /// What came.
        found: String,
    },
    /// A plan that did not get to the media thread; the next link brings it again.
    #[error("the plan is not followed: {0}")]
    PlanNotFollowed(String),
    /// It said nothing for too long.
    #[error("nothing heard from the orchestrator for {} s", .0.as_secs())]
    Silent(Duration),
    /// It closed the link.
    #[error("the orchestrator closed the link: {0}")]
    Closed(String),
    /// The network or TLS.
    #[error(transparent)]
    Network(#[from] ClientError),
    /// The pin cannot be kept.
    #[error(transparent)]
    Disk(#[from] crate::disk::DiskError),
}

impl Control {
    /// Keeps the link up until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut backoff = Backoff::default();
        loop {
            let since = Instant::now();
            let ended = tokio::select! {
                () = stop.cancelled() => return,
                ended = self.once() => ended,
            };
            self.metrics.control_link_up.set(0);
            if since.elapsed() >= GOOD_AFTER {
                backoff = Backoff::default();
            }
            let wait = backoff.next_wait();
            let wait_ms = wait.as_millis();
            tracing::warn!(error = %ended, wait_ms, "no control link, media goes on; trying again in {wait_ms} ms: {ended}");
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// One life of the link. It only ends with a reason.
    async fn once(&self) -> LinkError {
        let welcome = match self.registered().await {
            Ok(welcome) => welcome,
            Err(error) => return error,
        };
        match self.link(&welcome).await {
            Ok(never) => match never {},
            Err(error) => error,
        }
    }

    /// The pinned orchestrator; on the first start, after registering at it.
    async fn registered(&self) -> Result<RelayWelcome, LinkError> {
        if let Some(welcome) = self.pin.now() {
            return Ok(welcome);
        }
        let welcome = self.register().await?;
        self.pin.set(welcome.clone()).await?;
        tracing::info!(
            ssrc_block = welcome.ssrc_block,
            "registered at the orchestrator"
        );
        Ok(welcome)
    }
}
