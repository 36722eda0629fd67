//! Opening sessions: an offer comes in by POST, an answer goes out with 201.

use super::sessions::Session;
use super::{Gateway, Refusal};
use crate::media::{IceCredentials, LegSpec, MediaError};
use crate::sdp::{
    self, Fault, HALL_SLOTS, Local, Negotiated, OFFER_BYTES_MAX, Offer, SINGLE_SLOTS,
};
use crate::token::Grant;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::StreamExt;
use protocol::{LegRole, MediaScope, SiteCode};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A client that trickles its body slower than this holds a connection for nothing.
const BODY_WITHIN: Duration = Duration::from_secs(10);

type Shared = State<Arc<Gateway>>;
type Opened = Result<Response, Refusal>;
type Site = Result<Path<String>, PathRejection>;

/// A path that is not UTF-8 names no site, and is refused as any other site that the token is not for.
fn named(site: Site) -> String {
    site.map_or_else(|_| String::new(), |Path(site)| site)
}

pub async fn publish(State(gateway): Shared, site: Site, request: Request) -> Opened {
    gateway
        .open(LegRole::Publish, Some(&named(site)), request)
        .await
}

pub async fn watch(State(gateway): Shared, site: Site, request: Request) -> Opened {
    gateway
        .open(LegRole::Watch, Some(&named(site)), request)
        .await
}

pub async fn watch_return(State(gateway): Shared, site: Site, request: Request) -> Opened {
    gateway
        .open(LegRole::Return, Some(&named(site)), request)
        .await
}

pub async fn watch_program(State(gateway): Shared, request: Request) -> Opened {
    gateway.open(LegRole::Program, None, request).await
}

impl Gateway {
    async fn open(&self, role: LegRole, site: Option<&str>, request: Request) -> Opened {
        let (parts, body) = request.into_parts();
        let grant = self.grant(&parts.headers)?;
        if !self.flood.admits(&grant.scope, Instant::now()) {
            return Err(Refusal::flooded());
        }
        let site = self.admit(role, site, &grant)?;
        check_media_type(&parts.headers)?;
        let bytes = read(&parts.headers, body).await?;
        let offer = Offer::parse(&bytes).map_err(|fault| refuse_offer(&fault))?;
        let negotiated = negotiate(role, &offer).map_err(|fault| refuse_offer(&fault))?;
        self.answer(role, site, grant, &offer, negotiated).await
    }

    /// Judges the token against the route and the plan: 403 before 404, so that a token tells nothing about
    /// other sites.
    fn admit(
        &self,
        role: LegRole,
        site: Option<&str>,
        grant: &Grant,
    ) -> Result<Option<SiteCode>, Refusal> {
        let allowed = match (role, &grant.scope) {
            (LegRole::Publish | LegRole::Watch, MediaScope::Hall { site: own })
            | (LegRole::Return, MediaScope::WatchSite { site: own }) => site == Some(own.as_str()),
            (LegRole::Program, MediaScope::WatchProgram) => true,
            _ => false,
        };
        if !allowed {
            return Err(Refusal::forbidden(format!(
                "this token is for {}",
                in_words(&grant.scope)
            )));
        }
        let plan = self
            .plan
            .now()
            .ok_or_else(|| Refusal::unavailable("no_plan", "this relay has no plan yet"))?;
        if grant
            .conference
            .as_ref()
            .is_some_and(|conference| *conference != plan.conference)
        {
            return Err(Refusal::forbidden(
                "this token is for another conference than the one carried here",
            ));
        }
        let site = match &grant.scope {
            MediaScope::Hall { site } | MediaScope::WatchSite { site } => site.clone(),
            MediaScope::WatchProgram => return Ok(None),
        };
        if plan.sites.contains(&site) {
            Ok(Some(site))
        } else {
            Err(Refusal::not_found(format!(
                "site {site} does not attach to this relay"
            )))
        }
    }

