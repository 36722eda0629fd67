//! Bodies of requests: of the right type, whole, in time, and no larger than the route takes.

use super::Refusal;
use super::refusal::Takes;
use axum::body::Body;
use axum::http::{HeaderMap, header};
use futures_util::StreamExt;
use std::time::Duration;

/// A client that trickles its body slower than this holds a connection for nothing.
const BODY_WITHIN: Duration = Duration::from_secs(10);

pub fn check_media_type(headers: &HeaderMap, expected: Takes) -> Result<(), Refusal> {
    let found = headers
        .get(header::CONTENT_TYPE)
        .map_or("", |value| value.to_str().unwrap_or("?"));
    let essence = found.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case(expected.media_type) {
        Ok(())
    } else {
        let found: String = found.chars().take(100).collect();
        Err(Refusal::media_type(&found, expected))
    }
}

pub async fn read(headers: &HeaderMap, body: Body, bytes_max: usize) -> Result<Vec<u8>, Refusal> {
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|bytes| bytes > bytes_max as u64) {
        return Err(Refusal::too_large(bytes_max));
    }
    let whole = tokio::time::timeout(BODY_WITHIN, collect(body, bytes_max)).await;
    whole.map_err(|_| Refusal::body_lost(format!("not here after {} s", BODY_WITHIN.as_secs())))?
}

async fn collect(body: Body, bytes_max: usize) -> Result<Vec<u8>, Refusal> {
    let mut whole = Vec::new();
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| Refusal::body_lost(error.to_string()))?;
        if whole.len() + chunk.len() > bytes_max {
            return Err(Refusal::too_large(bytes_max));
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole)
}
