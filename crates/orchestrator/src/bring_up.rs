//! What the configuration names and the log does not have yet; what the log has already.

use crate::app::App;
use crate::auth::accounts::Accounts;
use crate::auth::{base64url, random};
use crate::import::SiteList;
use crate::orchestrator::{PASSWORD_VARIABLE, StartError};
use crate::vault::VaultError;
use crate::{config, import};
use conference::Actor;
use protocol::{ConferenceId, Role};
use std::path::Path;
use std::sync::Arc;

const FIRST_USER: &str = "admin";

/// Users of the configuration, where they are new or changed. Who is no longer in it, is no longer a user.
pub async fn make_users(accounts: &Accounts, users: &[config::User]) -> Result<(), VaultError> {
    for user in users {
        let known = accounts.check(&user.name, &user.password);
        if known.is_none_or(|known| known.role != user.role) {
            accounts
                .put_user(&user.name, user.role, &user.password)
                .await?;
        }
    }
    let named = users.iter().map(|user| user.name.as_str());
    let kept = named.chain([FIRST_USER]).map(str::to_owned).collect();
    let gone = accounts.keep_only(kept).await?;
    if gone > 0 {
        tracing::info!(gone, "users that the configuration no longer names: {gone}");
    }
    Ok(())
}

/// The first start's operator.
pub async fn make_first_user(accounts: &Accounts) -> Result<(), VaultError> {
    let given = std::env::var(PASSWORD_VARIABLE)
        .ok()
        .filter(|password| !password.is_empty());
    if accounts.has_user(FIRST_USER) {
        return Ok(());
    }
    let password = given.clone().unwrap_or_else(|| base64url(&random::<12>()));
    accounts
        .put_user(FIRST_USER, Role::Operator, &password)
        .await?;
    if given.is_none() {
        // To the terminal and not to the log lines: those are collected and kept.
        eprintln!(
            "first start: sign in as {FIRST_USER} with password {password} (printed this once)"
        );
    }
    Ok(())
}

/// Starts the actor of every conference that the log has.
pub async fn resume_conferences(app: &Arc<App>) -> Result<(), StartError> {
    for (stream, _) in app.log.streams().await? {
        let Some(id) = stream
            .conference_id()
            .and_then(|id| id.parse::<ConferenceId>().ok())
        else {
            continue;
        };
        let conference = id.to_string();
        import::resume(app, id)
            .await
            .map_err(|source| StartError::Conference { conference, source })?;
    }
    Ok(())
}

/// Imports what the configuration names and the log does not have.
pub async fn import_conferences(
    app: &Arc<App>,
    named: &[config::Conference],
) -> Result<(), StartError> {
    for conference in named {
        if app.conferences.find(&conference.id).is_ok() {
            continue;
        }
        let faulty = |reason: String| StartError::Sites {
            conference: conference.id.clone(),
            file: conference.sites.display().to_string(),
            reason,
        };
        let list = read_list(&conference.sites).map_err(|error| faulty(error.to_string()))?;
        let (id, title, chair) = (
            conference.id.clone(),
            conference.title.clone(),
            conference.chair.clone(),
        );
        let imported = import::import(app, Actor::System, id, title, chair, list).await;
        imported.map_err(|refusal| faulty(refusal.in_lines()))?;
    }
    Ok(())
}

fn read_list(file: &Path) -> std::io::Result<SiteList> {
    if file
        .extension()
        .is_some_and(|extension| extension == "toml")
    {
        return Ok(SiteList::Toml(std::fs::read_to_string(file)?));
    }
    Ok(SiteList::Csv(std::fs::read(file)?.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Log;

    fn user(name: &str) -> config::User {
        config::User {
            name: name.to_owned(),
            role: Role::Viewer,
            password: "correct horse".to_owned(),
        }
    }

    #[tokio::test]
    async fn who_is_taken_out_of_the_configuration_is_locked_out() {
        let data = tempfile::tempdir().expect("a folder");
        let log = Log::open(&data.path().join("log.db")).expect("a log");
        let accounts = Accounts::load(&log).await.expect("empty");
        accounts
            .put_user(FIRST_USER, Role::Operator, "correct horse")
            .await
            .expect("kept");
        let both = [user("lan"), user("minh")];
        make_users(&accounts, &both).await.expect("made");
        let mut cookies = Vec::new();
        for name in [FIRST_USER, "lan", "minh"] {
            cookies.push(accounts.open_session(name, 0).await.expect("kept"));
        }

        make_users(&accounts, &both[..1]).await.expect("made");
        let accounts = Accounts::load(&log).await.expect("read");
        assert_eq!(accounts.check("minh", "correct horse"), None);
        // A user of the same name who comes back finds no session of the one who left.
        make_users(&accounts, &both).await.expect("made");
        let theirs: Vec<_> = cookies
            .iter()
            .map(|cookie| accounts.session(cookie, 1).map(|person| person.user))
            .collect();
        assert_eq!(
            theirs,
            [Some(FIRST_USER.to_owned()), Some("lan".to_owned()), None]
        );
    }
}