    async fn answer(
        &self,
        role: LegRole,
        site: Option<SiteCode>,
        owner: Grant,
        offer: &Offer,
        negotiated: Negotiated,
    ) -> Opened {
        let Negotiated {
            transport,
            media,
            replies,
        } = negotiated;
        let session = random_id()?;
        let credentials = IceCredentials::random();
        let spec = LegSpec {
            session: session.clone(),
            role,
            site,
            local: credentials.clone(),
            remote: transport.credentials,
            remote_fingerprints: transport.fingerprints,
            media,
        };
        let opened = self
            .media
            .open_leg(spec)
            .await
            .map_err(|error| refuse_leg(&error))?;
        let kept = Session {
            leg: opened.leg,
            role,
            owner,
            since: Instant::now(),
        };
        for leg in self.sessions.insert(session.clone(), kept) {
            tracing::info!(%leg, by = %opened.leg, ?role, "leg {leg} gives way to leg {}", opened.leg);
            // One that cannot be told now ends when its peer is gone; the bound on legs holds all the same.
            let _ = self.media.close_leg(leg);
        }
        self.metrics
            .sessions_opened
            .with_label_values(&[role_name(role)])
            .inc();
        let local = Local {
            session_number: u64::from(opened.leg.0) + 1,
            credentials: &credentials,
            fingerprint: self.fingerprint,
            candidates: &self.candidates,
        };
        Ok(self.created(&session, offer.answer(&local, &replies, &opened)))
    }

    fn created(&self, session: &str, answer: String) -> Response {
        let mut response = (
            StatusCode::CREATED,
            [
                (header::CONTENT_TYPE, "application/sdp".to_owned()),
                (header::LOCATION, format!("/session/{session}")),
            ],
            answer,
        )
            .into_response();
        for link in &self.links {
            response.headers_mut().append(header::LINK, link.clone());
        }
        // An answer holds an ICE password: no cache may keep it.
        response
            .headers_mut()
            .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

fn negotiate(role: LegRole, offer: &Offer) -> Result<Negotiated, Fault> {
    match role {
        LegRole::Publish => sdp::publish(offer),
        LegRole::Watch => sdp::watch(offer, HALL_SLOTS),
        LegRole::Return | LegRole::Program => sdp::watch(offer, SINGLE_SLOTS),
    }
}

/// A role as a metric's label.
pub fn role_name(role: LegRole) -> &'static str {
    match role {
        LegRole::Publish => "publish",
        LegRole::Watch => "watch",
        LegRole::Return => "return",
        LegRole::Program => "program",
    }
}

fn in_words(scope: &MediaScope) -> String {
    match scope {
        MediaScope::Hall { site } => format!("hall {site}: POST /whip/{site} and /whep/{site}"),
        MediaScope::WatchSite { site } => format!("watching {site}: POST /whep/{site}/return"),
        MediaScope::WatchProgram => "watching the program: POST /whep/program".to_owned(),
    }
}

fn refuse_offer(fault: &Fault) -> Refusal {
    Refusal::bad_offer(fault.to_string())
}

fn refuse_leg(error: &MediaError) -> Refusal {
    match error {
        MediaError::TooManyLegs { .. } => Refusal::unavailable("relay_full", error.to_string()),
        MediaError::BadSpec(_) => Refusal::bad_offer(error.to_string()),
        // A leg being opened is not one that has gone.
        MediaError::NoSuchLeg | MediaError::Busy | MediaError::Stopped => {
            Refusal::unavailable("media_busy", error.to_string())
        }
    }
}

fn check_media_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let found = headers
        .get(header::CONTENT_TYPE)
        .map_or("", |value| value.to_str().unwrap_or("?"));
    let essence = found.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/sdp") {
        Ok(())
    } else {
        Err(Refusal::media_type(
            &found.chars().take(100).collect::<String>(),
        ))
    }
}

async fn read(headers: &HeaderMap, body: Body) -> Result<Vec<u8>, Refusal> {
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|bytes| bytes > OFFER_BYTES_MAX as u64) {
        return Err(Refusal::too_large(OFFER_BYTES_MAX));
    }
    let whole = tokio::time::timeout(BODY_WITHIN, collect(body)).await;
    whole.map_err(|_| Refusal::body_lost(format!("not here after {} s", BODY_WITHIN.as_secs())))?
}

async fn collect(body: Body) -> Result<Vec<u8>, Refusal> {
    let mut whole = Vec::new();
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| Refusal::body_lost(error.to_string()))?;
        if whole.len() + chunk.len() > OFFER_BYTES_MAX {
            return Err(Refusal::too_large(OFFER_BYTES_MAX));
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole)
}

/// 128 random bits: whoever guesses an id could still not use it without the token.
fn random_id() -> Result<String, Refusal> {
    let mut bytes = [0; 16];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Refusal::unavailable("no_randomness", "the system gives no random numbers"))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
