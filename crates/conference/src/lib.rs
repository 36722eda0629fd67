//! The rules of a conference (hội nghị): sites, the sitting, head counts.
//!
//! One conference is the fold of its events. [`Conference::apply`] decides what a command leads to and
//! changes nothing; the caller writes the events to its log; [`Conference::fold`] then lets them happen.
//!
//! ```text
//! Command ──apply──▶ Vec<Event> ──(log, committed)──▶ fold ──▶ state ──▶ views
//!              └───▶ Refusal: a reason with a stable name; nothing changed
//! ```
//!
//! **Invariant:** pure. No clock, no randomness, no IO: time and ids come in with the command.
//! **Invariant:** names of people never enter an event; [`Actor`] carries a random person id at most.
//! **Invariant:** a site that has not reported is never zero: [`Totals`] always says how many have.

mod actor;
mod command;
mod conference;
mod event;
mod head_count;
mod id;
pub mod import;
mod refusal;
mod roll_up;
pub mod search;
mod site;
mod sitting;
mod text;
mod tree;
mod tree_check;
mod tree_fault;
pub mod vietnamese;

pub use actor::{Actor, PersonId};
pub use command::Command;
pub use conference::{Conference, SiteState};
pub use event::{BrokenHistory, Event};
pub use head_count::{Counts, Identity, PEOPLE_PER_SITE_MAX, ReportId};
pub use id::{ConferenceId, IdError, SiteCode};
pub use refusal::Refusal;
pub use roll_up::Totals;
pub use site::{LinkMode, Site, SiteKind};
pub use sitting::{Sitting, SittingState};
pub use text::{NAME_CHARS_MAX, TextFault};
pub use tree::{DEPTH_MAX, SITES_MAX, SiteTree};
pub use tree_fault::TreeFault;
