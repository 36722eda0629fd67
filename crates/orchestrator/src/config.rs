//! The orchestrator's configuration file.

use crate::auth::password::PASSWORD_BYTES_MAX;
use protocol::{ConferenceId, RelayId, Role, SiteCode};
use serde::Deserialize;
use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use telemetry::config::ConfigError;
use telemetry::internal::Metrics;
use telemetry::public::Tls;
use url::Url;

/// Everything the orchestrator is told at its start. Paths are relative to the file's folder.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the log and the keys lie.
    pub data: Data,
    /// The public listener: API, web sockets, console.
    pub http: Http,
    /// Certificate of the public listener. Absent: plain HTTP, on a loopback address only.
    pub tls: Option<Tls>,
    /// The internal listener: `/metrics`, `/live`, `/ready`. Absent: none.
    pub metrics: Option<Metrics>,
    /// The relays that may register.
    #[serde(default)]
    pub relays: Vec<Relay>,
    /// People who may sign in, beside the first start's `admin`.
    #[serde(default)]
    pub users: Vec<User>,
    /// Conferences to import when the log does not have them yet.
    #[serde(default)]
    pub conferences: Vec<Conference>,
}

/// `[data]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// Folder of the log and the keys; made when it is not there.
    pub dir: PathBuf,
}

/// `[http]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// Address and port; port 0 takes any free one.
    pub listen: SocketAddr,
    /// How people reach it: the start of every join link. Default: the address listened on.
    pub public_url: Option<Url>,
}

/// `[[users]]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// User name.
    pub name: String,
    /// `operator` or `viewer`.
    pub role: Role,
    /// Password, 8 to 1,024 bytes; kept as an Argon2id hash. A change here ends the user's sessions.
    pub password: String,
}

/// `[[relays]]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relay {
    /// The relay's id.
    pub id: RelayId,
    /// The site it stands at; its conference is the one that has this site.
    pub site: SiteCode,
    /// How many halls and child relays it can feed.
    pub capacity: u32,
    /// What the relay shows once, at its registration; at least 16 characters.
    pub join_key: String,
}

/// `[[conferences]]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conference {
    /// Its id, in every URL.
    pub id: ConferenceId,
    /// Its title.
    pub title: String,
    /// The list of sites, CSV.
    pub sites: PathBuf,
    /// The site of the chair: the program's source.
    pub chair: SiteCode,
}

const JOIN_KEY_CHARS_MIN: usize = 16;
const PASSWORD_BYTES_MIN: usize = 8;

impl Config {
    /// Reads and checks a file's text. `file_name` is for the errors, and its folder for relative paths.
    pub fn from_toml(text: &str, file_name: &str) -> Result<Self, ConfigError> {
        let mut config: Self = telemetry::config::load(text, file_name)?;
        let refuse = |key: &str, found: String, expected: &str| {
            Err(ConfigError::at(text, file_name, key, found, expected))
        };
        if config.tls.is_none() && !config.http.listen.ip().is_loopback() {
            return refuse(
                "http.listen",
                config.http.listen.to_string(),
                "a loopback address, or [tls] with cert and key: browsers give cameras to https only",
            );
        }
        if let Some(url) = config.http.public_url.as_ref().filter(|url| !is_base(url)) {
            return refuse(
                "http.public_url",
                format!("{:?}", url.as_str()),
                "https://host or https://host:port, nothing behind it",
            );
        }
        for (index, user) in config.users.iter().enumerate() {
            if user.role == Role::Hall {
                return refuse(
                    &format!("users.{index}.role"),
                    "\"hall\"".into(),
                    "operator or viewer: halls join with links",
                );
            }
            if !(PASSWORD_BYTES_MIN..=PASSWORD_BYTES_MAX).contains(&user.password.len()) {
                let found = format!("{} bytes", user.password.len());
                return refuse(&format!("users.{index}.password"), found, "8 to 1024 bytes");
            }
        }
        if let Some((index, user)) = repeated(&config.users, |user| &user.name) {
            return refuse(
                &format!("users.{index}.name"),
                format!("{:?} again", user.name),
                "a name of its own",
            );
        }
        if let Some((index, relay)) = repeated(&config.relays, |relay| &relay.id) {
            return refuse(
                &format!("relays.{index}.id"),
                format!("\"{}\" again", relay.id),
                "an id of its own",
            );
        }
        if let Some((index, _)) = repeated(&config.relays, |relay| &relay.join_key) {
            return refuse(
                &format!("relays.{index}.join_key"),
                "another relay's key".into(),
                "a key of its own",
            );
        }
        for (index, relay) in config.relays.iter().enumerate() {
            if relay.join_key.chars().count() < JOIN_KEY_CHARS_MIN {
                let found = format!("{} characters", relay.join_key.chars().count());
                return refuse(
                    &format!("relays.{index}.join_key"),
                    found,
                    "at least 16 characters, best out of `openssl rand -hex 16`",
                );
            }
            if relay.capacity == 0 {
                return refuse(
                    &format!("relays.{index}.capacity"),
                    "0".into(),
                    "1 or more halls",
                );
            }
        }
        if let Some((index, conference)) =
            repeated(&config.conferences, |conference| &conference.id)
        {
            return refuse(
                &format!("conferences.{index}.id"),
                format!("\"{}\" again", conference.id),
                "an id of its own",
            );
        }
        config.resolve(Path::new(file_name).parent().unwrap_or(Path::new("")));
        Ok(config)
    }

