//! What a leg is, as the HTTP side of the relay hands it over: an SDP offer, already parsed and judged.

use super::{PublishedTrack, WatchSlot};
use protocol::{ConferenceId, LegRole, SiteCode};

/// A leg within this process, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LegId(pub u32);

impl std::fmt::Display for LegId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// ICE short-term credentials of one side (RFC 8445 §5.3).
#[derive(Clone, PartialEq, Eq)]
pub struct IceCredentials {
    /// 4 to 256 ice-chars.
    pub ufrag: String,
    /// 22 to 256 ice-chars.
    pub pwd: String,
}

impl std::fmt::Debug for IceCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The password would let a reader of logs take the leg over.
        f.debug_struct("IceCredentials")
            .field("ufrag", &self.ufrag)
            .finish_non_exhaustive()
    }
}

impl IceCredentials {
    /// Fresh random credentials: 8 and 32 ice-chars (48 and 192 bits).
    pub fn random() -> Self {
        Self {
            ufrag: super::random::ice_chars::<8>(),
            pwd: super::random::ice_chars::<32>(),
        }
    }
}

/// SHA-256 of a DER certificate (RFC 8122 §5).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// Of this certificate.
    pub fn of(der: &[u8]) -> Self {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, der);
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest.as_ref());
        Self(bytes)
    }

    /// Reads `AA:BB:…` (32 pairs of hexadecimal digits, either case); `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        let mut pairs = text.trim().split(':');
        for byte in &mut bytes {
            let pair = pairs
                .next()
                .filter(|p| p.len() == 2 && p.bytes().all(|b| b.is_ascii_hexdigit()))?;
            *byte = u8::from_str_radix(pair, 16).ok()?;
        }
        pairs.next().is_none().then_some(Self(bytes))
    }
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, byte) in self.0.iter().enumerate() {
            write!(f, "{}{byte:02X}", if i == 0 { "" } else { ":" })?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

/// A leg to open. The peer is the ICE controlling side and the DTLS client (`a=setup:passive` in the answer).
#[derive(Clone, Debug)]
pub struct LegSpec {
    /// Session id, as in its `Location`; appears in reports.
    pub session: String,
    /// What the leg is for. `Publish` takes [`LegMedia::Publish`], every other role [`LegMedia::Watch`].
    pub role: LegRole,
    /// Whose leg it is: the publishing or watching hall, or the site whose return feed is watched.
    /// Absent for [`LegRole::Program`] only.
    pub site: Option<SiteCode>,
    /// The conference it is for. The plan may have changed to another since the token was judged, so it is compared
    /// once more when the leg is opened; absent where tokens name none.
    pub conference: Option<ConferenceId>,
    /// Our credentials, as in the answer; the ufrag must be unique in this process.
    pub local: IceCredentials,
    /// The peer's credentials, as in its offer.
    pub remote: IceCredentials,
    /// `a=fingerprint:sha-256` lines of the offer; the peer's certificate must match one. Never empty.
    pub remote_fingerprints: Vec<Fingerprint>,
    /// The m-lines.
    pub media: LegMedia,
}

/// The m-lines of a leg, those with port 0 left out.
#[derive(Clone, Debug)]
pub enum LegMedia {
    /// The peer sends.
    Publish(Vec<PublishedTrack>),
    /// The peer receives: slots in m-line order.
    Watch(Vec<WatchSlot>),
}

/// An open leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegOpened {
    /// Its id, for [`super::MediaHandle::close_leg`].
    pub leg: LegId,
    /// What is sent in each slot, in slot order, for `a=ssrc` and `a=ssrc-group:FID` in the answer; empty on a publish
    /// leg.
    pub slots: Vec<SlotSsrcs>,
    /// The CNAME of every stream this relay sends (RFC 7022), the same for all so that audio and video play in step.
    pub cname: String,
}

/// The SSRCs of one slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotSsrcs {
    /// Of the media.
    pub ssrc: u32,
    /// Of its retransmissions (RFC 4588 §5.1); only where [`WatchSlot::rtx_payload_types`] has any.
    pub rtx: Option<u32>,
}

/// Why the media thread refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MediaError {
    /// The bound on legs is reached; answer 503.
    #[error("this relay has all the {legs_max} legs of this kind that it takes")]
    TooManyLegs {
        /// The bound.
        legs_max: usize,
    },
    /// The leg is for another conference than the plan's; answer 403.
    #[error("this relay carries another conference now")]
    OtherConference,
    /// The spec contradicts itself.
    #[error("leg refused: {0}")]
    BadSpec(&'static str),
    /// The leg has gone meanwhile; answer 404.
    #[error("there is no such leg")]
    NoSuchLeg,
    /// The command queue is full; answer 503.
    #[error("the media thread is busy")]
    Busy,
    /// The media thread has ended.
    #[error("the media thread has stopped")]
    Stopped,
}
