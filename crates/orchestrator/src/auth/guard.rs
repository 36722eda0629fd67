//! The door of every route: who may pass.

use super::caller::{self, Caller};
use crate::app::App;
use crate::problem::{ApiError, ApiResult};
use axum::extract::{RawPathParams, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use protocol::Role;
use std::sync::Arc;

/// The least a caller must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Least {
    /// Anybody: what the route takes proves itself in its body or inside its web socket.
    Anybody,
    /// A signed-in person.
    Viewer,
    /// A signed-in person who may change things.
    Operator,
    /// The hall that the path names, or an operator on its behalf.
    SiteOrOperator,
    /// Any hall, for itself.
    Hall,
}

impl Least {
    /// The name in the API's description.
    pub fn name(self) -> &'static str {
        match self {
            Self::Anybody => "anybody",
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::SiteOrOperator => "site_or_operator",
            Self::Hall => "hall",
        }
    }
}

/// A route's guard.
#[derive(Clone)]
pub struct Guard {
    /// The service.
    pub app: Arc<App>,
    /// Who passes.
    pub least: Least,
}

/// Lets the caller pass, known to the handler as an extension, or answers 401 or 403.
pub async fn check(
    State(guard): State<Guard>,
    path: RawPathParams,
    mut request: Request,
    next: Next,
) -> Response {
    if guard.least == Least::Anybody {
        return next.run(request).await;
    }
    let admitted = caller::identify(&guard.app, request.headers())
        .and_then(|caller| admit(guard.least, &caller, &path).map(|()| caller));
    match admitted {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(refusal) => refusal.into_response(),
    }
}

fn admit(least: Least, caller: &Caller, path: &RawPathParams) -> ApiResult<()> {
    let role = caller.role();
    let good = match least {
        Least::Anybody => true,
        Least::Viewer => matches!(role, Role::Operator | Role::Viewer),
        Least::Operator => role == Role::Operator,
        Least::SiteOrOperator => role == Role::Operator || is_own_site(caller, path),
        Least::Hall => role == Role::Hall,
    };
    if good {
        return Ok(());
    }
    Err(match (least, role) {
        (Least::SiteOrOperator, Role::Hall) => {
            ApiError::forbidden("other_site", "the token is another site's")
        }
        _ => ApiError::forbidden(
            "role",
            format!(
                "this takes the role {}; the caller is {}",
                least.name(),
                caller.name()
            ),
        ),
    })
}

fn is_own_site(caller: &Caller, path: &RawPathParams) -> bool {
    let Caller::Hall {
        conference, site, ..
    } = caller
    else {
        return false;
    };
    let named = |name: &str| {
        path.iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    };
    named("conference") == Some(conference.as_str()) && named("site") == Some(site.as_str())
}
