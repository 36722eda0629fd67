//! What serde cannot judge about a `relay.toml`.

use super::{Config, Secret};
use std::net::IpAddr;
use telemetry::config::ConfigError;
use url::{Host, Url};

/// Shortest token or join key: 16 characters out of 64 are 96 bits.
const SECRET_CHARS_MIN: usize = 16;

/// Most sessions: what the router serves, with room for the trunks of the plan, which come on top.
const LEGS_MAX: usize = forwarding::limits::LEGS_MAX - TRUNKS_ROOM;
/// Most sending threads: beyond them the one that receives is what limits.
const WORKERS_MAX: usize = 16;
/// The highest number a processor can have here.
const CORE_MAX: usize = 1023;
/// A tenth of a second at once is a keyframe; more would be no cap.
const BURST_MS_MAX: u64 = 100;
/// A trunk to every district, to spare.
const TRUNKS_ROOM: usize = 64;

type Checked = Result<(), ConfigError>;

/// Points at keys of the file at hand.
struct At<'a> {
    text: &'a str,
    file_name: &'a str,
}

impl At<'_> {
    fn refuse(&self, key: &str, found: impl Into<String>, expected: &str) -> Checked {
        Err(ConfigError::at(
            self.text,
            self.file_name,
            key,
            found,
            expected,
        ))
    }
}

pub(super) fn all(config: &Config, text: &str, file_name: &str) -> Checked {
    let at = At { text, file_name };
    http(config, &at)?;
    media(config, &at)?;
    orchestrator(config, &at)?;
    standalone(config, &at)?;
    ice_servers(config, &at)
}

fn http(config: &Config, at: &At<'_>) -> Checked {
    let listen = config.http.listen;
    if config.tls.is_none() && !listen.ip().is_loopback() {
        let expected = "a [tls] section, or a loopback address: browsers give cameras to https only, and tokens travel here";
        return at.refuse("http.listen", listen.to_string(), expected);
    }
    let Some(url) = &config.http.public_url else {
        return Ok(());
    };
    let scheme = if config.tls.is_some() {
        "https"
    } else {
        "http"
    };
    if url.scheme() != scheme || url.host().is_none() || url.path() != "/" || url.query().is_some()
    {
        let expected = format!("a base URL {scheme}://host:port without a path");
        return at.refuse("http.public_url", url.as_str(), &expected);
    }
    Ok(())
}

