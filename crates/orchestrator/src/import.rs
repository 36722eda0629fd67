//! A list of sites becomes a conference.

use crate::app::App;
use crate::conference_actor::{self, Handle};
use crate::convert;
use crate::journal::{Entry, Journal, Past};
use crate::problem::{ApiError, ApiResult};
use axum::body::Bytes;
use axum::http::StatusCode;
use conference::import::{Fault, Row, from_csv, from_toml};
use conference::{Actor, Command};
use jiff::Timestamp;
use protocol::{ConferenceId, SiteCode};

/// Where a list of sites comes from.
pub enum SiteList {
    /// CSV, in any encoding the import knows.
    Csv(Bytes),
    /// TOML: one `[[sites]]` table for each.
    Toml(String),
}

impl SiteList {
    fn rows(&self) -> Result<Vec<Row>, Vec<Fault>> {
        match self {
            Self::Csv(bytes) => from_csv(bytes),
            Self::Toml(text) => from_toml(text),
        }
    }
}

/// Founds the conference and starts its actor. All rows or none.
pub async fn import(
    app: &App,
    by: Actor,
    id: ConferenceId,
    title: String,
    chair: SiteCode,
    list: SiteList,
) -> ApiResult<Handle> {
    // One import at a time: two of the same id must not both found it.
    let _turn = app.importing.lock().await;
    if app.conferences.find(&id).is_ok() {
        let detail = format!("conference {id} exists");
        return Err(ApiError::new(
            StatusCode::CONFLICT,
            "already_created",
            detail,
        ));
    }
    // 40,000 rows take a while to check; others are served meanwhile.
    let rows = tokio::task::spawn_blocking(move || list.rows())
        .await
        .map_err(|error| ApiError::fault(&error))?
        .map_err(convert::import_problem)?;
    let command = Command::Create {
        id: convert::rules_conference(&id),
        title,
        chair: Some(convert::rules_site(&chair)),
        sites: rows.into_iter().map(|row| row.site).collect(),
        by,
    };
    let mut journal = Journal::new(app.log.clone(), &id);
    let mut past = Past::default();
    let events = past.conference.apply(command, Timestamp::now())?;
    for event in &events {
        past.conference
            .fold(event)
            .map_err(|error| ApiError::fault(&error))?;
    }
    let entries: Vec<Entry> = events.into_iter().map(Entry::Rule).collect();
    journal
        .append(&entries)
        .await
        .map_err(|error| ApiError::fault(&error))?;
    tracing::info!(conference = %id, sites = past.conference.tree().len(), "a conference was imported");
    Ok(start(app, id, past, journal))
}

/// Starts the actor of a conference that the log has.
pub async fn resume(app: &App, id: ConferenceId) -> Result<Handle, crate::journal::JournalError> {
    let mut journal = Journal::new(app.log.clone(), &id);
    let past = journal.replay().await?;
    Ok(start(app, id, past, journal))
}

fn start(app: &App, id: ConferenceId, past: Past, journal: Journal) -> Handle {
    let codes: Vec<SiteCode> = past
        .conference
        .tree()
        .iter()
        .map(|site| convert::wire_site(&site.code))
        .collect();
    app.join_codes.add(&app.keys, &id, codes.iter());
    let handle = conference_actor::spawn(id.clone(), past, journal, app.tools(), app.stop.clone());
    app.conferences.add(id, handle.clone());
    handle
}
