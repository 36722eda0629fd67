//! WHIP: which m-lines a hall may publish on, with which one codec each (RFC 9725 §4.4).

use super::answer::{Media, Reply};
use super::codec::OfferedCodec;
use super::extensions::{self, Extensions};
use super::fault::quoted;
use super::{Fault, Negotiated, Offer, Section, lines, simulcast};
use crate::media::{Codec, LegMedia, PublishedTrack};
use protocol::MediaKind;

/// Takes one audio and one video m-line on which the peer sends, and refuses an offer with others of the kind; answers
/// those on which nothing is sent as rejected.
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
        let media = media(section, codec.clone(), &tracks);
        check_payload_types(section, &media, &tracks)?;
        tracks.extend(track(section, &media));
        taken.push(index);
        *reply = Reply::Accepted(media);
    }
    if tracks.is_empty() {
        return Err(Fault::new(
            "offer",
            "no m-line on which the client sends",
            "a=sendonly on m=audio or m=video to publish",
        ));
    }
    check_whole(offer, &taken)?;
    Ok(Negotiated {
        transport: offer.transport(&taken)?,
        media: LegMedia::Publish(tracks),
        replies,
    })
}

/// A publication is taken whole or not at all (RFC 9725 §4.4.2 and §4.4.3): a hall that was taken with its sound alone
/// would believe that it is seen.
fn check_whole(offer: &Offer, taken: &[usize]) -> Result<(), Fault> {
    let sent = |section: &Section| {
        section.enabled && section.sends && matches!(section.name.as_str(), "audio" | "video")
    };
    let mut sections = offer.sections.iter().enumerate();
    match sections.find(|(index, section)| sent(section) && !taken.contains(index)) {
        None => Ok(()),
        Some((_, section)) => Err(left_out(offer, section)),
    }
}

/// Why the relay cannot take this m-line.
fn left_out(offer: &Offer, section: &Section) -> Fault {
    let place = &section.place;
    let codecs = match section.kind {
        None => {
            let found = format!("protocol {}", quoted(&section.protocol));
            return Fault::new(place, found, "UDP/TLS/RTP/SAVPF");
        }
        Some(MediaKind::Audio) => "opus/48000/2",
        Some(MediaKind::Video) => {
            "H264 with packetization-mode=1, VP8, VP9 or AV1 of profile 0 among its codecs"
        }
    };
    if !section.usable() {
        return Fault::new(place, "no codec the relay carries", codecs);
    }
    match (&section.mid, &offer.bundle) {
        (Some(mid), Some(bundle)) if !bundle.contains(mid) => Fault::new(
            place,
            format!("a=mid:{mid} outside a=group:BUNDLE"),
            "every m-line in the group: the relay has one port (RFC 9725 §4.4)",
        ),
        _ => Fault::new(
            place,
            format!("a second m={} on which the client sends", section.name),
            "one sound and one picture (RFC 9725 §4.4.2)",
        ),
    }
}

/// H264 before VP8, whatever the offer's order: most phones encode it in hardware, and every television and every
/// watching box decodes it. The newer ones come last: a publisher sends one codec for all who watch, and not all of them
/// decode VP9 or AV1.
fn choice(section: &Section) -> Option<&OfferedCodec> {
    let order: &[Codec] = match section.kind? {
        MediaKind::Audio => &[Codec::Opus],
        MediaKind::Video => &[Codec::H264, Codec::Vp8, Codec::Vp9, Codec::Av1],
    };
    order.iter().find_map(|codec| {
        section
            .codecs
            .iter()
            .find(|offered| offered.codec == *codec)
    })
}

fn media(section: &Section, codec: OfferedCodec, others: &[PublishedTrack]) -> Media {
    let (mut extensions, mut codecs) = (extensions::fitting(section), vec![codec]);
    let others: Vec<&Extensions> = others.iter().map(|track| &track.extensions).collect();
    extensions::agree(&mut extensions, &others);
    // Without their extension nothing on the wire would tell the layers apart.
    let payload_type = codecs.first().map(|codec| codec.payload_type);
    let rids = match (extensions.rid, payload_type) {
        (Some(_), Some(payload_type)) => simulcast::taken(section, payload_type),
        _ => Vec::new(),
    };
    if rids.is_empty() {
        (extensions.rid, extensions.repaired_rid) = (None, None);
    }
    agree_on_transport_feedback(&mut extensions, &mut codecs);
    Media {
        direction: "recvonly",
        codecs,
        extensions,
        rids,
        sent: None,
    }
}

/// On one transport a payload type means one thing (RFC 9143 §10.1.2).
fn check_payload_types(
    section: &Section,
    media: &Media,
    others: &[PublishedTrack],
) -> Result<(), Fault> {
    let of = |track: &PublishedTrack| {
        let (own, rtx) = (Some(track.payload_type), track.rtx_payload_type);
        [own, rtx, track.red_payload_type]
    };
    let taken: Vec<u8> = others.iter().flat_map(of).flatten().collect();
    let mut own = lines::payload_types(media).into_iter();
    match own.find(|payload_type| taken.contains(payload_type)) {
        None => Ok(()),
        Some(payload_type) => Err(Fault::new(
            &section.place,
            format!("payload type {payload_type} of another m-line"),
            "payload types of its own: the BUNDLE group is one RTP session (RFC 9143 §10.1.2)",
        )),
    }
}

fn track(section: &Section, media: &Media) -> Option<PublishedTrack> {
    let codec = media.codecs.first()?;
    Some(PublishedTrack {
        mid: section.mid.clone().unwrap_or_default(),
        codec: codec.codec,
        payload_type: codec.payload_type,
        rtx_payload_type: codec.rtx_payload_type,
        red_payload_type: codec.red.map(|red| red.payload_type),
        extensions: media.extensions,
        rids: simulcast::lowest_first(&media.rids),
        // On audio the answer does not take it: what came too late to be played is worth no second packet.
        feedback_nack: codec.codec.kind() == MediaKind::Video && codec.feedback.nack,
        ssrcs: section.ssrcs.clone(),
    })
}

/// Transport-wide feedback needs its extension, its `a=rtcp-fb`, and retransmissions under numbers of their own: the
/// extension changes with every send, and a packet that is sent again under one SRTP index must not change. All or none.
pub(super) fn agree_on_transport_feedback(
    extensions: &mut Extensions,
    codecs: &mut [OfferedCodec],
) {
    let ready = |codec: &OfferedCodec| {
        codec.codec.kind() == MediaKind::Video
            && codec.feedback.transport_cc
            && codec.rtx_payload_type.is_some()
    };
    let agreed = extensions.transport_sequence.is_some() && codecs.iter().all(ready);
    if !agreed {
        extensions.transport_sequence = None;
    }
    for codec in codecs {
        codec.feedback.transport_cc = agreed;
    }
}
