//! Feed announcements on trunks: RTCP APP packets named `FEED` (RFC 3550 §6.7) that say which SSRC is which feed.
//!
//! Subtype 1 "is": kind, codec, length, site code in ASCII; then 0x80 + layer and the rate in kbit/s (2 bytes); zero-padded.
//! Subtype 2 "ended": no data.

use super::rtcp::Writer;
use forwarding::{Codec, Kind, Layer};
use protocol::SiteCode;

pub(super) const NAME: [u8; 4] = *b"FEED";
const IS: u8 = 1;
const ENDED: u8 = 2;

/// Set in the byte of the layer: layer and rate are told.
const TELLS_RATE: u8 = 0x80;

/// What an announcement says about its SSRC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Announcement {
    /// It carries this.
    Is(Carried),
    /// It carries nothing any more.
    Ended,
}

/// A site's stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Carried {
    pub(super) site: SiteCode,
    pub(super) codec: Codec,
    pub(super) layer: Layer,
    /// What the sender of the announcement measures, whether it sends it on or not; 0 when nothing comes. One that does
    /// not say has no layers either.
    pub(super) rate_bps: Option<u64>,
}

impl Announcement {
    /// Reads subtype and data of an APP packet; `None` when they make no sense or name a codec of the future.
    pub(super) fn read(subtype: u8, data: &[u8]) -> Option<Self> {
        match subtype {
            IS => Carried::read(data).map(Self::Is),
            ENDED => Some(Self::Ended),
            _ => None,
        }
    }

    /// Appends it to a compound.
    pub(super) fn write(&self, ssrc: u32, compound: &mut Writer) {
        match self {
            Self::Is(carried) => compound.app(ssrc, IS, NAME, &carried.write()),
            Self::Ended => compound.app(ssrc, ENDED, NAME, &[]),
        }
    }
}

impl Carried {
    fn read(data: &[u8]) -> Option<Self> {
        let [kind, codec, len] = *data.first_chunk()?;
        let codec = codec_of(codec)?;
        let (site, rest) = data.get(3..)?.split_at_checked(usize::from(len))?;
        let site = std::str::from_utf8(site).ok()?.parse().ok()?;
        let told = rest.first_chunk::<3>();
        let told = told.filter(|[layer, ..]| layer & TELLS_RATE != 0);
        let kind_matches = kind == kind_number(codec.kind());
        kind_matches.then(|| Self {
            site,
            codec,
            layer: told.map_or(Layer::LOWEST, |[layer, ..]| Layer(layer & !TELLS_RATE)),
            rate_bps: told.map(|[_, r0, r1]| 1000 * u64::from(u16::from_be_bytes([*r0, *r1]))),
        })
    }

    fn write(&self) -> Vec<u8> {
        let site = self.site.as_str().as_bytes();
        let (kind, codec) = (kind_number(self.codec.kind()), codec_number(self.codec));
        let mut data = vec![kind, codec, site.len() as u8];
        data.extend_from_slice(site);
        if let Some(bps) = self.rate_bps {
            // A little is not nothing.
            let kbps = bps.div_ceil(1000).min(u64::from(u16::MAX)) as u16;
            data.push(TELLS_RATE | self.layer.0.min(!TELLS_RATE));
            data.extend_from_slice(&kbps.to_be_bytes());
        }
        data
    }
}

fn kind_number(kind: Kind) -> u8 {
    match kind {
        Kind::Audio => 0,
        Kind::Video => 1,
    }
}

fn codec_number(codec: Codec) -> u8 {
    match codec {
        Codec::Opus => 0,
        Codec::H264 => 1,
        Codec::Vp8 => 2,
        Codec::Vp9 => 3,
        Codec::Av1 => 4,
    }
}

fn codec_of(number: u8) -> Option<Codec> {
    [Codec::Opus, Codec::H264, Codec::Vp8, Codec::Vp9, Codec::Av1]
        .get(usize::from(number))
        .copied()
}
