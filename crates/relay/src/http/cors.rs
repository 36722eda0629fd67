//! Cross-origin requests (Fetch standard): the hall page comes from the orchestrator, its media from here.
//!
//! Any origin may ask: every request carries its own bearer token and no cookie, so an origin adds no right.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

const ALWAYS: [(HeaderName, &str); 2] = [
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    (
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        "Location, Link, Retry-After, Allow",
    ),
];

/// The second header is RFC 9725 §4.1: what a POST takes. Browsers keep a preflight for at most two hours.
const PREFLIGHT: [(HeaderName, &str); 4] = [
    (
        header::ACCESS_CONTROL_ALLOW_METHODS,
        "POST, DELETE, OPTIONS",
    ),
    (HeaderName::from_static("accept-post"), "application/sdp"),
    (
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        "Authorization, Content-Type",
    ),
    (header::ACCESS_CONTROL_MAX_AGE, "7200"),
];

/// Answers preflights, and lets pages of any origin read the other answers.
pub async fn allow_any_origin(request: Request, next: Next) -> Response {
    let preflight = request.method() == Method::OPTIONS;
    let mut response = if preflight {
        StatusCode::NO_CONTENT.into_response()
    } else {
        next.run(request).await
    };
    let more: &[(HeaderName, &str)] = if preflight { &PREFLIGHT } else { &[] };
    for (name, value) in ALWAYS.iter().chain(more) {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}
