//! `hall.toml`: which halls run in this process.

use protocol::Counts;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::path::{Path, PathBuf};
use telemetry::config::ConfigError;
use telemetry::internal::Metrics;
use url::Url;

/// Workers by default: half a hundred halls need well under one core, two keep them from waiting for
/// each other.
const WORKERS_DEFAULT: usize = 2;

/// Configuration of a process of agents.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where halls join.
    pub orchestrator: Orchestrator,
    /// The internal listener; none when absent.
    pub metrics: Option<Metrics>,
    /// Worker threads the caller gives its runtime.
    #[serde(default = "workers_default")]
    pub workers: usize,
    /// The halls.
    pub halls: Vec<Seat>,
}

/// `[orchestrator]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Orchestrator {
    /// Base URL. Plain HTTP only to a loopback address.
    #[serde(deserialize_with = "url_text")]
    pub url: Url,
    /// PEM file with the only certificate authorities to trust, here and at relays, relative to the
    /// configuration's folder; Mozilla's list when absent.
    pub ca: Option<PathBuf>,
}

/// One hall.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seat {
    /// The secret of its join link, or its short code.
    pub credential: Credential,
    /// Its head count; reports none when absent.
    pub counts: Option<Counts>,
    /// Seconds from joining to reporting the head count.
    #[serde(default)]
    pub report_after_s: u32,
    /// What it publishes; 160×90 at 5 frames/s by default, 640×360 at 15 for the chair.
    pub picture: Option<Picture>,
    /// The chair's hall: publishes full rate with sound all the time, others only while watched.
    #[serde(default)]
    pub chair: bool,
}

impl Seat {
    /// The picture it publishes.
    pub fn picture(&self) -> Picture {
        let by_role = if self.chair {
            Picture::chair()
        } else {
            Picture::hall()
        };
        self.picture.unwrap_or(by_role)
    }
}

/// A secret that no log shows.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Credential(String);

impl Credential {
    /// The secret.
    pub fn secret(&self) -> &str {
        &self.0
    }
}

impl From<String> for Credential {
    fn from(secret: String) -> Self {
        Self(secret)
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(…)")
    }
}

/// Size and rate of a published picture.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Picture {
    /// Pixels, even, 32 to 1920.
    pub width: u32,
    /// Pixels, even, 32 to 1080.
    pub height: u32,
    /// Frames per second, 1 to 30.
    pub frame_rate: f32,
    /// Kilobits per second, 20 to 8000.
    pub bitrate_kbps: u32,
}

impl Picture {
    /// An ordinary hall's.
    pub const fn hall() -> Self {
        Self {
            width: 160,
            height: 90,
            frame_rate: 5.0,
            bitrate_kbps: 60,
        }
    }

    /// The chair's: what every hall sees.
    pub const fn chair() -> Self {
        Self {
            width: 640,
            height: 360,
            frame_rate: 15.0,
            bitrate_kbps: 480,
        }
    }

    fn complaint(&self) -> Option<(&'static str, String, &'static str)> {
        let even = |side: u32, most: u32| (32..=most).contains(&side) && side.is_multiple_of(2);
        if !even(self.width, 1920) {
            return Some((
                "width",
                self.width.to_string(),
                "an even number of pixels from 32 to 1920",
            ));
        }
        if !even(self.height, 1080) {
            return Some((
                "height",
                self.height.to_string(),
                "an even number of pixels from 32 to 1080",
            ));
        }
        if !(1.0..=30.0).contains(&self.frame_rate) {
            return Some((
                "frame_rate",
                self.frame_rate.to_string(),
                "1 to 30 frames per second",
            ));
        }
        if !(20..=8000).contains(&self.bitrate_kbps) {
            return Some((
                "bitrate_kbps",
                self.bitrate_kbps.to_string(),
                "20 to 8000 kbit/s",
            ));
        }
        None
    }
}

impl Config {
    /// Reads a configuration. `file_name` names the file in errors, and relative paths start from its folder.
    pub fn from_toml(text: &str, file_name: &str) -> Result<Self, ConfigError> {
        let mut config: Self = telemetry::config::load(text, file_name)?;
        config.check(text, file_name)?;
        if let Some(ca) = &mut config.orchestrator.ca
            && let Some(folder) = Path::new(file_name).parent()
        {
            *ca = folder.join(&*ca);
        }
        Ok(config)
    }

