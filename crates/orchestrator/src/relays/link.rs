//! `/api/relays/link`: the control link of a relay. Both sides prove their keys, then plans go down and
//! reports come up.

use super::Record;
use super::registration::{are_reachable, is_base_url};
use crate::app::App;
use crate::auth::installation::verify;
use crate::auth::{base64url, from_base64url, random};
use crate::conference_actor::{Handle, RelayPost};
use crate::problem::{ApiError, ApiResult};
use crate::socket::{self, Incoming, Upgrade};
use axum::Extension;
use axum::extract::State;
use axum::extract::ws::WebSocket;
use axum::response::Response;
use protocol::{ConferenceId, FromRelay, Problem, RelayWelcome, ToRelay, VERSION};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// A report of 250 halls is about 150 KiB.
const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// Each step of the handshake takes no longer.
const STEP_TIME_MAX: Duration = Duration::from_secs(10);
/// What the orchestrator signs, before the relay's nonce.
const ORCHESTRATOR: &[u8] = b"diemcau orchestrator";
/// What the relay signs, before the orchestrator's nonce.
const RELAY: &[u8] = b"diemcau relay";
const NONCE_BYTES: usize = 32;
/// Links at once whose other side has not proved that it is a relay: anybody may open one. All relays of an
/// installation that come back in the same moment fit.
/// Overflow: refused with 503 and counted; a relay comes again.
const UNPROVEN_LINKS_MAX: usize = 64;

/// Room for links that have proved nothing yet.
#[derive(Clone)]
pub struct Unproven(Arc<Semaphore>);

impl Default for Unproven {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(UNPROVEN_LINKS_MAX)))
    }
}

/// A relay's control link. A web socket; the relay proves its identity key in it.
#[utoipa::path(
    get, path = "/api/relays/link", tag = "relays",
    responses(
        (status = 101, description = "web socket of `FromRelay` and `ToRelay` messages"),
        (status = 503, body = Problem, description = "too many links at once that have proved nothing"),
    )
)]
pub async fn link(
    State(app): State<Arc<App>>,
    Extension(Unproven(unproven)): Extension<Unproven>,
    upgrade: Upgrade,
) -> ApiResult<Response> {
    let room = unproven.try_acquire_owned().map_err(|_| {
        app.metrics.relay_links_refused.inc();
        ApiError::unavailable("too many links at once whose relay is not known yet")
    })?;
    Ok(
        upgrade.run(MESSAGE_BYTES_MAX, move |mut socket| async move {
            let proved = prove(&app, &mut socket).await;
            drop(room);
            let reason = match proved {
                Ok(record) => {
                    tracing::info!(relay = %record.id, "a control link is up");
                    let reason = serve(&app, &mut socket, &record).await;
                    tracing::warn!(relay = %record.id, "a control link ended: {reason}");
                    reason
                }
                Err(reason) => {
                    app.metrics.relay_links_refused.inc();
                    tracing::warn!("a control link was refused: {reason}");
                    reason
                }
            };
            socket::close(&mut socket, reason).await;
        }),
    )
}

/// Both sides prove who they are; answers the relay as it is reached now, or why not.
async fn prove(app: &App, socket: &mut WebSocket) -> Result<Record, &'static str> {
    let FromRelay::Hello {
        version,
        relay,
        nonce,
        media_addresses,
        http_url,
    } = next(socket).await?
    else {
        return Err("expected hello");
    };
    if version != VERSION {
        return Err("another version of the protocol");
    }
    let nonce = from_base64url(&nonce)
        .filter(|nonce| nonce.len() == NONCE_BYTES)
        .ok_or("hello: nonce is not 32 bytes")?;
    if !are_reachable(&media_addresses) || !is_base_url(&http_url) {
        return Err("hello: no usable addresses");
    }
    let known = app
        .relays
        .find(&relay)
        .ok_or("unknown relay: register first")?;
    let mine: [u8; NONCE_BYTES] = random();
    let signature = base64url(&app.keys.sign(&[ORCHESTRATOR, &nonce]));
    tell(
        socket,
        &ToRelay::Challenge {
            nonce: base64url(&mine),
            signature,
        },
    )
    .await?;
    let FromRelay::Proof { signature } = next(socket).await? else {
        return Err("expected proof");
    };
    let key = from_base64url(&known.about.public_key).unwrap_or_default();
    let signature = from_base64url(&signature).unwrap_or_default();
    if !verify(&key, &[RELAY, &mine], &signature) {
        return Err("the proof is not by the registered key");
    }
    let record = app
        .relays
        .moved(&relay, media_addresses, http_url)
        .await
        .map_err(|error| {
            tracing::error!(%relay, %error, "a relay's address cannot be kept: {error}");
            "the log is not available"
        })?;
    let welcome = RelayWelcome {
        orchestrator_key: app.keys.public_key_text(),
        ssrc_block: record.ssrc_block,
    };
    tell(socket, &ToRelay::Welcome(welcome)).await?;
    if record != known {
        app.place_relays().await;
    }
    Ok(record)
}

