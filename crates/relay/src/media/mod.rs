//! The media thread: one UDP socket, one owner, one loop.
//!
//! **Invariant:** nothing here awaits a neighbour, allocates per forwarded packet, or asks the orchestrator.

mod announce;
mod burst;
mod certificate;
mod config;
mod core;
mod crypto;
mod departures;
mod drops;
mod dtls;
pub(crate) mod fuzzing;
mod handle;
mod ingress;
mod intake;
mod leg_map;
mod leg_spec;
mod m_line;
mod random;
mod rtcp;
mod shard;
mod shards;
mod sibling;
mod srtp;
mod stun;
mod threads;
mod transmit;
mod udp;
mod want;
mod worker;

#[cfg(test)]
mod tests;

pub use certificate::{CertificateError, MediaCertificate};
pub use config::MediaConfig;
pub use drops::{Bursts, Drops, Lines};
pub use forwarding::Layer;
pub use handle::MediaHandle;
pub use leg_spec::{
    Fingerprint, IceCredentials, LegId, LegMedia, LegOpened, LegSpec, MediaError, SlotSsrcs,
};
pub use m_line::{
    Codec, PublishExtensions, PublishedTrack, SlotPurpose, WatchExtensions, WatchSlot,
};

/// Binds the socket and starts the media thread.
///
/// # Errors
/// When the address cannot be bound or the thread cannot be started.
pub fn start(config: MediaConfig) -> std::io::Result<MediaHandle> {
    udp::start(config)
}
