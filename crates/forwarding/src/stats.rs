//! Figures for reports.

use std::time::Duration;

/// What an RTCP reception report block says about a stream (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceptionReport {
    /// The stream's SSRC (canonical; a publisher's own one is the owner's to put back).
    pub ssrc: u32,
    /// Lost since the last report, in 1/256 (appendix A.3).
    pub fraction_lost: u8,
    /// Lost since the beginning, clamped to 24 bits, signed.
    pub cumulative_lost: i32,
    /// Extended highest sequence number (appendix A.1).
    pub highest_sequence: u32,
    /// Interarrival jitter in timestamp units (appendix A.8).
    pub jitter: u32,
    /// Middle 32 bits of the last sender report's NTP time; 0 without one.
    pub last_sender_report: u32,
    /// Since then, in 1/65536 s.
    pub delay_since_last: u32,
}

/// A stream as its relay sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StreamStats {
    /// Packets accepted: each sequence number once.
    pub packets: u64,
    /// Bytes of those, RTP header included.
    pub bytes: u64,
    /// Copies of packets already there.
    pub duplicates: u64,
    /// Dropped: older than the ring.
    pub behind_window: u64,
    /// Dropped: a jump farther than [`crate::limits::FORWARD_JUMP_MAX`].
    pub beyond_window: u64,
    /// Dropped: not RTP, wrong SSRC or larger than [`crate::limits::PACKET_BYTES_MAX`].
    pub malformed: u64,
    /// Sequence numbers missing now, still hoped for.
    pub holes_open: u64,
    /// Missing ones that came after all.
    pub holes_repaired: u64,
    /// Missing ones given up.
    pub holes_lost: u64,
    /// Sequence numbers asked for again, each ask counted.
    pub resends_requested: u64,
    /// Keyframe requests sent to the origin.
    pub keyframe_requests: u64,
    /// Keyframes begun.
    pub keyframes: u64,
    /// Over the last two seconds, RTP header included.
    pub bitrate_bps: u64,
    /// Over the last two seconds; 0 for audio.
    pub frame_rate: f32,
    /// Interarrival jitter.
    pub jitter: Duration,
    /// Since the last packet; `None` before the first.
    pub silent_for: Option<Duration>,
    /// Since the last keyframe began; `None` before the first and for audio.
    pub keyframe_age: Option<Duration>,
    /// Loudness of the last packet, −dBov, 0 (loudest) to 127 (RFC 6464 §3); `None` when unknown.
    pub audio_level: Option<u8>,
    /// Whether the last packet said that silence follows (Opus DTX, RFC 6716 §2.1.9): then the next
    /// one may take 400 ms, and a gap is silence, not death. Never for video.
    pub is_resting: bool,
    /// Groups sent: packets over groups is how many leave in one burst to each leg.
    pub groups: u64,
    /// Padding that made the packets of a burst equal, bytes.
    pub padding_bytes: u64,
    /// Legs it goes to now: trunks subscribed whose child wants it, and slots playing it.
    pub watchers: u32,
}

/// A leg as its relay sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LegStats {
    /// RTP packets sent, resends not counted.
    pub packets: u64,
    /// Bytes of those before SRTP.
    pub bytes: u64,
    /// Packets resent: asked for, or told as lost.
    pub resends: u64,
    /// Copies sent in case the original or its repetition is lost.
    pub repeats: u64,
    /// Bytes sent only to fill the line, so that its estimate can find more room.
    pub filling_bytes: u64,
    /// Sequence numbers asked for that no ring holds (any more, or yet).
    pub resends_missing: u64,
    /// Sequence numbers not resent because the leg asks for too much.
    pub resends_limited: u64,
    /// Keyframes the leg asked for.
    pub keyframe_requests: u64,
    /// Slots started or switched.
    pub switches: u64,
    /// Packets not sent: their number is used up on this trunk, or it carried too many SSRCs.
    pub unsendable: u64,
}

/// The router as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RouterStats {
    /// Streams open.
    pub streams: u32,
    /// Legs present.
    pub legs: u32,
    /// Packets held for their frame when their stream was closed.
    pub unsent: u64,
    /// Packets for a stream that is not open.
    pub unknown_stream: u64,
    /// NACKs and keyframe requests for a leg or SSRC that is not there.
    pub unknown_feedback: u64,
}
