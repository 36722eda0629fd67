//! A relay as the orchestrator sees it: an identity key, a registration, a control link. No media.

use crate::harness::{Caller, Socket, join_key};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::{Method, Response};
use serde_json::{Value, json};

pub struct Relay {
    pub id: &'static str,
    pair: Ed25519KeyPair,
    pub port: u16,
}

impl Relay {
    pub fn new(id: &'static str, port: u16) -> Self {
        Self {
            id,
            pair: Ed25519KeyPair::generate().expect("a key"),
            port,
        }
    }

    pub fn registration(&self) -> Value {
        json!({
            "join_key": join_key(self.id),
            "relay": self.id,
            "public_key": URL_SAFE_NO_PAD.encode(self.pair.public_key()),
            "certificate_fingerprint": vec![format!("{:02X}", self.port % 256); 32].join(":"),
            "media_addresses": [format!("127.0.0.1:{}", self.port)],
            "http_url": format!("https://127.0.0.1:{}", self.port + 1),
        })
    }

    pub async fn register(&self, at: &Caller) -> Response {
        at.send(Method::POST, "/api/relays", Some(self.registration()))
            .await
    }

    /// Registers, proves, and answers the open link.
    pub async fn link(&self, at: &Caller) -> Socket {
        let welcome: Value = self.register(at).await.json().await.expect("a welcome");
        let mut link = self.hello(at, &welcome, self.port).await;
        let again = link.next().await.expect("a welcome");
        assert_eq!(
            (&again["type"], &again["ssrc_block"]),
            (&json!("welcome"), &welcome["ssrc_block"])
        );
        link
    }

    /// Opens a link up to the proof.
    pub async fn hello(&self, at: &Caller, welcome: &Value, port: u16) -> Socket {
        let mut link = at.socket("/api/relays/link").await.expect("a link");
        let nonce = [7_u8; 32];
        link.say(&json!({
            "type": "hello",
            "version": protocol::VERSION,
            "relay": self.id,
            "nonce": URL_SAFE_NO_PAD.encode(nonce),
            "media_addresses": [format!("127.0.0.1:{port}")],
            "http_url": format!("https://127.0.0.1:{}", port + 1),
        }))
        .await;
        let challenge = link.next().await.expect("a challenge");
        let pinned = bytes(&welcome["orchestrator_key"]);
        let signed = [&b"diemcau orchestrator"[..], &nonce].concat();
        UnparsedPublicKey::new(&ED25519, pinned)
            .verify(&signed, &bytes(&challenge["signature"]))
            .expect("the orchestrator proves its key");
        let proof = [&b"diemcau relay"[..], &bytes(&challenge["nonce"])].concat();
        link.say(&json!({ "type": "proof", "signature": URL_SAFE_NO_PAD.encode(self.pair.sign(&proof)) })).await;
        link
    }
}

fn bytes(text: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD
        .decode(text.as_str().expect("text"))
        .expect("base64url")
}

/// A report with this hall published and watching there.
pub fn report(epoch: u64, site: &str, packets_to_hall: u64, watched: bool) -> Value {
    let leg = |role: &str, packets: u64| {
        json!({
            "session": role, "site": site, "role": role, "state": "connected", "packets_sent": packets,
            "packets_received": 1, "fraction_lost": 0.0, "rtt_ms": 3.5,
        })
    };
    let mut legs = vec![leg("publish", 0), leg("watch", packets_to_hall)];
    if watched {
        legs.push(leg("return", 5));
    }
    json!({
        "type": "report", "epoch": epoch, "legs": legs, "packets_sent": 10, "bytes_sent": 10_000, "trunks": [],
        "feeds": [{
            "site": site, "kind": "video", "codec": "H264", "ssrc": 65_537, "local": true, "packets": 10, "holes": 0,
            "bitrate_bps": 60_000, "frame_rate": 5.0, "jitter_ms": 1.0, "silent_ms": 20, "watchers": 1,
        }],
    })
}
