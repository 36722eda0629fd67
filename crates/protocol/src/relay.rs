//! Relay registration and the control link between a relay and the orchestrator.
//!
//! `POST /api/relays` once with a join key, then the web socket `/api/relays/link`:
//! relay `Hello` → orchestrator `Challenge` → relay `Proof` → `Welcome`, `Plan` …, relay `Report` ….
//! Both sides prove their Ed25519 identity key: the relay's was given at registration, the
//! orchestrator's is pinned by the relay then.

use crate::{ConferenceId, RelayId, SiteCode};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use ts_rs::TS;
use utoipa::ToSchema;

/// `POST /api/relays`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RelayRegistration {
    /// The one-time join key an administrator issued for this relay.
    pub join_key: String,
    /// The relay's id; must be the one the join key was issued for.
    pub relay: RelayId,
    /// Ed25519 public key, base64url without padding (32 bytes).
    pub public_key: String,
    /// SHA-256 of the relay's DTLS certificate, `AA:BB:…` as in SDP (RFC 8122 §5).
    pub certificate_fingerprint: String,
    /// Addresses at which the one media port is reached.
    #[schema(value_type = Vec<String>)]
    pub media_addresses: Vec<SocketAddr>,
    /// Base URL of its WHIP/WHEP endpoints, `https://relay.example:8443`.
    pub http_url: String,
}

/// The answer to a registration, and the state a relay pins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RelayWelcome {
    /// The orchestrator's Ed25519 public key, base64url: signs challenges and tokens.
    pub orchestrator_key: String,
    /// The upper 16 bits of every SSRC this relay allocates; leased to no other relay.
    pub ssrc_block: u16,
}

/// Relay to orchestrator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromRelay {
    /// First message.
    Hello {
        /// [`crate::VERSION`].
        version: u16,
        /// Who speaks.
        relay: RelayId,
        /// 32 random bytes, base64url: the orchestrator signs `"diemcau orchestrator" || nonce`.
        nonce: String,
        /// Where it is reached now (may change between starts).
        media_addresses: Vec<SocketAddr>,
        /// Base URL now.
        http_url: String,
    },
    /// Answer to the challenge: Ed25519 signature over `"diemcau relay" || nonce`, base64url.
    Proof {
        /// The signature.
        signature: String,
    },
    /// The relay's whole state, after a change (coalesced to 10/s) and every 2 s.
    Report(RelayReport),
}

/// Orchestrator to relay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToRelay {
    /// Prove who you are; here is my own proof.
    Challenge {
        /// 32 random bytes, base64url.
        nonce: String,
        /// Signature over the relay's nonce, base64url.
        signature: String,
    },
    /// Accepted.
    Welcome(RelayWelcome),
    /// The whole plan; replaces the last one. One of a lower epoch is refused.
    Plan(RelayPlan),
}

/// What a relay has to do. Kept on its disk: with the orchestrator gone the relay goes on by it.
/// Feeds are named by the site that publishes them; SSRCs are announced hop by hop on the trunk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayPlan {
    /// Rises with every change; a lower one is refused.
    pub epoch: u64,
    /// The conference carried.
    pub conference: ConferenceId,
    /// Sites that may attach here.
    pub sites: Vec<SiteCode>,
    /// Program: the first of these that is alive fills the program slots.
    pub program: Vec<SiteCode>,
    /// Floor: the site in the floor slots, if any.
    pub floor: Option<SiteCode>,
    /// Trunks this relay dials.
    pub parents: Vec<ParentTrunk>,
    /// Trunks it answers.
    pub children: Vec<ChildTrunk>,
}

/// A trunk to dial. The child is the ICE controlling side and the DTLS client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParentTrunk {
    /// The parent.
    pub relay: RelayId,
    /// Where its media port is reached, in order of preference.
    pub addresses: Vec<SocketAddr>,
    /// The parent's ICE ufrag for this child (RFC 8445 §5.3).
    pub ice_ufrag: String,
    /// The parent's ICE password for this child.
    pub ice_pwd: String,
    /// SHA-256 of the parent's DTLS certificate.
    pub certificate_fingerprint: String,
    /// Feeds that come from there.
    pub feeds: Vec<SiteCode>,
}

