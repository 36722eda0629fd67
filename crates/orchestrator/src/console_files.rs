//! The console's files, and the page itself for the addresses it resolves.

use crate::problem::ApiError;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Answers what no route of the API does.
pub async fn serve(request: Request) -> Response {
    let path = request.uri().path();
    if path == "/api" || path.starts_with("/api/") {
        return ApiError::not_found("there is no such route; /api/docs lists those there are")
            .into_response();
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let detail = "the console's files are only read";
        let refusal = ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method", detail);
        return ([(header::ALLOW, "GET, HEAD")], refusal).into_response();
    }
    match find(path) {
        Some(file) => answer(&file, request.headers()),
        None => ApiError::not_found("there is no such page or file").into_response(),
    }
}

fn find(path: &str) -> Option<console::File> {
    console::file(path).or_else(|| is_page(path).then(console::index))
}

/// The app's own addresses: `/`, `/hall`, `/control`, and anything below the last two.
fn is_page(path: &str) -> bool {
    path == "/"
        || ["/hall", "/control"].iter().any(|page| {
            path.strip_prefix(page)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
}

fn answer(file: &console::File, asked: &HeaderMap) -> Response {
    let packed = file.gzip.filter(|_| takes_gzip(asked));
    let mut response = packed.unwrap_or(file.bytes).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(file.content_type),
    );
    let caching = if file.immutable {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    if file.gzip.is_some() {
        headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    }
    if packed.is_some() {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// Whether the caller takes gzip (RFC 9110 §12.5.3); `gzip;q=0` says no.
fn takes_gzip(asked: &HeaderMap) -> bool {
    let values = asked
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        name.trim().eq_ignore_ascii_case("gzip")
            && !matches!(weight.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_answers_for_its_own_addresses_only() {
        for path in ["/", "/hall", "/control", "/control/thanh-hoa"] {
            assert!(is_page(path), "{path}");
        }
        for path in ["/halls", "/controller", "/admin", "//", "/assets/x.js"] {
            assert!(!is_page(path), "{path}");
        }
    }

    #[test]
    fn gzip_goes_to_who_asks() {
        let asked = |value: &'static str| {
            takes_gzip(&HeaderMap::from_iter([(
                header::ACCEPT_ENCODING,
                HeaderValue::from_static(value),
            )]))
        };
        assert!(asked("gzip, deflate, br"));
        assert!(asked("br;q=1.0, gzip;q=0.8"));
        assert!(!asked("gzip;q=0"));
        assert!(!asked("br"));
        assert!(!takes_gzip(&HeaderMap::new()));
    }
}
