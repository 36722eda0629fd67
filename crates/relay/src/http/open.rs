//! Opening sessions: an offer comes in by POST, an answer goes out with 201.

use super::body::{check_media_type, read};
use super::refusal::Takes;
use super::sessions::{Ice, Session};
use super::{Gateway, Refusal, layer};
use crate::media::{IceCredentials, Layer, LegMedia, LegOpened, LegSpec, MediaError};
use crate::sdp::{
    self, Fault, HALL_SLOTS, Local, Negotiated, OFFER_BYTES_MAX, Offer, SINGLE_SLOTS,
};
use crate::token::Grant;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use protocol::{LegRole, MediaKind, MediaScope, SiteCode};
use std::sync::Arc;
use std::time::Instant;

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
        self.openings.admit(&grant, Instant::now())?;
        let site = self.admit(role, site, &grant)?;
        check_media_type(&parts.headers, Takes::OFFER)?;
        let layer_max = layer::asked_for(&parts.uri)?;
        let bytes = read(&parts.headers, body, OFFER_BYTES_MAX).await?;
        let offer = Offer::parse(&bytes).map_err(|fault| refuse_offer(&fault))?;
        let negotiated =
            negotiate(role, &offer, layer_max).map_err(|fault| refuse_offer(&fault))?;
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
            return Err(other_conference());
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
        let ice = Ice {
            ufrag: credentials.ufrag.clone(),
            remote: transport.credentials.clone(),
            tagged: offer.transport_line(&replies),
        };
        let slots = slots(&media);
        let spec = LegSpec {
            session: session.clone(),
            role,
            site,
            conference: owner.conference.clone(),
            local: credentials.clone(),
            remote: transport.credentials,
            remote_fingerprints: transport.fingerprints,
            media,
        };
        let opened = self.open_leg(spec, &owner).await?;
        let kept = Session {
            leg: opened.leg,
            role,
            owner,
            since: Instant::now(),
            slots,
            ice: Arc::new(tokio::sync::Mutex::new(ice)),
        };
        self.keep(&session, kept);
        let local = Local {
            session_number: u64::from(opened.leg.0) + 1,
            credentials: &credentials,
            fingerprint: self.fingerprint,
            candidates: &self.candidates,
        };
        let answer = offer.answer(&local, &replies, &opened);
        Ok(self.created(role, &session, &credentials.ufrag, answer))
    }

    /// On a full relay a hall that publishes anew takes its own place: its old session is closed first.
    async fn open_leg(&self, spec: LegSpec, owner: &Grant) -> Result<LegOpened, Refusal> {
        let role = spec.role;
        let mut opened = self.media.open_leg(spec.clone()).await;
        if let (LegRole::Publish, Err(MediaError::TooManyLegs { .. })) = (role, &opened)
            && let Some(old) = self.sessions.take_publisher(owner)
        {
            tracing::info!(leg = %old, "the relay is full: leg {old} gives way to its own hall");
            // Commands are done in their order.
            let _ = self.media.close_leg(old);
            opened = self.media.open_leg(spec).await;
        }
        opened.map_err(|error| refuse_leg(&error))
    }

    fn keep(&self, id: &str, session: Session) {
        let (by, role) = (session.leg, session.role);
        for leg in self.sessions.insert(id.to_owned(), session) {
            tracing::info!(%leg, %by, ?role, "leg {leg} gives way to leg {by}");
            // One that cannot be told now ends when its peer is gone; the bound on legs holds all the same.
            let _ = self.media.close_leg(leg);
        }
        self.metrics
            .sessions_opened
            .with_label_values(&[role_name(role)])
            .inc();
    }

    fn created(&self, role: LegRole, session: &str, ice: &str, answer: String) -> Response {
        let location = format!("/session/{session}");
        let mut response = (
            StatusCode::CREATED,
            [
                (header::CONTENT_TYPE, Takes::OFFER.media_type.to_owned()),
                (header::ETAG, format!("\"{ice}\"")),
                (header::LOCATION, location.clone()),
            ],
            answer,
        )
            .into_response();
        let headers = response.headers_mut();
        for link in &self.links {
            headers.append(header::LINK, link.clone());
        }
        if role != LegRole::Publish
            && let Ok(link) = HeaderValue::try_from(layer::link(&location))
        {
            headers.append(header::LINK, link);
        }
        // An answer holds an ICE password: no cache may keep it.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

/// Mid and kind of every slot of a watcher.
fn slots(media: &LegMedia) -> Arc<[(String, MediaKind)]> {
    match media {
        LegMedia::Publish(_) => Arc::new([]),
        LegMedia::Watch(slots) => slots
            .iter()
            .map(|slot| (slot.mid.clone(), slot.kind))
            .collect(),
    }
}

fn negotiate(role: LegRole, offer: &Offer, layer_max: Layer) -> Result<Negotiated, Fault> {
    match role {
        LegRole::Publish => sdp::publish(offer),
        LegRole::Watch => sdp::watch(offer, HALL_SLOTS, layer_max),
        LegRole::Return | LegRole::Program => sdp::watch(offer, SINGLE_SLOTS, layer_max),
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

fn other_conference() -> Refusal {
    Refusal::forbidden("this token is for another conference than the one carried here")
}

fn refuse_leg(error: &MediaError) -> Refusal {
    match error {
        // The plan has changed while the offer was on its way.
        MediaError::OtherConference => other_conference(),
        MediaError::TooManyLegs { .. } => Refusal::unavailable("relay_full", error.to_string()),
        MediaError::BadSpec(_) => Refusal::bad_offer(error.to_string()),
        // A leg being opened is not one that has gone.
        MediaError::NoSuchLeg | MediaError::Busy | MediaError::Stopped => {
            Refusal::unavailable("media_busy", error.to_string())
        }
    }
}

/// 128 random bits: whoever guesses an id could still not use it without the token.
fn random_id() -> Result<String, Refusal> {
    let mut bytes = [0; 16];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Refusal::unavailable("no_randomness", "the system gives no random numbers"))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
