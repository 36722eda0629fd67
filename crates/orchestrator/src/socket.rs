//! Web sockets: sized buffers, time limits, one way to read and write.

use crate::problem::{ApiError, ApiResult};
use axum::extract::FromRequestParts;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use axum::http::request::Parts;
use axum::response::Response;
use serde::Serialize;
use std::time::{Duration, Instant};
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};

/// The subprotocol halls ask for.
const SUBPROTOCOL: &str = "diemcau.v1";
/// The library's default of 128 KiB each would be 5 GiB at 37,000 halls.
const BUFFER_BYTES: usize = 2 * 1024;
/// A peer that takes no message for so long is gone.
const SEND_TIME_MAX: Duration = Duration::from_secs(10);
/// A peer answers a close at once.
const CLOSE_TIME_MAX: Duration = Duration::from_secs(1);
const PING_EVERY: Duration = Duration::from_secs(5);
/// Three pings without any answer.
const SILENCE_MAX: Duration = Duration::from_secs(16);

/// A request that becomes a web socket. What is no such request is refused as a problem.
pub struct Upgrade(WebSocketUpgrade);

impl<S: Send + Sync> FromRequestParts<S> for Upgrade {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let upgrade = WebSocketUpgrade::from_request_parts(parts, state).await;
        upgrade.map(Self).map_err(|rejection| {
            ApiError::new(rejection.status(), "web_socket", rejection.body_text())
                .hint("open a web socket here (RFC 6455)")
        })
    }
}

impl Upgrade {
    /// Answers the request and serves the socket on a task of its own.
    pub fn run<Serving>(
        self,
        message_bytes_max: usize,
        serve: impl FnOnce(WebSocket) -> Serving + Send + 'static,
    ) -> Response
    where
        Serving: Future<Output = ()> + Send + 'static,
    {
        self.0
            .protocols([SUBPROTOCOL])
            .read_buffer_size(BUFFER_BYTES)
            .write_buffer_size(BUFFER_BYTES)
            .max_message_size(message_bytes_max)
            .max_frame_size(message_bytes_max)
            .on_upgrade(serve)
    }
}

/// What came in.
pub enum Incoming {
    /// A message.
    Text(Utf8Bytes),
    /// A sign of life without content.
    Sign,
    /// The end: closed, broken, or a message that is too long or of the wrong kind.
    Gone,
}

/// Waits for what comes next. Nothing is lost when the wait is given up.
pub async fn receive(socket: &mut WebSocket) -> Incoming {
    match socket.recv().await {
        Some(Ok(Message::Text(text))) => Incoming::Text(text),
        Some(Ok(Message::Ping(_) | Message::Pong(_))) => Incoming::Sign,
        Some(Ok(Message::Binary(_) | Message::Close(_)) | Err(_)) | None => Incoming::Gone,
    }
}

/// The peer takes nothing more.
#[derive(Clone, Copy, Debug)]
pub struct PeerGone;

/// Sends a message as JSON.
pub async fn send(socket: &mut WebSocket, message: &impl Serialize) -> Result<(), PeerGone> {
    let text = serde_json::to_string(message).map_err(|_| PeerGone)?;
    send_text(socket, text.into()).await
}

/// Sends a message that is JSON already.
pub async fn send_text(socket: &mut WebSocket, text: Utf8Bytes) -> Result<(), PeerGone> {
    give(socket, Message::Text(text)).await
}

/// Asks for a sign of life.
pub async fn ping(socket: &mut WebSocket) -> Result<(), PeerGone> {
    give(socket, Message::Ping(axum::body::Bytes::new())).await
}

/// Ends the socket with a reason. Reads on for a moment: closing with unread messages would reset the
/// connection, and the peer would lose what it was told last.
pub async fn close(socket: &mut WebSocket, reason: &'static str) {
    let frame = CloseFrame {
        code: close_code::NORMAL,
        reason: Utf8Bytes::from_static(reason),
    };
    if give(socket, Message::Close(Some(frame))).await.is_err() {
        return;
    }
    let until_gone = async { while !matches!(receive(socket).await, Incoming::Gone) {} };
    // A peer that talks on after the end has had its moment.
    let _ = timeout(CLOSE_TIME_MAX, until_gone).await;
}

async fn give(socket: &mut WebSocket, message: Message) -> Result<(), PeerGone> {
    match timeout(SEND_TIME_MAX, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(PeerGone),
    }
}

/// Ticks when a ping is due.
pub fn heartbeat() -> Interval {
    let mut beat = interval(PING_EVERY);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    beat
}

/// When the peer last gave a sign of life.
pub struct Heard(Instant);

impl Heard {
    /// Just now.
    pub fn now() -> Self {
        Self(Instant::now())
    }

    /// Again just now.
    pub fn again(&mut self) {
        self.0 = Instant::now();
    }

    /// So long ago that the peer is taken for gone.
    pub fn too_long_ago(&self) -> bool {
        self.0.elapsed() > SILENCE_MAX
    }
}

/// Reads a message; what is none is a reason to end the socket.
pub fn parse<T: serde::de::DeserializeOwned>(text: &str) -> ApiResult<T> {
    serde_json::from_str(text).map_err(|error| {
        let detail = crate::problem::printable(&error.to_string());
        ApiError::new(axum::http::StatusCode::BAD_REQUEST, "message", detail)
    })
}
