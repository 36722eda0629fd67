//! Cross-origin requests (Fetch standard): the hall page comes from the orchestrator, its media from here.
//!
//! Any origin may ask: every request carries its own bearer token and no cookie, so an origin adds no right.

use super::refusal::Takes;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

const ALWAYS: [(HeaderName, &str); 2] = [
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    (
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        "Location, Link, ETag, Retry-After, Allow",
    ),
];

/// Browsers keep a preflight for at most two hours.
const PREFLIGHT: [(HeaderName, &str); 3] = [
    (
        header::ACCESS_CONTROL_ALLOW_METHODS,
        "POST, PATCH, DELETE, OPTIONS",
    ),
    (
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        "Authorization, Content-Type, If-Match",
    ),
    (header::ACCESS_CONTROL_MAX_AGE, "7200"),
];

/// Answers preflights, and lets pages of any origin read the other answers.
pub async fn allow_any_origin(request: Request, next: Next) -> Response {
    let preflight = request.method() == Method::OPTIONS;
    let takes = takes(request.uri().path());
    let mut response = if preflight {
        StatusCode::NO_CONTENT.into_response()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    let more: &[(HeaderName, &str)] = if preflight { &PREFLIGHT } else { &[] };
    for (name, value) in ALWAYS.iter().chain(more) {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if preflight {
        headers.insert(takes.header, HeaderValue::from_static(takes.media_type));
    }
    response
}

/// What the resource at this path takes (RFC 9725 §4.1 and §4.3).
fn takes(path: &str) -> Takes {
    match path.strip_prefix("/session/") {
        Some(rest) if rest.ends_with("/layer") => Takes::LAYER,
        Some(_) => Takes::FRAGMENT,
        None => Takes::OFFER,
    }
}
