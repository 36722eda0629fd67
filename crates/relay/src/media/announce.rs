//! Feed announcements on trunks: RTCP APP packets named `FEED` (RFC 3550 §6.7) that say which SSRC is which feed.
//!
//! Subtype 1 "is": kind, codec, length, site code in ASCII, zero-padded. Subtype 2 "ended": no data.

use super::rtcp::Writer;
use forwarding::{Codec, Kind};
use protocol::SiteCode;

pub(super) const NAME: [u8; 4] = *b"FEED";
const IS: u8 = 1;
const ENDED: u8 = 2;

/// What an announcement says about its SSRC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Announcement {
    /// It carries this site's stream of this codec.
    Is { site: SiteCode, codec: Codec },
    /// It carries nothing any more.
    Ended,
}

impl Announcement {
    /// Reads subtype and data of an APP packet; `None` when they make no sense or name a codec of the future.
    pub(super) fn read(subtype: u8, data: &[u8]) -> Option<Self> {
        match subtype {
            IS => {
                let [kind, codec, len] = *data.first_chunk()?;
                let codec = codec_of(codec)?;
                let site = std::str::from_utf8(data.get(3..3 + usize::from(len))?).ok()?;
                let kind_matches = kind == kind_number(codec.kind());
                kind_matches.then_some(Self::Is {
                    site: site.parse().ok()?,
                    codec,
                })
            }
            ENDED => Some(Self::Ended),
            _ => None,
        }
    }

    /// Appends it to a compound.
    pub(super) fn write(&self, ssrc: u32, compound: &mut Writer) {
        match self {
            Self::Is { site, codec } => {
                let site = site.as_str().as_bytes();
                let mut data = vec![
                    kind_number(codec.kind()),
                    codec_number(*codec),
                    site.len() as u8,
                ];
                data.extend_from_slice(site);
                compound.app(ssrc, IS, NAME, &data);
            }
            Self::Ended => compound.app(ssrc, ENDED, NAME, &[]),
        }
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
