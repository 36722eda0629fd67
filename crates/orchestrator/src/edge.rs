//! What surrounds every answer: limits, time-outs, the origin check, security headers.

use crate::app::App;
use crate::auth::origin;
use crate::problem::ApiError;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use std::time::Duration;

/// A JSON body is at most this long; the largest honest one is a relay's registration, under 2 KiB.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// A request that has not been answered by then never will be; web sockets answer at once and stay.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(30);

/// Surrounds the routes.
pub fn around(app: &Arc<App>, routes: Router) -> Router {
    routes
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn_with_state(
            Arc::clone(app),
            only_our_pages,
        ))
        .layer(middleware::from_fn(in_time))
        .layer(middleware::from_fn_with_state(
            Arc::clone(app),
            security_headers,
        ))
}

async fn method_not_allowed(method: Method) -> ApiError {
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method",
        format!("this address does not take {method}"),
    )
}

async fn only_our_pages(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let opens_socket = request.headers().contains_key(header::SEC_WEBSOCKET_KEY);
    let acts = opens_socket
        || !matches!(
            *request.method(),
            Method::GET | Method::HEAD | Method::OPTIONS
        );
    if acts && !origin::is_ours(request.headers(), request.uri(), Some(&app.public_url)) {
        let refusal = ApiError::forbidden("origin", "the request comes from another site's page");
        return refusal.into_response();
    }
    next.run(request).await
}

async fn in_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(REQUEST_TIME_MAX, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::new(
            StatusCode::REQUEST_TIMEOUT,
            "timeout",
            "the request took longer than 30 s",
        )
        .into_response(),
    }
}

async fn security_headers(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let is_docs = request.uri().path().starts_with("/api/docs");
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let policy = if is_docs {
        DOCS_POLICY
    } else {
        console::CONTENT_SECURITY_POLICY
    };
    for (name, value) in HEADERS
        .into_iter()
        .chain([(header::CONTENT_SECURITY_POLICY, policy)])
    {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    if app.is_tls {
        headers.insert(
            header::STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static("max-age=31536000"),
        );
    }
    response
}

/// Swagger UI styles its elements in place and draws its icons from `data:` addresses.
const DOCS_POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     object-src 'none'; base-uri 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(self), microphone=(self), geolocation=()",
    ),
];
