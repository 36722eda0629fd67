//! Writing an answer (RFC 3264 §6, RFC 9429 §5.3).

use super::codec::OfferedCodec;
use super::{Offer, Section};
use crate::media::{Codec, Fingerprint, IceCredentials, LegOpened, SlotSsrcs};
use protocol::MediaKind;
use std::fmt::{self, Write};
use std::net::{IpAddr, SocketAddr};

/// What becomes of one m-line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Port 0, out of the BUNDLE group.
    Rejected,
    /// On the one port.
    Accepted(Media),
}

/// An accepted m-line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    /// `recvonly`, `sendonly` or `inactive`, as the relay sees it.
    pub direction: &'static str,
    /// Codecs kept out of the offer.
    pub codecs: Vec<OfferedCodec>,
    /// MID header extension, with the offer's id.
    pub mid_extension: Option<u8>,
    /// Audio-level header extension, with the offer's id.
    pub audio_level_extension: Option<u8>,
    /// What the relay sends here.
    pub sent: Option<Sent>,
}

/// A track the relay sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Index of the slot, for its SSRC.
    pub slot: usize,
    /// Media stream id: tracks of one stream play in step.
    pub stream: &'static str,
    /// Audio or video.
    pub kind: MediaKind,
}

/// The relay's side of the transport.
#[derive(Clone, Copy, Debug)]
pub struct Local<'a> {
    /// Number for the `o=` line; fresh for every session.
    pub session_number: u64,
    /// ICE credentials of this leg.
    pub credentials: &'a IceCredentials,
    /// Of the relay's DTLS certificate.
    pub fingerprint: Fingerprint,
    /// Every advertised address of the one media port, the best first.
    pub candidates: &'a [SocketAddr],
}

impl Offer {
    /// The answer to this offer. `opened` gives the SSRC of every slot; `replies` has one entry for each m-line.
    pub fn answer(&self, local: &Local<'_>, replies: &[Reply], opened: &LegOpened) -> String {
        let mut sdp = String::with_capacity(2048);
        let mut write = || -> fmt::Result {
            self.write_session(&mut sdp, local, replies)?;
            let accepted = |(index, reply): (usize, &Reply)| {
                matches!(reply, Reply::Accepted(_)).then_some(index)
            };
            let taken: Vec<usize> = replies.iter().enumerate().filter_map(accepted).collect();
            let tagged = self.tagged(&taken);
            for (index, (section, reply)) in self.sections.iter().zip(replies).enumerate() {
                match reply {
                    Reply::Rejected => write_rejected(&mut sdp, section)?,
                    Reply::Accepted(media) => {
                        write_transport(&mut sdp, section, media, local, tagged == Some(index))?;
                        write_media(&mut sdp, media, opened)?;
                    }
                }
            }
            Ok(())
        };
        // Writing into a string cannot fail.
        let _ = write();
        sdp
    }

    fn write_session(&self, sdp: &mut String, local: &Local<'_>, replies: &[Reply]) -> fmt::Result {
        write!(
            sdp,
            "v=0\r\no=- {} 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n",
            local.session_number
        )?;
        if let Some(bundle) = &self.bundle {
            let kept = |mid: &&String| {
                let index = self
                    .sections
                    .iter()
                    .position(|s| s.mid.as_ref() == Some(*mid));
                matches!(index.and_then(|i| replies.get(i)), Some(Reply::Accepted(_)))
            };
            sdp.push_str("a=group:BUNDLE");
            for mid in bundle.iter().filter(kept) {
                write!(sdp, " {mid}")?;
            }
            sdp.push_str("\r\n");
        }
        sdp.push_str("a=ice-lite\r\na=msid-semantic: WMS *\r\n");
        Ok(())
    }
}

fn write_rejected(sdp: &mut String, section: &Section) -> fmt::Result {
    // A rejected m-line still names a format (RFC 3264 §6).
    let format = section.formats.first().map_or("0", String::as_str);
    write!(
        sdp,
        "m={} 0 {} {format}\r\nc=IN IP4 0.0.0.0\r\n",
        section.name, section.protocol
    )?;
    write_mid(sdp, section)?;
    sdp.push_str("a=inactive\r\n");
    Ok(())
}

fn write_mid(sdp: &mut String, section: &Section) -> fmt::Result {
    match &section.mid {
        Some(mid) => write!(sdp, "a=mid:{mid}\r\n"),
        None => Ok(()),
    }
}

