//! `/api/openapi.json` and Swagger UI at `/api/docs`, from files inside the binary.

use axum::Router;
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::{Config, SwaggerUi};

/// The documentation's routes.
pub fn routes(description: OpenApi) -> Router {
    // No validator: it would send this service's address to a third party.
    let config = Config::default()
        .validator_url("none")
        .try_it_out_enabled(true);
    SwaggerUi::new("/api/docs")
        .url("/api/openapi.json", description)
        .config(config)
        .into()
}
