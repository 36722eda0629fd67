//! Conferences: list, look, import, move the sitting.

use crate::app::App;
use crate::auth::Caller;
use crate::extract::{Body, Ids};
use crate::import::{SiteList, import as found};
use crate::problem::{ApiError, ApiResult};
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::{Extension, Json};
use protocol::{
    ConferenceId, ConferenceSummary, ConferenceView, Problem, SiteCode, SittingStep, SittingView,
};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::IntoParams;

/// A list of 40,000 sites is 5 MiB.
const CSV_BYTES_MAX: usize = 8 * 1024 * 1024;

/// All conferences.
#[utoipa::path(
    get, path = "/api/conferences", tag = "conferences",
    responses((status = 200, body = Vec<ConferenceSummary>))
)]
pub async fn list(State(app): State<Arc<App>>) -> ApiResult<Json<Vec<ConferenceSummary>>> {
    let mut list = Vec::new();
    for handle in app.conferences.all() {
        let view = handle.view().await?;
        list.push(ConferenceSummary {
            id: view.id.clone(),
            title: view.title.clone(),
            sites: view.totals.sites,
            state: view.sitting.state,
        });
    }
    Ok(Json(list))
}

/// One conference, whole.
#[utoipa::path(
    get, path = "/api/conferences/{conference}", tag = "conferences", params(("conference" = String, Path)),
    responses((status = 200, body = ConferenceView), (status = 404, body = Problem))
)]
pub async fn view(
    State(app): State<Arc<App>>,
    Ids(conference): Ids<ConferenceId>,
) -> ApiResult<Json<Arc<ConferenceView>>> {
    Ok(Json(app.conferences.find(&conference)?.view().await?))
}

/// What an import says beside its rows.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct ImportQuery {
    /// The conference's title.
    title: String,
    /// The site of the chair.
    #[param(value_type = String)]
    chair: SiteCode,
}

/// Import a conference from a list of sites. One bad row imports nothing; the answer lists every bad row.
#[utoipa::path(
    put, path = "/api/conferences/{conference}", tag = "conferences",
    params(("conference" = String, Path), ImportQuery),
    request_body(content = String, content_type = "text/csv"),
    responses(
        (status = 201, body = ConferenceView),
        (status = 409, body = Problem, description = "the conference exists"),
        (status = 415, body = Problem),
        (status = 422, body = Problem, description = "bad rows, each with line, column, found, expected"),
    )
)]
pub async fn import(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Ids(conference): Ids<ConferenceId>,
    headers: HeaderMap,
    query: Result<Query<ImportQuery>, axum::extract::rejection::QueryRejection>,
    request: Request,
) -> ApiResult<(StatusCode, Json<Arc<ConferenceView>>)> {
    let Query(query) = query?;
    if !is_csv(&headers) {
        let detail = "the list of sites is taken as text/csv";
        return Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "media_type",
            detail,
        ));
    }
    let list = SiteList::Csv(read_csv(request).await?);
    let handle = found(
        &app,
        caller.actor(),
        conference,
        query.title,
        query.chair,
        list,
    )
    .await?;
    Ok((StatusCode::CREATED, Json(handle.view().await?)))
}

/// Move the sitting to another state.
#[utoipa::path(
    post, path = "/api/conferences/{conference}/sitting", tag = "conferences",
    params(("conference" = String, Path)), request_body = SittingStep,
    responses(
        (status = 200, body = SittingView),
        (status = 409, body = Problem, description = "not from the state it is in"),
    )
)]
pub async fn step(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Ids(conference): Ids<ConferenceId>,
    Body(step): Body<SittingStep>,
) -> ApiResult<Json<SittingView>> {
    Ok(Json(
        app.conferences
            .find(&conference)?
            .step(caller.actor(), step.to)
            .await?,
    ))
}

fn is_csv(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    kind.split(';')
        .next()
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/csv"))
}

async fn read_csv(mut request: Request) -> ApiResult<Bytes> {
    // The innermost limit counts: this body may be larger than the others.
    DefaultBodyLimit::max(CSV_BYTES_MAX).apply(&mut request);
    Bytes::from_request(request, &())
        .await
        .map_err(ApiError::from)
}
