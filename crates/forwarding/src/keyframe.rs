//! Where a keyframe begins, seen from the payload alone. Foreign bytes: every length is checked.

use crate::Codec;

/// What a packet has to do with a keyframe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Part {
    /// Nothing, or a later piece of one.
    #[default]
    None,
    /// The beginning of the picture, perhaps after packets with its parameters.
    Picture,
    /// A decoder can start at this very packet.
    Opening,
}

/// What this payload has to do with a keyframe; audio never has.
pub(crate) fn part(codec: Codec, payload: &[u8]) -> Part {
    let opens = match codec {
        Codec::Opus => false,
        Codec::H264 => return h264(payload).unwrap_or_default(),
        Codec::Vp8 => vp8_opens(payload).unwrap_or(false),
        Codec::Vp9 => vp9_opens(payload).unwrap_or(false),
        Codec::Av1 => av1_opens(payload).unwrap_or(false),
    };
    if opens { Part::Opening } else { Part::None }
}

const NAL_IDR: u8 = 5;
const NAL_SPS: u8 = 7;
const NAL_STAP_A: u8 = 24;
const NAL_FU_A: u8 = 28;

/// RFC 6184 §5.6 (single), §5.7.1 (STAP-A), §5.8 (FU-A).
fn h264(payload: &[u8]) -> Option<Part> {
    let (first, rest) = payload.split_first()?;
    match first & 0x1f {
        NAL_STAP_A => Some(h264_aggregate(rest)),
        NAL_FU_A => {
            let fragment = rest.first()?;
            let is_start = fragment & 0x80 != 0;
            Some(if is_start {
                nal_part(*fragment)
            } else {
                Part::None
            })
        }
        _ => Some(nal_part(*first)),
    }
}

/// Sequence parameters open; a picture alone may depend on parameters sent before it.
fn nal_part(header: u8) -> Part {
    match header & 0x1f {
        NAL_SPS => Part::Opening,
        NAL_IDR => Part::Picture,
        _ => Part::None,
    }
}

/// The strongest unit of an aggregate; ends at the first length that lies.
fn h264_aggregate(mut units: &[u8]) -> Part {
    let mut found = Part::None;
    while let Some((&[l0, l1], rest)) = units.split_first_chunk() {
        let bytes = usize::from(u16::from_be_bytes([l0, l1]));
        let Some((unit, next)) = rest.split_at_checked(bytes) else {
            break;
        };
        match unit.first().map_or(Part::None, |header| nal_part(*header)) {
            Part::Opening => return Part::Opening,
            Part::Picture => found = Part::Picture,
            Part::None => {}
        }
        units = next;
    }
    found
}

/// RFC 7741 §4.2 (descriptor) and §4.3: first packet of the first partition, P = 0.
fn vp8_opens(payload: &[u8]) -> Option<bool> {
    let (&descriptor, mut rest) = payload.split_first()?;
    // S set, partition 0.
    let starts_frame = descriptor & 0x17 == 0x10;
    if descriptor & 0x80 != 0 {
        let (&extension, after) = rest.split_first()?;
        rest = after;
        if extension & 0x80 != 0 {
            rest = skip_picture_id(rest)?;
        }
        if extension & 0x40 != 0 {
            rest = rest.get(1..)?;
        }
        if extension & 0x30 != 0 {
            rest = rest.get(1..)?;
        }
    }
    Some(starts_frame && rest.first()? & 0x01 == 0)
}

/// RFC 9628 §4.2: begins a frame (B) that no other frame predicts (P = 0), lowest spatial layer.
fn vp9_opens(payload: &[u8]) -> Option<bool> {
    let (&descriptor, mut rest) = payload.split_first()?;
    let has = |bit: u8| descriptor & bit != 0;
    if has(0x80) {
        rest = skip_picture_id(rest)?;
    }
    let is_lowest_layer = !has(0x20) || rest.first()? & 0x0e == 0;
    Some(has(0x08) && !has(0x40) && is_lowest_layer)
}

/// A picture id of 7 or 15 bits: VP8 and VP9 write it alike.
fn skip_picture_id(bytes: &[u8]) -> Option<&[u8]> {
    let is_long = bytes.first()? & 0x80 != 0;
    bytes.get(if is_long { 2.. } else { 1.. })
}

