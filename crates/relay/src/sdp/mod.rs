//! SDP offers in, answers out (RFC 8866, RFC 3264, RFC 9429).
//!
//! An offer is judged once, in [`Offer::parse`]; afterwards nothing rechecks. [`publish`] and [`watch`]
//! then decide m-line by m-line what the relay takes, and [`answer`] writes it down.
//!
//! What every answer has in common: ICE-lite, `setup:passive`, one BUNDLE group on one port, full
//! candidates and `end-of-candidates` (no trickle), `rtcp-mux`.

mod answer;
mod codec;
mod extensions;
mod fault;
mod fmtp;
mod fragment;
mod lines;
mod offer;
mod publish;
mod section;
mod simulcast;
mod transport;
mod watch;

pub use answer::{Local, Media, Reply, Sent};
pub use codec::{Feedback, OfferedCodec, Red};
pub use extensions::Extensions;
pub use fault::Fault;
pub use fragment::{FRAGMENT_BYTES_MAX, Fragment, Tagged};
pub use offer::{OFFER_BYTES_MAX, Offer};
pub use publish::publish;
pub use section::Section;
pub use simulcast::Rid;
pub use transport::Transport;
pub use watch::{HALL_SLOTS, SINGLE_SLOTS, watch};

use crate::media::LegMedia;

/// Most m-lines taken of an offer or a fragment; a hall page has four.
const M_LINES_MAX: usize = 16;

/// What the relay makes of an offer: what to open, and what to answer once it is open.
#[derive(Clone, Debug)]
pub struct Negotiated {
    /// The peer's side of the one transport.
    pub transport: Transport,
    /// What the leg carries.
    pub media: LegMedia,
    /// One reply for each m-line of the offer, in its order.
    pub replies: Vec<Reply>,
}
