//! The live stream of one conference to a console.

use crate::app::App;
use crate::conference_actor::LiveStream;
use crate::extract::Ids;
use crate::problem::ApiResult;
use crate::socket::{self, Incoming, Upgrade};
use axum::extract::State;
use axum::extract::ws::WebSocket;
use axum::response::Response;
use protocol::{ConferenceId, Live};
use std::sync::Arc;
use tokio::sync::broadcast::error::RecvError;

/// A console says nothing; what it might is short.
const MESSAGE_BYTES_MAX: usize = 1024;

/// Live view: a snapshot, then changes. A web socket.
#[utoipa::path(
    get, path = "/api/conferences/{conference}/live", tag = "conferences",
    params(("conference" = String, Path)),
    responses((status = 101, description = "web socket of `Live` messages"))
)]
pub async fn link(
    State(app): State<Arc<App>>,
    Ids(conference): Ids<ConferenceId>,
    upgrade: Upgrade,
) -> ApiResult<Response> {
    let stream = app.conferences.find(&conference)?.live().await?;
    Ok(upgrade.run(MESSAGE_BYTES_MAX, move |socket| serve(app, socket, stream)))
}

async fn serve(app: Arc<App>, mut socket: WebSocket, stream: LiveStream) {
    let consoles = app.metrics.consoles.clone();
    consoles.inc();
    let reason = follow(&app, &mut socket, stream).await;
    consoles.dec();
    socket::close(&mut socket, reason).await;
}

/// Passes changes on until either side ends; answers why.
async fn follow(app: &App, socket: &mut WebSocket, mut stream: LiveStream) -> &'static str {
    let snapshot = Live::Snapshot((*stream.snapshot).clone());
    if socket::send(socket, &snapshot).await.is_err() {
        return "the snapshot could not be sent";
    }
    let mut beat = socket::heartbeat();
    let mut heard = socket::Heard::now();
    loop {
        tokio::select! {
            () = app.stop.cancelled() => return "the service stops",
            change = stream.changes.recv() => match change {
                Ok(change) => {
                    if socket::send_text(socket, change).await.is_err() {
                        return "too slow";
                    }
                }
                // Overflow: a console that is so far behind starts again from a snapshot.
                Err(RecvError::Lagged(_)) => {
                    app.metrics.slow_consoles.inc();
                    return "too slow";
                }
                Err(RecvError::Closed) => return "the conference ended",
            },
            incoming = socket::receive(socket) => match incoming {
                Incoming::Gone => return "gone",
                Incoming::Text(_) | Incoming::Sign => heard.again(),
            },
            _ = beat.tick() => {
                if heard.too_long_ago() || socket::ping(socket).await.is_err() {
                    return "silent";
                }
            }
        }
    }
}
