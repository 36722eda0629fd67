//! What a shard is told about its legs.

use crate::media::rtcp::{Block, Writer};
use crate::media::srtp::Sender;
use forwarding::{Layer, SlotSpec, SourceId};
use std::net::SocketAddr;
use std::time::Duration;

/// What becomes of a leg.
pub(in crate::media) enum LegOrder {
    Connect(Box<Connection>),
    MoveTo(SocketAddr),
    Remove,
    Subscribe(SourceId),
    Unsubscribe(SourceId),
    Point {
        slot: usize,
        source: Option<SourceId>,
    },
    LayerMax {
        slot: usize,
        layer: Layer,
    },
    /// Whether a child wants this stream.
    Demand {
        ssrc: u32,
        wanted: bool,
    },
    Nack {
        ssrc: u32,
        sequences: Vec<u16>,
    },
    KeyframeRequest {
        ssrc: u32,
    },
    /// How the peer receives us.
    Block(Block),
    RoundTrip(Duration),
    /// A compound to seal and send.
    Rtcp(Writer),
}

/// A leg that can be sent to from now on.
pub(in crate::media) struct Connection {
    pub(in crate::media) to: SocketAddr,
    pub(in crate::media) sender: Sender,
    pub(in crate::media) sending: Sending,
}

/// What a leg is sent.
pub(in crate::media) enum Sending {
    /// Media in slots (WHEP).
    Slots(Vec<SlotSpec>),
    /// Media unchanged (a child relay).
    Trunk,
    /// Only RTCP: it publishes, or is a parent.
    Reports,
}
