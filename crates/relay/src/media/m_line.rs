//! What is sent on one m-line: codec, payload types, header extensions, layers.

use forwarding::Layer;
use protocol::MediaKind;

/// The codecs a relay carries. It never decodes; it looks for keyframes and frame ends only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// RFC 7587, 48 kHz.
    Opus,
    /// RFC 6184, 90 kHz, packetization mode 1.
    H264,
    /// RFC 7741, 90 kHz.
    Vp8,
    /// RFC 9628, 90 kHz.
    Vp9,
    /// The AV1 RTP specification of the Alliance for Open Media, 90 kHz.
    Av1,
}

impl Codec {
    /// Its name in SDP and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Opus => "opus",
            Self::H264 => "H264",
            Self::Vp8 => "VP8",
            Self::Vp9 => "VP9",
            Self::Av1 => "AV1",
        }
    }

    /// RTP clock, ticks per second.
    pub fn clock_rate_hz(self) -> u32 {
        match self {
            Self::Opus => 48_000,
            Self::H264 | Self::Vp8 | Self::Vp9 | Self::Av1 => 90_000,
        }
    }

    /// Audio or video.
    pub fn kind(self) -> MediaKind {
        match self {
            Self::Opus => MediaKind::Audio,
            Self::H264 | Self::Vp8 | Self::Vp9 | Self::Av1 => MediaKind::Video,
        }
    }
}

/// One m-line of a WHIP offer, as answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedTrack {
    /// `a=mid`.
    pub mid: String,
    /// The one codec of the answer.
    pub codec: Codec,
    /// Its payload type on this leg. Payload types named nowhere in this struct are dropped on arrival.
    pub payload_type: u8,
    /// Of its retransmissions (RFC 4588), if negotiated.
    pub rtx_payload_type: Option<u8>,
    /// Audio: of RFC 2198 redundancy, if negotiated. It is unwrapped on arrival and what it repeats fills holes.
    pub red_payload_type: Option<u8>,
    /// Ids of the negotiated header extensions.
    pub extensions: PublishExtensions,
    /// The RIDs of a simulcast (RFC 8853), the lowest quality first; empty without one.
    pub rids: Vec<String>,
    /// The m-line's `a=ssrc` values, those of retransmissions included; empty when the offer has none (then the MID and
    /// RID extensions or the payload type decide).
    pub ssrcs: Vec<u32>,
    /// The answer says `a=rtcp-fb:… nack`: lost packets are asked for again.
    pub feedback_nack: bool,
}

/// Ids of the header extensions (RFC 8285) that a publisher may send, 1 to 14.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PublishExtensions {
    /// `urn:ietf:params:rtp-hdrext:sdes:mid` (RFC 9143 §15).
    pub mid: Option<u8>,
    /// `urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id` (RFC 8852 §4.1).
    pub rid: Option<u8>,
    /// `urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id` (RFC 8852 §4.2).
    pub repaired_rid: Option<u8>,
    /// `urn:ietf:params:rtp-hdrext:ssrc-audio-level` (RFC 6464).
    pub audio_level: Option<u8>,
    /// `http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01`: the answer then says
    /// `a=rtcp-fb:… transport-cc`, and feedback is sent.
    pub transport_sequence: Option<u8>,
    /// `https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension`.
    pub dependency_descriptor: Option<u8>,
}

/// What fills a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SlotPurpose {
    /// The plan's program. On a `Return` leg: the site's own feed.
    Program,
    /// The plan's floor.
    Floor,
}

/// One m-line of a WHEP answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchSlot {
    /// `a=mid`.
    pub mid: String,
    /// Audio or video.
    pub kind: MediaKind,
    /// What fills it.
    pub purpose: SlotPurpose,
    /// Codec → payload type of this m-line, every codec kept in the answer.
    pub payload_types: Vec<(Codec, u8)>,
    /// Codec → payload type of its retransmissions, where negotiated; none on audio.
    pub rtx_payload_types: Vec<(Codec, u8)>,
    /// Ids of the negotiated header extensions.
    pub extensions: WatchExtensions,
    /// The best layer the watcher wants here.
    pub layer_max: Layer,
}

/// Ids of the header extensions (RFC 8285) that a watcher takes, 1 to 14.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WatchExtensions {
    /// `urn:ietf:params:rtp-hdrext:sdes:mid`.
    pub mid: Option<u8>,
    /// `urn:ietf:params:rtp-hdrext:ssrc-audio-level`.
    pub audio_level: Option<u8>,
    /// `http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01`. Only together with retransmissions of
    /// their own (RTX): it changes with every send, and a packet sent twice under one number must not.
    pub transport_sequence: Option<u8>,
    /// `https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension`.
    pub dependency_descriptor: Option<u8>,
}
