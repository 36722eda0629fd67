//! Requests from other people's pages: a browser says where a page comes from, and only our own may act.

use axum::http::{HeaderMap, Uri, header};
use url::Url;

/// Whether the request comes from a page of this service, or from no page at all.
///
/// A browser sends `Origin` (RFC 6454 §7) on every request that changes something and on every web
/// socket; a program that is no browser sends none and cannot be tricked by a page. The cookie's
/// `SameSite=Strict` is the second lock on the same door.
pub fn is_ours(headers: &HeaderMap, uri: &Uri, public_url: Option<&Url>) -> bool {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let Some(origin) = origins.next() else {
        return true;
    };
    let Some(origin) = origin.to_str().ok().and_then(|text| Url::parse(text).ok()) else {
        return false;
    };
    if origins.next().is_some() {
        return false;
    }
    let is_public = public_url.is_some_and(|public| public.origin() == origin.origin());
    is_public || authority(&origin).is_some_and(|authority| host(headers, uri) == Some(authority))
}

fn authority(origin: &Url) -> Option<String> {
    let host = origin.host_str()?;
    Some(
        origin
            .port()
            .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")),
    )
}

/// HTTP/2 carries the host in the request's address (RFC 9113 §8.3.1), HTTP/1.1 in a header.
fn host(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    let in_header = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    uri.authority()
        .map(axum::http::uri::Authority::as_str)
        .or(in_header)
        .map(str::to_ascii_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours(origin: Option<&str>, host: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().expect("a host"));
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().expect("an origin"));
        }
        is_ours(
            &headers,
            &Uri::from_static("/api/session"),
            Some(&Url::parse("https://cau.example").expect("a URL")),
        )
    }

    #[test]
    fn our_own_pages_and_programs_pass() {
        assert!(ours(None, "127.0.0.1:8443"));
        assert!(ours(Some("https://127.0.0.1:8443"), "127.0.0.1:8443"));
        assert!(ours(Some("https://[::1]:8443"), "[::1]:8443"));
        assert!(
            ours(Some("https://cau.example"), "10.0.0.1:8443"),
            "behind a proxy"
        );
    }

    #[test]
    fn over_http_2_the_host_is_in_the_address() {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::ORIGIN,
            "https://10.0.0.1:8443".parse().expect("an origin"),
        );
        assert!(is_ours(
            &headers,
            &Uri::from_static("https://10.0.0.1:8443/api/session"),
            None
        ));
        assert!(!is_ours(
            &headers,
            &Uri::from_static("https://10.0.0.2:8443/api/session"),
            None
        ));
    }

    #[test]
    fn other_pages_do_not() {
        for origin in [
            "https://evil.example",
            "null",
            "",
            "https://127.0.0.1:9999",
            "https://cau.example.evil.example",
            "file://",
        ] {
            assert!(!ours(Some(origin), "127.0.0.1:8443"), "{origin}");
        }
    }
}
