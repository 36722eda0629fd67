//! Where everything of a demo lives: folders, ports, addresses, and the configuration files the children read.

use super::ports::Ports;
use super::{Options, api::SiteLinks, tls};
use anyhow::{Context, Result};
use conference::import;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const SITES_CSV: &str = include_str!("../../../../config/thanh-hoa/sites.csv");
/// The conference's id in every URL of the demo.
pub const CONFERENCE: &str = "thanh-hoa";
const TITLE: &str = "Hội nghị trực tuyến thành phố Thanh Hóa";
/// The chair sits at the province's hub; the program enters there.
pub const CHAIR: &str = "TINHUY-TH";
/// The ward whose sums the summary shows beside the whole.
pub const WARD: &str = "TPTH-04";

/// A relay of the demo's tree.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RelaySpec {
    /// Its id.
    pub id: &'static str,
    /// The hub it stands at.
    pub site: &'static str,
}

/// Province → city → ward, each at the hub of the halls it serves.
const RELAYS: [RelaySpec; 3] = [
    RelaySpec {
        id: "province",
        site: "TINHUY-TH",
    },
    RelaySpec {
        id: "city",
        site: "TPTH-01",
    },
    RelaySpec {
        id: "ward",
        site: "TPTH-04",
    },
];

/// Everything that is decided before the first child starts.
pub struct Layout {
    folder: PathBuf,
    /// Removes the folder when the demo ends, unless the user named it.
    temporary: Option<tempfile::TempDir>,
    address: IpAddr,
    ports: Ports,
    halls: usize,
    seed: u64,
    admin_password: String,
    sites: Vec<import::Row>,
}

impl Layout {
    /// Makes the folder, the local certificate authority, the ports and the operator's password.
    pub fn prepare(options: &Options) -> Result<Self> {
        let (folder, temporary) = if let Some(folder) = &options.data {
            (folder.clone(), None)
        } else {
            let temporary = tempfile::Builder::new().prefix("diemcau-demo-").tempdir()?;
            (temporary.path().to_owned(), Some(temporary))
        };
        private_folder(&folder).with_context(|| format!("making {}", folder.display()))?;
        let sites = import::from_csv(SITES_CSV.as_bytes())
            .map_err(|faults| anyhow::anyhow!("the demo's own list of sites: {faults:?}"))?;
        Ok(Self {
            ports: Ports::of(&folder, options.address)?,
            admin_password: kept(&folder.join("admin-password.json"), tls::random_text)?,
            address: options.address,
            halls: usize::from(options.halls),
            seed: options.seed,
            folder,
            temporary,
            sites,
        })
    }

    /// Leaves the folder where it is, for a look at its logs.
    pub fn keep(&mut self) -> &Path {
        if let Some(temporary) = &mut self.temporary {
            temporary.disable_cleanup(true);
        }
        &self.folder
    }

    /// The hall whose link is shown: one that no agent holds, where there is one.
    pub fn guest(&self) -> &str {
        let free = self.counted().nth(self.halls);
        free.or_else(|| self.counted().last()).unwrap_or(CHAIR)
    }

    /// Every hall but the chair's, parents before children.
    fn counted(&self) -> impl Iterator<Item = &str> {
        self.sites
            .iter()
            .map(|row| row.site.code.as_str())
            .filter(|code| *code != CHAIR)
    }

