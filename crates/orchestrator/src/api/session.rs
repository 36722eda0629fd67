//! Signing in and out.

use crate::app::App;
use crate::auth::caller::{self, COOKIE, Caller};
use crate::auth::password::PASSWORD_BYTES_MAX;
use crate::clock;
use crate::extract::Body;
use crate::problem::{ApiError, ApiResult};
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::{Extension, Json};
use protocol::{Problem, SessionView, SignIn};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Semaphore;

/// Sign in: the answer sets the session cookie.
#[utoipa::path(
    post, path = "/api/session", tag = "session", request_body = SignIn,
    responses(
        (status = 200, body = SessionView),
        (status = 401, body = Problem, description = "wrong user or password"),
        (status = 429, body = Problem, description = "too many tries from this address"),
    )
)]
pub async fn sign_in(
    State(app): State<Arc<App>>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    Body(given): Body<SignIn>,
) -> ApiResult<([(HeaderName, String); 1], Json<SessionView>)> {
    app.limits
        .sign_in
        .take(address.ip(), Instant::now())
        .map_err(|wait| app.refuse_try("sign_in", wait))?;
    let checked = check(&app, given).await?;
    let Some((view, cookie)) = checked else {
        tracing::warn!(address = %address.ip(), "a sign-in was refused");
        return Err(ApiError::unauthorized(
            "wrong_password",
            "no user has this name and password",
        ));
    };
    app.limits.sign_in.give_back(address.ip());
    tracing::info!(address = %address.ip(), role = ?view.role, "somebody signed in");
    Ok((
        [(header::SET_COOKIE, set_cookie(&app, &cookie))],
        Json(view),
    ))
}

/// Who the session belongs to.
#[utoipa::path(
    get, path = "/api/session", tag = "session",
    responses((status = 200, body = SessionView), (status = 401, body = Problem))
)]
pub async fn who(Extension(caller): Extension<Caller>) -> Json<SessionView> {
    Json(SessionView {
        role: caller.role(),
        user: user_of(caller),
    })
}

/// Sign out: the session ends.
#[utoipa::path(
    delete, path = "/api/session", tag = "session",
    responses((status = 204, description = "the session has ended"), (status = 401, body = Problem))
)]
pub async fn sign_out(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
) -> ApiResult<(StatusCode, [(HeaderName, String); 1])> {
    if let Some(cookie) = caller::cookie(&headers) {
        app.accounts
            .close_session(cookie)
            .await
            .map_err(|error| ApiError::fault(&error))?;
    }
    let gone = format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, gone)]))
}

async fn check(app: &Arc<App>, given: SignIn) -> ApiResult<Option<(SessionView, String)>> {
    if given.password.len() > PASSWORD_BYTES_MAX {
        return Ok(None);
    }
    let keeper = Arc::clone(app);
    let checked = in_turn(&app.sign_ins, move || {
        keeper.accounts.check(&given.user, &given.password)
    });
    let Some(person) = checked.await? else {
        return Ok(None);
    };
    let opened = app
        .accounts
        .open_session(&person.user, clock::now_s())
        .await;
    let cookie = opened.map_err(|error| ApiError::fault(&error))?;
    Ok(Some((
        SessionView {
            user: person.user,
            role: person.role,
        },
        cookie,
    )))
}

/// Hashes off the event loop, when it is this one's turn. The turn ends with the hash and not with the
/// request: who hangs up and asks again gets no more of the machine than who waits.
async fn in_turn<T: Send + 'static>(
    turns: &Arc<Semaphore>,
    hash: impl FnOnce() -> T + Send + 'static,
) -> ApiResult<T> {
    let turn = Arc::clone(turns).acquire_owned().await;
    let turn = turn.map_err(|error| ApiError::fault(&error))?;
    let hashed = tokio::task::spawn_blocking(move || {
        let hashed = hash();
        drop(turn);
        hashed
    });
    hashed.await.map_err(|error| ApiError::fault(&error))
}

fn set_cookie(app: &App, cookie: &str) -> String {
    let secure = if app.is_tls { "; Secure" } else { "" };
    format!("{COOKIE}={cookie}; Path=/; HttpOnly; SameSite=Strict; Max-Age=129600{secure}")
}

fn user_of(caller: Caller) -> String {
    match caller {
        Caller::Person(person) => person.user,
        Caller::Hall { site, .. } => site.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[tokio::test]
    async fn who_hangs_up_frees_no_turn_before_the_hash_is_made() {
        let turns = Arc::new(Semaphore::new(1));
        let (begun, mut has_begun) = tokio::sync::oneshot::channel();
        let (finish, finished) = mpsc::channel::<()>();
        let hash = move || {
            begun.send(()).expect("awaited");
            finished.recv().expect("told to finish");
        };
        tokio::select! {
            biased;
            begun = &mut has_begun => begun.expect("it runs"),
            _ = in_turn(&turns, hash) => panic!("not before it is told to finish"),
        }
        assert_eq!(turns.available_permits(), 0, "the hash is still being made");
        finish.send(()).expect("it waits");
        let second = in_turn(&turns, || 2).await;
        assert_eq!(second.ok(), Some(2));
        assert_eq!(turns.available_permits(), 1);
    }
}
