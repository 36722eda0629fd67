//! A tiny orchestrator: lets halls in, tells them where media is, takes head counts.

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use protocol::{
    FromHall, HallHealth, HallState, HeadCount, Join, JoinGrant, MediaEndpoints, Problem,
    SittingState, SittingView, Tally, ToHall,
};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// What the fake has seen, and what it will say.
#[derive(Default)]
pub struct Seen {
    pub joins: Vec<String>,
    pub links: Vec<String>,
    pub counts: Vec<(String, HeadCount)>,
    /// Head counts answered with no.
    pub counts_refused: usize,
    pub health: Vec<HallHealth>,
}

/// What it answers with besides yes.
#[derive(Clone, Copy, Default)]
pub struct Moods {
    /// Joins answered with 429 and `Retry-After: 1` first.
    pub joins_refused: usize,
    /// Head counts answered with 503 first, though taken.
    pub acknowledgements_lost: usize,
    /// Tokens given before this one are refused.
    pub token_epoch: usize,
    /// The sitting is a draft: head counts are not taken.
    pub is_draft: bool,
    /// Head counts are refused with this status, for good.
    pub counts_never: Option<StatusCode>,
}

struct Inner {
    seen: watch::Sender<Seen>,
    moods: Mutex<Moods>,
    endpoints: MediaEndpoints,
    watched: watch::Sender<bool>,
    /// Wakes the links, to tell the state again.
    told: watch::Sender<()>,
}

/// The fake; what it has seen outlives its server.
#[derive(Clone)]
pub struct Orchestrator {
    inner: Arc<Inner>,
    pub address: SocketAddr,
    stop: CancellationToken,
}

impl Orchestrator {
    pub async fn start(relay: SocketAddr, moods: Moods) -> Self {
        let endpoints = MediaEndpoints {
            whip_url: format!("http://{relay}/whip/DT-01"),
            whep_url: format!("http://{relay}/whep/DT-01"),
        };
        let inner = Inner {
            seen: watch::Sender::new(Seen::default()),
            moods: Mutex::new(moods),
            endpoints,
            watched: watch::Sender::new(false),
            told: watch::Sender::new(()),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let this = Self {
            inner: Arc::new(inner),
            address,
            stop: CancellationToken::new(),
        };
        this.serve(listener);
        this
    }

    fn serve(&self, listener: TcpListener) {
        let router = Router::new()
            .route("/api/join", post(join))
            .route("/api/hall/link", get(link))
            .route(
                "/api/conferences/{conference}/sites/{site}/counts",
                put(counts),
            )
            .with_state(self.clone());
        let stop = self.stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                served = axum::serve(listener, router) => served.expect("serves"),
                () = stop.cancelled() => {}
            }
        });
    }

    /// Dies at once: no goodbye, the port is closed.
    pub fn kill(&self) {
        self.stop.cancel();
    }

    /// Comes back on the same port with what it knew.
    pub async fn restart(&mut self) {
        self.stop = CancellationToken::new();
        let listener = loop {
            match TcpListener::bind(self.address).await {
                Ok(listener) => break listener,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        self.serve(listener);
    }

    pub fn seen(&self) -> watch::Receiver<Seen> {
        self.inner.seen.subscribe()
    }

    pub fn set_watched(&self, watched: bool) {
        self.inner.watched.send_replace(watched);
    }

    /// The sitting leaves draft.
    pub fn go_live(&self) {
        self.inner.moods.lock().expect("lock").is_draft = false;
        self.inner.told.send_replace(());
    }

    /// Tokens given so far are refused from now on.
    pub fn withdraw_tokens(&self) {
        self.inner.moods.lock().expect("lock").token_epoch = self.inner.seen.borrow().joins.len();
    }

    fn is_good(&self, token: &str) -> bool {
        let epoch = self.inner.moods.lock().expect("lock").token_epoch;
        token
            .strip_prefix("token-")
            .and_then(|number| number.parse::<usize>().ok())
            .is_some_and(|number| number > epoch)
    }

    fn refuse_count(&self, status: StatusCode, kind: &str) -> Response {
        self.inner.seen.send_modify(|seen| seen.counts_refused += 1);
        let problem = Problem {
            kind: kind.to_owned(),
            title: "No".to_owned(),
            status: status.as_u16(),
            detail: "no".to_owned(),
            hint: None,
            fields: Vec::new(),
        };
        (status, Json(problem)).into_response()
    }

    fn state(&self) -> HallState {
        HallState {
            site: "DT-01".parse().expect("a code"),
            site_name: "Phố Đông Phát".to_owned(),
            conference_title: "Hội nghị".to_owned(),
            sitting: SittingView {
                state: if self.inner.moods.lock().expect("lock").is_draft {
                    SittingState::Draft
                } else {
                    SittingState::Live
                },
                since_ms: 0,
                next: Vec::new(),
                chair: None,
            },
            tally: Tally::Off,
            watched: *self.inner.watched.borrow(),
            media: Some(self.inner.endpoints.clone()),
            counts: None,
            expected: None,
            server_time_ms: 0,
        }
    }
}

fn take(left: &mut usize) -> bool {
    let some = *left > 0;
    *left = left.saturating_sub(1);
    some
}

async fn join(State(fake): State<Orchestrator>, Json(join): Json<Join>) -> Response {
    if take(&mut fake.inner.moods.lock().expect("lock").joins_refused) {
        return (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "1")]).into_response();
    }
    let mut number = 0;
    fake.inner.seen.send_modify(|seen| {
        seen.joins.push(join.credential);
        number = seen.joins.len();
    });
    Json(JoinGrant {
        token: format!("token-{number}"),
        expires_at_s: u64::from(u32::MAX),
        conference: "thanh-hoa".parse().expect("an id"),
        conference_title: "Hội nghị".to_owned(),
        site: "DT-01".parse().expect("a code"),
        site_name: "Phố Đông Phát".to_owned(),
        // Told by the link only, to hold that path.
        media: None,
    })
    .into_response()
}

