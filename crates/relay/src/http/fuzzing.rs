//! What requests say in their heads, taken apart without a connection. See [`crate::fuzzing`].

use super::body::check_media_type;
use super::refusal::Takes;
use super::{Refusal, authorization, layer, session};
use crate::token::Tokens;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use axum::response::IntoResponse;

/// A URI, header lines and what they make of each other.
pub fn head(tokens: &Tokens, head: &[u8]) {
    let mut lines = head.split(|byte| *byte == b'\n');
    let uri = lines.next().and_then(|line| Uri::try_from(line).ok());
    if let Some(refusal) = uri.and_then(|uri| layer::asked_for(&uri).err()) {
        written(refusal);
    }
    let headers: HeaderMap = lines.filter_map(header_of).collect();
    assert!(
        tokens.check(authorization(&headers)).is_err(),
        "nobody signed this"
    );
    assert!(
        tokens.check_maker(authorization(&headers)).is_err(),
        "nobody signed this"
    );
    for takes in [Takes::OFFER, Takes::FRAGMENT, Takes::LAYER] {
        if let Err(refusal) = check_media_type(&headers, takes) {
            written(refusal);
        }
    }
    let wanted = headers.get(header::IF_MATCH);
    let wanted = wanted.and_then(|value| value.to_str().ok());
    assert!(
        !wanted.is_some_and(|wanted| session::matches(wanted, "ufrag") && !wanted.contains(['*', 'u'])),
        "another session's tag"
    );
}

/// The choice of a layer.
pub fn choice(body: &[u8]) {
    if let Err(refusal) = layer::wanted(body) {
        written(refusal);
    }
}

fn header_of(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = line.split_at(colon);
    Some((
        HeaderName::from_bytes(name).ok()?,
        HeaderValue::from_bytes(value.get(1..)?.trim_ascii()).ok()?,
    ))
}

/// A refusal tells what was found: that must never break its own response.
fn written(refusal: Refusal) {
    let status = refusal.into_response().status();
    assert!(status.is_client_error(), "{status}");
}
