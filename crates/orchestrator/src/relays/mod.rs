//! Relays: registration, control links, and the plan that tells each what to carry.

mod layout;
pub mod link;
pub mod registration;
mod registry;
mod trunk_credentials;

pub use layout::Layout;
pub use registry::{Record, Registry};
