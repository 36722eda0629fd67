//! Leave for the control room to watch a feed at the relay that has it.

use crate::app::App;
use crate::auth::tokens::WATCH_TOKEN_S;
use crate::clock;
use crate::extract::Ids;
use crate::problem::{ApiError, ApiResult};
use axum::Json;
use axum::extract::State;
use protocol::{ConferenceId, MediaScope, Problem, SiteCode, WatchGrant};
use std::sync::Arc;

/// Watch one hall's own picture.
#[utoipa::path(
    post, path = "/api/conferences/{conference}/sites/{site}/watch", tag = "watch",
    params(("conference" = String, Path), ("site" = String, Path)),
    responses((status = 200, body = WatchGrant), (status = 503, body = Problem, description = "no relay serves the site yet"))
)]
pub async fn site(
    State(app): State<Arc<App>>,
    Ids((conference, site)): Ids<(ConferenceId, SiteCode)>,
) -> ApiResult<Json<WatchGrant>> {
    let relay_url = relay_of(&app, &conference, site.clone()).await?;
    let whep_url = format!("{relay_url}/whep/{site}/return");
    grant(&app, conference, MediaScope::WatchSite { site }, whep_url)
}

/// Watch the program.
#[utoipa::path(
    post, path = "/api/conferences/{conference}/program/watch", tag = "watch",
    params(("conference" = String, Path)),
    responses((status = 200, body = WatchGrant), (status = 503, body = Problem, description = "there is no program yet"))
)]
pub async fn program(
    State(app): State<Arc<App>>,
    Ids(conference): Ids<ConferenceId>,
) -> ApiResult<Json<WatchGrant>> {
    let view = app.conferences.find(&conference)?.view().await?;
    let chair = view.sitting.chair.clone();
    let chair = chair
        .ok_or_else(|| ApiError::unavailable("the conference has no chair, and so no program"))?;
    // The program enters at the chair's relay: nobody sees it earlier than there.
    let whep_url = format!("{}/whep/program", relay_of(&app, &conference, chair).await?);
    grant(&app, conference, MediaScope::WatchProgram, whep_url)
}

async fn relay_of(app: &App, conference: &ConferenceId, site: SiteCode) -> ApiResult<String> {
    let site = app.conferences.find(conference)?.site(site).await?;
    site.relay_url
        .ok_or_else(|| ApiError::unavailable("no relay serves this site yet"))
}

fn grant(
    app: &App,
    conference: ConferenceId,
    scope: MediaScope,
    whep_url: String,
) -> ApiResult<Json<WatchGrant>> {
    let granted = app
        .tokens
        .grant(conference, scope, clock::now_s(), WATCH_TOKEN_S);
    let (token, _) = granted.map_err(|error| ApiError::fault(&error))?;
    Ok(Json(WatchGrant { whep_url, token }))
}
