//! Refusals as answers: every error of the API is `application/problem+json` (RFC 9457).

use axum::extract::rejection::{BytesRejection, JsonRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::{FieldProblem, Problem};
use std::time::Duration;

/// An error answer on its way to the caller.
#[derive(Clone, Debug)]
pub struct ApiError {
    problem: Box<Problem>,
    retry_after: Option<Duration>,
}

/// What a handler answers.
pub type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    /// A refusal with its stable name and what was wrong.
    pub fn new(status: StatusCode, kind: &str, detail: impl Into<String>) -> Self {
        let problem = Problem {
            kind: kind.to_owned(),
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            hint: None,
            fields: Vec::new(),
        };
        Self {
            problem: Box::new(problem),
            retry_after: None,
        }
    }

    /// 401: no credential, or one that does not count.
    pub fn unauthorized(kind: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, kind, detail)
    }

    /// 403: a good credential for something else.
    pub fn forbidden(kind: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, kind, detail)
    }

    /// 404: no such thing.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    /// 503: the service cannot answer now; trying again later may help.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
            .retry_after(Duration::from_secs(1))
    }

    /// 500: a fault on this side. The cause goes to the log, never to the caller.
    pub fn fault(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(%cause, "a request met a fault: {cause}");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "fault",
            "the service met a fault; its log says which",
        )
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.problem.hint = Some(hint.into());
        self
    }

    /// Adds every faulty place.
    #[must_use]
    pub fn fields(mut self, fields: Vec<FieldProblem>) -> Self {
        self.problem.fields = fields;
        self
    }

    /// The refusal for a terminal: what was wrong, then every faulty place on a line of its own.
    pub fn in_lines(&self) -> String {
        let place = |field: &FieldProblem| {
            let line = field
                .line
                .map_or_else(String::new, |line| format!("line {line}, "));
            format!(
                "  {line}{}: found {}, expected {}",
                field.column, field.found, field.expected
            )
        };
        let places = self.problem.fields.iter().map(place);
        std::iter::once(self.problem.detail.clone())
            .chain(places)
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// Adds when to try again (RFC 9110 §10.2.3).
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status =
            StatusCode::from_u16(self.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&*self.problem).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(after) = self.retry_after {
            headers.insert(
                header::RETRY_AFTER,
                HeaderValue::from(after.as_secs().max(1)),
            );
        }
        response
    }
}

impl From<JsonRejection> for ApiError {
    fn from(rejection: JsonRejection) -> Self {
        let kind = match &rejection {
            JsonRejection::MissingJsonContentType(_) => "media_type",
            JsonRejection::JsonSyntaxError(_) => "json_syntax",
            JsonRejection::JsonDataError(_) => "json_data",
            _ if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => "too_large",
            _ => "body",
        };
        Self::new(rejection.status(), kind, printable(&rejection.body_text()))
    }
}

impl From<BytesRejection> for ApiError {
    fn from(rejection: BytesRejection) -> Self {
        let too_large = rejection.status() == StatusCode::PAYLOAD_TOO_LARGE;
        let kind = if too_large { "too_large" } else { "body" };
        Self::new(rejection.status(), kind, printable(&rejection.body_text()))
    }
}

impl From<QueryRejection> for ApiError {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(
            rejection.status(),
            "query",
            printable(&rejection.body_text()),
        )
    }
}

/// What a caller sent may come back in a message: shortened, control characters escaped.
pub fn printable(text: &str) -> String {
    const LENGTH_MAX: usize = 300;
    text.chars()
        .take(LENGTH_MAX)
        .flat_map(|c| {
            if c.is_control() {
                c.escape_default().collect()
            } else {
                vec![c]
            }
        })
        .collect()
}
