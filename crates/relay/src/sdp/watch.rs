//! WHEP: which m-line becomes which slot (draft-ietf-wish-whep-04 §4).

use super::answer::{Media, Reply, Sent};
use super::publish::audio_level;
use super::{Fault, Negotiated, Offer, OfferedCodec, Section};
use crate::media::{Layer, LegMedia, SlotPurpose, WatchExtensions, WatchSlot};
use protocol::MediaKind;

/// What the first and second m-line of a kind carry to a hall.
pub const HALL_SLOTS: &[SlotPurpose] = &[SlotPurpose::Program, SlotPurpose::Floor];

/// What the control room gets: one picture, one sound.
pub const SINGLE_SLOTS: &[SlotPurpose] = &[SlotPurpose::Program];

/// Gives the n-th video and the n-th audio m-line the n-th purpose; those beyond are rejected. An m-line that
/// the peer does not want to receive on keeps its place and is answered `inactive`.
pub fn watch(offer: &Offer, purposes: &[SlotPurpose]) -> Result<Negotiated, Fault> {
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
        let codecs: Vec<OfferedCodec> = section
            .codecs
            .iter()
            .filter(|c| c.codec.kind() == kind)
            .cloned()
            .collect();
        let slot = section.receives.then_some(slots.len());
        if section.receives {
            slots.push(slot_of(section, kind, purpose, &codecs));
        }
        *reply = Reply::Accepted(Media {
            direction: if section.receives {
                "sendonly"
            } else {
                "inactive"
            },
            codecs,
            mid_extension: section.mid_extension,
            audio_level_extension: audio_level(section),
            sent: slot.map(|slot| Sent {
                slot,
                stream: stream_name(purpose),
                kind,
            }),
        });
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

fn slot_of(
    section: &Section,
    kind: MediaKind,
    purpose: SlotPurpose,
    codecs: &[OfferedCodec],
) -> WatchSlot {
    WatchSlot {
        mid: section.mid.clone().unwrap_or_default(),
        kind,
        purpose,
        payload_types: codecs.iter().map(|c| (c.codec, c.payload_type)).collect(),
        rtx_payload_types: Vec::new(),
        extensions: WatchExtensions {
            audio_level: audio_level(section),
            ..WatchExtensions::default()
        },
        layer_max: Layer::BEST,
    }
}

/// The media stream a browser puts the track into: picture and sound of one purpose play in step.
fn stream_name(purpose: SlotPurpose) -> &'static str {
    match purpose {
        SlotPurpose::Program => "program",
        SlotPurpose::Floor => "floor",
    }
}
