//! Users and their sessions, kept in the vault: they outlive a restart.

use super::{base64url, password, random};
use crate::log::{Log, LogError};
use crate::vault::{self, VaultError};
use aws_lc_rs::digest;
use protocol::Role;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::Mutex;
use uuid::Uuid;

const NAME: &str = "accounts";
/// A working day and the evening before it: nobody is signed out while a sitting is live.
const SESSION_S: u64 = 36 * 3600;
/// Overflow: the session that ends first is ended.
const SESSIONS_MAX: usize = 1024;

/// All users and sessions.
pub struct Accounts {
    log: Log,
    state: Arc<RwLock<State>>,
    /// Held from reading the state to replacing it, across the commit.
    changing: Arc<Mutex<()>>,
}

#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    users: BTreeMap<String, User>,
    /// By the SHA-256 of the cookie, base64url: who reads the file cannot take a session over.
    sessions: BTreeMap<String, Session>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct User {
    /// How the log names this user: random, so that the name itself never enters it.
    id: Uuid,
    role: Role,
    /// PHC string.
    password: String,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Session {
    user: String,
    /// Seconds since the Unix epoch.
    expires_at_s: u64,
}

/// A user as a session names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIn {
    /// How the log names this user.
    pub id: Uuid,
    /// User name.
    pub user: String,
    /// What they may do.
    pub role: Role,
}

impl Accounts {
    /// Takes them out of the vault; none there means no users yet.
    pub async fn load(log: &Log) -> Result<Self, VaultError> {
        let state = vault::get(log, NAME).await?.unwrap_or_default();
        Ok(Self {
            log: log.clone(),
            state: Arc::new(RwLock::new(state)),
            changing: Arc::default(),
        })
    }

    /// Whether there is a user of this name.
    pub fn has_user(&self, user: &str) -> bool {
        self.state
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .users
            .contains_key(user)
    }

    /// Adds a user, or gives one a new password and role; ends the sessions they had. Blocks for a hash.
    pub async fn put_user(&self, user: &str, role: Role, password: &str) -> Result<(), VaultError> {
        let password = password::hash(password).map_err(|_| VaultError::NoHash)?;
        self.change(|state| {
            let id = state
                .users
                .get(user)
                .map_or_else(Uuid::now_v7, |known| known.id);
            state
                .users
                .insert(user.to_owned(), User { id, role, password });
            state.sessions.retain(|_, session| session.user != user);
        })
        .await
    }

    /// Removes every user who is not among `names`, and ends their sessions; answers how many they were.
    pub async fn keep_only(&self, names: BTreeSet<String>) -> Result<usize, VaultError> {
        let gone = {
            let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
            let known = state.users.keys();
            known.filter(|user| !names.contains(*user)).count()
        };
        if gone > 0 {
            self.change(move |state| {
                state.users.retain(|user, _| names.contains(user));
                state
                    .sessions
                    .retain(|_, session| names.contains(&session.user));
            })
            .await?;
        }
        Ok(gone)
    }

    /// Checks a password. Blocks for a hash.
    pub fn check(&self, user: &str, given: &str) -> Option<SignedIn> {
        let known = self
            .state
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .users
            .get(user)
            .cloned();
        let hash = known
            .as_ref()
            .map_or(password::decoy(), |known| &known.password);
        let good = password::matches(given, hash);
        known.filter(|_| good).map(|known| SignedIn {
            id: known.id,
            user: user.to_owned(),
            role: known.role,
        })
    }

    /// Opens a session and answers the cookie's value: 256 random bits.
    pub async fn open_session(&self, user: &str, now_s: u64) -> Result<String, VaultError> {
        let cookie = base64url(&random::<32>());
        let session = Session {
            user: user.to_owned(),
            expires_at_s: now_s + SESSION_S,
        };
        self.change(|state| {
            state
                .sessions
                .retain(|_, session| session.expires_at_s > now_s);
            if state.sessions.len() >= SESSIONS_MAX {
                let first = state
                    .sessions
                    .iter()
                    .min_by_key(|(_, session)| session.expires_at_s);
                if let Some(key) = first.map(|(key, _)| key.clone()) {
                    state.sessions.remove(&key);
                }
            }
            state.sessions.insert(fingerprint(&cookie), session);
        })
        .await?;
        Ok(cookie)
    }

