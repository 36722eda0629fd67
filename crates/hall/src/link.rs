//! The hall's web socket to the orchestrator: state comes down, health goes up.

use crate::status::Record;
use futures_util::{SinkExt, StreamExt};
use protocol::{ByeCause, FromHall, HallState, ToHall};
use rustls::ClientConfig;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode, header};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config,
};
use url::Url;

/// Sub-protocol spoken; the token travels beside it, because browsers can send no header.
const SUBPROTOCOL: &str = "diemcau.v1";

/// How often health goes up.
const HEALTH_EVERY: Duration = Duration::from_secs(2);

/// Nothing from the other side for this long, not even an answer to a ping: the link is dead.
const SILENCE_MAX: Duration = Duration::from_secs(12);

/// A server that takes longer to open a link is as good as gone.
const OPEN_TIMEOUT: Duration = Duration::from_secs(6);

/// Largest message taken, bytes.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// How a link ended, or was not opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkEnd {
    /// The token is not (or no longer) good.
    #[error("the orchestrator refuses the token")]
    TokenRefused,
    /// The server said no for another reason.
    #[error("the orchestrator answers {status}")]
    Refused {
        status: StatusCode,
        retry_after: Option<Duration>,
    },
    /// It said goodbye.
    #[error("the orchestrator ends the link: {0:?}")]
    Bye(ByeCause),
    /// It fell silent or away.
    #[error("link lost: {0}")]
    Lost(String),
}

type Socket = WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>;

/// An open link.
pub(crate) struct Link {
    socket: Socket,
}

impl Link {
    /// Opens the link with this token.
    pub(crate) async fn open(
        mut url: Url,
        token: &str,
        tls: &Arc<ClientConfig>,
    ) -> Result<Self, LinkEnd> {
        let scheme = if url.scheme() == "https" { "wss" } else { "ws" };
        url.set_scheme(scheme)
            .map_err(|()| LinkEnd::Lost("no web socket URL".to_owned()))?;
        let mut request = url.as_str().into_client_request().map_err(lost)?;
        let offered = HeaderValue::from_str(&format!("{SUBPROTOCOL}, bearer.{token}"));
        let offered = offered.map_err(|_| LinkEnd::TokenRefused)?;
        request
            .headers_mut()
            .insert(header::SEC_WEBSOCKET_PROTOCOL, offered);
        let config = WebSocketConfig::default()
            .read_buffer_size(4 * 1024)
            .max_message_size(Some(MESSAGE_BYTES_MAX))
            .max_frame_size(Some(MESSAGE_BYTES_MAX));
        let connector = Connector::Rustls(Arc::clone(tls));
        let opening = connect_async_tls_with_config(request, Some(config), true, Some(connector));
        match tokio::time::timeout(OPEN_TIMEOUT, opening).await {
            Ok(Ok((socket, _))) => Ok(Self { socket }),
            Ok(Err(error)) => Err(refusal(error)),
            Err(_) => Err(LinkEnd::Lost(format!(
                "no answer in {} s",
                OPEN_TIMEOUT.as_secs()
            ))),
        }
    }

    /// Keeps the link until it ends; every state goes to `on_state`.
    pub(crate) async fn run(
        mut self,
        record: &Record,
        mut on_state: impl FnMut(HallState),
    ) -> LinkEnd {
        let mut health = tokio::time::interval(HEALTH_EVERY);
        health.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = Instant::now();
        loop {
            tokio::select! {
                message = self.socket.next() => match message {
                    Some(Ok(message)) => {
                        heard = Instant::now();
                        match read(&message) {
                            Some(ToHall::State(state)) => on_state(state),
                            Some(ToHall::Bye { cause }) => return LinkEnd::Bye(cause),
                            None => {}
                        }
                    }
                    Some(Err(error)) => return lost(error),
                    None => return LinkEnd::Lost("closed".to_owned()),
                },
                _ = health.tick() => {
                    if heard.elapsed() >= SILENCE_MAX {
                        return LinkEnd::Lost(format!("silent for {} s", SILENCE_MAX.as_secs()));
                    }
                    if let Err(end) = self.report(record).await {
                        return end;
                    }
                }
            }
        }
    }

    /// Health, and a ping: its answer is what proves that the other side lives.
    async fn report(&mut self, record: &Record) -> Result<(), LinkEnd> {
        let health = serde_json::to_string(&FromHall::Health(record.health()));
        let health = health.map_err(|error| LinkEnd::Lost(error.to_string()))?;
        let sending = async {
            self.socket.feed(Message::text(health)).await?;
            self.socket.send(Message::Ping(Vec::new().into())).await
        };
        match tokio::time::timeout(OPEN_TIMEOUT, sending).await {
            Ok(sent) => sent.map_err(lost),
            Err(_) => Err(LinkEnd::Lost("nothing can be sent".to_owned())),
        }
    }
}

/// A message of this protocol; others (pings, a newer version's) are passed over.
fn read(message: &Message) -> Option<ToHall> {
    let text = message.to_text().ok().filter(|_| message.is_text())?;
    serde_json::from_str(text)
        .inspect_err(|error| {
            tracing::debug!("message from the orchestrator not understood: {error}");
        })
        .ok()
}

#[expect(clippy::needless_pass_by_value, reason = "stands in map_err")]
fn lost(error: Error) -> LinkEnd {
    LinkEnd::Lost(error.to_string())
}

fn refusal(error: Error) -> LinkEnd {
    let Error::Http(answer) = error else {
        return lost(error);
    };
    if answer.status() == StatusCode::UNAUTHORIZED {
        return LinkEnd::TokenRefused;
    }
    let retry_after = answer
        .headers()
        .get(header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok())
        .map(Duration::from_secs);
    LinkEnd::Refused {
        status: answer.status(),
        retry_after,
    }
}
