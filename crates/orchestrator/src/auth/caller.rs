//! Who is calling, out of the request's headers.

use super::accounts::SignedIn;
use crate::app::App;
use crate::clock;
use crate::problem::{ApiError, ApiResult};
use axum::http::{HeaderMap, header};
use conference::{Actor, PersonId};
use protocol::{ConferenceId, MediaScope, Role, SiteCode};

/// The cookie of a signed-in person.
pub const COOKIE: &str = "diemcau_session";
/// A browser cannot set headers on a web socket; it offers the token as a subprotocol (RFC 6455 §1.9).
const SUBPROTOCOL: &str = "bearer.";

/// A caller with a good credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A person with a session.
    Person(SignedIn),
    /// A hall with a token.
    Hall {
        /// The conference it joined.
        conference: ConferenceId,
        /// Its own site.
        site: SiteCode,
        /// The token's id.
        token_id: String,
    },
}

impl Caller {
    /// What this caller may do.
    pub fn role(&self) -> Role {
        match self {
            Self::Person(person) => person.role,
            Self::Hall { .. } => Role::Hall,
        }
    }

    /// Who does it, as the rules and their log know it.
    pub fn actor(&self) -> Actor {
        match self {
            Self::Person(person) => Actor::Person {
                person: PersonId(person.id),
            },
            Self::Hall { .. } => Actor::Hall,
        }
    }

    /// How messages name this caller.
    pub fn name(&self) -> String {
        match self {
            Self::Person(person) => format!("user:{}", person.user),
            Self::Hall { site, .. } => format!("hall:{site}"),
        }
    }
}

/// Finds out who calls. A token counts before a cookie: who sends one means it.
pub fn identify(app: &App, headers: &HeaderMap) -> ApiResult<Caller> {
    if let Some(token) = bearer(headers).or_else(|| subprotocol(headers)) {
        return by_token(app, token);
    }
    let Some(cookie) = cookie(headers) else {
        return Err(ApiError::unauthorized(
            "no_credential",
            "neither a session nor a token came with the request",
        )
        .hint("sign in, or join with a link or a code"));
    };
    let session = app.accounts.session(cookie, clock::now_s());
    session.map(Caller::Person).ok_or_else(|| {
        ApiError::unauthorized("session_ended", "the session has ended").hint("sign in again")
    })
}

fn by_token(app: &App, token: &str) -> ApiResult<Caller> {
    use super::tokens::Refused;
    let claims = app.tokens.verify(token).map_err(|refused| match refused {
        Refused::Expired => {
            ApiError::unauthorized("token_expired", "the token has expired").hint("join again")
        }
        Refused::Wrong => {
            ApiError::unauthorized("token_wrong", "the token is not one of this installation")
        }
    })?;
    match claims.scope {
        MediaScope::Hall { site } => Ok(Caller::Hall {
            conference: claims.conference,
            site,
            token_id: claims.jti,
        }),
        MediaScope::WatchSite { .. } | MediaScope::WatchProgram => Err(ApiError::forbidden(
            "token_scope",
            "this token is for watching at a relay only",
        )),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim())
}

fn subprotocol(headers: &HeaderMap) -> Option<&str> {
    let offered = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    offered
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .find_map(|protocol| protocol.trim().strip_prefix(SUBPROTOCOL))
}

/// The session cookie's value.
pub fn cookie(headers: &HeaderMap) -> Option<&str> {
    let sent = headers.get_all(header::COOKIE).iter();
    sent.filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().expect("a value"))])
    }

    #[test]
    fn credentials_are_found_where_clients_put_them() {
        assert_eq!(
            bearer(&headers(header::AUTHORIZATION, "bearer a.b.c")),
            Some("a.b.c")
        );
        assert_eq!(bearer(&headers(header::AUTHORIZATION, "Basic YTpi")), None);
        let offered = headers(header::SEC_WEBSOCKET_PROTOCOL, "diemcau.v1, bearer.a.b.c");
        assert_eq!(subprotocol(&offered), Some("a.b.c"));
        let sent = headers(
            header::COOKIE,
            "other=1; diemcau_session=xyz; diemcau_session_2=no",
        );
        assert_eq!(cookie(&sent), Some("xyz"));
        assert_eq!(
            cookie(&headers(header::COOKIE, "diemcau_sessions=xyz")),
            None
        );
    }
}
