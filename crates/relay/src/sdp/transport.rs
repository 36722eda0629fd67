//! The transport an offer describes: who may connect, and how the peer proves who it is.

use super::fault::{Fault, quoted};
use crate::media::{Fingerprint, IceCredentials};
use rtc_sdp::{MediaDescription, SessionDescription};

/// The peer's side of the one transport all m-lines share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transport {
    /// ICE credentials (RFC 8839 §5.4).
    pub credentials: IceCredentials,
    /// SHA-256 fingerprints of certificates the peer may present (RFC 8122 §5); never empty.
    pub fingerprints: Vec<Fingerprint>,
}

/// The attributes of an m-line, with those of the session behind them.
pub(super) struct Lines<'a> {
    pub(super) place: &'a str,
    pub(super) session: &'a SessionDescription,
    pub(super) media: &'a MediaDescription,
}

impl<'a> Lines<'a> {
    fn all(&self, key: &'a str) -> Vec<&'a str> {
        let of = |attributes: &'a [rtc_sdp::description::common::Attribute]| {
            attributes
                .iter()
                .filter(|a| a.key == key)
                .filter_map(|a| a.value.as_deref())
                .collect::<Vec<_>>()
        };
        let own = of(&self.media.attributes);
        if own.is_empty() {
            of(&self.session.attributes)
        } else {
            own
        }
    }

    fn one(&self, key: &'a str, expected: &str) -> Result<&'a str, Fault> {
        let missing = || Fault::new(self.place, format!("no a={key}"), expected);
        self.all(key).first().copied().ok_or_else(missing)
    }

    pub(super) fn transport(&self) -> Result<Transport, Fault> {
        self.check_setup()?;
        Ok(Transport {
            credentials: self.credentials()?,
            fingerprints: self.fingerprints()?,
        })
    }

    fn check_setup(&self) -> Result<(), Fault> {
        let expected =
            "a=setup:actpass or a=setup:active: the relay is the DTLS server (RFC 8842 §5)";
        match self.one("setup", expected)?.trim() {
            "actpass" | "active" => Ok(()),
            other => Err(Fault::new(
                self.place,
                format!("a=setup:{}", quoted(other)),
                expected,
            )),
        }
    }

    fn credentials(&self) -> Result<IceCredentials, Fault> {
        Ok(IceCredentials {
            ufrag: self.ice("ice-ufrag")?,
            pwd: self.ice("ice-pwd")?,
        })
    }

    fn ice(&self, key: &'a str) -> Result<String, Fault> {
        check_ice_chars(self.place, key, self.one(key, &expected_ice(key))?)
    }

    fn fingerprints(&self) -> Result<Vec<Fingerprint>, Fault> {
        let expected = "a=fingerprint:sha-256 and 32 pairs of hexadecimal digits (RFC 8122 §5)";
        self.one("fingerprint", expected)?;
        let lines = self.all("fingerprint");
        let sha256 = lines.iter().filter_map(|line| {
            let (hash, value) = line.trim().split_once(' ')?;
            hash.eq_ignore_ascii_case("sha-256")
                .then(|| Fingerprint::parse(value))?
        });
        let found: Vec<Fingerprint> = sha256.take(4).collect();
        if found.is_empty() {
            let first = lines.first().copied().unwrap_or_default();
            return Err(Fault::new(
                self.place,
                format!("a=fingerprint:{}", quoted(first)),
                expected,
            ));
        }
        Ok(found)
    }
}

/// RFC 8839 §5.4: a ufrag has 4 to 256 ice-chars, a password 22 to 256.
pub(super) fn check_ice_chars(place: &str, key: &str, value: &str) -> Result<String, Fault> {
    let value = value.trim();
    let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
    if (least(key)..=256).contains(&value.len()) && value.bytes().all(good) {
        return Ok(value.to_owned());
    }
    // A password is a secret even when it is a bad one: its length says enough.
    Err(Fault::new(
        place,
        format!("a={key} of {} characters", value.chars().count()),
        expected_ice(key),
    ))
}

fn least(key: &str) -> usize {
    if key == "ice-pwd" { 22 } else { 4 }
}

fn expected_ice(key: &str) -> String {
    let least = least(key);
    format!("{least} to 256 letters, digits, + or / (RFC 8839 §5.4)")
}
