//! Stories: relays and guests on an in-memory wire.

mod guest;
mod hostile;
mod legs;
mod media;
mod socket;
mod trunks;
mod wire;
mod world;
