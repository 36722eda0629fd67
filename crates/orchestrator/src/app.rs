//! What the whole service shares.

use crate::auth::accounts::Accounts;
use crate::auth::installation::Installation;
use crate::auth::join_codes::JoinCodes;
use crate::auth::rate_limit::RateLimit;
use crate::auth::tokens::Tokens;
use crate::conference_actor::Handle;
use crate::log::Log;
use crate::metrics::Metrics;
use crate::problem::{ApiError, ApiResult};
use crate::relays::{Places, Registry};
use axum::http::StatusCode;
use protocol::ConferenceId;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::{Mutex, Semaphore};
use tokio_util::sync::CancellationToken;
use url::Url;

/// The service.
pub struct App {
    /// The installation's identity.
    pub keys: Arc<Installation>,
    /// Signs and verifies tokens.
    pub tokens: Tokens,
    /// Users and sessions.
    pub accounts: Accounts,
    /// Who joins with what.
    pub join_codes: JoinCodes,
    /// How often one address may try.
    pub limits: Limits,
    /// Sign-ins that may run at once.
    pub sign_ins: Arc<Semaphore>,
    /// Every conference.
    pub conferences: Conferences,
    /// Held while a conference is founded.
    pub importing: Mutex<()>,
    /// Every relay.
    pub relays: Registry,
    /// The log.
    pub log: Log,
    /// Counters and gauges.
    pub metrics: Metrics,
    /// How people reach the service.
    pub public_url: Url,
    /// The listener speaks TLS.
    pub is_tls: bool,
    /// Cancelled when the service stops.
    pub stop: CancellationToken,
}

/// Limits per address.
pub struct Limits {
    /// Joins and relay registrations that failed.
    pub join: RateLimit,
    /// Sign-ins that failed.
    pub sign_in: RateLimit,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // 40 bits of code against 12 guesses a minute.
            join: RateLimit::new(20, 0.2),
            sign_in: RateLimit::new(10, 0.1),
        }
    }
}

/// What a conference's actor shares with the service.
#[derive(Clone)]
pub struct ConferenceTools {
    /// The installation's identity: trunk credentials derive from it.
    pub keys: Arc<Installation>,
    /// Counters and gauges.
    pub metrics: Metrics,
}

impl App {
    /// How people reach the service, without a slash at the end.
    pub fn public_base(&self) -> &str {
        self.public_url.as_str().trim_end_matches('/')
    }

    /// Refuses a try that comes too soon.
    pub fn refuse_try(&self, what: &str, wait: Duration) -> ApiError {
        self.metrics.tries_refused.with_label_values(&[what]).inc();
        ApiError::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_tries",
            "too many wrong tries from this address",
        )
        .retry_after(wait)
    }

    /// What an actor needs of the service.
    pub fn tools(&self) -> ConferenceTools {
        ConferenceTools {
            keys: Arc::clone(&self.keys),
            metrics: self.metrics.clone(),
        }
    }
}

/// Every conference's actor.
#[derive(Default)]
pub struct Conferences {
    all: RwLock<BTreeMap<ConferenceId, Handle>>,
    /// Which of them each relay serves.
    pub places: Places,
}

impl Conferences {
    /// A conference; 404 when there is none of this id.
    pub fn find(&self, id: &ConferenceId) -> ApiResult<Handle> {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        all.get(id)
            .cloned()
            .ok_or_else(|| ApiError::not_found(format!("there is no conference {id}")))
    }

    /// All of them, by id.
    pub fn all(&self) -> BTreeMap<ConferenceId, Handle> {
        self.all
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Adds one. Relays that stand at its sites are placed by [`App::place_relays`].
    pub fn add(&self, id: ConferenceId, handle: Handle) {
        self.all
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id, handle);
    }
}

#[cfg(test)]
impl App {
    /// A service that does not listen, on a log in `folder`.
    pub async fn for_a_test(folder: &std::path::Path, more: &str) -> Arc<Self> {
        let text = format!("[data]\ndir = \"data\"\n[http]\nlisten = \"127.0.0.1:0\"\n{more}");
        let file = folder.join("serve.toml").display().to_string();
        let config = crate::Config::from_toml(&text, &file).expect("a good configuration");
        let registry = telemetry::prometheus::Registry::new();
        let metrics = Metrics::register(&registry).expect("metrics");
        let stop = CancellationToken::new();
        let app = crate::orchestrator::open(&config, config.http.listen, metrics, stop).await;
        Arc::new(app.expect("it opens"))
    }
}
