//! A relay registers: a one-time join key becomes a pinned identity.

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
    let welcome = relays::registration::register(&app, given).await?;
    app.limits.join.give_back(address.ip());
    Ok(Json(welcome))
}
