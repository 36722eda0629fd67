//! WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep-04) in front of the media thread.
//!
//! | route | who may | what |
//! |---|---|---|
//! | `POST /whip/{site}` | the hall | publish |
//! | `POST /whep/{site}` | the hall | watch program and floor |
//! | `POST /whep/{site}/return` | who holds a `watch_site` token | watch that hall's own feed |
//! | `POST /whep/program` | who holds a `watch_program` token | watch the program |
//! | `DELETE /session/{id}` | who made it | end |
//!
//! Candidates are complete in the answer, so there is no trickle and no ICE restart: `PATCH` is 405.
//! Refusals come in this order: 405, 401, 429, 403, 404, 415, 413, 400, 503.

mod cors;
mod flood;
mod open;
mod refusal;
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
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
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
    flood: Flood,
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
        let (sessions, flood) = (Sessions::default(), Flood::default());
        Self {
            media,
            plan,
            sessions,
            tokens,
            metrics,
            flood,
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
        .route("/session/{id}", delete(end).fallback(not_a_session_method))
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
        "DELETE, OPTIONS",
        "Candidates are complete in the answer: neither trickle nor ICE restart by PATCH; open a new session instead.",
    )
}

async fn nowhere() -> Refusal {
    Refusal::not_found(
        "this relay serves /whip/{site}, /whep/{site}, /whep/{site}/return, /whep/program and /session/{id}",
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

async fn end(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    id: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Refusal> {
    let grant = gateway
        .tokens
        .check_maker(authorization(&headers))
        .map_err(refuse_token)?;
    let unknown = || Refusal::not_found("no such session; it may have ended");
    let Path(id) = id.map_err(|_| unknown())?;
    let session = gateway.sessions.get(&id).ok_or_else(unknown)?;
    if session.owner != grant {
        return Err(Refusal::forbidden(
            "only the token that made a session ends it",
        ));
    }
    gateway
        .media
        .close_leg(session.leg)
        .map_err(|error| Refusal::unavailable("media_busy", error.to_string()))?;
    gateway.sessions.remove(&id);
    Ok(StatusCode::OK)
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
