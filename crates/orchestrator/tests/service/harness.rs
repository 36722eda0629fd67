//! A running service and the people who call it.

use futures_util::{SinkExt, StreamExt};
use orchestrator::{Config, Orchestrator, Running};
use protocol::{ConferenceView, JoinGrant, Live, Problem, SiteLink};
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use tokio_util::sync::CancellationToken;

/// Anything asked for happens long before; only a hang meets it.
pub const DEADLINE: Duration = Duration::from_secs(30);
pub const CONFERENCE: &str = "thanh-hoa";
pub const PASSWORD: &str = "một mật khẩu dài";

pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub fn thanh_hoa() -> PathBuf {
    repository().join("config/thanh-hoa/sites.csv")
}

/// The service, and the data folder that outlives it.
pub struct Service {
    pub base: String,
    running: Option<Running>,
    stop: CancellationToken,
    data: TempDir,
    config: String,
}

impl Service {
    /// With Thanh Hóa's 56 sites and three relays that may register.
    pub async fn with_thanh_hoa() -> Self {
        let conference = format!(
            "[[conferences]]\nid = \"{CONFERENCE}\"\ntitle = \"Hội nghị thành phố\"\nsites = {:?}\nchair = \"TINHUY-TH\"\n",
            thanh_hoa().display().to_string()
        );
        let relays = [("province", "TINHUY-TH"), ("city", "TPTH-01"), ("ward", "TPTH-04")].map(|(id, site)| {
            let key = join_key(id);
            format!("[[relays]]\nid = \"{id}\"\nsite = \"{site}\"\ncapacity = 250\njoin_key = \"{key}\"\n")
        });
        Self::start(&(conference + &relays.concat())).await
    }

    /// With nothing in it.
    pub async fn empty() -> Self {
        Self::start("").await
    }

    async fn start(more: &str) -> Self {
        let data = tempfile::tempdir().expect("a folder");
        let config = format!(
            "[data]\ndir = \"data\"\n[http]\nlisten = \"127.0.0.1:0\"\n[metrics]\nlisten = \"127.0.0.1:0\"\n\
             [[users]]\nname = \"admin\"\nrole = \"operator\"\npassword = \"{PASSWORD}\"\n\
             [[users]]\nname = \"lanhdao\"\nrole = \"viewer\"\npassword = \"{PASSWORD}\"\n{more}"
        );
        let mut service = Self {
            base: String::new(),
            running: None,
            stop: CancellationToken::new(),
            data,
            config,
        };
        service.run().await;
        service
    }

    async fn run(&mut self) {
        self.stop = CancellationToken::new();
        let file = self.data.path().join("serve.toml");
        let config = Config::from_toml(&self.config, &file.display().to_string())
            .expect("a good configuration");
        let running = Orchestrator::start(config, self.stop.clone())
            .await
            .expect("the service starts");
        self.base = format!("http://{}", running.http_address());
        self.running = Some(running);
    }

    /// Stops the service and starts it on the same data, under a new port.
    pub async fn restart(&mut self) {
        self.stop.cancel();
        if let Some(running) = self.running.take() {
            running.stopped().await;
        }
        self.wait_for_log().await;
        self.run().await;
    }

    /// The log's writer lets go of its lock when its last user has ended.
    async fn wait_for_log(&self) {
        let lock = self
            .data
            .path()
            .join("data")
            .join(format!("{}.lock", orchestrator::LOG_FILE));
        let file = std::fs::File::options()
            .write(true)
            .open(lock)
            .expect("the log was there");
        tokio::task::spawn_blocking(move || file.lock().expect("a lock"))
            .await
            .expect("locked");
    }

    pub fn log_file(&self) -> PathBuf {
        self.data.path().join("data").join(orchestrator::LOG_FILE)
    }

    pub async fn metrics(&self) -> String {
        let address = self
            .running
            .as_ref()
            .and_then(Running::metrics_address)
            .expect("an internal listener");
        let answer = reqwest::get(format!("http://{address}/metrics"))
            .await
            .expect("an answer");
        answer.text().await.expect("text")
    }

    /// Somebody without any credential.
    pub fn anybody(&self) -> Caller {
        Caller {
            http: Client::new(),
            base: self.base.clone(),
            credential: None,
        }
    }

    pub async fn operator(&self) -> Caller {
        self.anybody().signed_in("admin").await
    }

    pub async fn viewer(&self) -> Caller {
        self.anybody().signed_in("lanhdao").await
    }

    /// A hall that joined with its link.
    pub async fn hall(&self, site: &str) -> Caller {
        let link = self.operator().await.site_link(site).await;
        let secret = link.url.split_once('#').expect("a fragment").1.to_owned();
        self.anybody().joined(&secret).await.0
    }
}

pub fn join_key(relay: &str) -> String {
    format!("join-key-of-relay-{relay}")
}

/// Somebody who calls.
#[derive(Clone)]
pub struct Caller {
    http: Client,
    pub base: String,
    /// A header: a cookie or a bearer token.
    pub credential: Option<(&'static str, String)>,
}

impl Caller {
    pub async fn signed_in(mut self, user: &str) -> Self {
        let answer = self.sign_in(user, PASSWORD).await;
        assert_eq!(answer.status(), StatusCode::OK);
        let cookie = answer.headers()["set-cookie"].to_str().expect("text");
        let cookie = cookie.split(';').next().expect("a value").to_owned();
        self.credential = Some(("cookie", cookie));
        self
    }

