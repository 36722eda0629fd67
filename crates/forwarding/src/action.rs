//! What the router wants done.

use crate::{Kind, LegId, StreamId};

/// Takes what the router wants done, at once and in order.
///
/// A callback and no queue: nothing can overflow between router and sender, and a packet is
/// lent straight out of the ring. The owner's implementation seals and sends or collects bursts;
/// it must not block.
pub trait Sink {
    /// Do it, or drop it and count that: the router does not look back.
    fn take(&mut self, action: Action<'_>);

    /// Packets to this leg follow soon: what they need may be brought near. Nothing has to be done.
    fn expect(&mut self, _leg: LegId) {}
}

/// One thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action<'a> {
    /// Seal and send this RTP packet.
    Send(Packet<'a>),
    /// Ask the stream's origin for a keyframe (PLI, RFC 4585 §6.3.1). Already rate-limited.
    RequestKeyframe {
        /// The stream.
        stream: StreamId,
    },
    /// Ask the stream's origin to resend (generic NACK, RFC 4585 §6.2.1).
    RequestResend {
        /// The stream.
        stream: StreamId,
        /// Its sequence numbers, ascending; at most [`crate::limits::RESEND_BATCH_MAX`].
        sequences: &'a [u16],
    },
    /// Send this sender report (RFC 3550 §6.4.1).
    SenderReport(SenderReport),
}

/// An RTP packet for one leg: `header`, `osn`, `payload`, `padding`, all plain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Where to.
    pub leg: LegId,
    /// Its SSRC on that leg.
    pub ssrc: u32,
    /// The SRTP packet index on that leg, `rollover counter << 16 | sequence number`
    /// (RFC 3711 §3.3.1), counted from the leg's own first packet. The same index always comes
    /// with the same bytes, so it may serve as the nonce.
    pub index: u64,
    /// The RTP header with its extensions, as it goes out.
    pub header: &'a [u8],
    /// In a retransmission packet the original sequence number, to go in network order between
    /// `header` and `payload` (OSN, RFC 4588 §4).
    pub osn: Option<u16>,
    /// The payload; with `osn` before it and `padding` behind it what SRTP encrypts.
    pub payload: &'a [u8],
    /// Bytes of RTP padding to append, 0 to 255: zeros, and last the count (RFC 3550 §5.1). The P
    /// bit is in `header` already.
    pub padding: u8,
    /// Where in `header` the two bytes of the transport-wide sequence number stand, which the sink
    /// fills before it seals. Only in packets whose index is never sent again.
    pub transport_sequence_at: Option<usize>,
    /// Audio or video.
    pub kind: Kind,
    /// The last packet of a frame, so that a burst ends here: the marker bit of video, always for
    /// audio.
    pub frame_end: bool,
    /// Sent again because the leg asked (or, in a retransmission stream, only to fill the line).
    pub resend: bool,
}

/// The sender information of a stream on one leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderReport {
    /// Where to.
    pub leg: LegId,
    /// Its SSRC on that leg.
    pub ssrc: u32,
    /// NTP timestamp, 32.32 fixed point (RFC 3550 §4).
    pub ntp: u64,
    /// The RTP timestamp of the same instant, in the leg's numbering.
    pub rtp: u32,
    /// Packets sent under this SSRC, resends not counted; wraps.
    pub packets: u32,
    /// Payload octets of those packets; wraps.
    pub octets: u32,
}

impl Packet<'_> {
    /// Bytes of the whole packet before SRTP.
    pub const fn len(&self) -> usize {
        let osn_bytes = if self.osn.is_some() { 2 } else { 0 };
        self.header.len() + osn_bytes + self.payload.len() + self.padding as usize
    }

    /// Never: a packet has a header.
    pub const fn is_empty(&self) -> bool {
        self.header.is_empty()
    }

    /// Appends the whole packet to `out`, the transport-wide sequence number as it stands in `header`.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.header);
        if let Some(osn) = self.osn {
            out.extend_from_slice(&osn.to_be_bytes());
        }
        out.extend_from_slice(self.payload);
        if let Some(zeros) = self.padding.checked_sub(1) {
            out.resize(out.len() + usize::from(zeros), 0);
            out.push(self.padding);
        }
    }
}
