//! Relays: registration, control links, and the plan that tells each what to carry.

mod layout;
pub mod link;
mod placing;
pub mod registration;
mod registry;
mod trunk_credentials;

pub use layout::Layout;
pub use placing::Places;
#[cfg(test)]
pub use registry::About;
pub use registry::{Record, Registry};