    pub async fn sign_in(&self, user: &str, password: &str) -> Response {
        self.send(
            Method::POST,
            "/api/session",
            Some(json!({ "user": user, "password": password })),
        )
        .await
    }

    pub async fn joined(mut self, credential: &str) -> (Self, JoinGrant) {
        let answer = self
            .send(
                Method::POST,
                "/api/join",
                Some(json!({ "credential": credential })),
            )
            .await;
        assert_eq!(answer.status(), StatusCode::OK, "{credential}");
        let grant: JoinGrant = answer.json().await.expect("a grant");
        self.credential = Some(("authorization", format!("Bearer {}", grant.token)));
        (self, grant)
    }

    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.credential {
            Some((name, value)) => request.header(*name, value),
            None => request,
        }
    }

    pub async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Response {
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request.json(&body);
        }
        request.send().await.expect("an answer")
    }

    pub async fn get(&self, path: &str) -> Response {
        self.send(Method::GET, path, None).await
    }

    pub async fn conference(&self) -> ConferenceView {
        let answer = self.get(&format!("/api/conferences/{CONFERENCE}")).await;
        assert_eq!(answer.status(), StatusCode::OK);
        answer.json().await.expect("a conference")
    }

    pub async fn step(&self, to: &str) -> Response {
        self.send(
            Method::POST,
            &format!("/api/conferences/{CONFERENCE}/sitting"),
            Some(json!({ "to": to })),
        )
        .await
    }

    pub async fn site_link(&self, site: &str) -> SiteLink {
        let answer = self
            .get(&format!("/api/conferences/{CONFERENCE}/sites/{site}/link"))
            .await;
        assert_eq!(answer.status(), StatusCode::OK);
        answer.json().await.expect("a link")
    }

    pub async fn report(&self, site: &str, report: &Value) -> Response {
        let path = format!("/api/conferences/{CONFERENCE}/sites/{site}/counts");
        self.send(Method::PUT, &path, Some(report.clone())).await
    }

    pub async fn socket(&self, path: &str) -> Result<Socket, tungstenite::Error> {
        let url = format!("{}{path}", self.base.replacen("http", "ws", 1));
        let mut request = url.into_client_request().expect("a request");
        if let Some((name, value)) = &self.credential {
            request
                .headers_mut()
                .insert(*name, value.parse().expect("a header"));
        }
        Ok(Socket(tokio_tungstenite::connect_async(request).await?.0))
    }

    pub async fn live(&self) -> Socket {
        self.socket(&format!("/api/conferences/{CONFERENCE}/live"))
            .await
            .expect("a live stream")
    }
}

/// A web socket.
pub struct Socket(pub WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    pub async fn say(&mut self, message: &Value) {
        self.0
            .send(Message::text(message.to_string()))
            .await
            .expect("sent");
    }

    /// The next message; `None` when the other side closed.
    pub async fn next(&mut self) -> Option<Value> {
        let next = async {
            loop {
                match self.0.next().await {
                    Some(Ok(Message::Text(text))) => {
                        return Some(serde_json::from_str(&text).expect("JSON"));
                    }
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                    Some(Ok(_)) => {}
                }
            }
        };
        tokio::time::timeout(DEADLINE, next)
            .await
            .expect("a message in time")
    }

    /// The first message that is like this.
    pub async fn until(&mut self, mut is_it: impl FnMut(&Value) -> bool) -> Value {
        loop {
            let message = self.next().await.expect("the socket is open");
            if is_it(&message) {
                return message;
            }
        }
    }

    /// Follows the live stream until the view it adds up to is like this.
    pub async fn follow(
        &mut self,
        view: &mut Option<ConferenceView>,
        is_it: impl Fn(&ConferenceView) -> bool,
    ) {
        loop {
            if view.as_ref().is_some_and(&is_it) {
                return;
            }
            let message = self.next().await.expect("the stream is open");
            match serde_json::from_value(message).expect("a live message") {
                Live::Snapshot(snapshot) => *view = Some(snapshot),
                Live::Changed {
                    sitting,
                    totals,
                    sites,
                    relays,
                } => {
                    let view = view.as_mut().expect("a snapshot first");
                    if let Some(sitting) = sitting {
                        view.sitting = sitting;
                    }
                    if let Some(totals) = totals {
                        view.totals = totals;
                    }
                    for site in sites {
                        let slot = view.sites.iter_mut().find(|known| known.code == site.code);
                        *slot.expect("a known site") = site;
                    }
                    for relay in relays {
                        view.relays.retain(|known| known.id != relay.id);
                        view.relays.push(relay);
                    }
                }
            }
        }
    }
}

/// The answer is this refusal, as a problem document.
pub async fn refused(answer: Response, status: u16, kind: &str) -> Problem {
    let found = answer.status().as_u16();
    let media = answer
        .headers()
        .get("content-type")
        .map(|value| value.to_str().expect("text").to_owned());
    let text = answer.text().await.expect("text");
    assert_eq!(
        (found, media.as_deref()),
        (status, Some("application/problem+json")),
        "{text}"
    );
    let problem: Problem = serde_json::from_str(&text).expect("a problem");
    assert_eq!(
        (problem.kind.as_str(), problem.status),
        (kind, status),
        "{text}"
    );
    problem
}

/// A report of a site's figures.
pub fn head_count(expected: u32, present: u32) -> Value {
    json!({
        "report_id": uuid::Uuid::now_v7(),
        "expected": expected,
        "present": present,
        "unclassified": expected - present,
    })
}
