//! A relay under test, and a client that talks to it.

use relay::media::{Fingerprint, IceCredentials, LegId, LegOpened, SlotSsrcs};
use relay::sdp::{Local, Negotiated, Offer};
use relay::{Config, Relay, Running};
use reqwest::{Client, Method, RequestBuilder, Response};
use std::path::Path;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Nothing in these tests takes this long; when it does, it never will.
pub const DEADLINE: Duration = Duration::from_mins(1);

pub const WHIP_OFFER: &str = include_str!("../offers/chromium_whip.sdp");
pub const WHEP_OFFER: &str = include_str!("../offers/chromium_whep_four.sdp");

pub const CHROMIUM_SIMULCAST: &str = include_str!("../offers/chromium_simulcast.sdp");
pub const CHROMIUM_RED: &str = include_str!("../offers/chromium_red_first.sdp");
pub const AIORTC: &str = include_str!("../offers/aiortc_sendrecv.sdp");
pub const WEBRTC_CRATE: &str = include_str!("../offers/webrtc_crate_whip.sdp");
/// In the words of RFC 9429 §7.3.
pub const MAX_BUNDLE: &str = include_str!("../offers/max_bundle_whip.sdp");
pub const PLAIN_AUDIO: &str = include_str!("../offers/plain_audio_recvonly.sdp");

/// An offer that is taken.
pub fn parse(text: &str) -> Offer {
    Offer::parse(text.as_bytes()).unwrap_or_else(|fault| panic!("{fault}"))
}

/// Its answer, from a relay that numbers slots from 65536 and their retransmissions from 131072.
pub fn answer(offer: &Offer, negotiated: &Negotiated) -> String {
    let credentials = IceCredentials {
        ufrag: "relayufr".into(),
        pwd: "relaypwdrelaypwdrelaypwdrelaypwd".into(),
    };
    let local = Local {
        session_number: 7,
        credentials: &credentials,
        fingerprint: Fingerprint([0xAB; 32]),
        candidates: &candidates(),
    };
    let ssrcs = |slot: u32| SlotSsrcs {
        ssrc: (1 << 16) + slot,
        rtx: (slot < 2).then_some((2 << 16) + slot),
    };
    let opened = LegOpened {
        leg: LegId(1),
        slots: (0..4).map(ssrcs).collect(),
        cname: "relay-cname".into(),
    };
    offer.answer(&local, &negotiated.replies, &opened)
}

/// Where that relay is reached.
pub fn candidates() -> [std::net::SocketAddr; 2] {
    [
        "203.0.113.7:5004".parse().expect("v4"),
        "[2001:db8::7]:5004".parse().expect("v6"),
    ]
}

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
