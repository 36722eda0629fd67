//! How the load meets a server: the one place that knows WHIP and WHEP. Another server is another implementation.

use super::http::{self, Request};
use super::sdp::{Local, Remote};
use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// A server that can be asked for legs. Called from several threads at once, and may block.
pub trait Signalling: Send + Sync {
    /// Opens the publisher's leg.
    ///
    /// # Errors
    /// When the server refuses or cannot be reached.
    fn publish(&self, local: &Local) -> Result<Session>;

    /// Opens the watching leg of this number, counted from 0.
    ///
    /// # Errors
    /// When the server refuses or cannot be reached.
    fn watch(&self, number: usize, local: &Local) -> Result<Session>;

    /// Ends a leg as its client would.
    ///
    /// # Errors
    /// When the server refuses or cannot be reached.
    fn end(&self, session: &Session) -> Result<()>;
}

/// A leg as the server sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The server's side of the transport.
    pub remote: Remote,
    /// What to say to end it: a path, an id; the implementation's own.
    pub handle: String,
}

/// The server to load, as the parent process tells it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Target {
    /// WHIP and WHEP.
    Whep(Whep),
    /// A video room of Janus.
    Janus(crate::peers::Room),
}

impl Target {
    /// The way to talk to it.
    pub fn signalling(self) -> Box<dyn Signalling> {
        match self {
            Self::Whep(whep) => Box::new(whep),
            Self::Janus(room) => Box::new(room),
        }
    }
}

/// One WHIP or WHEP endpoint.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Endpoint {
    /// Address of the HTTP server; plain HTTP.
    pub http: SocketAddr,
    /// With a leading slash.
    pub path: String,
    /// Bearer token.
    pub token: String,
}

/// WHIP (RFC 9725) for the publisher, WHEP (draft-ietf-wish-whep-04) for watchers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Whep {
    /// Where the publisher posts.
    pub publish: Endpoint,
    /// Where each watcher posts.
    pub watch: Vec<Endpoint>,
}

impl Endpoint {
    fn open(&self, local: &Local, number: usize) -> Result<Session> {
        let offer = local.offer();
        let answer = http::send(
            self.http,
            &Request {
                method: "POST",
                path: &self.path,
                content_type: "application/sdp",
                token: Some(&self.token),
                body: &offer,
            },
        )?;
        ensure!(
            answer.status == 201,
            "POST {}: status {}: {}",
            self.path,
            answer.status,
            answer.body
        );
        Ok(Session {
            remote: Remote::parse(&answer.body)?,
            handle: format!("{number} {}", answer.location.unwrap_or_default()),
        })
    }
}

/// The publisher's number in handles.
const PUBLISHER: usize = usize::MAX;

impl Signalling for Whep {
    fn publish(&self, local: &Local) -> Result<Session> {
        self.publish.open(local, PUBLISHER)
    }

    fn watch(&self, number: usize, local: &Local) -> Result<Session> {
        let endpoint = self.watch.get(number);
        let endpoint =
            endpoint.ok_or_else(|| anyhow::anyhow!("no endpoint for watcher {number}"))?;
        endpoint.open(local, number)
    }

    fn end(&self, session: &Session) -> Result<()> {
        let (number, path) = session.handle.split_once(' ').unwrap_or_default();
        let watcher = number
            .parse()
            .ok()
            .and_then(|number: usize| self.watch.get(number));
        let endpoint = watcher.unwrap_or(&self.publish);
        let answer = http::send(
            endpoint.http,
            &Request {
                method: "DELETE",
                path,
                content_type: "text/plain",
                token: Some(&endpoint.token),
                body: "",
            },
        )?;
        ensure!(
            answer.status < 300,
            "DELETE {path}: status {}: {}",
            answer.status,
            answer.body
        );
        Ok(())
    }
}
