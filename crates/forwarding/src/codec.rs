//! Codecs and payload types.

/// Audio or video.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Audio: a slot switches at the next packet.
    Audio,
    /// Video: a slot switches at a keyframe.
    Video,
}

/// What a stream is coded in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Codec {
    /// RFC 7587.
    Opus,
    /// RFC 6184.
    H264,
    /// RFC 7741.
    Vp8,
    /// RFC 9628.
    Vp9,
    /// The AV1 RTP specification of the Alliance for Open Media.
    Av1,
}

impl Codec {
    /// Audio or video.
    pub const fn kind(self) -> Kind {
        match self {
            Self::Opus => Kind::Audio,
            Self::H264 | Self::Vp8 | Self::Vp9 | Self::Av1 => Kind::Video,
        }
    }

    /// Ticks per second of its RTP timestamps.
    pub const fn clock_rate_hz(self) -> u32 {
        match self {
            Self::Opus => 48_000,
            Self::H264 | Self::Vp8 | Self::Vp9 | Self::Av1 => 90_000,
        }
    }

    /// Its payload type inside relays and on trunks.
    pub const fn canonical_payload_type(self) -> u8 {
        match self {
            Self::Opus => 111,
            Self::H264 => 102,
            Self::Vp8 => 96,
            Self::Vp9 => 98,
            Self::Av1 => 45,
        }
    }
}

/// The payload types a leg negotiated, by codec.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PayloadTypes([Option<u8>; 5]);

impl PayloadTypes {
    /// None negotiated.
    pub const fn new() -> Self {
        Self([None; 5])
    }

    /// The same with `codec` sent as `payload_type` (0 to 127; the marker bit is cut off).
    #[must_use]
    pub const fn with(mut self, codec: Codec, payload_type: u8) -> Self {
        self.0[codec as usize] = Some(payload_type & 0x7f);
        self
    }

    /// The payload type of a codec; `None` when the leg cannot take it.
    pub const fn get(&self, codec: Codec) -> Option<u8> {
        self.0[codec as usize]
    }
}

impl FromIterator<(Codec, u8)> for PayloadTypes {
    fn from_iter<I: IntoIterator<Item = (Codec, u8)>>(pairs: I) -> Self {
        pairs
            .into_iter()
            .fold(Self::new(), |map, (codec, payload_type)| {
                map.with(codec, payload_type)
            })
    }
}
