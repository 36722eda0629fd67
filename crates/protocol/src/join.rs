//! Joining: how a hall gets in, and how an operator gets to see a feed.

use crate::{ConferenceId, MediaEndpoints, SiteCode};
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

/// `POST /api/join`: the secret out of a join link, or the short code read out over the phone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// The link's secret (43 characters, base64url) or the short code (`XXXX-XXXX`; case, spaces and dashes do not matter).
    pub credential: String,
}

/// The answer to a successful join.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct JoinGrant {
    /// Bearer token for every hall route and for the relay (a JWT with [`crate::MediaClaims`]).
    pub token: String,
    /// When the token ends, seconds since the Unix epoch.
    #[ts(type = "number")]
    pub expires_at_s: u64,
    /// The conference joined.
    pub conference: ConferenceId,
    /// Its title.
    pub conference_title: String,
    /// The hall's own site.
    pub site: SiteCode,
    /// Its name.
    pub site_name: String,
    /// Where media goes; absent while no relay serves this hall (the hall link tells later).
    pub media: Option<MediaEndpoints>,
}

/// `GET /api/conferences/{conference}/sites/{site}/link`: what an operator hands to a hall.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct SiteLink {
    /// A link that opens the hall page joined.
    pub url: String,
    /// The short code for the phone, `XXXX-XXXX`.
    pub code: String,
}

/// `POST …/watch`: leave to watch one feed by WHEP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct WatchGrant {
    /// WHEP endpoint at the relay that holds the feed.
    pub whep_url: String,
    /// Bearer token for it; good for one minute to connect, the session then stays.
    pub token: String,
}
