//! What the console shows, and the live stream that keeps it true: `/api/conferences/{conference}/live`.

use crate::{ConferenceId, Counts, LegState, RelayId, SiteCode, Tally, Totals, TrunkReport};
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

/// One line of the list of conferences.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct ConferenceSummary {
    /// Its id.
    pub id: ConferenceId,
    /// Its title.
    pub title: String,
    /// How many sites are counted.
    pub sites: u32,
    /// Where its sitting is.
    pub state: SittingState,
}

/// Orchestrator to console. A snapshot first, then whole replaced items; a console that reads too slowly is
/// disconnected and starts again from a snapshot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Live {
    /// Everything.
    Snapshot(ConferenceView),
    /// What changed since the last message (coalesced, at most 5/s): each item replaces its namesake.
    Changed {
        /// The sitting, when it changed.
        sitting: Option<SittingView>,
        /// The conference's totals, when they changed.
        totals: Option<Totals>,
        /// Sites that changed.
        sites: Vec<SiteView>,
        /// Relays that changed.
        relays: Vec<RelayView>,
    },
}

/// A conference as the console sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS, ToSchema)]
pub struct ConferenceView {
    /// Its id.
    pub id: ConferenceId,
    /// Its title.
    pub title: String,
    /// The sitting.
    pub sitting: SittingView,
    /// Head count of the whole conference.
    pub totals: Totals,
    /// Every site, parents before children.
    pub sites: Vec<SiteView>,
    /// Every relay.
    pub relays: Vec<RelayView>,
}

/// Life cycle of a sitting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SittingState {
    /// Being prepared.
    Draft,
    /// Everything in place; halls may join.
    Ready,
    /// Open.
    Live,
    /// Over.
    Closed,
}

/// A sitting (phiên).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct SittingView {
    /// Where it is.
    pub state: SittingState,
    /// When it entered that state, milliseconds since the Unix epoch.
    #[ts(type = "number")]
    pub since_ms: u64,
    /// The states it can move to now; the first is the usual one.
    pub next: Vec<SittingState>,
    /// The site of the chair (chủ trì): the program's source.
    pub chair: Option<SiteCode>,
}

/// `POST /api/conferences/{conference}/sitting`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SittingStep {
    /// The state to move to.
    pub to: SittingState,
}

/// Hub (điểm cầu chủ) or member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SiteKind {
    /// Others hang under it.
    Hub,
    /// A member hall.
    Site,
}

/// Whether a site sends, only watches, or only hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SiteLinkMode {
    /// Hai chiều.
    TwoWay,
    /// Tiếp sóng: watches only.
    Relay,
    /// Truyền thanh: audio only.
    Loudspeaker,
}

/// How a site's link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    /// Never joined.
    NotJoined,
    /// Program arrives and its own picture leaves.
    Ok,
    /// Joined, with something wrong: `LinkHealth::reasons` says what.
    Degraded,
    /// Was joined, is gone.
    Lost,
}

/// A site's link, measured at its relay and by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS, ToSchema)]
pub struct LinkHealth {
    /// The one word.
    pub state: LinkState,
    /// Since when, milliseconds since the Unix epoch.
    #[ts(type = "number")]
    pub since_ms: u64,
    /// What is wrong, as stable names the console translates: `no_program`, `frozen`, `no_picture`, `loss`, `slow`;
    /// none while a link that was bad proves itself.
    pub reasons: Vec<String>,
    /// Program frames the hall has decoded or completely received.
    #[ts(type = "number")]
    pub program_frames: u64,
    /// Program packets the hall has received.
    #[ts(type = "number")]
    pub program_packets: u64,
    /// Holes in the program that repair did not fill.
    #[ts(type = "number")]
    pub program_holes: u64,
    /// Loss towards the hall, percent.
    pub loss_percent: f32,
    /// Round trip hall to relay, milliseconds.
    pub rtt_ms: Option<f32>,
    /// What the hall publishes, bits per second.
    #[ts(type = "number")]
    pub return_bitrate_bps: u64,
    /// Frames per second that it publishes.
    pub return_frame_rate: f32,
}

/// One site.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS, ToSchema)]
pub struct SiteView {
    /// Its code.
    pub code: SiteCode,
    /// Its name; any text, to be shown as text.
    pub name: String,
    /// Hub or member.
    pub kind: SiteKind,
    /// Administrative level as the import names it: levels are data.
    pub level: String,
    /// The site above; absent for the root.
    pub uplink: Option<SiteCode>,
    /// Two-way, relay, loudspeaker.
    pub link_mode: SiteLinkMode,
    /// Counted among the conference's sites (the root that only feeds the program is not).
    pub counted: bool,
    /// The relay it attaches to.
    pub relay: Option<RelayId>,
    /// Its link.
    pub link: LinkHealth,
    /// Its lamp.
    pub tally: Tally,
    /// Its own last figures.
    pub counts: Option<Counts>,
    /// Expected, when known before it reports.
    pub expected: Option<u32>,
    /// Sums over it and everything below it.
    pub subtree: Totals,
}

/// One relay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS, ToSchema)]
pub struct RelayView {
    /// Its id.
    pub id: RelayId,
    /// The hub it stands at.
    pub site: SiteCode,
    /// Hops from the relay where the program enters: 1 is that relay.
    pub level: u32,
    /// Its parent in the tree.
    pub parent: Option<RelayId>,
    /// Control link up?
    pub state: LegState,
    /// Halls attached now.
    pub halls: u32,
    /// Halls it can take.
    pub capacity: u32,
    /// Bits per second sent.
    #[ts(type = "number")]
    pub bitrate_bps: u64,
    /// Its trunks.
    pub trunks: Vec<TrunkReport>,
}
