//! HTTP of a hall: joining, head counts, and the WHIP/WHEP exchange with its relay.

use crate::tls::TlsError;
use protocol::{HeadCount, Join, JoinGrant, Problem};
use reqwest::header::{ACCEPT, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use rustls::ClientConfig;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// A server that takes longer is as good as gone: the hall tries again.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(6);

/// Largest answer taken, bytes; an SDP answer is a few thousand.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// An HTTP exchange that did not work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The server said no.
    #[error("{status}: {detail}")]
    Refused {
        status: StatusCode,
        /// The refusal's stable name; blank when the server gave none.
        kind: String,
        /// In the server's words.
        detail: String,
        /// When it wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// No answer.
    #[error("no answer")]
    Unreachable(#[from] reqwest::Error),
    /// An answer that makes no sense.
    #[error("{0}")]
    Senseless(String),
}

impl Failure {
    /// The token is not (or no longer) good.
    pub(crate) fn is_token(&self) -> bool {
        matches!(self, Self::Refused { status, .. } if *status == StatusCode::UNAUTHORIZED)
    }

    /// The same request will never be taken: asking again only fills the server's time (RFC 9110 §15.5).
    pub(crate) fn is_final(&self) -> bool {
        matches!(self, Self::Refused { status, .. } if status.is_client_error()
            && !matches!(*status,
                StatusCode::UNAUTHORIZED | StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
            && !self.is_not_yet())
    }

    /// Head counts are not taken in this state of the sitting.
    pub(crate) fn is_not_yet(&self) -> bool {
        matches!(self, Self::Refused { kind, .. } if kind == "counts_not_taken")
    }

    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// With what lies beneath, for the log.
    pub(crate) fn in_full(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(error) = source {
            text = format!("{text}: {error}");
            source = error.source();
        }
        text
    }
}

/// The answer to an offer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) sdp: String,
    /// The session's own URL (RFC 9725 §4.2), to `DELETE` it.
    pub(crate) session: Option<Url>,
}

/// HTTP to orchestrator and relays.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    http: reqwest::Client,
    base: Url,
}

impl Api {
    pub(crate) fn new(base: Url, tls: &Arc<ClientConfig>) -> Result<Self, TlsError> {
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(ClientConfig::clone(tls))
            .timeout(ANSWER_TIMEOUT)
            .connect_timeout(ANSWER_TIMEOUT / 2)
            // A token must not follow a redirection to another server.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?;
        Ok(Self { http, base })
    }

    /// The URL of a route of the orchestrator.
    pub(crate) fn route(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    /// `POST /api/join`
    pub(crate) async fn join(&self, credential: &str) -> Result<JoinGrant, Failure> {
        let request = Join {
            credential: credential.to_owned(),
        };
        let answer = send(self.http.post(self.route(&["api", "join"])).json(&request)).await?;
        serde_json::from_slice(&body(answer).await?)
            .map_err(|error| Failure::Senseless(format!("join grant: {error}")))
    }

    /// `PUT /api/conferences/{c}/sites/{s}/counts`; `Ok` when acknowledged.
    pub(crate) async fn report(
        &self,
        grant: &JoinGrant,
        token: &str,
        count: &HeadCount,
    ) -> Result<(), Failure> {
        let (conference, site) = (grant.conference.as_str(), grant.site.as_str());
        let url = self.route(&["api", "conferences", conference, "sites", site, "counts"]);
        send(self.http.put(url).bearer_auth(token).json(count))
            .await
            .map(drop)
    }

    /// Posts an offer to a WHIP or WHEP endpoint.
    pub(crate) async fn offer(
        &self,
        endpoint: &Url,
        token: &str,
        sdp: String,
    ) -> Result<Answer, Failure> {
        let request = self
            .http
            .post(endpoint.clone())
            .bearer_auth(token)
            .header(CONTENT_TYPE, "application/sdp")
            .header(ACCEPT, "application/sdp")
            .body(sdp);
        let answer = send(request).await?;
        if answer.status() != StatusCode::CREATED {
            return Err(Failure::Senseless(format!(
                "{} in place of 201 Created",
                answer.status()
            )));
        }
        let location = answer
            .headers()
            .get(LOCATION)
            .and_then(|value| value.to_str().ok());
        let session = location.and_then(|location| endpoint.join(location).ok());
        // The token goes there: only back to the server that made the session.
        let session = session.filter(|session| session.origin() == endpoint.origin());
        let sdp = String::from_utf8(body(answer).await?)
            .map_err(|_| Failure::Senseless("SDP that is no text".to_owned()))?;
        Ok(Answer { sdp, session })
    }

    /// Ends a session.
    pub(crate) async fn end(&self, session: &Url, token: &str) -> Result<(), Failure> {
        let request = self
            .http
            .request(Method::DELETE, session.clone())
            .bearer_auth(token);
        send(request.timeout(Duration::from_secs(1)))
            .await
            .map(drop)
    }
}

async fn send(request: RequestBuilder) -> Result<Response, Failure> {
    let answer = request.send().await.map_err(reqwest::Error::without_url)?;
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let retry_after = answer
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok())
        .map(Duration::from_secs);
    let said = body(answer).await.unwrap_or_default();
    let (kind, detail) = serde_json::from_slice(&said)
        .map(|problem: Problem| (problem.kind, problem.detail))
        .unwrap_or_default();
    Err(Failure::Refused {
        status,
        kind,
        detail,
        retry_after,
    })
}

async fn body(mut answer: Response) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(reqwest::Error::without_url)? {
        if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(Failure::Senseless(format!(
                "an answer longer than {ANSWER_BYTES_MAX} bytes"
            )));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}
