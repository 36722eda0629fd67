//! Which packet goes where: the routing core of a relay, without sockets, clocks or randomness.
//!
//! The owner of a [`Router`] tells it the time (`now`, a [`std::time::Duration`] since any fixed
//! moment) and every decrypted packet; the router answers through a [`Sink`]: packets to seal and
//! send, keyframes to ask for, lost packets to ask for, sender reports to pass on.
//!
//! ```text
//!  publisher or trunk ──handle_rtp──▶ Stream: one resend ring, statistics, holes
//!                                        │
//!                        ┌───────────────┴───────────────┐
//!                        ▼                               ▼
//!                 trunk leg: unchanged            slot leg: renumbered per slot,
//!                 numbering, by source            starts at a keyframe, own payload types
//! ```
//!
//! Invariants:
//! - A payload is stored once, in its stream's ring. Legs get a header and a slice of it; nothing
//!   is allocated per packet once the rings are warm.
//! - A sequence number of a leg names one packet for ever: a resend is bit-identical. Under
//!   AES-GCM anything else would be a reused nonce (RFC 7714 §8.1).
//! - Every list is bounded by a constant of [`limits`].
//! - Every packet refused on its way in, and every one that finds no number on a trunk, is counted in a statistic. Not
//!   counted is what nobody takes (a paused trunk, a slot before its keyframe), and what is left out to spare the lines:
//!   sender reports and keyframe requests in excess, copies that nobody asked for, highest layers of too many.
//! - A packet that cannot be understood is dropped and counted; none makes the router panic.

pub mod bandwidth;
pub mod limits;

mod action;
mod allocation;
mod codec;
mod group;
mod holes;
mod id;
mod keyframe;
mod keyframe_request;
mod layer_rate;
mod leg;
mod numbering;
mod outlet;
mod picture;
mod rate;
mod reception;
mod refusal;
mod ring;
mod router;
mod rtp;
mod sequence;
mod slab;
mod slot;
mod slot_header;
mod slot_spec;
mod stats;
mod stream;
mod trunk;

pub use action::{Action, Packet, SenderReport, Sink};
pub use allocation::LegDemand;
pub use codec::{Codec, Kind, PayloadTypes};
pub use id::{LegId, SourceId, StreamId};
pub use refusal::Refusal;
pub use router::{Arrival, Router, SlotView, StreamSpec};
pub use slot_spec::{Layer, Mid, Rtx, SlotExtensions, SlotSpec};
pub use stats::{LegStats, ReceptionReport, RouterStats, StreamStats};
