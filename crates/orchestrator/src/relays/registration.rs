//! A relay's first call: what it says is checked, kept, and made known to the conference it stands in.

use super::registry::{About, RegistryError};
use crate::app::App;
use crate::auth::from_base64url;
use crate::problem::{ApiError, ApiResult, printable};
use axum::http::StatusCode;
use protocol::{FieldProblem, RelayRegistration, RelayWelcome};
use std::net::SocketAddr;
use url::Url;

/// A relay has a handful of addresses: v4, v6, outside and inside a NAT.
const ADDRESSES_MAX: usize = 16;
const URL_BYTES_MAX: usize = 256;

/// Registers the relay and answers what it pins.
pub async fn register(app: &App, given: RelayRegistration) -> ApiResult<RelayWelcome> {
    check(&given)?;
    let about = About {
        public_key: given.public_key,
        certificate_fingerprint: given.certificate_fingerprint.to_ascii_uppercase(),
        media_addresses: given.media_addresses,
        http_url: given.http_url,
    };
    let record = app
        .relays
        .register(&given.relay, &given.join_key, about)
        .await
        .map_err(refusal)?;
    tracing::info!(relay = %record.id, site = %record.site, ssrc_block = record.ssrc_block, "a relay registered");
    app.place_relays().await;
    Ok(RelayWelcome {
        orchestrator_key: app.keys.public_key_text(),
        ssrc_block: record.ssrc_block,
    })
}

/// A refusal of the registry as an answer.
pub fn refusal(error: RegistryError) -> ApiError {
    let detail = error.to_string();
    match error {
        RegistryError::WrongKey => ApiError::unauthorized("join_key", detail),
        RegistryError::KeyUsed => ApiError::new(StatusCode::CONFLICT, "join_key_used", detail)
            .hint("give the relay a new id and join key in the orchestrator's configuration"),
        RegistryError::NoBlock => ApiError::unavailable(detail),
        RegistryError::Log(error) => ApiError::fault(&error),
    }
}

fn check(given: &RelayRegistration) -> ApiResult<()> {
    let mut faults = Vec::new();
    let mut expect = |good: bool, column: &str, found: &str, expected: &str| {
        if !good {
            let (column, expected) = (column.to_owned(), expected.to_owned());
            faults.push(FieldProblem {
                line: None,
                column,
                found: printable(found),
                expected,
            });
        }
    };
    let key = from_base64url(&given.public_key).is_some_and(|key| key.len() == 32);
    expect(
        key,
        "public_key",
        &given.public_key,
        "32 bytes in base64url, an Ed25519 public key",
    );
    let print = &given.certificate_fingerprint;
    expect(
        is_fingerprint(print),
        "certificate_fingerprint",
        print,
        "SHA-256 as 32 pairs AA:BB:…",
    );
    let addresses = &given.media_addresses;
    expect(
        are_reachable(addresses),
        "media_addresses",
        &format!("{addresses:?}"),
        "1 to 16 addresses with ports",
    );
    expect(
        is_base_url(&given.http_url),
        "http_url",
        &given.http_url,
        "https://host:port",
    );
    if faults.is_empty() {
        return Ok(());
    }
    let detail = "the registration does not describe a relay";
    Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "registration", detail).fields(faults))
}

fn is_fingerprint(text: &str) -> bool {
    let pairs: Vec<&str> = text.split(':').collect();
    pairs.len() == 32
        && pairs
            .iter()
            .all(|pair| pair.len() == 2 && pair.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Whether others can send to all of these.
pub fn are_reachable(addresses: &[SocketAddr]) -> bool {
    (1..=ADDRESSES_MAX).contains(&addresses.len())
        && addresses.iter().all(|address| {
            address.port() != 0 && !address.ip().is_unspecified() && !address.ip().is_multicast()
        })
}

/// Whether WHIP and WHEP paths can be put behind it: browsers will be sent there.
pub fn is_base_url(text: &str) -> bool {
    text.len() <= URL_BYTES_MAX
        && Url::parse(text).is_ok_and(|url| {
            matches!(url.scheme(), "https" | "http")
                && url.host().is_some()
                && url.path() == "/"
                && url.query().is_none()
                && url.fragment().is_none()
                && url.username().is_empty()
                && url.password().is_none()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_others_can_reach_is_taken() {
        for good in [
            "https://10.0.0.1:8443",
            "http://127.0.0.1:8444/",
            "https://[::1]:1",
        ] {
            assert!(is_base_url(good), "{good}");
        }
        for bad in [
            "",
            "javascript:alert(1)",
            "https://a/b",
            "https://u:p@a",
            "https://a?x",
            "ftp://a",
            "//a",
        ] {
            assert!(!is_base_url(bad), "{bad}");
        }
        let at = |text: &str| vec![text.parse::<SocketAddr>().expect("an address")];
        assert!(are_reachable(&at("10.0.0.1:5004")));
        for bad in [
            vec![],
            at("0.0.0.0:5004"),
            at("10.0.0.1:0"),
            at("224.0.0.1:5004"),
            vec![at("10.0.0.1:1")[0]; 17],
        ] {
            assert!(!are_reachable(&bad), "{bad:?}");
        }
        assert!(is_fingerprint(&["aB"; 32].join(":")));
        assert!(!is_fingerprint(&["AB"; 20].join(":")));
        assert!(!is_fingerprint(&["AG"; 32].join(":")));
    }
}
