//! WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep-04) in front of the media thread.
//!
//! | route | who may | what |
//! |---|---|---|
//! | `POST /whip/{site}` | the hall | publish |
//! | `POST /whep/{site}` | the hall | watch program and floor |
//! | `POST /whep/{site}/return` | who holds a `watch_site` token | watch that hall's own feed |
//! | `POST /whep/program` | who holds a `watch_program` token | watch the program |
//! | `PATCH /session/{id}` | who made it | trickle candidates, restart ICE |
//! | `POST /session/{id}/layer` | who made it | choose how good a picture is sent |
//! | `DELETE /session/{id}` | who made it | end |
//!
//! Refusals come in this order: at an endpoint 405, 401, 429, 403, 404, 415, 413, 400, 503; at a session 405, 401,
//! 404, 403, 429, 415, 428, 413, 400, 412, 429 once more for a restart of ICE, 503.

mod body;
mod cors;
mod flood;
pub(crate) mod fuzzing;
mod layer;
mod open;
mod refusal;
mod session;
mod sessions;

pub use open::role_name;
pub use refusal::Refusal;
pub use sessions::Sessions;

use flood::Flood;

use crate::config::IceServer;
use crate::media::{Fingerprint, MediaHandle};
use crate::metrics::RelayMetrics;
use crate::plan::Plan;
use crate::token::{Grant, TokenRefusal, Tokens};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{MethodRouter, delete, post};
use std::net::SocketAddr;
use std::sync::Arc;

/// What the handlers work with.
pub struct Gateway {
    /// Where legs are opened.
    pub media: MediaHandle,
    /// Says which sites may attach.
    pub plan: Plan,
    /// Sessions there are.
    pub sessions: Sessions,
    tokens: Tokens,
    metrics: RelayMetrics,
    openings: Flood,
    changes: Flood,
    candidates: Vec<SocketAddr>,
    fingerprint: Fingerprint,
    links: Vec<HeaderValue>,
}

impl Gateway {
    /// In front of this media thread. `candidates` are the advertised addresses of its port, `fingerprint` that
    /// of its certificate, `links` the `Link` headers of every 201.
    pub fn new(
        media: MediaHandle,
        plan: Plan,
        tokens: Tokens,
        metrics: RelayMetrics,
        reached: Reached,
    ) -> Self {
        let Reached {
            candidates,
            fingerprint,
            links,
        } = reached;
        Self {
            media,
            plan,
            sessions: Sessions::default(),
            tokens,
            metrics,
            openings: Flood::of_sessions(),
            changes: Flood::of_changes(),
            candidates,
            fingerprint,
            links,
        }
    }
}

/// What answers say about reaching the relay.
pub struct Reached {
    /// Every advertised address of the media port, the best first.
    pub candidates: Vec<SocketAddr>,
    /// Of the DTLS certificate.
    pub fingerprint: Fingerprint,
    /// `Link` headers of every 201.
    pub links: Vec<HeaderValue>,
}

/// The routes.
pub fn router(gateway: Arc<Gateway>) -> Router {
    Router::new()
        .route("/whip/{site}", endpoint(post(open::publish)))
        .route("/whep/program", endpoint(post(open::watch_program)))
        .route("/whep/{site}", endpoint(post(open::watch)))
        .route("/whep/{site}/return", endpoint(post(open::watch_return)))
        .route(
            "/session/{id}",
            delete(session::end)
                .patch(session::patch)
                .fallback(not_a_session_method),
        )
        .route(
            "/session/{id}/layer",
            post(layer::choose).fallback(not_a_layer_method),
        )
        .fallback(nowhere)
        .layer(middleware::from_fn_with_state(
            gateway.clone(),
            count_refusals,
        ))
        .layer(middleware::from_fn(cors::allow_any_origin))
        .with_state(gateway)
}

fn endpoint(route: MethodRouter<Arc<Gateway>>) -> MethodRouter<Arc<Gateway>> {
    route.fallback(not_an_endpoint_method)
}

async fn not_an_endpoint_method() -> Refusal {
    Refusal::method("POST, OPTIONS", "POST an SDP offer here.")
}

async fn not_a_session_method() -> Refusal {
    Refusal::method(
        "DELETE, PATCH, OPTIONS",
        "DELETE ends a session, PATCH with an SDP fragment restarts its ICE.",
    )
}

async fn not_a_layer_method() -> Refusal {
    Refusal::method("POST, OPTIONS", "POST {\"layer\": \"low\"} here.")
}

async fn nowhere() -> Refusal {
    Refusal::not_found(
        "this relay serves /whip/{site}, /whep/{site}, /whep/{site}/return, /whep/program, /session/{id} and /session/{id}/layer",
    )
}

async fn count_refusals(
    State(gateway): State<Arc<Gateway>>,
    request: Request,
    next: Next,
) -> Response {
    let response = next.run(request).await;
    let status = response.status();
    if status.is_client_error() || status.is_server_error() {
        gateway
            .metrics
            .http_refusals
            .with_label_values(&[status.as_str()])
            .inc();
    }
    response
}

impl Gateway {
    fn grant(&self, headers: &HeaderMap) -> Result<Grant, Refusal> {
        self.tokens
            .check(authorization(headers))
            .map_err(refuse_token)
    }
}

fn authorization(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()
}

fn refuse_token(refusal: TokenRefusal) -> Refusal {
    let kind = match refusal {
        TokenRefusal::Missing => "token_missing",
        TokenRefusal::Expired => "token_expired",
        TokenRefusal::Unknown => "token_unknown",
        TokenRefusal::NoKeyYet => {
            return Refusal::unavailable("not_registered", refusal.to_string());
        }
    };
    Refusal::unauthorized(kind, refusal.to_string())
}

/// `Link` headers for these servers (RFC 9725 §4.6). The configuration has checked that they fit a header.
pub fn links(servers: &[IceServer]) -> Vec<HeaderValue> {
    let link = |server: &IceServer| {
        let login = match (&server.username, &server.credential) {
            (Some(username), Some(credential)) => format!(
                "; username=\"{username}\"; credential=\"{}\"; credential-type=\"password\"",
                credential.reveal()
            ),
            _ => String::new(),
        };
        HeaderValue::from_str(&format!("<{}>; rel=\"ice-server\"{login}", server.url)).ok()
    };
    servers.iter().filter_map(link).collect()
}
