//! Stories: relays and guests on an in-memory wire.

mod allocations;
mod batches;
mod bursts;
mod clocks;
mod demand;
mod floods;
mod guest;
mod handshakes;
mod hostile;
mod ingress;
mod legs;
mod lines;
mod media;
mod neighbours;
mod nonces;
mod publishers;
mod recorder;
mod socket;
mod strangers;
mod trunk_sessions;
mod trunks;
mod two_workers;
mod wire;
mod world;
mod wraps;