/// A trunk to answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildTrunk {
    /// The child.
    pub relay: RelayId,
    /// This relay's ICE ufrag for that child.
    pub ice_ufrag: String,
    /// This relay's ICE password for that child.
    pub ice_pwd: String,
    /// SHA-256 of the child's DTLS certificate.
    pub certificate_fingerprint: String,
    /// Feeds to send there.
    pub feeds: Vec<SiteCode>,
}

/// The state of a relay: feeds, legs and trunks, whole.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RelayReport {
    /// Epoch of the plan in force; 0 before the first.
    pub epoch: u64,
    /// Feeds present here.
    pub feeds: Vec<FeedReport>,
    /// Hall and control-room legs.
    pub legs: Vec<LegReport>,
    /// Trunks.
    pub trunks: Vec<TrunkReport>,
    /// Datagrams sent since start.
    pub packets_sent: u64,
    /// Bytes sent since start, UDP payload.
    pub bytes_sent: u64,
}

/// Audio or video.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MediaKind {
    /// Audio.
    Audio,
    /// Video.
    Video,
}

/// One RTP stream of a feed at this relay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeedReport {
    /// The site that publishes it.
    pub site: SiteCode,
    /// Audio or video.
    pub kind: MediaKind,
    /// Codec name as in SDP: `H264`, `VP8`, `opus`.
    pub codec: String,
    /// Its SSRC on trunks.
    pub ssrc: u32,
    /// Published at this relay (true) or come over a trunk.
    pub local: bool,
    /// Packets accepted.
    pub packets: u64,
    /// Sequence holes not (yet) repaired.
    pub holes: u64,
    /// Over the last report period.
    pub bitrate_bps: u64,
    /// Frames per second over the last period; 0 for audio.
    pub frame_rate: f32,
    /// Interarrival jitter, milliseconds (RFC 3550 §6.4.1).
    pub jitter_ms: f32,
    /// Since the last packet, milliseconds.
    pub silent_ms: u64,
    /// Legs and trunks it goes to.
    pub watchers: u32,
}

/// What a leg is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LegRole {
    /// WHIP: a hall publishes.
    Publish,
    /// WHEP: a hall watches program and floor.
    Watch,
    /// WHEP: the control room watches a site's return feed.
    Return,
    /// WHEP: the control room watches the program.
    Program,
}

/// How far a leg or trunk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LegState {
    /// ICE or DTLS under way.
    Connecting,
    /// Media can flow.
    Connected,
    /// Nothing heard for the consent time (RFC 7675).
    Lost,
}

/// One WHIP or WHEP session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LegReport {
    /// Session id, as in its `Location`.
    pub session: String,
    /// The site it belongs to; absent for the control room's program.
    pub site: Option<SiteCode>,
    /// What it is for.
    pub role: LegRole,
    /// How far it is.
    pub state: LegState,
    /// RTP packets sent to it.
    pub packets_sent: u64,
    /// RTP packets received from it.
    pub packets_received: u64,
    /// Its last report's fraction lost, 0 to 1 (RFC 3550 §6.4.1).
    pub fraction_lost: f32,
    /// Round trip, milliseconds.
    pub rtt_ms: Option<f32>,
}

/// Which way a trunk goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TrunkDirection {
    /// Towards a parent.
    Up,
    /// Towards a child.
    Down,
}

/// One trunk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS, ToSchema)]
pub struct TrunkReport {
    /// The relay at the other end.
    pub relay: RelayId,
    /// Parent or child.
    pub direction: TrunkDirection,
    /// How far it is.
    pub state: LegState,
    /// Packets sent.
    #[ts(type = "number")]
    pub packets_sent: u64,
    /// Packets received.
    #[ts(type = "number")]
    pub packets_received: u64,
    /// Round trip, milliseconds.
    pub rtt_ms: Option<f32>,
}
