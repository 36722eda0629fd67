//! Conferences: list, look, import, move the sitting.

use super::to_the_end;
use crate::app::App;
use crate::auth::Caller;
use crate::extract::{Body, Ids};
use crate::import::{SiteList, import as found};
use crate::problem::{ApiError, ApiResult};
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Query, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::{Extension, Json};
use protocol::{
    ConferenceId, ConferenceSummary, ConferenceView, Problem, SiteCode, SittingState, SittingStep,
    SittingView,
};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::IntoParams;

/// A list of 40,000 sites is 5 MiB.
const CSV_BYTES_MAX: usize = 8 * 1024 * 1024;

/// What to know of a conference that was imported, and is no fault.
const HINT: HeaderName = HeaderName::from_static("diemcau-hint");

/// All conferences.
#[utoipa::path(
    get, path = "/api/conferences", tag = "conferences",
    responses((status = 200, body = Vec<ConferenceSummary>))
)]
pub async fn list(State(app): State<Arc<App>>) -> ApiResult<Json<Vec<ConferenceSummary>>> {
    let mut list = Vec::new();
    for handle in app.conferences.all().into_values() {
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
        (
            status = 201, body = ConferenceView,
            headers(("diemcau-hint" = String, description = "relays that serve another conference until it is closed"))
        ),
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
) -> ApiResult<(StatusCode, HeaderMap, Json<Arc<ConferenceView>>)> {
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
    let by = caller.actor();
    to_the_end(async move {
        let id = conference.clone();
        let handle = found(&app, by, id, query.title, query.chair, list).await?;
        app.place_relays().await;
        let view = handle.view().await?;
        let hint = hint_of_relays(&app, &view);
        Ok((StatusCode::CREATED, hint, Json(view)))
    })
    .await
}

/// Why halls of this conference have no media yet.
fn hint_of_relays(app: &App, view: &ConferenceView) -> HeaderMap {
    let mut taken = Vec::new();
    for relay in app.relays.all() {
        let stands_here = view.sites.iter().any(|site| site.code == relay.site);
        let serves = app.conferences.places.of(&relay.id);
        if let Some(other) = serves.filter(|serves| stands_here && *serves != view.id) {
            taken.push(format!("{} ({other})", relay.id));
        }
    }
    let mut headers = HeaderMap::new();
    if taken.is_empty() {
        return headers;
    }
    let hint = format!(
        "relays that serve another conference until it is closed: {}",
        taken.join(", ")
    );
    tracing::warn!(conference = %view.id, "{hint}");
    // Ids are ASCII.
    if let Ok(hint) = HeaderValue::try_from(hint) {
        headers.insert(HINT, hint);
    }
    headers
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
    let by = caller.actor();
    to_the_end(async move {
        let sitting = app.conferences.find(&conference)?.step(by, step.to).await?;
        if sitting.state == SittingState::Closed {
            // Another conference may wait for its relays.
            app.place_relays().await;
        }
        Ok(Json(sitting))
    })
    .await
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::begin_and_drop;
    use std::time::Duration;
    use tokio::time::timeout;

    #[tokio::test]
    async fn an_import_whose_caller_hangs_up_is_done_all_the_same() {
        let folder = tempfile::tempdir().expect("a folder");
        let app = App::for_a_test(folder.path(), "").await;
        let id: ConferenceId = "thanh-hoa".parse().expect("an id");
        let sites = include_str!("../../../../config/thanh-hoa/sites.csv");
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv"));
        let query = ImportQuery {
            title: "Hội nghị".to_owned(),
            chair: "TINHUY-TH".parse().expect("a code"),
        };
        let caller = Caller::Person(crate::auth::accounts::SignedIn {
            id: uuid::Uuid::now_v7(),
            user: "admin".to_owned(),
            role: protocol::Role::Operator,
        });
        begin_and_drop(import(
            State(Arc::clone(&app)),
            Extension(caller),
            Ids(id.clone()),
            headers,
            Ok(Query(query)),
            Request::new(sites.into()),
        ))
        .await;
        let founded = async {
            while app.conferences.find(&id).is_err() {
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_secs(30), founded)
            .await
            .expect("what was begun is done");
    }
}
