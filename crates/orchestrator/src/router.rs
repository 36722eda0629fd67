//! The API's table of contents: every route, and the least its caller must be.

use crate::api::{conferences, docs, join, live, relay, session, sites, watch};
use crate::app::App;
use crate::auth::Least::{Anybody, Hall, Operator, SiteOrOperator, Viewer};
use crate::console_files;
use crate::edge;
use crate::relays::link::Unproven;
use crate::route_table::RouteTable;
use axum::{Extension, Router};
use std::sync::Arc;
use utoipa_axum::routes;

/// Every route of the API.
pub fn routes(app: &Arc<App>) -> RouteTable {
    RouteTable::new(app)
        .route(Anybody, routes!(session::sign_in))
        .route(Viewer, routes!(session::who, session::sign_out))
        .route(Viewer, routes!(conferences::list))
        .route(Viewer, routes!(conferences::view))
        .route(Operator, routes!(conferences::import))
        .route(Viewer, routes!(live::link))
        .route(Operator, routes!(conferences::step))
        .route(SiteOrOperator, routes!(sites::report_count))
        .route(Operator, routes!(sites::link))
        .route(Viewer, routes!(watch::site))
        .route(Viewer, routes!(watch::program))
        .route(Anybody, routes!(join::join))
        .route(Hall, routes!(crate::halls::link::link))
        .route(Anybody, routes!(relay::register))
        .route(Anybody, routes!(crate::relays::link::link))
}

/// The whole public service: API, its documentation, the console, and what surrounds every answer.
pub fn service(app: &Arc<App>) -> Router {
    let (api, description) = routes(app).into_parts();
    let public = api
        .merge(docs::routes(description))
        .fallback(console_files::serve)
        .layer(Extension(Unproven::default()));
    edge::around(app, public)
}