    /// Whose session this cookie is, while it lasts. Found by a hash of the cookie, so the time it takes
    /// says nothing about cookies that exist.
    pub fn session(&self, cookie: &str, now_s: u64) -> Option<SignedIn> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let session = state
            .sessions
            .get(&fingerprint(cookie))
            .filter(|session| session.expires_at_s > now_s)?;
        let user = state.users.get(&session.user)?;
        Some(SignedIn {
            id: user.id,
            user: session.user.clone(),
            role: user.role,
        })
    }

    /// Ends a session.
    pub async fn close_session(&self, cookie: &str) -> Result<(), VaultError> {
        self.change(|state| {
            state.sessions.remove(&fingerprint(cookie));
        })
        .await
    }

    /// What is changed counts when it is committed. Once begun it goes on to its end, also when who asked does
    /// not wait for it: the vault and the memory say the same.
    async fn change(&self, change: impl FnOnce(&mut State)) -> Result<(), VaultError> {
        let turn = Arc::clone(&self.changing).lock_owned().await;
        let mut next = self
            .state
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        change(&mut next);
        let (log, state) = (self.log.clone(), Arc::clone(&self.state));
        let keeping = tokio::spawn(async move {
            vault::put(&log, NAME, &next).await?;
            *state.write().unwrap_or_else(PoisonError::into_inner) = next;
            drop(turn);
            Ok(())
        });
        keeping.await.map_err(|_| LogError::Closed)?
    }
}

fn fingerprint(cookie: &str) -> String {
    base64url(digest::digest(&digest::SHA256, cookie.as_bytes()).as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(data: &tempfile::TempDir) -> Log {
        Log::open(&data.path().join("log.db")).expect("a log")
    }

    #[tokio::test]
    async fn a_session_survives_a_restart_until_it_ends() {
        let data = tempfile::tempdir().expect("a folder");
        let log = log(&data);
        let accounts = Accounts::load(&log).await.expect("empty");
        accounts
            .put_user("lan", Role::Viewer, "correct horse")
            .await
            .expect("kept");
        assert_eq!(accounts.check("lan", "wrong"), None);
        assert_eq!(accounts.check("nobody", "correct horse"), None);
        let lan = accounts
            .check("lan", "correct horse")
            .expect("the right password");
        assert_eq!(lan.role, Role::Viewer);
        let cookie = accounts.open_session("lan", 1_000).await.expect("kept");

        let accounts = Accounts::load(&log).await.expect("read");
        assert_eq!(accounts.session(&cookie, 2_000), Some(lan));
        assert_eq!(accounts.session(&cookie, 1_000 + SESSION_S), None);
        assert_eq!(accounts.session("guess", 2_000), None);
        let kept = log.get(NAME).await.expect("read").expect("there");
        assert!(
            !String::from_utf8(kept).expect("JSON").contains(&cookie),
            "the cookie itself is not kept"
        );
        accounts.close_session(&cookie).await.expect("kept");
        assert_eq!(accounts.session(&cookie, 2_000), None);
    }

    #[tokio::test]
    async fn a_new_password_ends_the_sessions_of_the_old() {
        let data = tempfile::tempdir().expect("a folder");
        let accounts = Accounts::load(&log(&data)).await.expect("empty");
        accounts
            .put_user("lan", Role::Operator, "first")
            .await
            .expect("kept");
        let cookie = accounts.open_session("lan", 0).await.expect("kept");
        accounts
            .put_user("lan", Role::Operator, "second")
            .await
            .expect("kept");
        assert_eq!(accounts.session(&cookie, 1), None);
    }

    #[tokio::test]
    async fn who_hangs_up_while_signing_out_is_signed_out() {
        let data = tempfile::tempdir().expect("a folder");
        let accounts = Accounts::load(&log(&data)).await.expect("empty");
        accounts
            .put_user("lan", Role::Operator, "first")
            .await
            .expect("kept");
        let cookie = accounts.open_session("lan", 0).await.expect("kept");
        tokio::select! {
            biased;
            _ = accounts.close_session(&cookie) => panic!("a commit takes its time"),
            () = std::future::ready(()) => {}
        }
        // The next change waits for the one before it.
        accounts.open_session("lan", 0).await.expect("kept");
        assert_eq!(accounts.session(&cookie, 1), None);
    }

    #[tokio::test]
    async fn sessions_are_bounded() {
        let data = tempfile::tempdir().expect("a folder");
        let accounts = Accounts::load(&log(&data)).await.expect("empty");
        accounts
            .put_user("lan", Role::Operator, "first")
            .await
            .expect("kept");
        let many = (0..SESSIONS_MAX as u64).map(|n| {
            (
                n.to_string(),
                Session {
                    user: "lan".into(),
                    expires_at_s: 100 + n,
                },
            )
        });
        accounts
            .change(|state| state.sessions.extend(many))
            .await
            .expect("kept");
        let cookie = accounts.open_session("lan", 1).await.expect("kept");
        assert!(accounts.session(&cookie, 2).is_some());
        let state = accounts.state.read().expect("ours");
        assert_eq!(state.sessions.len(), SESSIONS_MAX);
        assert!(
            !state.sessions.contains_key("0"),
            "the one that ends first made room"
        );
    }
}
