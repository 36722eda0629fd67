//! Writing an answer (RFC 3264 §6, RFC 9429 §5.3).

use super::{Extensions, Offer, OfferedCodec, Rid, Section, Tagged, lines};
use crate::media::{Fingerprint, IceCredentials, LegOpened};
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
    /// Header extensions kept out of the offer, with its ids.
    pub extensions: Extensions,
    /// Layers taken, in the offer's order; empty without a simulcast.
    pub rids: Vec<Rid>,
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
            let tagged = self.tagged(&accepted(replies));
            for (index, (section, reply)) in self.sections.iter().zip(replies).enumerate() {
                match reply {
                    Reply::Rejected => write_rejected(&mut sdp, section)?,
                    Reply::Accepted(media) => {
                        write_transport(&mut sdp, section, media, local, tagged == Some(index))?;
                        lines::write_media(&mut sdp, section, media, opened)?;
                    }
                }
            }
            Ok(())
        };
        // Writing into a string cannot fail.
        let _ = write();
        sdp
    }

    /// The m-line that carries the transport of the answer with these replies.
    pub fn transport_line(&self, replies: &[Reply]) -> Tagged {
        let taken = accepted(replies);
        let section = self
            .tagged(&taken)
            .and_then(|index| self.sections.get(index));
        Tagged {
            name: section.map_or_else(|| "audio".to_owned(), |section| section.name.clone()),
            mid: section.and_then(|section| section.mid.clone()),
            bundle: self.kept_mids(replies).cloned().collect(),
        }
    }

    /// The mids of the answer's BUNDLE group, in the offer's order.
    fn kept_mids<'a>(&'a self, replies: &'a [Reply]) -> impl Iterator<Item = &'a String> {
        let kept = |mid: &&String| {
            let index = self
                .sections
                .iter()
                .position(|s| s.mid.as_ref() == Some(*mid));
            matches!(index.and_then(|i| replies.get(i)), Some(Reply::Accepted(_)))
        };
        self.bundle.iter().flatten().filter(kept)
    }

    fn write_session(&self, sdp: &mut String, local: &Local<'_>, replies: &[Reply]) -> fmt::Result {
        write!(
            sdp,
            "v=0\r\no=- {} 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n",
            local.session_number
        )?;
        if self.bundle.is_some() {
            sdp.push_str("a=group:BUNDLE");
            for mid in self.kept_mids(replies) {
                write!(sdp, " {mid}")?;
            }
            sdp.push_str("\r\n");
        }
        if self.extmap_allow_mixed {
            sdp.push_str("a=extmap-allow-mixed\r\n");
        }
        sdp.push_str("a=ice-lite\r\na=msid-semantic: WMS *\r\n");
        Ok(())
    }
}

fn accepted(replies: &[Reply]) -> Vec<usize> {
    let index =
        |(index, reply): (usize, &Reply)| matches!(reply, Reply::Accepted(_)).then_some(index);
    replies.iter().enumerate().filter_map(index).collect()
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
    for payload_type in lines::payload_types(media) {
        write!(sdp, " {payload_type}")?;
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

pub(super) fn write_candidates(sdp: &mut String, candidates: &[SocketAddr]) -> fmt::Result {
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
