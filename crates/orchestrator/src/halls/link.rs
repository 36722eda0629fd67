//! `/api/hall/link`: one web socket for each hall.

use super::pace::Pace;
use crate::app::App;
use crate::auth::Caller;
use crate::conference_actor::{HallPush, Handle, Seat};
use crate::problem::{ApiError, ApiResult};
use crate::socket::{self, Incoming, Upgrade};
use axum::Extension;
use axum::extract::State;
use axum::extract::ws::WebSocket;
use axum::response::Response;
use protocol::{ByeCause, FromHall, SiteCode, ToHall};
use std::sync::Arc;
use std::time::Instant;

/// A health message is under 300 bytes.
const MESSAGE_BYTES_MAX: usize = 16 * 1024;

/// The hall's link: state down, health up. A web socket. The newest holder of a site's token has it.
#[utoipa::path(
    get, path = "/api/hall/link", tag = "halls",
    responses((status = 101, description = "web socket of `ToHall` and `FromHall` messages"))
)]
pub async fn link(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    upgrade: Upgrade,
) -> ApiResult<Response> {
    let Caller::Hall {
        conference,
        site,
        token_id,
    } = caller
    else {
        return Err(ApiError::forbidden("role", "this takes a hall"));
    };
    let handle = app.conferences.find(&conference)?;
    // A site that does not exist any more is refused before the socket opens.
    handle.site(site.clone()).await?;
    Ok(
        upgrade.run(MESSAGE_BYTES_MAX, move |mut socket| async move {
            let Ok(seat) = handle.seat(site.clone(), token_id).await else {
                return socket::close(&mut socket, "the conference is not available").await;
            };
            let end = Link {
                app: &app,
                handle: &handle,
                site: &site,
                seat,
            }
            .serve(&mut socket)
            .await;
            end.tell(&mut socket).await;
        }),
    )
}

struct Link<'a> {
    app: &'a App,
    handle: &'a Handle,
    site: &'a SiteCode,
    seat: Seat,
}

/// Why a link ends.
enum End {
    /// The hall is told why.
    Bye(ByeCause),
    /// There is nobody to tell.
    Quiet(&'static str),
}

impl End {
    async fn tell(self, socket: &mut WebSocket) {
        match self {
            Self::Bye(cause) => {
                // Best effort: who floods may not read either.
                let _ = socket::send(socket, &ToHall::Bye { cause }).await;
                socket::close(socket, "bye").await;
            }
            Self::Quiet(reason) => socket::close(socket, reason).await,
        }
    }
}

impl Link<'_> {
    async fn serve(mut self, socket: &mut WebSocket) -> End {
        let mut beat = socket::heartbeat();
        let mut heard = socket::Heard::now();
        let mut pace = Pace::new(Instant::now());
        loop {
            tokio::select! {
                () = self.app.stop.cancelled() => return End::Quiet("the service stops"),
                push = self.seat.next() => match push {
                    Some(HallPush::State(state)) => {
                        if socket::send(socket, &ToHall::State(*state)).await.is_err() {
                            return End::Quiet("too slow");
                        }
                    }
                    Some(HallPush::Bye(cause)) => return End::Bye(cause),
                    None => return End::Quiet("the conference ended"),
                },
                incoming = socket::receive(socket) => match incoming {
                    Incoming::Gone => return End::Quiet("gone"),
                    Incoming::Sign | Incoming::Text(_) if !pace.takes(Instant::now()) => return self.flood(),
                    Incoming::Sign => heard.again(),
                    Incoming::Text(text) => {
                        heard.again();
                        if let Err(end) = self.hear(&text) {
                            return end;
                        }
                    }
                },
                _ = beat.tick() => {
                    if heard.too_long_ago() || socket::ping(socket).await.is_err() {
                        return End::Quiet("silent");
                    }
                }
            }
        }
    }

    fn hear(&self, text: &str) -> Result<(), End> {
        match socket::parse(text) {
            Ok(FromHall::Health(health)) => {
                self.handle
                    .hall_health(self.site.clone(), self.seat.id, health);
                Ok(())
            }
            Err(_) => {
                self.app.metrics.bad_messages.inc();
                tracing::warn!(site = %self.site, "a hall sent what is no message");
                Err(End::Bye(ByeCause::NotUnderstood))
            }
        }
    }

    fn flood(&self) -> End {
        self.app.metrics.floods.inc();
        tracing::warn!(site = %self.site, "a hall floods its link and is disconnected");
        End::Bye(ByeCause::TooManyMessages)
    }
}
