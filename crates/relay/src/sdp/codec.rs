//! The codecs of an m-line: the few a relay carries, picked out of the many a browser offers.

use crate::media::Codec;
use rtc_sdp::MediaDescription;
use std::collections::HashMap;

/// One payload type of an offer that the relay can carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferedCodec {
    /// Its number on this m-line (RFC 3551 §6: 35 to 63 and 96 to 127 are dynamic and clash with no RTCP type).
    pub payload_type: u8,
    /// What it is.
    pub codec: Codec,
    /// H.264 only: `profile-level-id` as six hexadecimal digits (RFC 6184 §8.1).
    pub profile_level_id: Option<String>,
    /// What the peer is ready to send or hear about it.
    pub feedback: Feedback,
    /// The smaller the better among payload types of one codec.
    rank: u8,
}

/// `a=rtcp-fb` of one payload type (RFC 4585 §4.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Feedback {
    /// `nack`.
    pub nack: bool,
    /// `nack pli`.
    pub pli: bool,
    /// `ccm fir` (RFC 5104 §7.1).
    pub fir: bool,
}

impl Feedback {
    fn add(&mut self, what: &str) {
        match what.trim() {
            "nack" => self.nack = true,
            "nack pli" => self.pli = true,
            "ccm fir" => self.fir = true,
            _ => {}
        }
    }
}

/// The codecs of an m-line that a relay carries, in the offer's order of preference, at most one payload
/// type for each: of several H.264 ones the constrained baseline, which every browser decodes.
pub(super) fn offered(media: &MediaDescription) -> Vec<OfferedCodec> {
    let names = by_payload_type(media, "rtpmap");
    let parameters = by_payload_type(media, "fmtp");
    let mut best: Vec<OfferedCodec> = Vec::new();
    for format in &media.media_name.formats {
        let Some(payload_type) = dynamic(format) else {
            continue;
        };
        let Some(name) = names.get(&payload_type) else {
            continue;
        };
        let fmtp = parameters.get(&payload_type).copied().unwrap_or_default();
        let Some(mut offered) = known(payload_type, name, fmtp) else {
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
    }
    best
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

fn known(payload_type: u8, name: &str, fmtp: &str) -> Option<OfferedCodec> {
    let plain = |codec| OfferedCodec {
        payload_type,
        codec,
        profile_level_id: None,
        feedback: Feedback::default(),
        rank: 0,
    };
    match name.to_ascii_lowercase().as_str() {
        "opus/48000/2" => Some(plain(Codec::Opus)),
        "vp8/90000" => Some(plain(Codec::Vp8)),
        "h264/90000" => h264(&plain(Codec::H264), fmtp),
        _ => None,
    }
}

/// Packetization mode 1 only: mode 0 cannot carry a picture larger than one packet.
fn h264(plain: &OfferedCodec, fmtp: &str) -> Option<OfferedCodec> {
    let parameter = |name: &str| {
        fmtp.split(';')
            .filter_map(|part| part.trim().split_once('='))
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    };
    if parameter("packetization-mode") != Some("1") {
        return None;
    }
    // Absent means baseline, level 1 (RFC 6184 §8.1).
    let profile = parameter("profile-level-id")
        .unwrap_or("42000a")
        .to_ascii_lowercase();
    if profile.len() != 6 || !profile.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let constraints = u8::from_str_radix(profile.get(2..4)?, 16).ok()?;
    let rank = match (profile.get(..2)?, constraints & 0x40 != 0) {
        ("42", true) => 0,
        ("42", false) => 1,
        _ => 2,
    };
    Some(OfferedCodec {
        profile_level_id: Some(profile),
        rank,
        ..plain.clone()
    })
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
