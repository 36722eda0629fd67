//! `relay.toml`.

use protocol::{MediaScope, RelayId, SiteCode};
use serde::Deserialize;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use telemetry::config::{self, ConfigError};
use telemetry::internal::Metrics;
use telemetry::public::Tls;
use url::Url;

mod check;

/// Everything a relay is told at its start. Paths are relative to the folder of the file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// This relay's id; with an orchestrator, the one its join key was issued for.
    pub id: RelayId,
    /// What it keeps.
    pub data: Data,
    /// WHIP and WHEP.
    pub http: Http,
    /// Certificate of the HTTP listener. Absent: plain HTTP, only on a loopback address.
    pub tls: Option<Tls>,
    /// The internal listener.
    pub metrics: Metrics,
    /// The media port.
    pub media: Media,
    /// Who decides; or else `standalone`.
    pub orchestrator: Option<Orchestrator>,
    /// A plan of its own, without an orchestrator.
    pub standalone: Option<Standalone>,
    /// STUN and TURN servers named to clients by `Link` headers (RFC 9725 §4.6); the web pages use them, the headless
    /// agents do not. A relay on a public address needs none, but for halls behind a firewall that lets no UDP out.
    #[serde(default)]
    pub ice_servers: Vec<IceServer>,
}

/// `[data]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// Folder for the identity key, the DTLS certificate, the pinned orchestrator and the last plan. Made when absent.
    pub dir: PathBuf,
}

/// `[http]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// Address and port; port 0 takes any free one.
    pub listen: SocketAddr,
    /// How clients reach it, `https://relay.example:8443`. Absent: made from the bound address, or, when that is every
    /// address, from the first at which the media port is reached.
    pub public_url: Option<Url>,
}

/// `[media]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Media {
    /// Address and port of the one UDP socket; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Addresses at which clients reach that port (NAT 1:1, v4 and v6), the best first. Defaults to the address
    /// of `listen` when that is a specific one.
    #[serde(default)]
    pub advertise: Vec<IpAddr>,
    /// Most sessions and trunks at once; beyond it clients get 503.
    #[serde(default = "legs_max")]
    pub legs_max: usize,
    /// Threads that send, the one that receives included. One carries a few hundred halls; give a large relay as many
    /// as it has processors to spare.
    #[serde(default = "workers")]
    pub workers: usize,
    /// The processor of each of these threads, the receiving one first; usually left to the kernel.
    #[serde(default)]
    pub pin_cores: Vec<usize>,
    /// How much of a picture's frame leaves at once towards a session that tells what arrives (transport-wide feedback):
    /// what its line carries in so many milliseconds. Less spares shallow queues, more spares this machine.
    #[serde(default = "burst_ms")]
    pub burst_ms: u64,
}

fn legs_max() -> usize {
    1000
}

fn workers() -> usize {
    1
}

fn burst_ms() -> u64 {
    5
}

/// `[orchestrator]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Orchestrator {
    /// Its base URL.
    pub url: Url,
    /// PEM: the certificate authorities that may vouch for it; needed for `https`.
    pub ca: Option<PathBuf>,
    /// The one-time join key; needed until the relay is registered.
    pub join_key: Option<Secret>,
}

/// `[standalone]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standalone {
    /// Sites that may attach.
    pub sites: Vec<SiteCode>,
    /// The first of these that is alive fills the program slots.
    pub program: Vec<SiteCode>,
    /// Who may do what.
    #[serde(default)]
    pub tokens: Vec<Token>,
}

/// `[[standalone.tokens]]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// The bearer token, at least 16 characters.
    pub token: Secret,
    /// What it allows.
    #[serde(rename = "as")]
    pub allows: Allows,
    /// For which site; absent for `watch_program`.
    pub site: Option<SiteCode>,
}

/// What a standalone token allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Allows {
    /// Publish as the site, watch program and floor as the site.
    Hall,
    /// Watch the site's own feed.
    WatchSite,
    /// Watch the program.
    WatchProgram,
}

impl Token {
    /// The scope it stands for; `None` when the site is missing or superfluous.
    pub fn scope(&self) -> Option<MediaScope> {
        match (self.allows, self.site.clone()) {
            (Allows::Hall, Some(site)) => Some(MediaScope::Hall { site }),
            (Allows::WatchSite, Some(site)) => Some(MediaScope::WatchSite { site }),
            (Allows::WatchProgram, None) => Some(MediaScope::WatchProgram),
            _ => None,
        }
    }
}

/// `[[ice_servers]]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IceServer {
    /// `stun:` or `turn:` URI (RFC 7064, RFC 7065).
    pub url: String,
    /// For TURN.
    pub username: Option<String>,
    /// For TURN.
    pub credential: Option<Secret>,
}

/// A text that no log shows.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Config {
    /// Reads and judges a `relay.toml`; `file_name` is its path, for errors and for the paths within.
    pub fn from_toml(text: &str, file_name: &str) -> Result<Self, ConfigError> {
        let mut config: Self = config::load(text, file_name)?;
        check::all(&config, text, file_name)?;
        config.resolve_paths(Path::new(file_name).parent().unwrap_or(Path::new("")));
        Ok(config)
    }

    fn resolve_paths(&mut self, folder: &Path) {
        let tls = self
            .tls
            .iter_mut()
            .flat_map(|tls| [&mut tls.cert, &mut tls.key]);
        let ca = self.orchestrator.iter_mut().filter_map(|o| o.ca.as_mut());
        for path in tls.chain(ca).chain([&mut self.data.dir]) {
            *path = folder.join(&*path);
        }
    }
}