    /// The relays, root first.
    #[expect(
        clippy::unused_self,
        reason = "the layout is where callers look for it"
    )]
    pub fn relays(&self) -> [RelaySpec; 3] {
        RELAYS
    }

    /// How many halls join, the chair's not counted.
    pub fn halls(&self) -> usize {
        self.halls
    }

    /// Base URL of the orchestrator and its console.
    pub fn url(&self) -> String {
        format!("https://{}", SocketAddr::new(self.address, self.ports.http))
    }

    /// Where the hall agents tell how they are.
    pub fn halls_status_url(&self) -> String {
        format!("http://127.0.0.1:{}/halls", self.ports.halls_metrics)
    }

    /// The demo's certificate authority.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// The operator's password.
    pub fn admin_password(&self) -> &str {
        &self.admin_password
    }

    /// What the orchestrator's process finds in its environment.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![("DIEMCAU_ADMIN_PASSWORD", self.admin_password.clone())]
    }

    /// The codes of the halls that join, parents before children, the chair's first.
    pub fn joining(&self) -> Vec<&str> {
        std::iter::once(CHAIR)
            .chain(self.counted().take(self.halls))
            .collect()
    }

    /// Configuration of the orchestrator.
    pub fn serve_config(&self) -> PathBuf {
        self.folder.join("serve.toml")
    }

    /// Configuration of one relay.
    pub fn relay_config(&self, relay: RelaySpec) -> PathBuf {
        self.folder.join(format!("relay-{}.toml", relay.id))
    }

    /// Configuration of the hall agents.
    pub fn halls_config(&self) -> PathBuf {
        self.folder.join("halls.toml")
    }

    /// Writes the orchestrator's configuration and the list of sites beside it.
    pub fn write_orchestrator(&self) -> Result<()> {
        std::fs::write(self.folder.join("sites.csv"), SITES_CSV)?;
        let mut text = format!(
            "[data]\ndir = \"orchestrator\"\n\n[http]\nlisten = \"{listen}\"\npublic_url = \"{url}\"\n\n\
             [tls]\ncert = \"server.pem\"\nkey = \"server.key\"\n\n[metrics]\nlisten = \"127.0.0.1:{metrics}\"\n\n\
             [[conferences]]\nid = \"{CONFERENCE}\"\ntitle = \"{TITLE}\"\nsites = \"sites.csv\"\nchair = \"{CHAIR}\"\n",
            listen = SocketAddr::new(self.address, self.ports.http),
            url = self.url(),
            metrics = self.ports.metrics,
        );
        for relay in RELAYS {
            writeln!(
                text,
                "\n[[relays]]\nid = \"{}\"\nsite = \"{}\"\ncapacity = 250\njoin_key = \"{}\"",
                relay.id,
                relay.site,
                self.join_key(relay)?
            )?;
        }
        write(&self.serve_config(), &text)
    }

    /// Writes one relay's configuration.
    pub fn write_relay(&self, relay: RelaySpec) -> Result<()> {
        let index = RELAYS
            .iter()
            .position(|known| *known == relay)
            .context("a relay of the demo")?;
        let http = SocketAddr::new(self.address, self.ports.relay_http[index]);
        let text = format!(
            "id = \"{id}\"\n\n[data]\ndir = \"relay-{id}\"\n\n[http]\nlisten = \"{http}\"\npublic_url = \"https://{http}\"\n\n\
             [tls]\ncert = \"server.pem\"\nkey = \"server.key\"\n\n[metrics]\nlisten = \"127.0.0.1:{metrics}\"\n\n\
             [media]\nlisten = \"{media}\"\n\n[orchestrator]\nurl = \"{url}\"\nca = \"ca.pem\"\njoin_key = \"{key}\"\n",
            id = relay.id,
            metrics = self.ports.relay_metrics[index],
            media = SocketAddr::new(self.address, self.ports.relay_media[index]),
            url = self.url(),
            key = self.join_key(relay)?,
        );
        write(&self.relay_config(relay), &text)
    }

    /// Writes the hall agents' configuration: the chair, and every joining hall with the figures it will report.
    pub fn write_halls(&self, links: &SiteLinks) -> Result<()> {
        let mut text = format!(
            "workers = 2\n\n[orchestrator]\nurl = \"{}\"\nca = \"ca.pem\"\n\n[metrics]\nlisten = \"127.0.0.1:{}\"\n",
            self.url(),
            self.ports.halls_metrics
        );
        for (index, code) in self.joining().into_iter().enumerate() {
            let credential = &links
                .get(code)
                .with_context(|| format!("no link for {code}"))?
                .code;
            writeln!(
                text,
                "\n[[halls]]\ncredential = \"{credential}\"\nchair = {}",
                code == CHAIR
            )?;
            text += if code == CHAIR {
                "picture = { width = 640, height = 360, frame_rate = 15, bitrate_kbps = 520 }\n"
            } else {
                "picture = { width = 160, height = 90, frame_rate = 5, bitrate_kbps = 60 }\n"
            };
            if let Some(counts) = self.recorded(code) {
                writeln!(
                    text,
                    "{counts}\nreport_after_s = {}",
                    report_after_s(self.seed, index)
                )?;
            }
        }
        write(&self.halls_config(), &text)
    }

    fn recorded(&self, code: &str) -> Option<String> {
        let site = self
            .sites
            .iter()
            .find(|site| site.site.code.as_str() == code)?;
        let counts = site.recorded?;
        Some(format!(
            "counts = {{ expected = {}, present = {}, late = {}, absent_excused = {}, absent_unexcused = {}, unclassified = {} }}",
            counts.expected,
            counts.present,
            counts.late,
            counts.absent_excused,
            counts.absent_unexcused,
            counts.unclassified
        ))
    }

    fn join_key(&self, relay: RelaySpec) -> Result<String> {
        kept(
            &self.folder.join(format!("join-key-{}.json", relay.id)),
            tls::random_text,
        )
    }
}

/// Passwords, join keys and codes lie in it: nobody else may read them.
fn private_folder(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))
}

/// Reads what an earlier start left, or makes it and leaves it for the next.
fn kept<T: Serialize + for<'de> Deserialize<'de>>(
    file: &Path,
    make: impl FnOnce() -> Result<T>,
) -> Result<T> {
    if let Ok(text) = std::fs::read_to_string(file) {
        return serde_json::from_str(&text)
            .with_context(|| format!("{} is damaged; remove it", file.display()));
    }
    let value = make()?;
    write(file, &serde_json::to_string(&value)?)?;
    Ok(value)
}

fn write(file: &Path, text: &str) -> Result<()> {
    std::fs::write(file, text).with_context(|| format!("writing {}", file.display()))
}

/// Halls report between 4 and 24 s after they join, in an order that the seed decides.
fn report_after_s(seed: u64, index: usize) -> u64 {
    // SplitMix64: one step is enough to scatter neighbours.
    let mut mixed = seed.wrapping_add((index as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    4 + (mixed ^ (mixed >> 31)) % 21
}