fn write_transport(
    sdp: &mut String,
    section: &Section,
    media: &Media,
    local: &Local<'_>,
    tagged: bool,
) -> fmt::Result {
    let default = local.candidates.first();
    write!(
        sdp,
        "m={} {} {}",
        section.name,
        default.map_or(9, SocketAddr::port),
        section.protocol
    )?;
    for codec in &media.codecs {
        write!(sdp, " {}", codec.payload_type)?;
    }
    let (family, address) = match default.map(SocketAddr::ip) {
        Some(IpAddr::V6(address)) => ("IP6", address.to_string()),
        Some(IpAddr::V4(address)) => ("IP4", address.to_string()),
        None => ("IP4", "0.0.0.0".to_owned()),
    };
    write!(sdp, "\r\nc=IN {family} {address}\r\n")?;
    write_mid(sdp, section)?;
    write!(
        sdp,
        "a=ice-ufrag:{}\r\na=ice-pwd:{}\r\n",
        local.credentials.ufrag, local.credentials.pwd
    )?;
    write!(
        sdp,
        "a=fingerprint:sha-256 {}\r\na=setup:passive\r\n",
        local.fingerprint
    )?;
    write!(sdp, "a={}\r\na=rtcp-mux\r\n", media.direction)?;
    if section.rtcp_rsize {
        sdp.push_str("a=rtcp-rsize\r\n");
    }
    // Candidates belong to the bundle's tagged m-line only (RFC 9143 §7.4).
    if tagged {
        write_candidates(sdp, local.candidates)
    } else {
        Ok(())
    }
}

fn write_candidates(sdp: &mut String, candidates: &[SocketAddr]) -> fmt::Result {
    for (index, address) in candidates.iter().enumerate() {
        // Host candidates (RFC 8445 §5.1.2.1); the configured order is the local preference.
        let preference = 65_535_u32.saturating_sub(u32::try_from(index).unwrap_or(u32::MAX));
        // Type preference 126 for host, component 1 of 256.
        let priority = 126 * (1 << 24) + preference * (1 << 8) + 255;
        let number = index + 1;
        write!(
            sdp,
            "a=candidate:{number} 1 udp {priority} {} {} typ host\r\n",
            address.ip(),
            address.port()
        )?;
    }
    sdp.push_str("a=end-of-candidates\r\n");
    Ok(())
}

fn write_media(sdp: &mut String, media: &Media, opened: &LegOpened) -> fmt::Result {
    if let Some(id) = media.audio_level_extension {
        write!(
            sdp,
            "a=extmap:{id} urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n"
        )?;
    }
    if let Some(id) = media.mid_extension {
        write!(sdp, "a=extmap:{id} urn:ietf:params:rtp-hdrext:sdes:mid\r\n")?;
    }
    for codec in &media.codecs {
        write_codec(sdp, codec)?;
    }
    let Some(sent) = &media.sent else {
        return Ok(());
    };
    let track = match sent.kind {
        MediaKind::Audio => "audio",
        MediaKind::Video => "video",
    };
    let stream = sent.stream;
    write!(sdp, "a=msid:{stream} {stream}-{track}\r\n")?;
    if let Some(SlotSsrcs { ssrc, .. }) = opened.slots.get(sent.slot) {
        write!(
            sdp,
            "a=ssrc:{ssrc} cname:{}\r\na=ssrc:{ssrc} msid:{stream} {stream}-{track}\r\n",
            opened.cname
        )?;
    }
    Ok(())
}

fn write_codec(sdp: &mut String, codec: &OfferedCodec) -> fmt::Result {
    let pt = codec.payload_type;
    match codec.codec {
        Codec::Opus => write!(
            sdp,
            "a=rtpmap:{pt} opus/48000/2\r\na=fmtp:{pt} minptime=10;useinbandfec=1\r\n"
        )?,
        Codec::Vp8 => write!(sdp, "a=rtpmap:{pt} VP8/90000\r\n")?,
        Codec::Vp9 => write!(sdp, "a=rtpmap:{pt} VP9/90000\r\n")?,
        Codec::Av1 => write!(sdp, "a=rtpmap:{pt} AV1/90000\r\n")?,
        Codec::H264 => {
            let profile = codec.profile_level_id.as_deref().unwrap_or("42e01f");
            write!(sdp, "a=rtpmap:{pt} H264/90000\r\na=fmtp:{pt} ")?;
            write!(
                sdp,
                "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id={profile}\r\n"
            )?;
        }
    }
    if codec.codec.kind() == MediaKind::Audio {
        return Ok(());
    }
    let kept = [
        ("nack", codec.feedback.nack),
        ("nack pli", codec.feedback.pli),
        ("ccm fir", codec.feedback.fir),
    ];
    for (what, _) in kept.into_iter().filter(|(_, offered)| *offered) {
        write!(sdp, "a=rtcp-fb:{pt} {what}\r\n")?;
    }
    Ok(())
}
