//! Bringing a relay up, in order: disk, media, plan, HTTP, metrics, control link.

use crate::config::Config;
use crate::control::{About, ClientError, Control, Pin};
use crate::disk::{self, DiskError};
use crate::http::{self, Gateway, Reached};
use crate::identity::{self, Identity, IdentityError};
use crate::media::{self, MediaConfig, MediaError, MediaHandle};
use crate::metrics::{self, RelayMetrics};
use crate::plan::{Plan, PlanRefusal};
use crate::token::Tokens;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use telemetry::internal::{Internal, ListenError, Ready};
use telemetry::prometheus::{self, Registry};
use telemetry::public::{OpenError, Public};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// SSRC block of a relay that has no orchestrator to lease one from.
const STANDALONE_SSRC_BLOCK: u16 = 1;

/// How often sessions are compared with the legs there are, when nothing changes.
const TIDY_EVERY: Duration = Duration::from_secs(10);

/// Why a relay does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// `data.dir`.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Its key or certificate.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// `http.listen` or `tls`.
    #[error(transparent)]
    Public(#[from] OpenError),
    /// `media.listen`.
    #[error("media.listen: cannot listen on {address}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// `metrics.listen`.
    #[error(transparent)]
    Metrics(#[from] ListenError),
    /// A metric's name is taken.
    #[error(transparent)]
    Registry(#[from] prometheus::Error),
    /// `orchestrator.ca`.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The standalone plan.
    #[error(transparent)]
    Plan(#[from] PlanRefusal),
    /// The media thread ended at once.
    #[error(transparent)]
    Media(#[from] MediaError),
}

/// A relay.
pub struct Relay;

/// A relay that runs.
#[derive(Debug)]
pub struct Running {
    http: SocketAddr,
    media: SocketAddr,
    metrics: SocketAddr,
    tasks: JoinSet<()>,
}

impl Running {
    /// Where WHIP and WHEP listen.
    pub fn http_address(&self) -> SocketAddr {
        self.http
    }

    /// Where the media port is bound.
    pub fn media_address(&self) -> SocketAddr {
        self.media
    }

    /// Where `/metrics`, `/live` and `/ready` listen.
    pub fn metrics_address(&self) -> SocketAddr {
        self.metrics
    }

    /// Waits until everything has ended after the stop.
    pub async fn stopped(mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

/// What is decided before anything listens.
struct Parts {
    media: MediaHandle,
    certificate: media::MediaCertificate,
    tokens: Tokens,
    plan: Plan,
    control: Option<(Identity, Pin)>,
}

impl Relay {
    /// Starts a relay. With an orchestrator it follows the plan on disk until it hears a newer one.
    pub async fn start(config: Config, stop: CancellationToken) -> Result<Running, StartError> {
        disk::make_folder(&config.data.dir)?;
        let Parts {
            media,
            certificate,
            tokens,
            plan,
            control,
        } = Parts::prepare(&config)?;
        let public = Public::open(config.http.listen, config.tls.as_ref())?;
        let http_address = public.address();
        let registry = Registry::new();
        let metrics = RelayMetrics::register(&registry)?;
        telemetry::process::register(&registry)?;
        let ready = Ready::not_yet("no plan yet");
        let internal = Internal::new(registry, ready.clone())
            .before_scrape(metrics::refresher(metrics.clone(), media.clone()));
        let metrics_address = internal.start(config.metrics.listen, stop.clone()).await?;
        let candidates = candidates(&config, media.local_addr());
        let about = About {
            relay: config.id.clone(),
            certificate_fingerprint: certificate.fingerprint().to_string(),
            http_url: http_url(&config, http_address, &candidates),
            media_addresses: candidates.clone(),
        };
        let reached = Reached {
            candidates,
            fingerprint: certificate.fingerprint(),
            links: http::links(&config.ice_servers),
        };
        let gateway = Arc::new(Gateway::new(
            media.clone(),
            plan.clone(),
            tokens,
            metrics.clone(),
            reached,
        ));
        let mut tasks = JoinSet::new();
        tasks.spawn(watch_media(gateway.clone(), ready, stop.clone()));
        tasks.spawn(public.serve(http::router(gateway), stop.clone()));
        if let (Some((identity, pin)), Some(orchestrator)) = (control, config.orchestrator) {
            let client = crate::control::Client::new(&orchestrator)?;
            let join_key = orchestrator.join_key;
            let media = media.clone();
            let control = Control {
                about,
                identity,
                join_key,
                pin,
                plan,
                media,
                metrics,
                client,
            };
            tasks.spawn(control.run(stop));
        }
        let media = media.local_addr();
        tracing::info!(relay = %config.id, http = %http_address, %media, "relay {} is up", config.id);
        Ok(Running {
            http: http_address,
            media,
            metrics: metrics_address,
            tasks,
        })
    }
}

impl Parts {
    fn prepare(config: &Config) -> Result<Self, StartError> {
        let folder = &config.data.dir;
        let certificate = identity::certificate(folder)?;
        let media = media::start(MediaConfig {
            listen: config.media.listen,
            certificate: certificate.clone(),
            ssrc_block: STANDALONE_SSRC_BLOCK,
            legs_max: config.media.legs_max,
            workers: config.media.workers,
            pin_cores: config.media.pin_cores.clone(),
            burst: Duration::from_millis(config.media.burst_ms),
        })
        .map_err(|source| StartError::Listen {
            address: config.media.listen,
            source,
        })?;
        if let Some(standalone) = &config.standalone {
            let tokens = Tokens::written(&standalone.tokens);
            let plan = Plan::standalone(standalone, media.clone())?;
            return Ok(Self {
                media,
                certificate,
                tokens,
                plan,
                control: None,
            });
        }
        let tokens = Tokens::signed();
        // The lease first: the plan on disk makes streams at once.
        let pin = Pin::open(folder, tokens.clone(), media.clone())?;
        let plan = Plan::kept(folder, media.clone());
        let control = Some((Identity::open(folder)?, pin));
        Ok(Self {
            media,
            certificate,
            tokens,
            plan,
            control,
        })
    }
}

fn candidates(config: &Config, bound: SocketAddr) -> Vec<SocketAddr> {
    if config.media.advertise.is_empty() {
        return vec![bound];
    }
    config
        .media
        .advertise
        .iter()
        .map(|ip| SocketAddr::new(*ip, bound.port()))
        .collect()
}

/// Where the HTTP listener is reached. One on every address is reached at the best one of the media port: the
/// configuration has made sure that this is an address of this host.
fn http_url(config: &Config, bound: SocketAddr, candidates: &[SocketAddr]) -> String {
    if let Some(url) = &config.http.public_url {
        return url.as_str().trim_end_matches('/').to_owned();
    }
    let scheme = if config.tls.is_some() {
        "https"
    } else {
        "http"
    };
    let host = if bound.ip().is_unspecified() {
        candidates.first().map_or(bound.ip(), SocketAddr::ip)
    } else {
        bound.ip()
    };
    format!("{scheme}://{}", SocketAddr::new(host, bound.port()))
}

/// Keeps sessions and readiness true to what the media thread and the plan say; ends the process's work when
/// the media thread is gone, so that whoever supervises it starts it again.
async fn watch_media(gateway: Arc<Gateway>, ready: Ready, stop: CancellationToken) {
    let mut changed = gateway.media.changed();
    let mut plans = gateway.plan.changes();
    loop {
        if gateway.plan.now().is_some() {
            ready.set_ready();
        }
        gateway
            .sessions
            .forget_lost(&gateway.media.report(), Instant::now());
        tokio::select! {
            () = stop.cancelled() => break,
            change = changed.changed() => if change.is_err() {
                tracing::error!("the media thread has ended: stopping");
                stop.cancel();
                break;
            },
            _ = plans.changed() => {}
            () = tokio::time::sleep(TIDY_EVERY) => {}
        }
    }
    ready.set_not_ready("stopping");
    // Nothing to stop is as good as stopped.
    let _ = gateway.media.stop();
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What clients are told of a relay with these lines in its configuration, bound to ports 8443 and 5004.
    fn told(lines: &str, http: &str, media: &str) -> String {
        let toml = format!(
            "id = \"ward\"\ndata.dir = \"data\"\nmetrics.listen = \"127.0.0.1:0\"\nhttp.listen = \"{http}:8443\"\n\
             media.listen = \"{media}:5004\"\ntls.cert = \"cert.pem\"\ntls.key = \"key.pem\"\n{lines}\n\
             [standalone]\nsites = []\nprogram = []\n"
        );
        let config = Config::from_toml(&toml, "relay.toml").expect("good");
        let (http, media) = (config.http.listen, config.media.listen);
        http_url(&config, http, &candidates(&config, media))
    }

    #[test]
    fn clients_are_told_an_address_that_they_reach() {
        for (lines, http, media, url) in [
            ("", "0.0.0.0", "203.0.113.7", "https://203.0.113.7:8443"),
            ("", "[::]", "[2001:db8::7]", "https://[2001:db8::7]:8443"),
            ("", "192.0.2.1", "203.0.113.7", "https://192.0.2.1:8443"),
            (
                "media.advertise = [\"198.51.100.9\", \"203.0.113.7\"]",
                "0.0.0.0",
                "0.0.0.0",
                "https://198.51.100.9:8443",
            ),
            (
                "http.public_url = \"https://ward.example/\"",
                "0.0.0.0",
                "203.0.113.7",
                "https://ward.example",
            ),
        ] {
            assert_eq!(told(lines, http, media), url);
        }
    }
}
