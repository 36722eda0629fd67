//! The internal listener: `/metrics`, `/live` and `/ready`, apart from what the public reaches.
//!
//! **Invariant:** nothing here changes anything; whoever reaches this port can only look.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus::{Registry, TextEncoder};
use serde::Deserialize;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// `[metrics]`
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// Address and port of `/metrics`, `/live` and `/ready`; best on loopback, not for the public.
    pub listen: SocketAddr,
}

/// Whether the process can take work now. Clones share one state.
#[derive(Clone, Debug)]
pub struct Ready {
    /// Why not; `None` when ready.
    why_not: Arc<RwLock<Option<String>>>,
}

impl Ready {
    /// Not ready yet, for this reason.
    pub fn not_yet(reason: impl Into<String>) -> Self {
        Self {
            why_not: Arc::new(RwLock::new(Some(reason.into()))),
        }
    }

    /// From now on work is welcome.
    pub fn set_ready(&self) {
        *self.why_not.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// From now on work should go elsewhere, for this reason.
    pub fn set_not_ready(&self, reason: impl Into<String>) {
        *self.why_not.write().unwrap_or_else(PoisonError::into_inner) = Some(reason.into());
    }

    /// Why the process is not ready; `None` when it is.
    pub fn why_not(&self) -> Option<String> {
        self.why_not
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// The internal listener could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("metrics.listen: cannot listen on {listen}")]
pub struct ListenError {
    /// The address asked for.
    pub listen: SocketAddr,
    /// What the system says.
    pub source: std::io::Error,
}

/// What the listener will serve; [`Internal::start`] opens it.
pub struct Internal {
    scrape: Scrape,
    ready: Ready,
    more: Router,
}

#[derive(Clone)]
struct Scrape {
    registry: Registry,
    before: Arc<dyn Fn() + Send + Sync>,
}

impl Internal {
    /// `/metrics` of this registry, `/live`, and `/ready` of this state.
    pub fn new(registry: Registry, ready: Ready) -> Self {
        let before = Arc::new(|| {});
        Self {
            scrape: Scrape { registry, before },
            ready,
            more: Router::new(),
        }
    }

    /// Runs `refresh` before every scrape, to bring gauges up to date from a snapshot. It must not
    /// block.
    #[must_use]
    pub fn before_scrape(mut self, refresh: impl Fn() + Send + Sync + 'static) -> Self {
        self.scrape.before = Arc::new(refresh);
        self
    }

    /// Serves these routes too.
    #[must_use]
    pub fn with_routes(mut self, routes: Router) -> Self {
        self.more = self.more.merge(routes);
        self
    }

    /// The routes, without a listener.
    pub fn router(self) -> Router {
        Router::new()
            .route("/metrics", get(metrics).with_state(self.scrape))
            .route("/live", get(async || "live\n"))
            .route("/ready", get(ready).with_state(self.ready))
            .merge(self.more)
    }

    /// Opens the listener and serves until `stop`; answers with the bound address, which differs
    /// from `listen` when its port is 0.
    pub async fn start(
        self,
        listen: SocketAddr,
        stop: CancellationToken,
    ) -> Result<SocketAddr, ListenError> {
        let refused = |source| ListenError { listen, source };
        let listener = TcpListener::bind(listen).await.map_err(refused)?;
        let bound = listener.local_addr().map_err(refused)?;
        let router = self.router();
        tokio::spawn(async move {
            let serving = axum::serve(listener, router)
                .with_graceful_shutdown(stop.cancelled_owned())
                .await;
            if let Err(error) = serving {
                tracing::error!(%error, "internal listener ended: {error}");
            }
        });
        Ok(bound)
    }
}

async fn metrics(State(scrape): State<Scrape>) -> Response {
    (scrape.before)();
    match TextEncoder::new().encode_to_string(&scrape.registry.gather()) {
        Ok(text) => ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "metrics cannot be written: {error}");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

async fn ready(State(ready): State<Ready>) -> (StatusCode, String) {
    match ready.why_not() {
        None => (StatusCode::OK, "ready\n".to_owned()),
        Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use prometheus::IntGauge;
    use tower::ServiceExt;

    async fn ask(router: &Router, path: &str) -> (StatusCode, String) {
        let request = Request::get(path).body(Body::empty()).expect("a request");
        let answer = router.clone().oneshot(request).await.expect("infallible");
        let status = answer.status();
        let body = to_bytes(answer.into_body(), 1 << 20).await.expect("short");
        (status, String::from_utf8(body.to_vec()).expect("text"))
    }

    #[tokio::test]
    async fn readiness_says_why_not_and_live_does_not_care() {
        let ready = Ready::not_yet("no plan yet");
        let router = Internal::new(Registry::new(), ready.clone()).router();
        let refusal = (StatusCode::SERVICE_UNAVAILABLE, "no plan yet\n".to_owned());
        assert_eq!(ask(&router, "/ready").await, refusal);
        assert_eq!(ask(&router, "/live").await.0, StatusCode::OK);
        ready.set_ready();
        assert_eq!(ask(&router, "/ready").await.0, StatusCode::OK);
        ready.set_not_ready("draining");
        assert_eq!(ask(&router, "/ready").await.1, "draining\n");
    }

    #[tokio::test]
    async fn a_scrape_refreshes_first_and_extra_routes_are_served() {
        let registry = Registry::new();
        let legs = IntGauge::new("diemcau_legs", "Legs.").expect("a good name");
        registry.register(Box::new(legs.clone())).expect("fresh");
        let router = Internal::new(registry, Ready::not_yet("starting"))
            .before_scrape(move || legs.inc())
            .with_routes(Router::new().route("/halls", get(async || "[]")))
            .router();
        assert!(ask(&router, "/metrics").await.1.contains("diemcau_legs 1"));
        assert!(ask(&router, "/metrics").await.1.contains("diemcau_legs 2"));
        assert_eq!(ask(&router, "/halls").await.1, "[]");
        assert_eq!(ask(&router, "/admin").await.0, StatusCode::NOT_FOUND);
    }

    #[tokio::test]
    async fn port_zero_answers_with_the_bound_port_and_a_taken_port_is_named() {
        let stop = CancellationToken::new();
        let open = |listen| {
            Internal::new(Registry::new(), Ready::not_yet("starting")).start(listen, stop.clone())
        };
        let bound = open(([127, 0, 0, 1], 0).into()).await.expect("a free port");
        assert_ne!(bound.port(), 0);
        let error = open(bound).await.expect_err("taken");
        assert_eq!(
            error.to_string(),
            format!("metrics.listen: cannot listen on {bound}")
        );
        stop.cancel();
    }
}
