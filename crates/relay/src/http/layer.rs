//! Which quality of a picture a watcher wants: asked for with the offer, changed at any time (decision 0013).

use super::body::{check_media_type, read};
use super::refusal::Takes;
use super::session::Named;
use super::{Gateway, Refusal};
use crate::media::Layer;
use axum::extract::{Request, State};
use axum::http::{StatusCode, Uri};
use protocol::MediaKind;
use serde::Deserialize;
use std::sync::Arc;
use url::form_urlencoded;

/// Two short fields, with room for white space.
const CHOICE_BYTES_MAX: usize = 1024;

/// The words for layers; a source with fewer gives its best below what was asked for.
const WORDS: [(&str, Layer); 3] = [
    ("low", Layer::LOWEST),
    ("medium", Layer(1)),
    ("best", Layer::BEST),
];

/// What is expected where another word was found.
const EXPECTED: &str = "low, medium or best";

/// The relation of a session's layer route to its session (RFC 8288 §2.1.2: an extension is named by a URI).
const RELATION: &str = "urn:diemcau:whep:layer";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Choice {
    /// The m-line; absent: every picture of the session.
    mid: Option<String>,
    layer: String,
}

/// `Link` of a watching session's 201.
pub fn link(location: &str) -> String {
    format!("<{location}/layer>; rel=\"{RELATION}\"")
}

/// `?layer=` of a WHEP endpoint; without one the best there is.
pub fn asked_for(uri: &Uri) -> Result<Layer, Refusal> {
    let query = uri.query().unwrap_or_default();
    let mut asked = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "layer");
    asked
        .next()
        .map_or(Ok(Layer::BEST), |(_, word)| named(&word))
}

/// `POST /session/{id}/layer`.
pub async fn choose(
    State(gateway): State<Arc<Gateway>>,
    id: Named,
    request: Request,
) -> Result<StatusCode, Refusal> {
    let (parts, body) = request.into_parts();
    let (_, session) = gateway.session_to_change(&parts.headers, id)?;
    check_media_type(&parts.headers, Takes::LAYER)?;
    let bytes = read(&parts.headers, body, CHOICE_BYTES_MAX).await?;
    let (wanted, layer) = wanted(&bytes)?;
    let chosen: Vec<usize> = (0..)
        .zip(session.slots.iter())
        .filter(|(_, (mid, kind))| match &wanted {
            Some(wanted) => wanted == mid && *kind == MediaKind::Video,
            None => *kind == MediaKind::Video,
        })
        .map(|(slot, _)| slot)
        .collect();
    if chosen.is_empty() {
        return Err(Refusal::bad_layer(match &wanted {
            Some(mid) => format!("mid {:?} is no picture of this session", short(mid)),
            None => "this session shows no picture".to_owned(),
        }));
    }
    for slot in chosen {
        gateway
            .media
            .set_layer(session.leg, slot, layer)
            .map_err(|error| Refusal::unavailable("media_busy", error.to_string()))?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// The m-line of a choice, if it names one, and the layer.
pub(super) fn wanted(body: &[u8]) -> Result<(Option<String>, Layer), Refusal> {
    let choice: Choice =
        serde_json::from_slice(body).map_err(|error| Refusal::bad_layer(error.to_string()))?;
    Ok((choice.mid, named(&choice.layer)?))
}

fn named(word: &str) -> Result<Layer, Refusal> {
    let found = WORDS.into_iter().find(|(known, _)| *known == word);
    found.map(|(_, layer)| layer).ok_or_else(|| {
        Refusal::bad_layer(format!(
            "found layer {:?}, expected {EXPECTED}",
            short(word)
        ))
    })
}

/// Foreign text made fit for an error.
fn short(text: &str) -> String {
    text.chars().take(40).collect()
}
