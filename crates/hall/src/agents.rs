//! All halls of a process, and its internal listener.

use crate::api::Api;
use crate::backoff::chance;
use crate::config::Config;
use crate::hall::{Hall, Shared};
use crate::media::SocketDrops;
use crate::metrics::HallMetrics;
use crate::status::{HallStatus, Record};
use crate::tls::{TlsError, client_config};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use telemetry::internal::{Internal, ListenError, Ready};
use telemetry::prometheus;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Halls join spread over this time each: a DTLS handshake costs milliseconds, and half a hundred in
/// one instant would make all of them late.
const JOIN_SPREAD_PER_HALL: Duration = Duration::from_millis(20);

/// The agents could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Certificates.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The internal listener.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// A metric was refused.
    #[error("metrics")]
    Metrics(#[from] prometheus::Error),
}

/// The agents of one process.
#[derive(Debug)]
pub struct Agents;

/// Agents at work. Dropping it does not stop them; the token does.
#[derive(Debug)]
pub struct Running {
    records: Arc<[Arc<Record>]>,
    metrics: Option<SocketAddr>,
    tasks: JoinSet<()>,
}

impl Agents {
    /// Starts every hall of the configuration on the caller's runtime; they run until `stop`.
    pub async fn start(config: Config, stop: CancellationToken) -> Result<Running, StartError> {
        let tls = client_config(config.orchestrator.ca.as_deref())?;
        let api = Api::new(config.orchestrator.url.clone(), &tls)?;
        let shared = Shared {
            api,
            tls,
            drops: Arc::new(SocketDrops::default()),
        };
        let records: Arc<[Arc<Record>]> = config
            .halls
            .iter()
            .map(|seat| Arc::new(Record::new(seat.chair, seat.counts.is_some())))
            .collect();
        let metrics = match config.metrics {
            Some(metrics) => Some(listen(metrics.listen, &records, &stop).await?),
            None => None,
        };
        let mut tasks = JoinSet::new();
        let spread = JOIN_SPREAD_PER_HALL
            .saturating_mul(u32::try_from(config.halls.len()).unwrap_or(u32::MAX));
        for (seat, record) in config.halls.into_iter().zip(records.iter()) {
            // The chair first: a program that is there before the halls shows them a picture at once.
            let start_after = if seat.chair {
                Duration::ZERO
            } else {
                spread.mul_f64(chance())
            };
            let hall = Hall {
                seat,
                shared: shared.clone(),
                record: Arc::clone(record),
                start_after,
            };
            tasks.spawn(hall.run(stop.clone()));
        }
        Ok(Running {
            records,
            metrics,
            tasks,
        })
    }
}

impl Running {
    /// Every hall now, in the order of the configuration.
    pub fn halls(&self) -> Vec<HallStatus> {
        statuses(&self.records)
    }

    /// Bound address of the internal listener.
    pub fn metrics(&self) -> Option<SocketAddr> {
        self.metrics
    }

    /// Returns when every hall has taken its leave, a few seconds after the stop at most.
    pub async fn stopped(mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

fn statuses(records: &[Arc<Record>]) -> Vec<HallStatus> {
    records.iter().map(|record| record.status()).collect()
}

async fn listen(
    address: SocketAddr,
    records: &Arc<[Arc<Record>]>,
    stop: &CancellationToken,
) -> Result<SocketAddr, StartError> {
    let registry = prometheus::Registry::new();
    let metrics = HallMetrics::register(&registry)?;
    let ready = Ready::not_yet("starting");
    ready.set_ready();
    let (scraped, shown) = (Arc::clone(records), Arc::clone(records));
    let halls = axum::routing::get(async move || axum::Json(statuses(&shown)));
    let internal = Internal::new(registry, ready)
        .before_scrape(move || metrics.refresh(&statuses(&scraped)))
        .with_routes(axum::Router::new().route("/halls", halls));
    Ok(internal.start(address, stop.clone()).await?)
}
