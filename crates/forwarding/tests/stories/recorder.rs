//! A sink that remembers, and holds the one rule that must never break: one packet index of one
//! SSRC of one leg always comes with the same bytes.

use crate::publisher::Tag;
use forwarding::{
    Action, Codec, Kind, LegId, Mid, Packet, PayloadTypes, Rtx, SenderReport, Sink, SlotExtensions,
    SlotSpec, StreamId,
};
use std::collections::BTreeMap;
use std::time::Duration;

/// A packet that went out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    pub leg: LegId,
    pub ssrc: u32,
    pub index: u64,
    pub bytes: Vec<u8>,
    pub header_bytes: usize,
    /// The number it had the first time, in a retransmission packet.
    pub osn: Option<u16>,
    /// The transport-wide number the sink gave it.
    pub transport_sequence: Option<u16>,
    pub resend: bool,
    pub frame_end: bool,
}

impl Sent {
    pub fn tag(&self) -> Tag {
        Tag::read(self.payload())
    }

    pub fn sequence(&self) -> u16 {
        u16::from_be_bytes([self.bytes[2], self.bytes[3]])
    }

    pub fn timestamp(&self) -> u32 {
        u32::from_be_bytes(*self.bytes[4..].first_chunk().unwrap())
    }

    /// The payload, without the padding that the header announces.
    pub fn payload(&self) -> &[u8] {
        let is_padded = self.bytes[0] & 0x20 != 0;
        let padding = self.bytes.last().filter(|_| is_padded);
        let end = self.bytes.len() - usize::from(*padding.unwrap_or(&0));
        let osn_bytes = 2 * usize::from(self.osn.is_some());
        &self.bytes[self.header_bytes + osn_bytes..end]
    }

    pub fn payload_type(&self) -> u8 {
        self.bytes[1] & 0x7f
    }
}

/// Everything the router wanted since the last look.
#[derive(Default)]
pub struct Recorder {
    pub sent: Vec<Sent>,
    pub keyframe_requests: Vec<StreamId>,
    pub resend_requests: Vec<(StreamId, Vec<u16>)>,
    pub reports: Vec<SenderReport>,
    nonces: BTreeMap<(LegId, u32, u64), Vec<u8>>,
    counted: BTreeMap<LegId, u16>,
}

impl Sink for Recorder {
    fn take(&mut self, action: Action<'_>) {
        match action {
            Action::Send(packet) => {
                let transport_sequence = self.count(&packet);
                let sent = Sent {
                    leg: packet.leg,
                    ssrc: packet.ssrc,
                    index: packet.index,
                    bytes: whole(&packet, transport_sequence),
                    osn: packet.osn,
                    transport_sequence,
                    header_bytes: packet.header.len(),
                    resend: packet.resend,
                    frame_end: packet.frame_end,
                };
                self.check_nonce(&sent);
                self.sent.push(sent);
            }
            Action::RequestKeyframe { stream } => self.keyframe_requests.push(stream),
            Action::RequestResend { stream, sequences } => {
                self.resend_requests.push((stream, sequences.to_vec()));
            }
            Action::SenderReport(report) => self.reports.push(report),
        }
    }
}

impl Recorder {
    /// The leg's next transport-wide number, if the packet has a place for it.
    fn count(&mut self, packet: &Packet<'_>) -> Option<u16> {
        packet.transport_sequence_at?;
        let counted = self.counted.entry(packet.leg).or_default();
        *counted = counted.wrapping_add(1);
        Some(*counted)
    }

    fn check_nonce(&mut self, sent: &Sent) {
        assert_eq!(
            sent.index as u16,
            sent.sequence(),
            "index and number differ"
        );
        let key = (sent.leg, sent.ssrc, sent.index);
        match self.nonces.get(&key) {
            Some(before) => {
                assert_eq!(before, &sent.bytes, "{key:?} reused for other bytes");
                assert!(sent.resend, "{key:?} sent twice without being asked for");
            }
            None => {
                self.nonces.insert(key, sent.bytes.clone());
            }
        }
    }

    pub fn take_sent(&mut self) -> Vec<Sent> {
        std::mem::take(&mut self.sent)
    }
}

/// The packet as it goes into SRTP.
fn whole(packet: &Packet<'_>, transport_sequence: Option<u16>) -> Vec<u8> {
    let mut bytes = Vec::new();
    packet.write_to(&mut bytes);
    assert_eq!(bytes.len(), packet.len());
    if let Some((at, number)) = packet.transport_sequence_at.zip(transport_sequence) {
        bytes[at..at + 2].copy_from_slice(&number.to_be_bytes());
    }
    bytes
}

pub const H264_ON_LEG: u8 = 109;
pub const OPUS_ON_LEG: u8 = 63;
pub const LEVEL_ON_LEG: u8 = 3;

/// A slot of a browser that numbers payload types its own way.
pub fn slot(kind: Kind, ssrc: u32) -> SlotSpec {
    let payload_types = PayloadTypes::new()
        .with(Codec::H264, H264_ON_LEG)
        .with(Codec::Opus, OPUS_ON_LEG);
    SlotSpec {
        extensions: SlotExtensions {
            audio_level: Some(LEVEL_ON_LEG),
            ..SlotExtensions::NONE
        },
        ..SlotSpec::new(kind, ssrc, payload_types)
    }
}

pub const H264_RTX_ON_LEG: u8 = 110;
pub const MID_ON_LEG: u8 = 4;
pub const TRANSPORT_ON_LEG: u8 = 5;
pub const DESCRIPTOR_ON_LEG: u8 = 6;
/// Set in the SSRC of a slot's retransmission stream.
pub const RTX: u32 = 1 << 31;

/// A slot of a browser that takes everything.
pub fn full_slot(kind: Kind, ssrc: u32) -> SlotSpec {
    SlotSpec {
        rtx: Some(Rtx {
            ssrc: RTX | ssrc,
            payload_types: PayloadTypes::new().with(Codec::H264, H264_RTX_ON_LEG),
        }),
        extensions: SlotExtensions {
            mid: Mid::new(b"v1").map(|mid| (MID_ON_LEG, mid)),
            audio_level: Some(LEVEL_ON_LEG),
            transport_sequence: Some(TRANSPORT_ON_LEG),
            dependency_descriptor: Some(DESCRIPTOR_ON_LEG),
        },
        ..slot(kind, ssrc)
    }
}

pub fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}
