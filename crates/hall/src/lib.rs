//! Headless halls: each joins with its credential, publishes a picture that it draws itself, watches
//! the program, counts what arrives, and reports its head count.
//!
//! Many halls share one process and one runtime. A hall is four tasks: its link to the orchestrator,
//! its publishing session, its watching session, its head count. They share a [`HallStatus`] record
//! and the last known endpoints, and each begins anew with jitter when its other side is gone.
//!
//! **Invariant:** media never waits for the orchestrator: a hall reconnects to its relay with the
//! token it has.
//!
//! | module | one line |
//! |---|---|
//! | `agents` | all halls of a process, metrics, `/halls` |
//! | `hall` | one hall: join, link, tasks |
//! | `link`, `api` | web socket and HTTP |
//! | `media` | WHIP and WHEP sessions on the `webrtc` crate |
//! | [`reception`] | what arrived, sans-IO |
//! | `picture`, `encoder`, `sound`, `packets`, `camera` | what is sent |

mod agents;
mod api;
mod backoff;
mod camera;
mod config;
mod encoder;
mod hall;
mod link;
mod media;
mod metrics;
mod packets;
mod picture;
pub mod reception;
mod sound;
mod status;
mod tls;

pub use agents::{Agents, Running, StartError};
pub use config::{Config, Credential, Orchestrator, Picture, Seat};
pub use metrics::HallMetrics;
pub use status::HallStatus;
pub use telemetry::internal::Metrics;
pub use tls::TlsError;
