//! The words on the wire: JSON messages between the orchestrator, relays, halls and the console.
//!
//! **Invariant:** no logic and no IO here. A type in this crate says what is sent, in which unit, and
//! nothing about what is done with it. TypeScript for the console is generated from these types.
//!
//! Field names are `snake_case`; enums that carry data are tagged by `"type"`; units come last in names.

mod count;
mod hall;
mod id;
mod join;
mod live;
mod problem;
mod relay;
mod session;
mod token;

pub use count::{Counts, HeadCount, Totals};
pub use hall::{ByeCause, FromHall, HallHealth, HallState, MediaEndpoints, Tally, ToHall};
pub use id::{ConferenceId, IdError, RelayId, SiteCode};
pub use join::{Join, JoinGrant, SiteLink, WatchGrant};
pub use live::{
    ConferenceSummary, ConferenceView, LinkHealth, LinkState, Live, RelayView, SiteKind,
    SiteLinkMode, SiteView, SittingState, SittingStep, SittingView,
};
pub use problem::{FieldProblem, Problem};
pub use relay::{
    ChildTrunk, FeedReport, FromRelay, LegReport, LegRole, LegState, MediaKind, ParentTrunk,
    RelayPlan, RelayRegistration, RelayReport, RelayWelcome, ToRelay, TrunkDirection, TrunkReport,
};
pub use session::{Role, SessionView, SignIn};
pub use token::{MediaClaims, MediaScope};

/// Version of this protocol. A peer that speaks another major version is refused at its first message.
pub const VERSION: u16 = 1;
