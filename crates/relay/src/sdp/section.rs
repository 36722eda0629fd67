//! One m-line of an offer, with what the relay needs of it.

use super::codec::{self, OfferedCodec};
use super::extensions::{self, Extensions};
use super::fault::{Fault, quoted};
use super::simulcast::{self, Rid};
use protocol::MediaKind;
use rtc_sdp::{MediaDescription, SessionDescription};

/// Longest `a=mid` taken: the one-byte header-extension form holds 16 bytes (RFC 8285 §4.2).
const MID_BYTES_MAX: usize = 16;

/// SSRCs of one m-line that are looked at; browsers announce two (media and RTX) or six (simulcast).
const SSRCS_MAX: usize = 16;

/// One m-line.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one attribute line that is there or not"
)]
#[derive(Clone, Debug)]
pub struct Section {
    /// `m-line 2 (video)`: 1-based, for errors.
    pub place: String,
    /// Its first word: `audio`, `video`, `application`.
    pub name: String,
    /// Audio or video; `None` for anything a relay does not carry.
    pub kind: Option<MediaKind>,
    /// `UDP/TLS/RTP/SAVPF`.
    pub protocol: String,
    /// The format list, for the answer of a rejected m-line.
    pub formats: Vec<String>,
    /// Not switched off by port 0 (RFC 3264 §5.1; with `bundle-only`, port 0 means on, RFC 9143 §6).
    pub enabled: bool,
    /// Port 0 and `a=bundle-only`: its transport is that of its group's tagged m-line, and what says so is left out here
    /// (RFC 9143 §6, RFC 9429 §5.2.1).
    pub bundle_only: bool,
    /// `a=mid`.
    pub mid: Option<String>,
    /// The peer sends media here.
    pub sends: bool,
    /// The peer takes media here.
    pub receives: bool,
    /// Codecs a relay carries, the peer's favourite first.
    pub codecs: Vec<OfferedCodec>,
    /// Ids of the header extensions that the relay knows.
    pub extensions: Extensions,
    /// `a=extmap-allow-mixed` on the m-line itself (RFC 8285 §6).
    pub extmap_allow_mixed: bool,
    /// The streams of `a=simulcast:send`, each with its alternatives.
    pub simulcast: Vec<Vec<Rid>>,
    /// `a=ssrc` values, each once.
    pub ssrcs: Vec<u32>,
    /// `a=rtcp-mux`, or `a=rtcp-mux-only`.
    pub rtcp_mux: bool,
    /// `a=rtcp-rsize` (RFC 5506 §5).
    pub rtcp_rsize: bool,
}

impl Section {
    pub(super) fn read(
        index: usize,
        session: &SessionDescription,
        media: &MediaDescription,
    ) -> Result<Self, Fault> {
        let name = &media.media_name;
        let place = format!("m-line {} ({})", index + 1, name.media);
        let (sends, receives) = direction(session, media);
        let off = name.port.value == 0;
        let bundle_only = off && media.has_attribute("bundle-only");
        Ok(Self {
            mid: mid(&place, media)?,
            kind: kind(&name.media, &name.protos),
            name: name.media.clone(),
            protocol: name.protos.join("/"),
            formats: name.formats.clone(),
            enabled: !off || bundle_only,
            bundle_only,
            sends,
            receives,
            codecs: codec::offered(media),
            extensions: extensions::offered(media),
            extmap_allow_mixed: media.has_attribute("extmap-allow-mixed"),
            simulcast: simulcast::offered(media),
            ssrcs: ssrcs(media),
            // The second says that nothing else will do (RFC 8858 §3); the answer to both is the first.
            rtcp_mux: media.has_attribute("rtcp-mux") || media.has_attribute("rtcp-mux-only"),
            rtcp_rsize: media.has_attribute("rtcp-rsize"),
            place,
        })
    }

    /// A relay can carry something of it.
    pub fn usable(&self) -> bool {
        self.enabled
            && self.kind.is_some()
            && self
                .codecs
                .iter()
                .any(|c| Some(c.codec.kind()) == self.kind)
    }
}

fn kind(media: &str, protocols: &[String]) -> Option<MediaKind> {
    if protocols.join("/") != "UDP/TLS/RTP/SAVPF" {
        return None;
    }
    match media {
        "audio" => Some(MediaKind::Audio),
        "video" => Some(MediaKind::Video),
        _ => None,
    }
}

fn mid(place: &str, media: &MediaDescription) -> Result<Option<String>, Fault> {
    let Some(mid) = media.attribute("mid") else {
        return Ok(None);
    };
    let mid = mid.unwrap_or_default();
    // RFC 5888 §4: a token. It goes into the answer, so nothing else may pass.
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`{|}~".contains(&b);
    if (1..=MID_BYTES_MAX).contains(&mid.len()) && mid.bytes().all(token) {
        Ok(Some(mid.to_owned()))
    } else {
        Err(Fault::new(
            place,
            format!("a=mid:{}", quoted(mid)),
            format!("a token of 1 to {MID_BYTES_MAX} characters (RFC 5888 §4)"),
        ))
    }
}

/// Whether the peer sends and receives; `sendrecv` when nothing is said (RFC 8866 §6.7).
fn direction(session: &SessionDescription, media: &MediaDescription) -> (bool, bool) {
    let of = |key: &str| match key {
        "sendrecv" => Some((true, true)),
        "sendonly" => Some((true, false)),
        "recvonly" => Some((false, true)),
        "inactive" => Some((false, false)),
        _ => None,
    };
    let first = |attributes: &[rtc_sdp::description::common::Attribute]| {
        attributes.iter().find_map(|a| of(&a.key))
    };
    first(&media.attributes)
        .or_else(|| first(&session.attributes))
        .unwrap_or((true, true))
}

fn ssrcs(media: &MediaDescription) -> Vec<u32> {
    let mut ssrcs = Vec::new();
    for attribute in media.attributes.iter().filter(|a| a.key == "ssrc") {
        let word = attribute
            .value
            .as_deref()
            .and_then(|v| v.split_ascii_whitespace().next());
        let Some(Ok(ssrc)) = word.map(str::parse) else {
            continue;
        };
        if !ssrcs.contains(&ssrc) && ssrcs.len() < SSRCS_MAX {
            ssrcs.push(ssrc);
        }
    }
    ssrcs
}