/// AV1 RTP §4.4: N marks the first packet of a coded video sequence, Z a continued unit.
fn av1_opens(payload: &[u8]) -> Option<bool> {
    let aggregation = payload.first()?;
    Some(payload.len() > 1 && aggregation & 0x88 == 0x08)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn h264_part(payload: &[u8]) -> Part {
        part(Codec::H264, payload)
    }

    #[test]
    fn h264_single_units() {
        assert_eq!(h264_part(&[0x67, 1, 2]), Part::Opening, "SPS");
        assert_eq!(h264_part(&[0x65, 1, 2]), Part::Picture, "IDR");
        assert_eq!(h264_part(&[0x68, 1]), Part::None, "PPS");
        assert_eq!(h264_part(&[0x41, 1]), Part::None, "delta");
    }

    #[test]
    fn h264_aggregates_and_fragments() {
        let parameters = [0x78, 0, 2, 0x67, 1, 0, 2, 0x68, 1];
        assert_eq!(h264_part(&parameters), Part::Opening);
        assert_eq!(h264_part(&[0x78, 0, 1, 0x06, 0, 2, 0x65, 1]), Part::Picture);
        assert_eq!(h264_part(&[0x78, 0, 2, 0x41, 1]), Part::None);
        assert_eq!(h264_part(&[0x7c, 0x85, 1]), Part::Picture, "first fragment");
        assert_eq!(h264_part(&[0x7c, 0x05, 1]), Part::None, "middle fragment");
        assert_eq!(h264_part(&[0x7c, 0x45, 1]), Part::None, "last fragment");
    }

    #[test]
    fn h264_lies_are_not_keyframes() {
        for payload in [
            &[][..],
            &[0x78],
            &[0x78, 0],
            &[0x78, 0xff, 0xff, 0x67],
            &[0x78, 0, 0, 0, 0],
            &[0x7c],
        ] {
            assert_eq!(h264_part(payload), Part::None, "{payload:x?}");
        }
        let cut = [0x78, 0, 1, 0x67, 0xff, 0xff, 0x65];
        assert_eq!(h264_part(&cut), Part::Opening, "what came before the lie");
    }

    #[test]
    fn vp8_descriptors() {
        let opens = |payload: &[u8]| part(Codec::Vp8, payload) == Part::Opening;
        assert!(opens(&[0x10, 0x00]));
        assert!(!opens(&[0x10, 0x01]), "delta");
        assert!(!opens(&[0x00, 0x00]), "not a start");
        assert!(!opens(&[0x11, 0x00]), "second partition");
        assert!(opens(&[0x90, 0x80, 0x81, 0x02, 0x00]), "long picture id");
        assert!(opens(&[0x90, 0xf0, 0x01, 0x02, 0x03, 0x00]), "all fields");
        assert!(!opens(&[0x90, 0xf0, 0x01, 0x02, 0x03]), "cut off");
        assert!(!opens(&[]));
    }

    #[test]
    fn vp9_and_av1_descriptors() {
        let vp9 = |payload: &[u8]| part(Codec::Vp9, payload) == Part::Opening;
        assert!(vp9(&[0x08, 0]));
        assert!(vp9(&[0xa8, 0x81, 0x02, 0x00]), "picture id, layer 0");
        assert!(!vp9(&[0xa8, 0x81, 0x02, 0x02]), "layer 1");
        assert!(!vp9(&[0x48, 0]), "predicted");
        assert!(!vp9(&[0xa8]), "cut off");
        let av1 = |payload: &[u8]| part(Codec::Av1, payload) == Part::Opening;
        assert!(av1(&[0x18, 0x0a]));
        assert!(!av1(&[0x98, 0x0a]), "continued");
        assert!(!av1(&[0x10, 0x0a]), "no new sequence");
        assert!(!av1(&[0x18]), "empty");
    }

    proptest! {
        #[test]
        fn no_payload_panics(payload in prop::collection::vec(any::<u8>(), 0..40)) {
            for codec in [Codec::Opus, Codec::H264, Codec::Vp8, Codec::Vp9, Codec::Av1] {
                part(codec, &payload);
            }
        }
    }
}
