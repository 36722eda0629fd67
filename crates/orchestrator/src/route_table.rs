//! Routes with their guards. The description of the API says of each route what its guard holds, so the
//! documentation, and a test that walks it, cannot drift from the router.

use crate::app::App;
use crate::auth::Least;
use crate::auth::guard::{self, Guard};
use axum::Router;
use axum::middleware::from_fn_with_state;
use std::sync::Arc;
use utoipa::openapi::OpenApi;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter, UtoipaMethodRouterExt};

/// Where an operation's description says the least role it takes.
const LEAST_ROLE: &str = "x-least-role";

/// Routes under construction.
pub struct RouteTable {
    app: Arc<App>,
    router: OpenApiRouter<Arc<App>>,
}

impl RouteTable {
    /// No routes yet.
    pub fn new(app: &Arc<App>) -> Self {
        Self {
            app: Arc::clone(app),
            router: OpenApiRouter::with_openapi(about()),
        }
    }

    /// Adds handlers of one path, behind the same guard.
    #[must_use]
    pub fn route(mut self, least: Least, mut handlers: UtoipaMethodRouter<Arc<App>>) -> Self {
        for operation in handlers.1.paths.values_mut().flat_map(operations) {
            operation.extensions = Some(
                ExtensionsBuilder::new()
                    .add(LEAST_ROLE, least.name())
                    .build(),
            );
        }
        let guard = Guard {
            app: Arc::clone(&self.app),
            least,
        };
        self.router = self
            .router
            .routes(handlers.layer(from_fn_with_state(guard, guard::check)));
        self
    }

    /// The router, and its OpenAPI description.
    pub fn into_parts(self) -> (Router, OpenApi) {
        let (router, description) = self.router.split_for_parts();
        (router.with_state(self.app), description)
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.post,
        &mut item.put,
        &mut item.patch,
        &mut item.delete,
    ]
    .into_iter()
    .flatten()
}

fn about() -> OpenApi {
    let mut api = OpenApi::default();
    "diemcau".clone_into(&mut api.info.title);
    env!("CARGO_PKG_VERSION").clone_into(&mut api.info.version);
    api.info.description = Some(
        "Conferences held in many halls at once. People sign in with a cookie, halls carry a bearer token; \
         every error is a problem document (RFC 9457)."
            .to_owned(),
    );
    api
}
