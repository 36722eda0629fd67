//! The lines of an answer that speak of media: payload types, extensions, layers, SSRCs.

use super::answer::Media;
use super::codec::OfferedCodec;
use super::{Section, extensions};
use crate::media::{Codec, LegOpened, SlotSsrcs};
use protocol::MediaKind;
use std::fmt::{self, Write};

/// Every payload type of the m-line, in its order: redundancy before what it wraps when the offer has it so, because a
/// browser sends RED only then; retransmissions behind what they repeat.
pub(super) fn payload_types(media: &Media) -> Vec<u8> {
    let of = |codec: &OfferedCodec| {
        let red = |first: bool| {
            let placed = codec.red.filter(|red| red.preferred == first);
            placed.map(|red| red.payload_type)
        };
        let own = Some(codec.payload_type);
        [red(true), own, codec.rtx_payload_type, red(false)]
    };
    media.codecs.iter().flat_map(of).flatten().collect()
}

pub(super) fn write_media(
    sdp: &mut String,
    section: &Section,
    media: &Media,
    opened: &LegOpened,
) -> fmt::Result {
    if section.extmap_allow_mixed {
        sdp.push_str("a=extmap-allow-mixed\r\n");
    }
    for (id, uri) in extensions::lines(&media.extensions) {
        write!(sdp, "a=extmap:{id} {uri}\r\n")?;
    }
    for codec in &media.codecs {
        write_codec(sdp, codec)?;
    }
    write_layers(sdp, media)?;
    write_sent(sdp, media, opened)
}

fn write_codec(sdp: &mut String, codec: &OfferedCodec) -> fmt::Result {
    let (pt, name) = (codec.payload_type, codec.codec.name());
    let clock = codec.codec.clock_rate_hz();
    let channels = if codec.codec == Codec::Opus { "/2" } else { "" };
    write!(sdp, "a=rtpmap:{pt} {name}/{clock}{channels}\r\n")?;
    if let Some(parameters) = &codec.parameters {
        write!(sdp, "a=fmtp:{pt} {parameters}\r\n")?;
    }
    if codec.codec.kind() == MediaKind::Video {
        write_feedback(sdp, codec)?;
    }
    if let Some(rtx) = codec.rtx_payload_type {
        write!(
            sdp,
            "a=rtpmap:{rtx} rtx/{clock}\r\na=fmtp:{rtx} apt={pt}\r\n"
        )?;
    }
    if let Some(red) = codec.red {
        let red = red.payload_type;
        write!(
            sdp,
            "a=rtpmap:{red} red/{clock}{channels}\r\na=fmtp:{red} {pt}/{pt}\r\n"
        )?;
    }
    Ok(())
}

fn write_feedback(sdp: &mut String, codec: &OfferedCodec) -> fmt::Result {
    let (pt, feedback) = (codec.payload_type, codec.feedback);
    let kept = [
        ("nack", feedback.nack),
        ("nack pli", feedback.pli),
        ("ccm fir", feedback.fir),
        ("transport-cc", feedback.transport_cc),
    ];
    for (what, _) in kept.into_iter().filter(|(_, offered)| *offered) {
        write!(sdp, "a=rtcp-fb:{pt} {what}\r\n")?;
    }
    Ok(())
}

fn write_layers(sdp: &mut String, media: &Media) -> fmt::Result {
    let Some(codec) = media.codecs.first() else {
        return Ok(());
    };
    for rid in &media.rids {
        write!(sdp, "a={}\r\n", rid.taken(codec.payload_type))?;
    }
    let ids: Vec<&str> = media.rids.iter().map(|rid| rid.id.as_str()).collect();
    if ids.is_empty() {
        return Ok(());
    }
    write!(sdp, "a=simulcast:recv {}\r\n", ids.join(";"))
}

fn write_sent(sdp: &mut String, media: &Media, opened: &LegOpened) -> fmt::Result {
    let Some(sent) = &media.sent else {
        return Ok(());
    };
    let track = match sent.kind {
        MediaKind::Audio => "audio",
        MediaKind::Video => "video",
    };
    let stream = sent.stream;
    write!(sdp, "a=msid:{stream} {stream}-{track}\r\n")?;
    let Some(SlotSsrcs { ssrc, rtx }) = opened.slots.get(sent.slot) else {
        return Ok(());
    };
    let repairs = |codec: &OfferedCodec| codec.rtx_payload_type.is_some();
    let rtx = rtx.filter(|_| media.codecs.iter().any(repairs));
    if let Some(rtx) = rtx {
        write!(sdp, "a=ssrc-group:FID {ssrc} {rtx}\r\n")?;
    }
    for ssrc in [Some(*ssrc), rtx].into_iter().flatten() {
        write!(
            sdp,
            "a=ssrc:{ssrc} cname:{}\r\na=ssrc:{ssrc} msid:{stream} {stream}-{track}\r\n",
            opened.cname
        )?;
    }
    Ok(())
}