async fn next(socket: &mut WebSocket) -> Result<FromRelay, &'static str> {
    let message = async {
        loop {
            match socket::receive(socket).await {
                Incoming::Text(text) => {
                    return socket::parse(&text).map_err(|_| "not a message of this protocol");
                }
                Incoming::Sign => {}
                Incoming::Gone => return Err("gone"),
            }
        }
    };
    timeout(STEP_TIME_MAX, message)
        .await
        .unwrap_or(Err("too slow"))
}

async fn tell(socket: &mut WebSocket, message: &ToRelay) -> Result<(), &'static str> {
    socket::send(socket, message).await.map_err(|_| "gone")
}

/// The link at work; answers why it ended.
async fn serve(app: &App, socket: &mut WebSocket, record: &Record) -> &'static str {
    let mut beat = socket::heartbeat();
    let mut heard = socket::Heard::now();
    let mut places = app.conferences.places.changes();
    let mut place = find_place(app, record).await;
    loop {
        tokio::select! {
            () = app.stop.cancelled() => return "the service stops",
            plan = next_plan(&mut place) => match plan {
                Some(plan) => {
                    if socket::send(socket, &ToRelay::Plan(plan)).await.is_err() {
                        return "too slow";
                    }
                }
                None if has_moved(app, record, place.as_ref()) => place = find_place(app, record).await,
                None => return "a newer link of this relay took over",
            },
            changed = places.changed() => {
                if changed.is_err() {
                    return "the service stops";
                }
                if has_moved(app, record, place.as_ref()) {
                    place = find_place(app, record).await;
                }
            }
            incoming = socket::receive(socket) => match incoming {
                Incoming::Gone => return "gone",
                Incoming::Sign => heard.again(),
                Incoming::Text(text) => {
                    heard.again();
                    let Ok(FromRelay::Report(report)) = socket::parse(&text) else {
                        app.metrics.bad_messages.inc();
                        return "not a report";
                    };
                    if let Some(place) = &place {
                        place.handle.relay_report(record.id.clone(), place.post.id, report);
                    }
                }
            },
            _ = beat.tick() => {
                if heard.too_long_ago() || socket::ping(socket).await.is_err() {
                    return "silent";
                }
            }
        }
    }
}

/// A relay's post at the conference that it serves.
struct Place {
    conference: ConferenceId,
    handle: Handle,
    post: RelayPost,
}

/// None while no conference has the site at which the relay stands.
async fn find_place(app: &App, record: &Record) -> Option<Place> {
    let conference = app.conferences.places.of(&record.id)?;
    let handle = app.conferences.find(&conference).ok()?;
    let post = handle.relay_post(record.id.clone()).await.ok().flatten()?;
    Some(Place {
        conference,
        handle,
        post,
    })
}

fn has_moved(app: &App, record: &Record, place: Option<&Place>) -> bool {
    app.conferences.places.of(&record.id).as_ref() != place.map(|place| &place.conference)
}

async fn next_plan(place: &mut Option<Place>) -> Option<protocol::RelayPlan> {
    match place {
        Some(place) => place.post.next().await,
        None => std::future::pending().await,
    }
}
