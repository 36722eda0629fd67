//! A relay under test, and a client that talks to it.

use relay::{Config, Relay, Running};
use reqwest::{Client, Method, RequestBuilder, Response};
use std::path::Path;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Nothing in these tests takes this long; when it does, it never will.
pub const DEADLINE: Duration = Duration::from_mins(1);

pub const WHIP_OFFER: &str = include_str!("../offers/chromium_whip.sdp");
pub const WHEP_OFFER: &str = include_str!("../offers/chromium_whep_four.sdp");

/// The part of a `relay.toml` that every test shares.
pub fn head(folder: &Path) -> String {
    format!(
        "id = \"ward\"\ndata.dir = '{}'\nhttp.listen = \"127.0.0.1:0\"\nmetrics.listen = \"127.0.0.1:0\"\n\
         media.listen = \"127.0.0.1:0\"\n",
        folder.join("data").display()
    )
}

/// A running relay with its folder.
pub struct Bench {
    pub relay: Running,
    pub client: Client,
    pub base: String,
    pub stop: CancellationToken,
}

impl Bench {
    pub async fn start(toml: &str) -> Self {
        let config =
            Config::from_toml(toml, "relay.toml").unwrap_or_else(|error| panic!("{error}\n{toml}"));
        let stop = CancellationToken::new();
        let relay = Relay::start(config, stop.clone())
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        let base = format!("http://{}", relay.http_address());
        let client = Client::builder()
            .no_proxy()
            .timeout(DEADLINE)
            .build()
            .expect("a client");
        Self {
            relay,
            client,
            base,
            stop,
        }
    }

    pub fn request(&self, method: Method, path: &str, token: Option<&str>) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base));
        match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub async fn post(&self, path: &str, token: &str, offer: &str) -> Response {
        let request = self
            .request(Method::POST, path, Some(token))
            .header("Content-Type", "application/sdp");
        request
            .body(offer.to_owned())
            .send()
            .await
            .expect("an answer")
    }

    pub async fn metrics(&self) -> String {
        let url = format!("http://{}/metrics", self.relay.metrics_address());
        self.client
            .get(url)
            .send()
            .await
            .expect("an answer")
            .text()
            .await
            .expect("text")
    }

    pub async fn ready(&self) -> u16 {
        let url = format!("http://{}/ready", self.relay.metrics_address());
        self.client
            .get(url)
            .send()
            .await
            .expect("an answer")
            .status()
            .as_u16()
    }

    pub async fn end(self) {
        self.stop.cancel();
        tokio::time::timeout(DEADLINE, self.relay.stopped())
            .await
            .expect("the relay ends");
    }
}
