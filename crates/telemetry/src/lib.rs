//! What every process of diemcau does the same way: read its configuration, log, count, say
//! whether it is well, and stop.
//!
//! | module | answers |
//! |---|---|
//! | [`config`] | what is wrong with this TOML file, and where |
//! | [`log`] | where log lines go, and how they look |
//! | [`metrics`] | how a metric is declared, with its help text |
//! | [`process`] | processor time, memory and open files of this process |
//! | [`public`] | HTTPS with a certificate that can change under way |
//! | [`internal`] | `/metrics`, `/live`, `/ready` on a listener of their own |
//! | [`shutdown`] | SIGTERM and SIGINT, and how long the end may take |
//!
//! **Invariant:** depends on no other crate of the workspace, and keeps no global state but the
//! subscriber of `tracing`, which is global by its nature.

pub mod config;
pub mod internal;
pub mod log;
pub mod metrics;
pub mod process;
pub mod public;
pub mod shutdown;

/// Re-exported so that crates that use [`metrics!`] need no version of their own.
pub use prometheus;
