//! Claims of the tokens that the orchestrator signs (EdDSA JWT) and relays verify by themselves.

use crate::{ConferenceId, SiteCode};
use serde::{Deserialize, Serialize};

/// Claims of a token. A relay verifies it with the orchestrator's public key, so a hall can rejoin
/// while the orchestrator is away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaClaims {
    /// Audience: always `diemcau`.
    pub aud: String,
    /// The conference it is good for.
    pub conference: ConferenceId,
    /// What it allows.
    pub scope: MediaScope,
    /// Expiry, seconds since the Unix epoch (RFC 7519 §4.1.4).
    pub exp: u64,
    /// Unique id, for the audit.
    pub jti: String,
}

/// What a token allows, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "as", rename_all = "snake_case")]
pub enum MediaScope {
    /// A hall: publish as this site, watch program and floor as this site.
    Hall {
        /// The hall's own site.
        site: SiteCode,
    },
    /// Watch the return feed of one site (control room).
    WatchSite {
        /// The site watched.
        site: SiteCode,
    },
    /// Watch the program (control room).
    WatchProgram,
}
