//! `diemcau bench`: what a relay costs on this machine, measured over real legs, beside what no relay can go below.
//!
//! Four kinds of processes: the relays as they always run, one load that is the publisher and all halls
//! ([`load`]), the floor ([`floor`]) and the parent that starts them, tells them what to do and reads the kernel's
//! accounts ([`measure`]). Relay and floor take turns on the same cores, the load stays on one.

pub mod capacity;
pub mod case;
mod child;
pub mod curve;
pub mod engine;
pub mod floor;
pub mod load;
pub mod load_process;
pub mod machine;
pub mod measure;
pub mod peers;
mod proc;
pub mod relays;
pub mod report;
pub mod run;
pub mod statistics;
pub mod table;
pub mod wire;
pub mod workers;

pub use case::{Case, Row};
pub use report::Report;
pub use run::{Options, run};
