//! A video room of Janus, as the load meets it: the REST transport, a session with one handle for
//! every leg. A publisher offers; to a watcher Janus offers.

use crate::load::{Local, Remote, Request, Session, Signalling, send};
use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long an event may take to come.
const PATIENCE: Duration = Duration::from_secs(10);

/// Between two attempts to watch a publisher that is not there yet.
const AGAIN_AFTER: Duration = Duration::from_millis(20);

/// Janus has nothing to show of a publisher whose DTLS it has not finished.
const NO_SUCH_FEED: u64 = 428;

const ROOM: u64 = 1;
const PUBLISHER: u64 = 1;

/// The room, by the address of Janus' HTTP port.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Room {
    /// Plain HTTP.
    pub http: SocketAddr,
}

/// `/session` and `/session/handle`.
struct Participant {
    session: String,
    handle: String,
}

impl Room {
    /// Whether Janus answers.
    pub fn is_served(&self) -> bool {
        self.call("GET", "/info", None).is_ok()
    }

    /// Makes the room.
    ///
    /// # Errors
    /// When Janus refuses or cannot be reached.
    pub fn make(&self) -> Result<()> {
        let participant = self.participant()?;
        let body =
            json!({ "request": "create", "room": ROOM, "publishers": 1, "videocodec": "h264,vp8" });
        self.message(&participant, &body, Value::Null)?;
        Ok(())
    }

    /// Joins as a watcher; Janus' offer, or `None` when nobody publishes yet.
    fn offered(&self, participant: &Participant) -> Result<Option<String>> {
        let body = json!({
            "request": "join", "ptype": "subscriber", "room": ROOM, "streams": [{ "feed": PUBLISHER }],
        });
        self.message(participant, &body, Value::Null)?;
        let event = self.event(participant)?;
        if event["plugindata"]["data"]["error_code"] == NO_SUCH_FEED {
            return Ok(None);
        }
        description(&event).map(Some)
    }

    fn participant(&self) -> Result<Participant> {
        let id = |answer: Value| answer["data"]["id"].as_u64().context("no id in the answer");
        let session = id(self.post("", json!({ "janus": "create" }))?)?;
        let session = format!("/{session}");
        let plugin = json!({ "janus": "attach", "plugin": "janus.plugin.videoroom" });
        let handle = id(self.post(&session, plugin)?)?;
        let handle = format!("{session}/{handle}");
        Ok(Participant { session, handle })
    }

    fn message(&self, to: &Participant, body: &Value, jsep: Value) -> Result<()> {
        let mut message = json!({ "janus": "message", "body": body });
        if !jsep.is_null() {
            message["jsep"] = jsep;
        }
        let answer = self.post(&to.handle, message)?;
        ensure!(
            answer["plugindata"]["data"]["error"].is_null(),
            "Janus refuses: {answer}"
        );
        Ok(())
    }

    fn post(&self, path: &str, mut request: Value) -> Result<Value> {
        request["transaction"] = json!("bench");
        self.call("POST", path, Some(&request))
    }

    /// The next event of a session that is none of Janus' keep-alives.
    fn event(&self, of: &Participant) -> Result<Value> {
        let path = format!("{}?maxev=1", of.session);
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            let event = self.call("GET", &path, None)?;
            if event["janus"] == "event" {
                return Ok(event);
            }
        }
        bail!("no event of Janus for {} s", PATIENCE.as_secs())
    }

    fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        let body = body.map_or(String::new(), Value::to_string);
        let answer = send(
            self.http,
            &Request {
                method,
                path: &format!("/janus{path}"),
                content_type: "application/json",
                token: None,
                body: &body,
            },
        )?;
        let said: Value = serde_json::from_str(&answer.body)
            .with_context(|| format!("{method} {path}: status {}", answer.status))?;
        ensure!(
            said["janus"] != "error",
            "Janus refuses {method} {path}: {said}"
        );
        Ok(said)
    }
}

fn description(event: &Value) -> Result<String> {
    let sdp = event["jsep"]["sdp"].as_str();
    sdp.map(str::to_owned)
        .with_context(|| format!("Janus describes no media: {event}"))
}

fn opened(participant: Participant, description: &str) -> Result<Session> {
    Ok(Session {
        remote: Remote::parse(description)?,
        handle: participant.session,
    })
}

impl Signalling for Room {
    fn publish(&self, local: &Local) -> Result<Session> {
        let participant = self.participant()?;
        let body = json!({
            "request": "joinandconfigure", "ptype": "publisher", "room": ROOM, "id": PUBLISHER,
        });
        let offer = json!({ "type": "offer", "sdp": local.offer() });
        self.message(&participant, &body, offer)?;
        let answer = description(&self.event(&participant)?)?;
        opened(participant, &answer)
    }

    fn watch(&self, _number: usize, local: &Local) -> Result<Session> {
        let participant = self.participant()?;
        let began = Instant::now();
        let offer = loop {
            if let Some(offer) = self.offered(&participant)? {
                break offer;
            }
            ensure!(began.elapsed() < PATIENCE, "nobody publishes");
            std::thread::sleep(AGAIN_AFTER);
        };
        let answer = json!({ "type": "answer", "sdp": local.answer(&offer) });
        let start = json!({ "request": "start", "room": ROOM });
        self.message(&participant, &start, answer)?;
        opened(participant, &offer)
    }

    fn end(&self, session: &Session) -> Result<()> {
        self.post(&session.handle, json!({ "janus": "destroy" }))
            .map(drop)
    }
}
