//! A relay registers: a one-time join key becomes a pinned identity.

use super::to_the_end;
use crate::app::App;
use crate::extract::Body;
use crate::problem::ApiResult;
use crate::relays;
use axum::Json;
use axum::extract::{ConnectInfo, State};
use protocol::{Problem, RelayRegistration, RelayWelcome};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

/// Register a relay. The same relay with the same identity key may repeat it.
#[utoipa::path(
    post, path = "/api/relays", tag = "relays", request_body = RelayRegistration,
    responses(
        (status = 200, body = RelayWelcome),
        (status = 401, body = Problem, description = "no relay has this join key"),
        (status = 409, body = Problem, description = "the join key was used by another identity"),
        (status = 422, body = Problem),
    )
)]
pub async fn register(
    State(app): State<Arc<App>>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    Body(given): Body<RelayRegistration>,
) -> ApiResult<Json<RelayWelcome>> {
    app.limits
        .join
        .take(address.ip(), Instant::now())
        .map_err(|wait| app.refuse_try("relay", wait))?;
    let at = Arc::clone(&app);
    let welcome =
        to_the_end(async move { relays::registration::register(&at, given).await }).await?;
    app.limits.join.give_back(address.ip());
    Ok(Json(welcome))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::begin_and_drop;
    use crate::auth::base64url;
    use std::time::Duration;
    use tokio::time::timeout;

    fn registration(relay: &str) -> RelayRegistration {
        RelayRegistration {
            join_key: format!("join-key-of-relay-{relay}"),
            relay: relay.parse().expect("an id"),
            public_key: base64url(&[7; 32]),
            certificate_fingerprint: ["AA"; 32].join(":"),
            media_addresses: vec![([127, 0, 0, 1], 5004).into()],
            http_url: "https://127.0.0.1:8444".to_owned(),
        }
    }

    #[tokio::test]
    async fn a_relay_that_hangs_up_while_it_registers_is_registered_and_so_is_the_next() {
        let folder = tempfile::tempdir().expect("a folder");
        let relays = ["province", "city"].map(|id| {
            format!("[[relays]]\nid = \"{id}\"\nsite = \"A\"\ncapacity = 9\njoin_key = \"join-key-of-relay-{id}\"\n")
        });
        let app = App::for_a_test(folder.path(), &relays.concat()).await;
        let from = ConnectInfo(([127, 0, 0, 1], 9).into());
        let request = registration("province");
        let id = request.relay.clone();
        begin_and_drop(register(State(Arc::clone(&app)), from, Body(request))).await;
        let known = async {
            while app.relays.find(&id).is_none() {
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_secs(30), known)
            .await
            .expect("what the log has is known");
        let next = register(State(app), from, Body(registration("city"))).await;
        assert!(next.is_ok(), "the stream is where it is thought to be");
    }
}
