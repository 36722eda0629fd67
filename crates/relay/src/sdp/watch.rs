//! WHEP: which m-line becomes which slot (draft-ietf-wish-whep-04 §4).

use super::answer::{Media, Reply, Sent};
use super::extensions::{self, Extensions};
use super::publish::agree_on_transport_feedback;
use super::{Fault, Negotiated, Offer, OfferedCodec, Section};
use crate::media::{Layer, LegMedia, SlotPurpose, WatchExtensions, WatchSlot};
use protocol::MediaKind;

/// What the first and second m-line of a kind carry to a hall.
pub const HALL_SLOTS: &[SlotPurpose] = &[SlotPurpose::Program, SlotPurpose::Floor];

/// What the control room gets: one picture, one sound.
pub const SINGLE_SLOTS: &[SlotPurpose] = &[SlotPurpose::Program];

/// Gives the n-th video and the n-th audio m-line the n-th purpose; those beyond are rejected. An m-line that
/// the peer does not want to receive on keeps its place and is answered `inactive`. Pictures are shown up to `layer_max`.
pub fn watch(
    offer: &Offer,
    purposes: &[SlotPurpose],
    layer_max: Layer,
) -> Result<Negotiated, Fault> {
    let mut places = Places {
        purposes,
        audio: 0,
        video: 0,
    };
    let mut slots = Vec::new();
    let mut taken = Vec::new();
    let mut replies = vec![Reply::Rejected; offer.sections.len()];
    for index in offer.takeable()? {
        let (Some(section), Some(reply)) = (offer.sections.get(index), replies.get_mut(index))
        else {
            continue;
        };
        let Some(kind) = section.kind else { continue };
        let Some(purpose) = places.next(kind) else {
            continue;
        };
        taken.push(index);
        let mixed = offer.extmap_allow_mixed || section.extmap_allow_mixed;
        let mut media = media(section, kind, mixed);
        if section.receives {
            media.direction = "sendonly";
            media.sent = Some(Sent {
                slot: slots.len(),
                stream: stream_name(purpose),
                kind,
            });
            slots.push(slot_of(section, kind, purpose, &media, layer_max));
        }
        *reply = Reply::Accepted(media);
    }
    if slots.is_empty() {
        return Err(Fault::new(
            "offer",
            "no m-line on which the client receives",
            "a=recvonly on m=audio or m=video to watch",
        ));
    }
    Ok(Negotiated {
        transport: offer.transport(&taken)?,
        media: LegMedia::Watch(slots),
        replies,
    })
}

struct Places<'a> {
    purposes: &'a [SlotPurpose],
    audio: usize,
    video: usize,
}

impl Places<'_> {
    fn next(&mut self, kind: MediaKind) -> Option<SlotPurpose> {
        let place = match kind {
            MediaKind::Audio => &mut self.audio,
            MediaKind::Video => &mut self.video,
        };
        let purpose = self.purposes.get(*place).copied();
        *place += 1;
        purpose
    }
}

/// Every codec that the relay may have to send: what a slot shows changes its codec with its source.
fn media(section: &Section, kind: MediaKind, mixed: bool) -> Media {
    let fits = |codec: &&OfferedCodec| codec.codec.kind() == kind;
    let mut codecs: Vec<OfferedCodec> = section.codecs.iter().filter(fits).cloned().collect();
    for codec in &mut codecs {
        // Redundancy is a publisher's: the relay has unwrapped it.
        codec.red = None;
    }
    let mut extensions = Extensions {
        rid: None,
        repaired_rid: None,
        ..extensions::fitting(section)
    };
    if !mixed {
        // A keyframe's descriptor is longer than the one-byte form holds; the other form has to be allowed.
        extensions.dependency_descriptor = None;
    }
    agree_on_transport_feedback(&mut extensions, &mut codecs);
    Media {
        direction: "inactive",
        codecs,
        extensions,
        rids: Vec::new(),
        sent: None,
    }
}

fn slot_of(
    section: &Section,
    kind: MediaKind,
    purpose: SlotPurpose,
    media: &Media,
    layer_max: Layer,
) -> WatchSlot {
    let codecs = &media.codecs;
    WatchSlot {
        mid: section.mid.clone().unwrap_or_default(),
        kind,
        purpose,
        payload_types: codecs.iter().map(|c| (c.codec, c.payload_type)).collect(),
        rtx_payload_types: codecs
            .iter()
            .filter_map(|c| Some((c.codec, c.rtx_payload_type?)))
            .collect(),
        extensions: WatchExtensions {
            mid: media.extensions.mid,
            audio_level: media.extensions.audio_level,
            transport_sequence: media.extensions.transport_sequence,
            dependency_descriptor: media.extensions.dependency_descriptor,
        },
        layer_max,
    }
}

/// The media stream a browser puts the track into: picture and sound of one purpose play in step.
fn stream_name(purpose: SlotPurpose) -> &'static str {
    match purpose {
        SlotPurpose::Program => "program",
        SlotPurpose::Floor => "floor",
    }
}
