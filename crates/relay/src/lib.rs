//! The data plane: one UDP loop that carries, WHIP and WHEP in front of it, a control link behind it.
//!
//! **Invariant:** media never waits for the orchestrator.

pub mod config;
mod control;
mod disk;
#[doc(hidden)]
pub mod fuzzing;
mod http;
mod identity;
pub mod media;
mod metrics;
mod plan;
mod relay;
pub mod sdp;
mod token;

pub use config::Config;
pub use relay::{Relay, Running, StartError};
