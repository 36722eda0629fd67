//! What can be done to a session that runs: its end, and its ICE (RFC 9725 §4.2 and §4.3).

use super::body::{check_media_type, read};
use super::refusal::Takes;
use super::sessions::{Ice, Session};
use super::{Gateway, Refusal, authorization, refuse_token};
use crate::media::{IceCredentials, MediaError};
use crate::sdp::{FRAGMENT_BYTES_MAX, Fragment};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use std::time::Instant;

/// An id out of a path; one that is not UTF-8 names no session.
pub type Named = Result<Path<String>, PathRejection>;

/// `DELETE /session/{id}`.
pub async fn end(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    id: Named,
) -> Result<StatusCode, Refusal> {
    let (id, session) = gateway.own_session(&headers, id)?;
    gateway
        .media
        .close_leg(session.leg)
        .map_err(|error| Refusal::unavailable("media_busy", error.to_string()))?;
    gateway.sessions.remove(&id);
    Ok(StatusCode::OK)
}

/// `PATCH /session/{id}`: candidates on their way, which an ICE-lite relay needs none of, or the restart of ICE.
pub async fn patch(
    State(gateway): State<Arc<Gateway>>,
    id: Named,
    request: Request,
) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    let (id, session) = gateway.session_to_change(&parts.headers, id)?;
    check_media_type(&parts.headers, Takes::FRAGMENT)?;
    let wanted = parts
        .headers
        .get(header::IF_MATCH)
        .ok_or_else(Refusal::if_match_missing)?;
    let wanted = wanted.to_str().unwrap_or_default();
    let bytes = read(&parts.headers, body, FRAGMENT_BYTES_MAX).await?;
    let fragment =
        Fragment::parse(&bytes).map_err(|fault| Refusal::bad_fragment(fault.to_string()))?;
    let mut ice = session.ice.lock().await;
    if !matches(wanted, &ice.ufrag) {
        return Err(Refusal::other_ice_session());
    }
    match fragment.credentials {
        Some(remote) if remote != ice.remote => {
            gateway.restart_ice(&id, &session, &mut ice, remote).await
        }
        _ => Ok(StatusCode::NO_CONTENT.into_response()),
    }
}

/// Whether `If-Match` means the ICE session with this tag (RFC 9110 §13.1.1). The star stands for whichever runs; clients
/// that follow the examples of RFC 9725 write it between quotes.
pub(super) fn matches(wanted: &str, ice: &str) -> bool {
    wanted.split(',').map(str::trim).any(|tag| {
        let bare = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
        tag == "*" || bare == Some("*") || bare == Some(ice)
    })
}

impl Gateway {
    /// The session of this path, if the request's token is for the same as the one that made it. A watch token lives a
    /// minute and its session for hours, so a token that has expired is still good here.
    pub(super) fn own_session(
        &self,
        headers: &HeaderMap,
        id: Named,
    ) -> Result<(String, Session), Refusal> {
        let grant = self
            .tokens
            .check_maker(authorization(headers))
            .map_err(refuse_token)?;
        let unknown = || Refusal::not_found("no such session; it may have ended");
        let Path(id) = id.map_err(|_| unknown())?;
        let session = self.sessions.get(&id).ok_or_else(unknown)?;
        if session.owner == grant {
            Ok((id, session))
        } else {
            Err(Refusal::forbidden(
                "only a token of the scope and conference that made a session changes or ends it",
            ))
        }
    }

    /// The same for a request that may come again and again.
    pub(super) fn session_to_change(
        &self,
        headers: &HeaderMap,
        id: Named,
    ) -> Result<(String, Session), Refusal> {
        let (id, session) = self.own_session(headers, id)?;
        self.changes.admit(&session.owner, Instant::now())?;
        Ok((id, session))
    }

    async fn restart_ice(
        &self,
        id: &str,
        session: &Session,
        ice: &mut Ice,
        remote: IceCredentials,
    ) -> Result<Response, Refusal> {
        self.openings.admit(&session.owner, Instant::now())?;
        let local = IceCredentials::random();
        let restarted = self
            .media
            .restart_ice(session.leg, remote.clone(), local.clone());
        restarted.await.map_err(|error| match error {
            MediaError::NoSuchLeg => {
                self.sessions.remove(id);
                Refusal::not_found("the session has ended")
            }
            other => Refusal::unavailable("media_busy", other.to_string()),
        })?;
        self.metrics.ice_restarts.inc();
        ice.remote = remote;
        ice.ufrag.clone_from(&local.ufrag);
        let answer = ice.tagged.restarted(&local, &self.candidates);
        let headers = [
            (header::CONTENT_TYPE, Takes::FRAGMENT.media_type.to_owned()),
            (header::ETAG, format!("\"{}\"", local.ufrag)),
            // It holds an ICE password.
            (header::CACHE_CONTROL, "no-store".to_owned()),
        ];
        Ok((StatusCode::OK, headers, answer).into_response())
    }
}
