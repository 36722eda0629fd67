//! The orchestrator: decides, and never touches media.
//!
//! | part | what it owns |
//! |---|---|
//! | [`Config`], [`Orchestrator`], [`Running`] | start and stop |
//! | `router` | every route and the least role it takes |
//! | `auth` | users, sessions, tokens, join codes, limits |
//! | `conference_actor` | one task per conference: rules, journal, live view, halls, plan |
//! | `relays`, `halls` | registration and control links; hall links |
//! | [`log`] | the append-only, hash-chained log on SQLite |
//!
//! **Invariant:** media never waits for this process. Relays and halls go on without it; when it comes
//! back it adopts what runs.
//! **Invariant:** nothing is acknowledged before it is committed.

mod api;
mod app;
mod auth;
mod bring_up;
mod clock;
mod conference_actor;
mod config;
mod console_files;
mod convert;
mod edge;
mod extract;
mod halls;
mod import;
mod journal;
pub mod log;
mod metrics;
mod orchestrator;
mod problem;
mod relays;
mod route_table;
mod router;
mod socket;
mod vault;

pub use config::Config;
pub use orchestrator::{LOG_FILE, Orchestrator, PASSWORD_VARIABLE, Running, StartError};
pub use telemetry::config::ConfigError;
pub use vault::VaultError;
