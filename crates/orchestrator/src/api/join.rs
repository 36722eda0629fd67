//! A hall joins: its link's secret or its short code becomes a token.

use crate::app::App;
use crate::auth::tokens::HALL_TOKEN_S;
use crate::clock;
use crate::extract::Body;
use crate::problem::{ApiError, ApiResult};
use axum::Json;
use axum::extract::{ConnectInfo, State};
use protocol::{Join, JoinGrant, MediaScope, Problem};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

/// Join with a link's secret or a short code.
#[utoipa::path(
    post, path = "/api/join", tag = "halls", request_body = Join,
    responses(
        (status = 200, body = JoinGrant),
        (status = 401, body = Problem, description = "no site has this link or code"),
        (status = 429, body = Problem, description = "too many wrong tries from this address"),
    )
)]
pub async fn join(
    State(app): State<Arc<App>>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    Body(given): Body<Join>,
) -> ApiResult<Json<JoinGrant>> {
    app.limits
        .join
        .take(address.ip(), Instant::now())
        .map_err(|wait| app.refuse_try("join", wait))?;
    let Some((conference, site)) = app.join_codes.find(&given.credential) else {
        tracing::warn!(address = %address.ip(), "a join was refused");
        return Err(
            ApiError::unauthorized("wrong_code", "no site has this link or code")
                .hint("check the code with the control room; O is read as 0, I and L as 1"),
        );
    };
    // Halls of one district may share an address: who knows a credential is not guessing.
    app.limits.join.give_back(address.ip());
    let about = app
        .conferences
        .find(&conference)?
        .site(site.clone())
        .await?;
    let scope = MediaScope::Hall { site: site.clone() };
    let granted = app
        .tokens
        .grant(conference.clone(), scope, clock::now_s(), HALL_TOKEN_S);
    let (token, claims) = granted.map_err(|error| ApiError::fault(&error))?;
    tracing::info!(%conference, %site, token = claims.jti, address = %address.ip(), "a hall joined");
    Ok(Json(JoinGrant {
        token,
        expires_at_s: claims.exp,
        conference,
        conference_title: about.conference_title.clone(),
        media: about.media(&site),
        site,
        site_name: about.name,
    }))
}
