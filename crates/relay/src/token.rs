//! Who may do what: bearer tokens (RFC 6750), signed by the orchestrator or written in the configuration.
//!
//! **Invariant:** a site is never read out of a request's path or body to find out who speaks; only out of
//! the token.

use crate::config::Token;
use arc_swap::ArcSwapOption;
use aws_lc_rs::digest::{SHA256, digest};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use protocol::{ConferenceId, MediaClaims, MediaScope};
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// How far clocks of relay and orchestrator may differ, seconds.
const CLOCK_SKEW_S: u64 = 30;

/// Longest token looked at; ours have about 300 bytes.
const TOKEN_BYTES_MAX: usize = 4096;

/// What a valid token allows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Grant {
    /// What.
    pub scope: MediaScope,
    /// In which conference; `None` on a standalone relay, which has one only.
    pub conference: Option<ConferenceId>,
}

/// Why a token is refused. Every one is a 401 but the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefusal {
    /// No `Authorization: Bearer`.
    #[error("no Authorization: Bearer header")]
    Missing,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Not a token of this installation.
    #[error("the token is not one this relay accepts")]
    Unknown,
    /// The relay has not met its orchestrator yet.
    #[error("this relay is not registered yet and can check no token")]
    NoKeyYet,
}

/// Checks tokens. Cheap to clone; all clones share the key.
#[derive(Clone)]
pub struct Tokens {
    source: Source,
}

#[derive(Clone)]
enum Source {
    Signed(Arc<ArcSwapOption<DecodingKey>>),
    Written(Arc<[Written]>),
}

struct Written {
    sha256: Vec<u8>,
    scope: MediaScope,
}

impl Tokens {
    /// Takes tokens signed by the orchestrator, once its key is known.
    pub fn signed() -> Self {
        Self {
            source: Source::Signed(Arc::default()),
        }
    }

    /// Takes these tokens only.
    pub fn written(tokens: &[Token]) -> Self {
        let written = tokens.iter().filter_map(|token| {
            let sha256 = sha256(token.token.reveal());
            Some(Written {
                sha256,
                scope: token.scope()?,
            })
        });
        Self {
            source: Source::Written(written.collect()),
        }
    }

    /// From now on tokens signed with this Ed25519 key (base64url) are good. Answers whether it is a key.
    pub fn trust(&self, orchestrator_key: &str) -> bool {
        match (
            &self.source,
            DecodingKey::from_ed_components(orchestrator_key),
        ) {
            (Source::Signed(key), Ok(trusted)) => {
                key.store(Some(Arc::new(trusted)));
                true
            }
            _ => false,
        }
    }

    /// Judges the value of an `Authorization` header.
    pub fn check(&self, authorization: Option<&str>) -> Result<Grant, TokenRefusal> {
        self.judge(authorization, Expiry::Counts)
    }

    /// The same for ending a session: a watch token lives a minute, its session for hours, and who made a session
    /// may end it.
    pub fn check_maker(&self, authorization: Option<&str>) -> Result<Grant, TokenRefusal> {
        self.judge(authorization, Expiry::Ignored)
    }

    fn judge(&self, authorization: Option<&str>, expiry: Expiry) -> Result<Grant, TokenRefusal> {
        let (scheme, token) = authorization
            .and_then(|v| v.split_once(' '))
            .ok_or(TokenRefusal::Missing)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(TokenRefusal::Missing);
        }
        let token = token.trim();
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenRefusal::Unknown);
        }
        match &self.source {
            Source::Signed(key) => {
                let key = key.load_full().ok_or(TokenRefusal::NoKeyYet)?;
                signed(&key, token, expiry)
            }
            Source::Written(tokens) => written(tokens, token),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Expiry {
    Counts,
    Ignored,
}

fn signed(key: &DecodingKey, token: &str, expiry: Expiry) -> Result<Grant, TokenRefusal> {
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_audience(&["diemcau"]);
    validation.leeway = CLOCK_SKEW_S;
    validation.validate_exp = expiry == Expiry::Counts;
    let claims =
        decode::<MediaClaims>(token, key, &validation).map_err(|error| match error.kind() {
            ErrorKind::ExpiredSignature => TokenRefusal::Expired,
            _ => TokenRefusal::Unknown,
        })?;
    let MediaClaims {
        scope, conference, ..
    } = claims.claims;
    Ok(Grant {
        scope,
        conference: Some(conference),
    })
}

/// Compares digests of equal length in constant time, and all of them: the time tells nothing about a token.
fn written(tokens: &[Written], token: &str) -> Result<Grant, TokenRefusal> {
    let sha256 = sha256(token);
    let mut found = None;
    for known in tokens {
        if bool::from(known.sha256.ct_eq(&sha256)) {
            found = Some(known);
        }
    }
    let known = found.ok_or(TokenRefusal::Unknown)?;
    Ok(Grant {
        scope: known.scope.clone(),
        conference: None,
    })
}

fn sha256(text: &str) -> Vec<u8> {
    digest(&SHA256, text.as_bytes()).as_ref().to_vec()
}
