//! How much a leg can carry: transport-wide congestion control, without sockets or clocks.
//!
//! ```text
//!  publisher ──packets──▶ ArrivalLog ──Feedback──▶ publisher      what we tell those who send to us
//!
//!  watcher ◀──packets── SentLog ◀─── Feedback ◀── watcher         what those we send to tell us
//!                          └──▶ Estimator: what the leg carries, and when to try for more
//! ```
//!
//! The messages are those of draft-holmer-rmcat-transport-wide-cc-extensions-01, which browsers speak.
//!
//! Invariants:
//! - Nothing here grows with traffic: logs are rings, and a message tells of a bounded number of packets.
//! - Feedback is foreign: counts that lie, numbers never sent and times that jump change no more than the
//!   estimate of the leg they came from, and never panic.

mod arrivals;
mod climb;
mod detector;
mod estimator;
mod feedback;
mod queue;
mod sent;
mod span;
mod step;
mod trial;

pub use arrivals::ArrivalLog;
pub use climb::Demand;
pub use estimator::{Estimator, Figures};
pub use feedback::{Feedback, Malformed};
pub use sent::Content;
