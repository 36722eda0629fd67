//! What a shard is told. Streams go by SSRC, because each shard's router has stream ids of its own.

use crate::media::LegId;
use crate::media::rtcp::{Block, Writer};
use crate::media::srtp::Sender;
use forwarding::{Layer, SlotSpec, SourceId, StreamSpec};
use std::net::SocketAddr;
use std::time::Duration;

/// One thing to do.
pub(in crate::media) enum Order {
    /// Of the stream of this SSRC; every shard is told.
    Stream(u32, StreamOrder),
    /// Of a leg; its shard is told.
    Leg(LegId, LegOrder),
}

/// What becomes of a stream.
pub(in crate::media) enum StreamOrder {
    Open(StreamSpec),
    /// A packet in canonical form, maybe a duplicate.
    Rtp(Vec<u8>),
    SenderReport {
        ntp: u64,
        rtp: u32,
    },
    /// Nobody wants it anywhere, and at what rate it would come; `None`: it comes.
    Paused(Option<u64>),
    /// From the publisher's clock to ours.
    ClockOffset(i64),
    Close,
}

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
    /// Transport-wide feedback, as it stands behind the SSRCs of its packet.
    Feedback(Vec<u8>),
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

impl Sending {
    /// Whether its packets carry transport-wide numbers, so that it tells what arrives.
    pub(super) fn has_transport_sequence(&self) -> bool {
        let has = |slot: &SlotSpec| slot.extensions.transport_sequence.is_some();
        matches!(self, Self::Slots(slots) if slots.iter().any(has))
    }
}

impl Order {
    /// May it be left out when a worker is behind? Late media and late feedback are useless, and the next will come; the
    /// next report tells the clock again.
    pub(in crate::media) fn is_droppable(&self) -> bool {
        match self {
            Self::Stream(_, order) => match order {
                StreamOrder::Rtp(_)
                | StreamOrder::SenderReport { .. }
                | StreamOrder::ClockOffset(_) => true,
                StreamOrder::Open(_) | StreamOrder::Paused(_) | StreamOrder::Close => false,
            },
            Self::Leg(_, order) => matches!(
                order,
                LegOrder::Nack { .. }
                    | LegOrder::KeyframeRequest { .. }
                    | LegOrder::Feedback(_)
                    | LegOrder::Block(_)
                    | LegOrder::RoundTrip(_)
            ),
        }
    }
}
