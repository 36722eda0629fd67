//! What the media thread starts with.

use super::MediaCertificate;
use std::net::SocketAddr;
use std::time::Duration;

/// Settings of the media thread; everything else comes by plan and by leg.
#[derive(Clone, Debug)]
pub struct MediaConfig {
    /// Where the one UDP socket binds; port 0 takes any free one.
    pub listen: SocketAddr,
    /// The certificate of every DTLS session.
    pub certificate: MediaCertificate,
    /// Upper 16 bits of every SSRC allocated here, until [`super::MediaHandle::set_ssrc_block`].
    pub ssrc_block: u16,
    /// Most legs, trunks included. Above it new legs get 503.
    pub legs_max: usize,
    /// Threads that send, the one that receives included; at least 1.
    pub workers: usize,
    /// The processor of each thread, the receiving one first; threads beyond the list go where the kernel likes.
    pub pin_cores: Vec<usize>,
    /// How long a leg's rate may be sent at once; what is more waits its turn.
    pub burst: Duration,
}
