//! Join credentials: derived from the installation's secret, never stored.
//!
//! A site has a link secret (256 bits, in the link's fragment) and a short code for the phone (40 bits,
//! Crockford's base 32, which has no I, L, O, U). The same site has the same two after every restart.

use super::base64url;
use super::installation::Installation;
use aws_lc_rs::digest;
use protocol::{ConferenceId, SiteCode};
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const CODE_LENGTH: usize = 8;
/// A credential that was never withdrawn is of the first generation.
const GENERATION: &str = "1";
/// No credential is longer; a longer text is none.
const CREDENTIAL_CHARS_MAX: usize = 64;

type Fingerprint = [u8; 32];

/// What joins whom.
#[derive(Default)]
pub struct JoinCodes {
    /// By SHA-256 of the credential: the time a look-up takes says nothing about credentials that exist.
    sites: RwLock<HashMap<Fingerprint, (ConferenceId, SiteCode)>>,
}

/// The two ways in for one site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// 43 characters, base64url.
    pub secret: String,
    /// `XXXX-XXXX`.
    pub code: String,
}

/// The credentials of a site.
pub fn credentials(keys: &Installation, conference: &ConferenceId, site: &SiteCode) -> Credentials {
    let words = [conference.as_str(), site.as_str(), GENERATION];
    let secret = base64url(&keys.derive("join link", &words));
    let code = keys.derive("join code", &words);
    let bits = code
        .iter()
        .take(5)
        .fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
    let letter = |place: usize| char::from(ALPHABET[(bits >> (5 * place)) as usize % 32]);
    let (front, back): (String, String) = (
        (4..CODE_LENGTH).rev().map(letter).collect(),
        (0..4).rev().map(letter).collect(),
    );
    Credentials {
        secret,
        code: format!("{front}-{back}"),
    }
}

impl JoinCodes {
    /// Lets these sites in from now on.
    pub fn add<'a>(
        &self,
        keys: &Installation,
        conference: &ConferenceId,
        sites: impl Iterator<Item = &'a SiteCode>,
    ) {
        let mut known = self.sites.write().unwrap_or_else(PoisonError::into_inner);
        for site in sites {
            let Credentials { secret, code } = credentials(keys, conference, site);
            let whose = (conference.clone(), site.clone());
            known.insert(fingerprint(&secret), whose.clone());
            let code = fingerprint(&normal_code(&code).unwrap_or(code));
            // 40 bits and 40,000 sites: one chance in 1,400 that two share a code. The later then has its link only.
            known.entry(code).or_insert(whose);
        }
    }

    /// Whom this credential lets in.
    pub fn find(&self, credential: &str) -> Option<(ConferenceId, SiteCode)> {
        let credential = credential.trim();
        if credential.chars().count() > CREDENTIAL_CHARS_MAX {
            return None;
        }
        let known = self.sites.read().unwrap_or_else(PoisonError::into_inner);
        let by_code = || normal_code(credential).and_then(|code| known.get(&fingerprint(&code)));
        known
            .get(&fingerprint(credential))
            .or_else(by_code)
            .cloned()
    }
}

/// A code as typed or read out: case, spaces and dashes do not matter, O is 0, I and L are 1.
fn normal_code(typed: &str) -> Option<String> {
    let code: String = typed
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .map(|c| match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        })
        .collect();
    (code.len() == CODE_LENGTH && code.bytes().all(|byte| ALPHABET.contains(&byte))).then_some(code)
}

fn fingerprint(credential: &str) -> Fingerprint {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest::digest(&digest::SHA256, credential.as_bytes()).as_ref());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting() -> (Installation, ConferenceId, Vec<SiteCode>) {
        let sites = ["DT-01", "DT-02"]
            .map(|site| site.parse().expect("a code"))
            .to_vec();
        (
            Installation::for_a_test(),
            "thanh-hoa".parse().expect("an id"),
            sites,
        )
    }

    #[test]
    fn the_link_and_the_code_let_the_same_site_in_however_the_code_is_typed() {
        let (keys, conference, sites) = setting();
        let codes = JoinCodes::default();
        codes.add(&keys, &conference, sites.iter());
        for site in &sites {
            let Credentials { secret, code } = credentials(&keys, &conference, site);
            assert_eq!((secret.len(), code.len()), (43, 9));
            let misread = code.replace('0', "o").replace('1', "l");
            let typed = format!(" {} ", code.to_lowercase().replace('-', " "));
            for credential in [&secret, &code, &misread, &typed] {
                assert_eq!(
                    codes.find(credential),
                    Some((conference.clone(), site.clone())),
                    "{credential}"
                );
            }
        }
    }

    #[test]
    fn anything_else_lets_nobody_in() {
        let (keys, conference, sites) = setting();
        let codes = JoinCodes::default();
        codes.add(&keys, &conference, sites.iter().take(1));
        let other = credentials(&keys, &conference, &sites[1]);
        let long = "A".repeat(100_000);
        for credential in [
            "",
            "-",
            "0000-0000",
            "ĐĐĐĐ-ĐĐĐĐ",
            &other.secret,
            &other.code,
            &long,
        ] {
            assert_eq!(codes.find(credential), None, "{credential:.20}");
        }
    }
}
