//! Refusals as answers: `application/problem+json` (RFC 9457).

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::Problem;

/// Clients that meet a full or starting relay come back after this, seconds.
const RETRY_AFTER_S: u32 = 5;

/// A media type that a route takes, and the header that announces it.
#[derive(Clone, Copy, Debug)]
pub struct Takes {
    /// The one media type.
    pub media_type: &'static str,
    /// `accept-post` or `accept-patch`.
    pub header: &'static str,
}

impl Takes {
    /// Offers.
    pub const OFFER: Self = Self {
        media_type: "application/sdp",
        header: "accept-post",
    };
    /// Pieces of ICE (RFC 8840 §9).
    pub const FRAGMENT: Self = Self {
        media_type: "application/trickle-ice-sdpfrag",
        header: "accept-patch",
    };
    /// The choice of a layer.
    pub const LAYER: Self = Self {
        media_type: "application/json",
        header: "accept-post",
    };
}

/// A request that is not served, and why.
#[derive(Debug)]
pub struct Refusal(Box<Inner>);

#[derive(Debug)]
struct Inner {
    status: StatusCode,
    kind: &'static str,
    title: &'static str,
    detail: String,
    hint: Option<&'static str>,
    header: Option<(HeaderName, HeaderValue)>,
}

impl Refusal {
    fn new(
        status: StatusCode,
        kind: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self(Box::new(Inner {
            status,
            kind,
            title,
            detail: detail.into(),
            hint: None,
            header: None,
        }))
    }

    /// 400: the body is no offer the relay can answer.
    pub fn bad_offer(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "bad_offer",
            "The SDP offer is refused",
            detail,
        )
    }

    /// 400: the body did not arrive.
    pub fn body_lost(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "body_lost",
            "The body did not arrive whole",
            detail,
        )
    }

    /// 401, with the scheme expected (RFC 6750 §3).
    pub fn unauthorized(kind: &'static str, detail: impl Into<String>) -> Self {
        let mut refusal = Self::new(
            StatusCode::UNAUTHORIZED,
            kind,
            "A valid token is needed",
            detail,
        );
        refusal.0.hint = Some(
            "Send Authorization: Bearer with the token of the join answer; join again when it has expired.",
        );
        refusal.0.header = Some((
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer realm=\"diemcau\""),
        ));
        refusal
    }

    /// 403: the token is good, for something else.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "other_scope",
            "This token does not allow that",
            detail,
        )
    }

    /// 404.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "Nothing is here",
            detail,
        )
    }

    /// 405 with the methods that do exist (RFC 9110 §15.5.6).
    pub fn method(allow: &'static str, hint: &'static str) -> Self {
        let detail = format!("allowed here: {allow}");
        let mut refusal = Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "Not this method",
            detail,
        );
        refusal.0.hint = Some(hint);
        refusal.0.header = Some((header::ALLOW, HeaderValue::from_static(allow)));
        refusal
    }

    /// 413.
    pub fn too_large(bytes_max: usize) -> Self {
        let detail = format!("a body here has at most {bytes_max} bytes");
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_large",
            "The body is too large",
            detail,
        )
    }

    /// 415, with what is taken under the header that says so for this method (RFC 9725 §4.2 and §4.3).
    pub fn media_type(found: &str, expected: Takes) -> Self {
        let Takes { media_type, header } = expected;
        let detail = format!("found Content-Type {found:?}, expected {media_type}");
        let mut refusal = Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "media_type",
            "Not a media type taken here",
            detail,
        );
        refusal.0.header = Some((
            HeaderName::from_static(header),
            HeaderValue::from_static(media_type),
        ));
        refusal
    }

    /// 400: an SDP fragment of ICE.
    pub fn bad_fragment(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "bad_fragment",
            "The SDP fragment is refused",
            detail,
        )
    }

    /// 400: a layer that there is none of.
    pub fn bad_layer(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "bad_layer",
            "Not a layer that can be chosen",
            detail,
        )
    }

    /// 412: the ICE session that is meant has been followed by another.
    pub fn other_ice_session() -> Self {
        Self::new(
            StatusCode::PRECONDITION_FAILED,
            "other_ice_session",
            "Another ICE session is running",
            "If-Match names an ICE session that has been restarted since",
        )
    }

    /// 428: a `PATCH` says which ICE session it means (RFC 9725 §4.3.1).
    pub fn if_match_missing() -> Self {
        let mut refusal = Self::new(
            StatusCode::PRECONDITION_REQUIRED,
            "if_match_missing",
            "Say which ICE session is meant",
            "no If-Match header",
        );
        refusal.0.hint = Some("Send If-Match with the ETag of the session, or * to restart ICE.");
        refusal
    }

    /// 429: one client asks for sessions, or for changes of them, faster than any person or agent would.
    pub fn flooded(what: &str) -> Self {
        let detail = format!("too many {what} with this token in a short time");
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "flooded",
            "Slow down",
            detail,
        )
        .retry_later()
    }

    /// 503: full, or not ready yet.
    pub fn unavailable(kind: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, kind, "Not now", detail).retry_later()
    }

    fn retry_later(mut self) -> Self {
        self.0.header = Some((header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S)));
        self
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self(refusal) = self;
        let problem = Problem {
            kind: refusal.kind.to_owned(),
            title: refusal.title.to_owned(),
            status: refusal.status.as_u16(),
            detail: refusal.detail,
            hint: refusal.hint.map(str::to_owned),
            fields: Vec::new(),
        };
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let mut response = (
            refusal.status,
            [(header::CONTENT_TYPE, "application/problem+json")],
            body,
        )
            .into_response();
        if let Some((name, value)) = refusal.header {
            response.headers_mut().insert(name, value);
        }
        response
    }
}