    fn check(&self, text: &str, file_name: &str) -> Result<(), ConfigError> {
        let refuse = |key: &str, found: String, expected: &str| {
            Err(ConfigError::at(text, file_name, key, found, expected))
        };
        let url = &self.orchestrator.url;
        if !safe(url) {
            return refuse(
                "orchestrator.url",
                url.to_string(),
                "an https URL (plain http only to a loopback address)",
            );
        }
        if !(1..=64).contains(&self.workers) {
            return refuse("workers", self.workers.to_string(), "1 to 64 threads");
        }
        if self.halls.is_empty() {
            return refuse("halls", String::new(), "at least one [[halls]]");
        }
        for (index, seat) in self.halls.iter().enumerate() {
            if seat.credential.secret().trim().is_empty() {
                let expected = "the secret of a join link or a short code";
                return refuse(
                    &format!("halls.{index}.credential"),
                    "an empty text".to_owned(),
                    expected,
                );
            }
            if let Some((key, found, expected)) =
                seat.picture.and_then(|picture| picture.complaint())
            {
                return refuse(&format!("halls.{index}.picture.{key}"), found, expected);
            }
        }
        Ok(())
    }
}

/// Tokens go over this URL: encrypted, or no further than this machine.
pub(crate) fn safe(url: &Url) -> bool {
    let loopback = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && loopback)
}

fn url_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
    let text = String::deserialize(deserializer)?;
    Url::parse(&text).map_err(|error| {
        D::Error::custom(format!(
            "{error}, expected a URL such as https://10.0.0.1:8443"
        ))
    })
}

fn workers_default() -> usize {
    WORKERS_DEFAULT
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
workers = 2
[orchestrator]
url = "https://10.0.0.1:8443"
ca = "ca.pem"
[metrics]
listen = "127.0.0.1:0"
[[halls]]
credential = "ABCD-EFGH"
counts = { expected = 104, present = 101, late = 2, absent_excused = 3, absent_unexcused = 0 }
report_after_s = 5
picture = { width = 160, height = 90, frame_rate = 5, bitrate_kbps = 60 }
[[halls]]
credential = "IJKL-MNOP"
chair = true
"#;

    #[test]
    fn the_example_reads() {
        let config = Config::from_toml(GOOD, "/etc/diemcau/hall.toml").expect("good");
        assert_eq!(
            config.orchestrator.ca.as_deref(),
            Some(Path::new("/etc/diemcau/ca.pem"))
        );
        assert_eq!(config.halls[0].counts.expect("given").present, 101);
        assert_eq!(config.halls[0].picture(), Picture::hall());
        assert_eq!(config.halls[1].picture(), Picture::chair());
        assert!(
            !format!("{config:?}").contains("ABCD"),
            "no log shows the credential"
        );
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_place() {
        for (from, to, said) in [
            (
                "https://",
                "http://",
                "hall.toml:4:7: orchestrator.url: found http://10.0.0.1:8443/, expected an https",
            ),
            (
                "width = 160",
                "width = 161",
                "hall.toml:12:21: halls.0.picture.width: found 161, expected an even",
            ),
            (
                "frame_rate = 5",
                "frame_rate = 90",
                "halls.0.picture.frame_rate: found 90, expected 1 to 30",
            ),
            (
                "workers = 2",
                "workers = 0",
                "hall.toml:2:11: workers: found 0",
            ),
            (
                "\"ABCD-EFGH\"",
                "\" \"",
                "halls.0.credential: found an empty text",
            ),
            (
                "chair = true",
                "char = true",
                "halls.char: found a key of this name",
            ),
        ] {
            let refusal = Config::from_toml(&GOOD.replace(from, to), "hall.toml")
                .expect_err(to)
                .to_string();
            assert!(refusal.contains(said), "{refusal}");
        }
    }

    #[test]
    fn plain_http_goes_no_further_than_this_machine() {
        for (url, fine) in [
            ("http://127.0.0.1:80", true),
            ("http://[::1]:80", true),
            ("http://localhost", true),
            ("http://127.0.0.1.example.org", false),
            ("http://10.1.1.1", false),
            ("ftp://localhost", false),
            ("https://hoinghi.example.vn", true),
        ] {
            assert_eq!(safe(&Url::parse(url).expect("a URL")), fine, "{url}");
        }
    }
}
