//! Start and stop of the service, in order.

use crate::app::{App, Conferences, Limits};
use crate::auth::accounts::Accounts;
use crate::auth::installation::Installation;
use crate::auth::join_codes::JoinCodes;
use crate::auth::password::SIGN_INS_AT_ONCE_MAX;
use crate::auth::tokens::Tokens;
use crate::config::Config;
use crate::journal::JournalError;
use crate::log::{self, Log, LogError};
use crate::metrics::Metrics;
use crate::relays::Registry;
use crate::vault::VaultError;
use crate::{bring_up, router};
use protocol::ConferenceId;
use std::fs::DirBuilder;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use telemetry::internal::{Internal, ListenError, Ready};
use telemetry::prometheus::{self, Registry as MetricsRegistry};
use telemetry::public::{OpenError, Public};
use tokio::sync::{Mutex, Semaphore};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use url::Url;

/// The log, in the data folder.
pub const LOG_FILE: &str = "log.db";
/// Gives the first user's password; without it a random one is made and printed once.
pub const PASSWORD_VARIABLE: &str = "DIEMCAU_ADMIN_PASSWORD";
/// The folder holds secrets: nobody else reads it.
const PRIVATE: u32 = 0o700;

/// Why the service did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder or a file in it.
    #[error("data folder {folder}")]
    Data {
        /// Which.
        folder: String,
        /// Why.
        source: std::io::Error,
    },
    /// The log.
    #[error("the log cannot be opened")]
    Log(#[from] LogError),
    /// Keys, users and sessions.
    #[error("secrets in the log's vault")]
    Vault(#[from] VaultError),
    /// A conference's stream.
    #[error("conference {conference} cannot be read from the log")]
    Conference {
        /// Which.
        conference: String,
        /// Why.
        source: JournalError,
    },
    /// A list of sites named in the configuration.
    #[error("sites of conference {conference} ({file}): {reason}")]
    Sites {
        /// Which conference.
        conference: ConferenceId,
        /// Its file.
        file: String,
        /// Every fault.
        reason: String,
    },
    /// The public listener, or its certificate.
    #[error(transparent)]
    Public(#[from] OpenError),
    /// The internal listener.
    #[error(transparent)]
    Internal(#[from] ListenError),
    /// A metric declared twice.
    #[error("metrics")]
    Metrics(#[from] prometheus::Error),
}

/// The service, before it runs.
pub struct Orchestrator;

/// The running service.
pub struct Running {
    http: SocketAddr,
    metrics: Option<SocketAddr>,
    serving: JoinHandle<()>,
}

impl Orchestrator {
    /// Opens the log, brings every conference back, imports what the configuration names, listens.
    pub async fn start(config: Config, stop: CancellationToken) -> Result<Running, StartError> {
        let registry = MetricsRegistry::new();
        let metrics = Metrics::register(&registry)?;
        telemetry::process::register(&registry)?;
        let ready = Ready::not_yet("starting");
        let public = Public::open(config.http.listen, config.tls.as_ref())?;
        let http = public.address();

        let app = Arc::new(open(&config, http, metrics, stop.clone()).await?);
        bring_up::resume_conferences(&app).await?;
        bring_up::import_conferences(&app, &config.conferences).await?;
        app.place_relays().await;

        let serving = tokio::spawn(public.serve(router::service(&app), stop.clone()));
        let metrics = match &config.metrics {
            None => None,
            Some(internal) => {
                let seen = Arc::clone(&app);
                let refresh = move || seen.metrics.show_log(&seen.log.stats());
                let internal_listener =
                    Internal::new(registry, ready.clone()).before_scrape(refresh);
                Some(
                    internal_listener
                        .start(internal.listen, stop.clone())
                        .await?,
                )
            }
        };
        ready.set_ready();
        tracing::info!(%http, url = %app.public_url, "the orchestrator is up");
        tokio::spawn(async move {
            stop.cancelled().await;
            ready.set_not_ready("stopping");
        });
        Ok(Running {
            http,
            metrics,
            serving,
        })
    }
}

impl Running {
    /// Where the API and the console are served.
    pub fn http_address(&self) -> SocketAddr {
        self.http
    }

    /// Where metrics are served, when they are.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics
    }

    /// Waits for the end, which the stop token given at the start begins.
    pub async fn stopped(self) {
        if let Err(error) = self.serving.await {
            tracing::error!(%error, "the public listener ended badly: {error}");
        }
    }
}

/// Everything but the listeners.
pub(crate) async fn open(
    config: &Config,
    http: SocketAddr,
    metrics: Metrics,
    stop: CancellationToken,
) -> Result<App, StartError> {
    let data = &config.data.dir;
    let faulty = |source| StartError::Data {
        folder: data.display().to_string(),
        source,
    };
    DirBuilder::new()
        .recursive(true)
        .mode(PRIVATE)
        .create(data)
        .map_err(faulty)?;
    let log = Log::open(&data.join(LOG_FILE))?;
    check_chains(data, &metrics).await;
    let keys = Arc::new(Installation::load(&log).await?);
    let accounts = Accounts::load(&log).await?;
    bring_up::make_users(&accounts, &config.users).await?;
    bring_up::make_first_user(&accounts).await?;
    let is_tls = config.tls.is_some();
    Ok(App {
        tokens: Tokens::new(&keys),
        keys,
        accounts,
        join_codes: JoinCodes::default(),
        limits: Limits::default(),
        sign_ins: Arc::new(Semaphore::new(SIGN_INS_AT_ONCE_MAX)),
        conferences: Conferences::default(),
        importing: Mutex::default(),
        relays: Registry::load(log.clone(), config.relays.clone()).await?,
        log,
        metrics,
        public_url: config
            .http
            .public_url
            .clone()
            .unwrap_or_else(|| own_url(is_tls, http)),
        is_tls,
        stop,
    })
}

/// A conference is not held up by a log that somebody changed; everybody is told.
async fn check_chains(data: &Path, metrics: &Metrics) {
    let path = data.join(LOG_FILE);
    let report = tokio::task::spawn_blocking(move || log::verify(&path)).await;
    match report {
        Ok(Ok(report)) if report.holds() => {}
        Ok(Ok(report)) => {
            metrics.log_broken.set(1);
            tracing::error!("a hash chain of the log is broken:\n{report}");
        }
        Ok(Err(error)) => tracing::error!(%error, "the log cannot be verified: {error}"),
        Err(error) => tracing::error!(%error, "the log cannot be verified: {error}"),
    }
}

fn own_url(is_tls: bool, http: SocketAddr) -> Url {
    let scheme = if is_tls { "https" } else { "http" };
    Url::parse(&format!("{scheme}://{http}")).expect("an address makes a URL")
}
