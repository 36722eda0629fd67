//! One site: its figures, its join link.

use crate::app::App;
use crate::auth::{Caller, join_codes};
use crate::extract::{Body, Ids};
use crate::problem::ApiResult;
use axum::extract::State;
use axum::{Extension, Json};
use protocol::{ConferenceId, Counts, HeadCount, Problem, SiteCode, SiteLink};
use std::sync::Arc;

/// Report a head count. The answer comes after the figures are safe on disk.
#[utoipa::path(
    put, path = "/api/conferences/{conference}/sites/{site}/counts", tag = "sites",
    params(("conference" = String, Path), ("site" = String, Path)), request_body = HeadCount,
    responses(
        (status = 200, body = Counts, description = "the figures in force"),
        (status = 403, body = Problem, description = "another site's token"),
        (status = 409, body = Problem, description = "counts are not taken now"),
        (status = 422, body = Problem, description = "the figures contradict each other"),
    )
)]
pub async fn report_count(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Ids((conference, site)): Ids<(ConferenceId, SiteCode)>,
    Body(report): Body<HeadCount>,
) -> ApiResult<Json<Counts>> {
    let handle = app.conferences.find(&conference)?;
    Ok(Json(
        handle.report_count(caller.actor(), site, report).await?,
    ))
}

/// The link and the short code with which a hall joins.
#[utoipa::path(
    get, path = "/api/conferences/{conference}/sites/{site}/link", tag = "sites",
    params(("conference" = String, Path), ("site" = String, Path)),
    responses((status = 200, body = SiteLink), (status = 404, body = Problem))
)]
pub async fn link(
    State(app): State<Arc<App>>,
    Ids((conference, site)): Ids<(ConferenceId, SiteCode)>,
) -> ApiResult<Json<SiteLink>> {
    // Only a site that exists has a link.
    app.conferences
        .find(&conference)?
        .site(site.clone())
        .await?;
    let credentials = join_codes::credentials(&app.keys, &conference, &site);
    // The secret stands in the fragment, which browsers never send: it reaches no server's log.
    let url = format!("{}/hall#{}", app.public_base(), credentials.secret);
    Ok(Json(SiteLink {
        url,
        code: credentials.code,
    }))
}
