//! Messages between the orchestrator and a hall, over its web socket `/api/hall/link`.

use crate::{Counts, SiteCode, SittingView};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// What the lamp in the hall shows.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Tally {
    /// Grey: nobody elsewhere sees this hall as program or floor.
    #[default]
    Off,
    /// Green: next.
    Standby,
    /// Red: seen and heard by every hall.
    OnAir,
}

/// Where a hall sends and receives media.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, utoipa::ToSchema)]
pub struct MediaEndpoints {
    /// WHIP endpoint (RFC 9725): the hall's own camera and microphone go here.
    pub whip_url: String,
    /// WHEP endpoint: program and floor come from here.
    pub whep_url: String,
}

/// Orchestrator to hall.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(
    clippy::large_enum_variant,
    reason = "one lives at a time, between the socket and its reader"
)]
pub enum ToHall {
    /// The whole state of the hall, sent on connect and after every change (coalesced, at most 5/s).
    State(HallState),
    /// The link ends, and not because of the line.
    Bye {
        /// Why.
        cause: ByeCause,
    },
}

/// Why a hall's link was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ByeCause {
    /// Another device joined as this site: this one steps aside and does not come back by itself.
    TakenOver,
    /// More messages than a hall has reason to send.
    TooManyMessages,
    /// A message that is not of this protocol.
    NotUnderstood,
}

/// Everything a hall's screen or agent needs to know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
pub struct HallState {
    /// This hall.
    pub site: SiteCode,
    /// Its name as the import gave it.
    pub site_name: String,
    /// The conference's title.
    pub conference_title: String,
    /// The sitting now.
    pub sitting: SittingView,
    /// The lamp.
    pub tally: Tally,
    /// Somebody watches this hall's own feed now; an agent sends full frame rate only then.
    pub watched: bool,
    /// Where media goes; absent while no relay serves this hall.
    pub media: Option<MediaEndpoints>,
    /// The hall's last acknowledged figures.
    pub counts: Option<Counts>,
    /// How many people the hall has to expect, when known.
    pub expected: Option<u32>,
    /// The orchestrator's clock, milliseconds since the Unix epoch.
    #[ts(type = "number")]
    pub server_time_ms: u64,
}

/// Hall to orchestrator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromHall {
    /// What the hall sees, every 2 s.
    Health(HallHealth),
}

/// A hall's own view of its program reception. Counters run since the hall joined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct HallHealth {
    /// Video frames decoded (browser) or completely received (agent).
    #[ts(type = "number")]
    pub frames: u64,
    /// RTP packets received, audio and video.
    #[ts(type = "number")]
    pub packets: u64,
    /// Sequence holes that repair did not fill.
    #[ts(type = "number")]
    pub holes: u64,
    /// Packets this hall's own queues dropped; not the network's fault.
    #[ts(type = "number")]
    pub dropped_locally: u64,
    /// Picture freezes seen.
    pub freezes: u32,
    /// Round trip to its relay, milliseconds.
    pub rtt_ms: Option<f32>,
}