async fn link(
    State(fake): State<Orchestrator>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let offered = headers
        .get(header::SEC_WEBSOCKET_PROTOCOL)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let token = offered
        .split(", ")
        .find_map(|offer| offer.strip_prefix("bearer."))
        .unwrap_or_default()
        .to_owned();
    if !fake.is_good(&token) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    fake.inner.seen.send_modify(|seen| seen.links.push(token));
    upgrade
        .protocols(["diemcau.v1"])
        .on_upgrade(move |socket| talk(fake, socket))
        .into_response()
}

async fn talk(fake: Orchestrator, mut socket: WebSocket) {
    let mut watched = fake.inner.watched.subscribe();
    let mut told = fake.inner.told.subscribe();
    loop {
        let state = serde_json::to_string(&ToHall::State(fake.state())).expect("serialises");
        if socket.send(Message::text(state)).await.is_err() {
            return;
        }
        tokio::select! {
            () = fake.stop.cancelled() => return,
            changed = watched.changed() => if changed.is_err() { return },
            changed = told.changed() => if changed.is_err() { return },
            message = socket.recv() => match message {
                Some(Ok(Message::Text(text))) => {
                    let FromHall::Health(health) = serde_json::from_str(&text).expect("health");
                    fake.inner.seen.send_modify(|seen| seen.health.push(health));
                }
                Some(Ok(_)) => {}
                _ => return,
            },
        }
    }
}

async fn counts(
    State(fake): State<Orchestrator>,
    Path((_, site)): Path<(String, String)>,
    headers: HeaderMap,
    Json(count): Json<HeadCount>,
) -> Response {
    let bearer = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if !bearer
        .strip_prefix("Bearer ")
        .is_some_and(|token| fake.is_good(token))
    {
        return fake.refuse_count(StatusCode::UNAUTHORIZED, "token");
    }
    let moods = *fake.inner.moods.lock().expect("lock");
    if moods.is_draft {
        return fake.refuse_count(StatusCode::CONFLICT, "counts_not_taken");
    }
    if let Some(status) = moods.counts_never {
        return fake.refuse_count(status, "counts_sum");
    }
    let counts = count.counts;
    fake.inner
        .seen
        .send_modify(|seen| seen.counts.push((site, count)));
    if take(&mut fake.inner.moods.lock().expect("lock").acknowledgements_lost) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    Json(counts).into_response()
}
