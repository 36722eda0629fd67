//! As much of an orchestrator as a relay meets: registration and the control link.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Json, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use protocol::{
    FromRelay, MediaClaims, MediaScope, RelayPlan, RelayRegistration, RelayWelcome, ToRelay,
};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

const NONCE: [u8; 32] = [7; 32];

struct Shared {
    pkcs8: Vec<u8>,
    relay_key: Mutex<Option<String>>,
    registrations: Mutex<u32>,
    refuse_first: u32,
    heard: mpsc::UnboundedSender<FromRelay>,
    plans: watch::Receiver<Vec<RelayPlan>>,
    links: watch::Receiver<u32>,
    stop: CancellationToken,
}

pub struct Orchestrator {
    address: SocketAddr,
    shared: Arc<Shared>,
    heard: mpsc::UnboundedReceiver<FromRelay>,
    plans: watch::Sender<Vec<RelayPlan>>,
    links: watch::Sender<u32>,
    serving: tokio::task::JoinHandle<()>,
}

impl Orchestrator {
    pub async fn start() -> Self {
        Self::refusing(0).await
    }

    /// Refuses the first registrations.
    pub async fn refusing(refuse_first: u32) -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
            .expect("a key")
            .as_ref()
            .to_vec();
        let (heard, hearing) = mpsc::unbounded_channel();
        let (plans, planned) = watch::channel(Vec::new());
        let (links, linked) = watch::channel(0);
        let stop = CancellationToken::new();
        let shared = Arc::new(Shared {
            pkcs8,
            relay_key: Mutex::default(),
            registrations: Mutex::default(),
            refuse_first,
            heard,
            plans: planned,
            links: linked,
            stop: stop.clone(),
        });
        let router = axum::Router::new()
            .route("/api/relays", post(register))
            .route("/api/relays/link", get(link))
            .with_state(shared.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let address = listener.local_addr().expect("bound");
        let serving = tokio::spawn(async move {
            axum::serve(listener, router)
                .with_graceful_shutdown(stop.cancelled_owned())
                .await
                .expect("serves");
        });
        Self {
            address,
            shared,
            heard: hearing,
            plans,
            links,
            serving,
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn registrations(&self) -> u32 {
        *self.shared.registrations.lock().expect("no panic")
    }

    /// Sends a plan now, and again to whoever connects later.
    pub fn tell(&self, plan: RelayPlan) {
        self.plans.send_modify(|plans| plans.push(plan));
    }

    /// Drops every link.
    pub fn hang_up(&self) {
        self.links.send_modify(|links| *links += 1);
    }

    pub async fn heard(&mut self) -> FromRelay {
        self.heard.recv().await.expect("the orchestrator lives")
    }

    pub async fn end(self) {
        self.shared.stop.cancel();
        self.serving.await.expect("ends");
    }

    pub fn token(&self, claims: &MediaClaims) -> String {
        encode(
            &Header::new(Algorithm::EdDSA),
            claims,
            &EncodingKey::from_ed_der(&self.shared.pkcs8),
        )
        .expect("a token")
    }

    /// The same claims under `alg: none`.
    pub fn unsigned(claims: &MediaClaims) -> String {
        let json = serde_json::to_vec(claims).expect("JSON");
        format!(
            "{}.{}.",
            URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#),
            URL_SAFE_NO_PAD.encode(json)
        )
    }
}

pub fn claims(scope: MediaScope) -> MediaClaims {
    MediaClaims {
        aud: "diemcau".to_owned(),
        conference: "conference".parse().expect("an id"),
        scope,
        exp: 4_000_000_000,
        jti: "1".to_owned(),
    }
}

pub fn plan(epoch: u64, sites: &[&str]) -> RelayPlan {
    RelayPlan {
        epoch,
        conference: "conference".parse().expect("an id"),
        sites: sites
            .iter()
            .map(|site| site.parse().expect("a code"))
            .collect(),
        program: Vec::new(),
        floor: None,
        parents: Vec::new(),
        children: Vec::new(),
    }
}

impl Shared {
    fn key(&self) -> Ed25519KeyPair {
        Ed25519KeyPair::from_pkcs8(&self.pkcs8).expect("a key")
    }

    fn welcome(&self) -> RelayWelcome {
        RelayWelcome {
            orchestrator_key: URL_SAFE_NO_PAD.encode(self.key().public_key().as_ref()),
            ssrc_block: 77,
        }
    }
}

async fn register(
    State(shared): State<Arc<Shared>>,
    Json(registration): Json<RelayRegistration>,
) -> Result<Json<RelayWelcome>, StatusCode> {
    let mut registrations = shared.registrations.lock().expect("no panic");
    *registrations += 1;
    if *registrations <= shared.refuse_first || registration.join_key != "join-key-0123456789" {
        return Err(StatusCode::UNAUTHORIZED);
    }
    assert_eq!(registration.certificate_fingerprint.len(), 95);
    assert_ne!(registration.media_addresses[0].port(), 0);
    *shared.relay_key.lock().expect("no panic") = Some(registration.public_key);
    Ok(Json(shared.welcome()))
}

async fn link(State(shared): State<Arc<Shared>>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async move |mut socket| {
        let mut links = shared.links.clone();
        links.mark_unchanged();
        tokio::select! {
            _ = serve(&shared, &mut socket) => {}
            _ = links.changed() => {}
            () = shared.stop.cancelled() => {}
        }
    })
}

/// Ends when the relay goes or does not prove its key.
async fn serve(shared: &Shared, socket: &mut WebSocket) -> Option<()> {
    let FromRelay::Hello { nonce, .. } = hear(shared, socket).await? else {
        return None;
    };
    let nonce = URL_SAFE_NO_PAD.decode(nonce).expect("base64url");
    let signature = shared
        .key()
        .sign(&[b"diemcau orchestrator", &nonce[..]].concat());
    let challenge = ToRelay::Challenge {
        nonce: URL_SAFE_NO_PAD.encode(NONCE),
        signature: URL_SAFE_NO_PAD.encode(signature.as_ref()),
    };
    tell(socket, &challenge).await?;
    let FromRelay::Proof { signature } = hear(shared, socket).await? else {
        return None;
    };
    let key = shared.relay_key.lock().expect("no panic").clone()?;
    UnparsedPublicKey::new(&ED25519, URL_SAFE_NO_PAD.decode(key).expect("base64url"))
        .verify(
            &[b"diemcau relay", &NONCE[..]].concat(),
            &URL_SAFE_NO_PAD.decode(signature).expect("base64url"),
        )
        .expect("the relay proves its key");
    tell(socket, &ToRelay::Welcome(shared.welcome())).await?;
    let mut plans = shared.plans.clone();
    let mut told = 0;
    loop {
        let waiting: Vec<RelayPlan> = plans
            .borrow_and_update()
            .iter()
            .skip(told)
            .cloned()
            .collect();
        for plan in waiting {
            told += 1;
            tell(socket, &ToRelay::Plan(plan)).await?;
        }
        tokio::select! {
            heard = hear(shared, socket) => { heard?; }
            changed = plans.changed() => changed.ok()?,
        }
    }
}

async fn hear(shared: &Shared, socket: &mut WebSocket) -> Option<FromRelay> {
    loop {
        if let Message::Text(text) = socket.recv().await?.ok()? {
            let message: FromRelay =
                serde_json::from_str(&text).expect("a message of the protocol");
            // The test may have stopped listening.
            let _ = shared.heard.send(message.clone());
            return Some(message);
        }
    }
}

async fn tell(socket: &mut WebSocket, message: &ToRelay) -> Option<()> {
    let json = serde_json::to_string(message).expect("JSON");
    socket.send(Message::Text(json.into())).await.ok()
}