fn media(config: &Config, at: &At<'_>) -> Checked {
    let media = &config.media;
    if media.advertise.is_empty() && media.listen.ip().is_unspecified() {
        let expected =
            "the addresses clients reach, such as [\"203.0.113.7\"]: media.listen names none";
        return at.refuse("media.advertise", "", expected);
    }
    if let Some(address) = media
        .advertise
        .iter()
        .find(|a| a.is_unspecified() || a.is_multicast())
    {
        return at.refuse(
            "media.advertise",
            address.to_string(),
            "addresses of one host",
        );
    }
    if !(1..=LEGS_MAX).contains(&media.legs_max) {
        let expected = format!("1 to {LEGS_MAX}");
        return at.refuse("media.legs_max", media.legs_max.to_string(), &expected);
    }
    if !(1..=WORKERS_MAX).contains(&media.workers) {
        let expected = format!("1 to {WORKERS_MAX}");
        return at.refuse("media.workers", media.workers.to_string(), &expected);
    }
    if let Some(core) = media.pin_cores.iter().find(|core| **core > CORE_MAX) {
        let expected = format!("processors 0 to {CORE_MAX}");
        return at.refuse("media.pin_cores", core.to_string(), &expected);
    }
    if !(1..=BURST_MS_MAX).contains(&media.burst_ms) {
        let expected = format!("1 to {BURST_MS_MAX} milliseconds");
        return at.refuse("media.burst_ms", media.burst_ms.to_string(), &expected);
    }
    Ok(())
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

fn orchestrator(config: &Config, at: &At<'_>) -> Checked {
    let orchestrator = match (&config.orchestrator, &config.standalone) {
        (Some(_), Some(_)) => {
            return at.refuse(
                "standalone",
                "both [orchestrator] and [standalone]",
                "one of them",
            );
        }
        (None, None) => {
            return at.refuse("orchestrator", "", "[orchestrator], or else [standalone]");
        }
        (None, Some(_)) => return Ok(()),
        (Some(orchestrator), None) => orchestrator,
    };
    let url = &orchestrator.url;
    match url.scheme() {
        "https" if orchestrator.ca.is_none() => {
            let expected = "a PEM file with the authorities to trust, such as /etc/ssl/certs/ca-certificates.crt";
            return at.refuse("orchestrator.ca", "", expected);
        }
        "https" => {}
        "http" if is_loopback(url) => {}
        _ => {
            return at.refuse(
                "orchestrator.url",
                url.as_str(),
                "https://…, or http:// on a loopback address",
            );
        }
    }
    match &orchestrator.join_key {
        Some(key) if key.reveal().chars().count() < SECRET_CHARS_MIN => {
            let found = format!("{} characters", key.reveal().chars().count());
            at.refuse("orchestrator.join_key", found, "at least 16 characters")
        }
        _ => Ok(()),
    }
}

fn standalone(config: &Config, at: &At<'_>) -> Checked {
    let Some(standalone) = &config.standalone else {
        return Ok(());
    };
    for (index, site) in standalone.sites.iter().enumerate() {
        let key = format!("standalone.sites.{index}");
        if site.as_str() == "program" {
            return at.refuse(
                &key,
                "\"program\"",
                "another code: /whep/program is the program",
            );
        }
        if standalone
            .sites
            .iter()
            .take(index)
            .any(|other| other == site)
        {
            return at.refuse(&key, format!("\"{site}\" a second time"), "every site once");
        }
    }
    for (index, site) in standalone.program.iter().enumerate() {
        if !standalone.sites.contains(site) {
            let key = format!("standalone.program.{index}");
            return at.refuse(&key, format!("\"{site}\""), "one of standalone.sites");
        }
    }
    for (index, token) in standalone.tokens.iter().enumerate() {
        let key = |name: &str| format!("standalone.tokens.{index}.{name}");
        let length = token.token.reveal().chars().count();
        if length < SECRET_CHARS_MIN {
            return at.refuse(
                &key("token"),
                format!("{length} characters"),
                "at least 16 characters",
            );
        }
        if standalone
            .tokens
            .iter()
            .take(index)
            .any(|other| other.token == token.token)
        {
            return at.refuse(
                &key("token"),
                "the token of another entry",
                "every token once",
            );
        }
        if token.scope().is_none() {
            let expected = "a site for \"hall\" and \"watch_site\", none for \"watch_program\"";
            return at.refuse(
                &key("site"),
                token.site.as_ref().map_or("", |s| s.as_str()),
                expected,
            );
        }
    }
    Ok(())
}

fn ice_servers(config: &Config, at: &At<'_>) -> Checked {
    for (index, server) in config.ice_servers.iter().enumerate() {
        let scheme = ["stun:", "stuns:", "turn:", "turns:"]
            .iter()
            .any(|s| server.url.starts_with(s));
        // The URL goes into a header: nothing that could end it early.
        let plain = |text: &str| {
            text.bytes()
                .all(|b| b.is_ascii_graphic() && !b"\"<>\\".contains(&b))
        };
        if !scheme || !plain(&server.url) {
            let key = format!("ice_servers.{index}.url");
            return at.refuse(
                &key,
                format!("{:?}", server.url),
                "a stun: or turn: URI (RFC 7064, RFC 7065)",
            );
        }
        let texts = [
            server.username.as_deref(),
            server.credential.as_ref().map(Secret::reveal),
        ];
        if !texts.into_iter().flatten().all(plain) {
            let key = format!("ice_servers.{index}");
            return at.refuse(
                &key,
                "a space, quote or backslash",
                "printable username and credential",
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STANDALONE: &str = r#"
id = "ward"
data.dir = "data"
http.listen = "127.0.0.1:0"
metrics.listen = "127.0.0.1:0"
media.listen = "127.0.0.1:0"
[standalone]
sites = ["A", "B"]
program = ["A"]
tokens = [{ token = "0123456789abcdef", as = "hall", site = "A" }]
"#;

    #[test]
    fn a_good_file_is_taken_and_its_paths_are_beside_it() {
        let config = Config::from_toml(STANDALONE, "/etc/diemcau/relay.toml").expect("good");
        assert_eq!(config.data.dir, std::path::Path::new("/etc/diemcau/data"));
        assert_eq!(config.media.legs_max, 1000);
    }

    #[test]
    fn every_refusal_names_its_key_and_what_is_expected() {
        for (good, bad, said) in [
            (
                "127.0.0.1:0\"\nmetrics",
                "0.0.0.0:0\"\nmetrics",
                "http.listen: found 0.0.0.0:0, expected a [tls] section",
            ),
            (
                "media.listen = \"127.0.0.1:0\"",
                "media.listen = \"0.0.0.0:0\"",
                "media.advertise: found nothing",
            ),
            (
                "[\"A\", \"B\"]",
                "[\"A\", \"A\"]",
                "standalone.sites.1: found \"A\" a second time",
            ),
            (
                "[\"A\", \"B\"]",
                "[\"A\", \"program\"]",
                "standalone.sites.1: found \"program\"",
            ),
            (
                "program = [\"A\"]",
                "program = [\"C\"]",
                "standalone.program.0: found \"C\", expected one of",
            ),
            (
                "0123456789abcdef",
                "short",
                "standalone.tokens.0.token: found 5 characters",
            ),
            (
                ", site = \"A\"",
                "",
                "standalone.tokens.0.site: found nothing, expected a site",
            ),
            (
                "id = \"ward\"",
                "id = \"Đông Thọ\"",
                "relay.toml:2:6: id: found",
            ),
            (
                "[standalone]",
                "media.legs_max = 1025\n[standalone]",
                "media.legs_max: found 1025, expected 1 to 1024",
            ),
            (
                "[standalone]",
                "media.workers = 0\n[standalone]",
                "media.workers: found 0, expected 1 to 16",
            ),
            (
                "[standalone]",
                "media.pin_cores = [0, 5000]\n[standalone]",
                "media.pin_cores: found 5000, expected processors 0 to 1023",
            ),
            (
                "[standalone]",
                "media.burst_ms = 0\n[standalone]",
                "media.burst_ms: found 0, expected 1 to 100 milliseconds",
            ),
            ("[standalone]", "[elsewhere]", "elsewhere"),
        ] {
            let text = STANDALONE.replace(good, bad);
            assert_ne!(text, STANDALONE, "{good} is in the text");
            let error = Config::from_toml(&text, "relay.toml")
                .expect_err(bad)
                .to_string();
            assert!(error.contains(said), "{error}\nshould say {said}");
        }
    }

    #[test]
    fn an_orchestrator_needs_https_and_an_authority() {
        let head = STANDALONE.split("[standalone]").next().unwrap_or_default();
        for (section, said) in [
            ("", "orchestrator: found nothing, expected [orchestrator]"),
            (
                "[orchestrator]\nurl = \"http://10.0.0.1:8443\"",
                "orchestrator.url: found http://10.0.0.1:8443/, expected https",
            ),
            (
                "[orchestrator]\nurl = \"https://10.0.0.1:8443\"",
                "orchestrator.ca: found nothing, expected a PEM file",
            ),
            (
                "[orchestrator]\nurl = \"http://127.0.0.1:1\"\njoin_key = \"x\"",
                "orchestrator.join_key: found 1 characters",
            ),
        ] {
            let error = Config::from_toml(&format!("{head}{section}\n"), "relay.toml")
                .expect_err(section)
                .to_string();
            assert!(error.contains(said), "{error}\nshould say {said}");
        }
    }

    #[test]
    fn no_secret_shows_in_debug_output() {
        let config = Config::from_toml(STANDALONE, "relay.toml").expect("good");
        assert!(!format!("{config:?}").contains("0123456789abcdef"));
    }
}
