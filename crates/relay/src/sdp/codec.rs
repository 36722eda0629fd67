//! The codecs of an m-line: the few a relay carries, picked out of the many a browser offers.

use super::fmtp::{self, Parameters};
use crate::media::Codec;
use protocol::MediaKind;
use rtc_sdp::MediaDescription;
use std::collections::HashMap;

/// One payload type of an offer that the relay can carry, and what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferedCodec {
    /// Its number on this m-line (RFC 3551 §6: 35 to 63 and 96 to 127 are dynamic and clash with no RTCP type).
    pub payload_type: u8,
    /// What it is.
    pub codec: Codec,
    /// `a=fmtp` of the answer; `None` where the codec has no parameters.
    pub parameters: Option<String>,
    /// What the peer is ready to send or hear about it.
    pub feedback: Feedback,
    /// Video: the payload type of its retransmissions (RFC 4588), offered together with `nack`.
    pub rtx_payload_type: Option<u8>,
    /// Audio: the payload type that repeats earlier packets beside each (RFC 2198).
    pub red: Option<Red>,
    /// The smaller the better among payload types of one codec.
    rank: u8,
}

/// RFC 2198 redundancy around a codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Red {
    /// Its number on this m-line.
    pub payload_type: u8,
    /// The offer names it before the codec: browsers send it only when the answer does so too.
    pub preferred: bool,
}

/// `a=rtcp-fb` of one payload type (RFC 4585 §4.2).
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one attribute line that is there or not"
)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Feedback {
    /// `nack`.
    pub nack: bool,
    /// `nack pli`.
    pub pli: bool,
    /// `ccm fir` (RFC 5104 §7.1).
    pub fir: bool,
    /// `transport-cc` (draft-holmer-rmcat-transport-wide-cc-extensions-01).
    pub transport_cc: bool,
}

impl Feedback {
    fn add(&mut self, what: &str) {
        match what.trim() {
            "nack" => self.nack = true,
            "nack pli" => self.pli = true,
            "ccm fir" => self.fir = true,
            "transport-cc" => self.transport_cc = true,
            _ => {}
        }
    }
}

/// The codecs of an m-line that a relay carries, in the offer's order of preference, at most one payload
/// type for each: of several H.264 ones the constrained baseline, which every browser decodes.
pub(super) fn offered(media: &MediaDescription) -> Vec<OfferedCodec> {
    let formats = Formats::of(media);
    let mut best: Vec<OfferedCodec> = Vec::new();
    for payload_type in &formats.order {
        let Some(mut offered) = formats.known(*payload_type) else {
            continue;
        };
        match best.iter_mut().find(|other| other.codec == offered.codec) {
            Some(other) if other.rank <= offered.rank => {}
            Some(other) => std::mem::swap(other, &mut offered),
            None => best.push(offered),
        }
    }
    for codec in &mut best {
        codec.feedback = feedback(media, codec.payload_type);
        match codec.codec.kind() {
            MediaKind::Video => codec.rtx_payload_type = formats.rtx(codec),
            MediaKind::Audio => codec.red = formats.red(codec),
        }
    }
    best
}

/// The payload types of an m-line with their names and parameters.
struct Formats<'a> {
    order: Vec<u8>,
    names: HashMap<u8, &'a str>,
    parameters: HashMap<u8, &'a str>,
}

impl<'a> Formats<'a> {
    fn of(media: &'a MediaDescription) -> Self {
        let formats = &media.media_name.formats;
        Self {
            order: formats
                .iter()
                .filter_map(|format| dynamic(format))
                .collect(),
            names: by_payload_type(media, "rtpmap"),
            parameters: by_payload_type(media, "fmtp"),
        }
    }

    fn parameters(&self, payload_type: u8) -> Parameters<'a> {
        Parameters(
            self.parameters
                .get(&payload_type)
                .copied()
                .unwrap_or_default(),
        )
    }

    fn known(&self, payload_type: u8) -> Option<OfferedCodec> {
        let with = |codec, parameters, rank| OfferedCodec {
            payload_type,
            codec,
            parameters,
            feedback: Feedback::default(),
            rtx_payload_type: None,
            red: None,
            rank,
        };
        let parameters = self.parameters(payload_type);
        let name = self.names.get(&payload_type)?.to_ascii_lowercase();
        match name.as_str() {
            "opus/48000/2" => Some(with(Codec::Opus, Some(fmtp::opus(parameters)), 0)),
            "vp8/90000" => Some(with(Codec::Vp8, None, 0)),
            "vp9/90000" => Some(with(Codec::Vp9, Some(fmtp::vp9(parameters)?), 0)),
            "av1/90000" => Some(with(Codec::Av1, Some(fmtp::av1(parameters)?), 0)),
            "h264/90000" => {
                let h264 = fmtp::h264(parameters)?;
                Some(with(Codec::H264, Some(h264.parameters), h264.rank))
            }
            _ => None,
        }
    }

    /// Of pictures only: a clock of 90 kHz is theirs, and sound that came too late is worth no second packet.
    fn rtx(&self, codec: &OfferedCodec) -> Option<u8> {
        self.around(codec.payload_type, "rtx/90000", fmtp::repeats)
            .filter(|_| codec.feedback.nack)
    }

    /// Of sound only, by its clock and its channels.
    fn red(&self, codec: &OfferedCodec) -> Option<Red> {
        let payload_type = self.around(codec.payload_type, "red/48000/2", fmtp::wraps)?;
        Some(Red {
            payload_type,
            preferred: self.is_before(payload_type, codec.payload_type),
        })
    }

    /// The first payload type of this name that says it belongs to `inner`.
    fn around(
        &self,
        inner: u8,
        name: &str,
        belongs_to: fn(Parameters<'a>) -> Option<u8>,
    ) -> Option<u8> {
        self.order.iter().copied().find(|payload_type| {
            let named = self.names.get(payload_type);
            named.is_some_and(|found| found.eq_ignore_ascii_case(name))
                && belongs_to(self.parameters(*payload_type)) == Some(inner)
        })
    }

    fn is_before(&self, one: u8, other: u8) -> bool {
        let place = |wanted: u8| self.order.iter().position(|found| *found == wanted);
        place(one) < place(other)
    }
}

fn dynamic(format: &str) -> Option<u8> {
    format
        .parse()
        .ok()
        .filter(|pt| matches!(pt, 35..=63 | 96..=127))
}

/// The first `a=<key>:<payload type> <rest>` of every payload type.
fn by_payload_type<'a>(media: &'a MediaDescription, key: &str) -> HashMap<u8, &'a str> {
    let mut found = HashMap::new();
    for attribute in media.attributes.iter().filter(|a| a.key == key) {
        let Some((number, rest)) = attribute.value.as_deref().and_then(|v| v.split_once(' '))
        else {
            continue;
        };
        if let Some(payload_type) = dynamic(number) {
            found.entry(payload_type).or_insert_with(|| rest.trim());
        }
    }
    found
}

fn feedback(media: &MediaDescription, payload_type: u8) -> Feedback {
    let mut feedback = Feedback::default();
    for attribute in media.attributes.iter().filter(|a| a.key == "rtcp-fb") {
        let Some((number, what)) = attribute.value.as_deref().and_then(|v| v.split_once(' '))
        else {
            continue;
        };
        if number == "*" || dynamic(number) == Some(payload_type) {
            feedback.add(what);
        }
    }
    feedback
}
