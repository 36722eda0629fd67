//! WHIP: which m-lines a hall may publish on, with which one codec each (RFC 9725 §4.4).

use super::answer::{Media, Reply};
use super::codec::OfferedCodec;
use super::{Fault, Negotiated, Offer, Section};
use crate::media::{Codec, LegMedia, PublishExtensions, PublishedTrack};
use protocol::MediaKind;

/// Takes one audio and one video m-line on which the peer sends; answers every other one as rejected.
pub fn publish(offer: &Offer) -> Result<Negotiated, Fault> {
    let mut tracks = Vec::new();
    let mut taken = Vec::new();
    let mut replies = vec![Reply::Rejected; offer.sections.len()];
    let takeable = offer.takeable()?;
    for index in takeable {
        let (Some(section), Some(reply)) = (offer.sections.get(index), replies.get_mut(index))
        else {
            continue;
        };
        let (Some(kind), Some(codec)) = (section.kind, choice(section)) else {
            continue;
        };
        let again = tracks
            .iter()
            .any(|track: &PublishedTrack| track.codec.kind() == kind);
        if again || !section.sends {
            continue;
        }
        tracks.push(track(section, codec));
        taken.push(index);
        *reply = Reply::Accepted(Media {
            direction: "recvonly",
            codecs: vec![codec.clone()],
            mid_extension: section.mid_extension,
            audio_level_extension: audio_level(section),
            sent: None,
        });
    }
    if tracks.is_empty() {
        return Err(Fault::new(
            "offer",
            "no m-line on which the client sends",
            "a=sendonly on m=audio or m=video to publish",
        ));
    }
    Ok(Negotiated {
        transport: offer.transport(&taken)?,
        media: LegMedia::Publish(tracks),
        replies,
    })
}

/// H264 before VP8, whatever the offer's order: most phones encode it in hardware.
fn choice(section: &Section) -> Option<&OfferedCodec> {
    let order: &[Codec] = match section.kind? {
        MediaKind::Audio => &[Codec::Opus],
        MediaKind::Video => &[Codec::H264, Codec::Vp8],
    };
    order.iter().find_map(|codec| {
        section
            .codecs
            .iter()
            .find(|offered| offered.codec == *codec)
    })
}

fn track(section: &Section, codec: &OfferedCodec) -> PublishedTrack {
    PublishedTrack {
        mid: section.mid.clone().unwrap_or_default(),
        codec: codec.codec,
        payload_type: codec.payload_type,
        rtx_payload_type: None,
        red_payload_type: None,
        extensions: PublishExtensions {
            mid: section.mid_extension,
            audio_level: audio_level(section),
            ..PublishExtensions::default()
        },
        rids: Vec::new(),
        // Every browser offers it for video, and for audio none.
        feedback_nack: section.kind == Some(MediaKind::Video),
        ssrcs: section.ssrcs.clone(),
    }
}

/// RFC 6464 speaks of audio only.
pub(super) fn audio_level(section: &Section) -> Option<u8> {
    section
        .audio_level_extension
        .filter(|_| section.kind == Some(MediaKind::Audio))
}
