//! Start and stop of the service, in order.

use crate::app::{App, Conferences, Limits};
use crate::auth::accounts::Accounts;
use crate::auth::installation::Installation;
use crate::auth::join_codes::JoinCodes;
use crate::auth::password::SIGN_INS_AT_ONCE_MAX;
use crate::auth::tokens::Tokens;
use crate::auth::{base64url, random};
use crate::config::{self, Config};
use crate::import::SiteList;
use crate::journal::JournalError;
use crate::log::{self, Log, LogError};
use crate::metrics::Metrics;
use crate::relays::Registry;
use crate::vault::VaultError;
use crate::{import, router, tls};
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use conference::Actor;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use protocol::{ConferenceId, Role};
use std::fs::DirBuilder;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use telemetry::internal::{Internal, ListenError, Ready};
use telemetry::prometheus::{self, Registry as MetricsRegistry};
use tokio::sync::{Mutex, Semaphore};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use url::Url;

/// The log, in the data folder.
pub const LOG_FILE: &str = "log.db";
/// Gives the first user's password; without it a random one is made and printed once.
pub const PASSWORD_VARIABLE: &str = "DIEMCAU_ADMIN_PASSWORD";
const FIRST_USER: &str = "admin";
/// The folder holds secrets: nobody else reads it.
const PRIVATE: u32 = 0o700;
/// Requests under way may take so long to end; web sockets end at once.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(5);

/// A request's head is a few KiB; who needs longer for it is not sending one.
const HEADER_TIME_MAX: Duration = Duration::from_secs(10);

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
    /// Certificate or key.
    #[error(transparent)]
    Tls(#[from] tls::TlsError),
    /// The public listener.
    #[error("http.listen: cannot listen on {listen}")]
    Listen {
        /// The address asked for.
        listen: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
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
        let listener = listen(config.http.listen)?;
        let http = listener.local_addr().map_err(|source| StartError::Listen {
            listen: config.http.listen,
            source,
        })?;

        let app = Arc::new(open(&config, http, metrics, stop.clone()).await?);
        resume_conferences(&app).await?;
        import_conferences(&app, &config.conferences).await?;

        let serving = serve(&app, listener, config.tls.as_ref())?;
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

fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    let refused = |source| StartError::Listen {
        listen: address,
        source,
    };
    let listener = TcpListener::bind(address).map_err(refused)?;
    listener.set_nonblocking(true).map_err(refused)?;
    Ok(listener)
}

async fn open(
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
    make_users(&accounts, &config.users).await?;
    make_first_user(&accounts).await?;
    let is_tls = config.tls.is_some();
    Ok(App {
        tokens: Tokens::new(&keys),
        keys,
        accounts,
        join_codes: JoinCodes::default(),
        limits: Limits::default(),
        sign_ins: Semaphore::new(SIGN_INS_AT_ONCE_MAX),
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

/// Users of the configuration, where they are new or changed.
async fn make_users(accounts: &Accounts, users: &[config::User]) -> Result<(), VaultError> {
    for user in users {
        let known = accounts.check(&user.name, &user.password);
        if known.is_none_or(|known| known.role != user.role) {
            accounts
                .put_user(&user.name, user.role, &user.password)
                .await?;
        }
    }
    Ok(())
}

async fn make_first_user(accounts: &Accounts) -> Result<(), VaultError> {
    let given = std::env::var(PASSWORD_VARIABLE)
        .ok()
        .filter(|password| !password.is_empty());
    if accounts.has_user(FIRST_USER) {
        return Ok(());
    }
    let password = given.clone().unwrap_or_else(|| base64url(&random::<12>()));
    accounts
        .put_user(FIRST_USER, Role::Operator, &password)
        .await?;
    if given.is_none() {
        // To the terminal and not to the log lines: those are collected and kept.
        eprintln!(
            "first start: sign in as {FIRST_USER} with password {password} (printed this once)"
        );
    }
    Ok(())
}

async fn resume_conferences(app: &Arc<App>) -> Result<(), StartError> {
    for (stream, _) in app.log.streams().await? {
        let Some(id) = stream
            .conference_id()
            .and_then(|id| id.parse::<ConferenceId>().ok())
        else {
            continue;
        };
        let conference = id.to_string();
        import::resume(app, id)
            .await
            .map_err(|source| StartError::Conference { conference, source })?;
    }
    Ok(())
}

async fn import_conferences(
    app: &Arc<App>,
    named: &[config::Conference],
) -> Result<(), StartError> {
    for conference in named {
        if app.conferences.find(&conference.id).is_ok() {
            continue;
        }
        let faulty = |reason: String| StartError::Sites {
            conference: conference.id.clone(),
            file: conference.sites.display().to_string(),
            reason,
        };
        let list = read_list(&conference.sites).map_err(|error| faulty(error.to_string()))?;
        let (id, title, chair) = (
            conference.id.clone(),
            conference.title.clone(),
            conference.chair.clone(),
        );
        let imported = import::import(app, Actor::System, id, title, chair, list).await;
        imported.map_err(|refusal| faulty(refusal.in_lines()))?;
    }
    Ok(())
}

fn read_list(file: &Path) -> std::io::Result<SiteList> {
    if file
        .extension()
        .is_some_and(|extension| extension == "toml")
    {
        return Ok(SiteList::Toml(std::fs::read_to_string(file)?));
    }
    Ok(SiteList::Csv(std::fs::read(file)?.into()))
}

fn serve(
    app: &Arc<App>,
    listener: TcpListener,
    tls: Option<&config::Tls>,
) -> Result<JoinHandle<()>, StartError> {
    let service = router::service(app).into_make_service_with_connect_info::<SocketAddr>();
    let handle = Handle::new();
    tokio::spawn(stop_gracefully(app.stop.clone(), handle.clone()));
    let listen = listener
        .local_addr()
        .unwrap_or_else(|_| SocketAddr::from(([0, 0, 0, 0], 0)));
    let refused = |source| StartError::Listen { listen, source };
    Ok(match tls {
        None => {
            let mut server = axum_server::from_tcp(listener)
                .map_err(refused)?
                .handle(handle);
            patience(server.http_builder());
            tokio::spawn(async move { report(server.serve(service).await) })
        }
        Some(files) => {
            let live = RustlsConfig::from_config(Arc::new(tls::load(files)?));
            tokio::spawn(tls::reload_on_change(
                files.clone(),
                live.clone(),
                app.stop.clone(),
            ));
            let mut server = axum_server::from_tcp_rustls(listener, live)
                .map_err(refused)?
                .handle(handle);
            patience(server.http_builder());
            tokio::spawn(async move { report(server.serve(service).await) })
        }
    })
}

/// A client that opens a connection and says nothing does not keep it.
fn patience(http: &mut Builder<TokioExecutor>) {
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME_MAX);
    http.http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(HEADER_TIME_MAX)
        .keep_alive_timeout(HEADER_TIME_MAX);
}

async fn stop_gracefully(stop: CancellationToken, handle: Handle<SocketAddr>) {
    stop.cancelled().await;
    handle.graceful_shutdown(Some(DRAIN_TIME_MAX));
}

fn report(ended: std::io::Result<()>) {
    if let Err(error) = ended {
        tracing::error!(%error, "the public listener ended: {error}");
    }
}
