//! One owner for each conference: a task with a bounded mailbox that decides, writes, and tells.
//!
//! ```text
//! HTTP, hall links, relay links ──Message──▶ Actor: apply → journal (committed) → fold → publish
//!                                              ├─▶ consoles: snapshot, then changes
//!                                              ├─▶ halls: their state
//!                                              └─▶ relays: their plan
//! ```
//!
//! **Invariant:** nothing is acknowledged or shown before it is committed.

mod actor;
mod hall_links;
mod health;
mod message;
mod publishing;
mod relay_state;
mod relaying;
mod rules;
mod seats;
mod views;

pub use actor::spawn;
pub use message::{HallPush, Handle, LiveStream, RelayPost, Seat, SiteAbout};