    fn resolve(&mut self, folder: &Path) {
        let tls = self
            .tls
            .iter_mut()
            .flat_map(|tls| [&mut tls.cert, &mut tls.key]);
        let sites = self
            .conferences
            .iter_mut()
            .map(|conference| &mut conference.sites);
        for path in tls.chain(sites).chain([&mut self.data.dir]) {
            *path = folder.join(&*path);
        }
    }
}

fn is_base(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
        && url.host().is_some()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none()
}

fn repeated<T, K: std::hash::Hash + Eq>(list: &[T], key: impl Fn(&T) -> &K) -> Option<(usize, &T)> {
    let mut seen = HashSet::new();
    list.iter()
        .enumerate()
        .find(|(_, item)| !seen.insert(key(item)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
[data]
dir = "data"
[http]
listen = "127.0.0.1:0"
[[relays]]
id = "province"
site = "TINHUY-TH"
capacity = 250
join_key = "0123456789abcdef"
"#;

    #[test]
    fn paths_are_relative_to_the_file() {
        let config = Config::from_toml(GOOD, "/etc/diemcau/serve.toml").expect("good");
        assert_eq!(config.data.dir, Path::new("/etc/diemcau/data"));
        let absolute = GOOD.replace("\"data\"", "\"/var/lib/diemcau\"");
        let config = Config::from_toml(&absolute, "serve.toml").expect("good");
        assert_eq!(config.data.dir, Path::new("/var/lib/diemcau"));
    }

    #[test]
    fn every_mistake_is_named_with_its_key() {
        let again = format!(
            "{GOOD}[[relays]]\nid = \"province\"\nsite = \"A\"\ncapacity = 1\njoin_key = \"fedcba9876543210\"\n"
        );
        for (text, key) in [
            (GOOD.replace("127.0.0.1:0", "0.0.0.0:8443"), "http.listen"),
            (GOOD.replace("0123456789abcdef", "short"), "join_key"),
            (GOOD.replace("250", "0"), "capacity"),
            (GOOD.replace("250", "-1"), "capacity"),
            (GOOD.replace("TINHUY-TH", "Tỉnh ủy"), "site"),
            (
                GOOD.replace(
                    "127.0.0.1:0\"",
                    "127.0.0.1:0\"\npublic_url = \"https://a/b\"",
                ),
                "http.public_url",
            ),
            (GOOD.replace("dir =", "folder ="), "data.folder"),
            (again, "relays.1.id"),
        ] {
            let error = Config::from_toml(&text, "serve.toml")
                .expect_err("refused")
                .to_string();
            assert!(
                error.starts_with("serve.toml:") && error.contains(key),
                "{key}: {error}"
            );
        }
    }
}
