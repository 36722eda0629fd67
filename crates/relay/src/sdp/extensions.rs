//! RTP header extensions (RFC 8285): which of an offer's the relay knows, and under which id.

use super::Section;
use crate::media::PublishExtensions;
use protocol::MediaKind;
use rtc_sdp::MediaDescription;

/// What the offer has of the extensions that a relay knows, each under the offer's id.
pub type Extensions = PublishExtensions;

const MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
const RID: &str = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";
const REPAIRED_RID: &str = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id";
const AUDIO_LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
const TRANSPORT_SEQUENCE: &str =
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
const DEPENDENCY_DESCRIPTOR: &str =
    "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";

/// Reads `a=extmap:<id> <uri> …` (RFC 8285 §5); ids 1 to 14 fit the one-byte form, and each id means one thing. One
/// that is offered in one direction only is left out: an answer would have to turn it round, and no browser offers one.
pub(super) fn offered(media: &MediaDescription) -> Extensions {
    let mut found = Extensions::default();
    let mut ids = Vec::new();
    for attribute in media.attributes.iter().filter(|a| a.key == "extmap") {
        let mut words = attribute
            .value
            .as_deref()
            .unwrap_or_default()
            .split_ascii_whitespace();
        let (Some(number), Some(uri)) = (words.next(), words.next()) else {
            continue;
        };
        let number = number.strip_suffix("/sendrecv").unwrap_or(number);
        let Some(id) = number.parse().ok().filter(|id| (1..=14).contains(id)) else {
            continue;
        };
        let Some(place) = place(&mut found, uri).filter(|place| place.is_none()) else {
            continue;
        };
        if !ids.contains(&id) {
            ids.push(id);
            *place = Some(id);
        }
    }
    found
}

fn place<'a>(extensions: &'a mut Extensions, uri: &str) -> Option<&'a mut Option<u8>> {
    Some(match uri {
        MID => &mut extensions.mid,
        RID => &mut extensions.rid,
        REPAIRED_RID => &mut extensions.repaired_rid,
        AUDIO_LEVEL => &mut extensions.audio_level,
        TRANSPORT_SEQUENCE => &mut extensions.transport_sequence,
        DEPENDENCY_DESCRIPTOR => &mut extensions.dependency_descriptor,
        _ => return None,
    })
}

/// The lines of an answer, by id.
pub(super) fn lines(extensions: &Extensions) -> Vec<(u8, &'static str)> {
    let mut lines: Vec<(u8, &'static str)> = [
        (extensions.mid, MID),
        (extensions.rid, RID),
        (extensions.repaired_rid, REPAIRED_RID),
        (extensions.audio_level, AUDIO_LEVEL),
        (extensions.transport_sequence, TRANSPORT_SEQUENCE),
        (extensions.dependency_descriptor, DEPENDENCY_DESCRIPTOR),
    ]
    .into_iter()
    .filter_map(|(id, uri)| Some((id?, uri)))
    .collect();
    lines.sort_unstable();
    lines
}

/// Leaves out what contradicts another m-line of the BUNDLE group: on one transport an id means one thing, and a thing has
/// one id (RFC 9143 §15).
pub(super) fn agree(extensions: &mut Extensions, others: &[&Extensions]) {
    for (id, uri) in lines(extensions) {
        let clashes = |(other, name): (u8, &str)| (other == id) != (name == uri);
        if others
            .iter()
            .any(|other| lines(other).into_iter().any(clashes))
            && let Some(place) = place(extensions, uri)
        {
            *place = None;
        }
    }
}

/// Those that make sense on this kind of m-line. RFC 6464 speaks of audio only; RIDs, congestion feedback and
/// dependency descriptors are of use on video only.
pub(super) fn fitting(section: &Section) -> Extensions {
    let offered = section.extensions;
    match section.kind {
        Some(MediaKind::Audio) => Extensions {
            mid: offered.mid,
            audio_level: offered.audio_level,
            ..Extensions::default()
        },
        Some(MediaKind::Video) => Extensions {
            audio_level: None,
            ..offered
        },
        None => Extensions::default(),
    }
}
