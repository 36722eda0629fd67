//! The readers of the media plane, driven from bytes alone. See [`crate::fuzzing`].

use super::core::Core;
use super::dtls::{Dtls, Event};
use super::srtp::{
    Clear, Profile, Receiver, Rejected, Sender, SessionKeys, rtp_header_len, rtp_seq_ssrc,
};
use super::stun::{Class, Message};
use super::transmit::{Outcome, Transmit};
use super::{
    Fingerprint, IceCredentials, Layer, LegId, LegMedia, LegSpec, MediaCertificate, MediaConfig,
};
use crate::sdp::{self, HALL_SLOTS, Offer};
use protocol::{ChildTrunk, LegRole, ParentTrunk, RelayPlan, SiteCode};
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// What a browser with a camera offers, as far as a relay looks.
const PUBLISH: &str = include_str!("fuzzing/publish.sdp");
/// What a hall page offers.
const WATCH: &str = include_str!("fuzzing/watch.sdp");
const PWD: &str = "passwordpasswordpassword";

/// Control byte and datagram, one after the other; the last may be shorter than it says.
fn pieces(mut bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (&[control, low, high], rest) = bytes.split_first_chunk()?;
        let len = usize::from(u16::from_le_bytes([low, high])).min(rest.len());
        let (piece, rest) = rest.split_at(len);
        bytes = rest;
        Some((control, piece))
    })
}

/// One STUN message.
pub(crate) fn stun(bytes: &[u8]) {
    let Some(message) = Message::parse(bytes) else {
        return;
    };
    let authentic = message.is_authentic(PWD);
    assert!(!authentic || message.class != Class::Error || bytes.len() >= 44);
}

/// Sealed packets as they come, and packets that are sealed first.
pub(crate) fn srtp(bytes: &[u8]) {
    for profile in [Profile::Aes128Gcm, Profile::Aes128CmSha1_80] {
        let (Some(ours), Some(theirs)) = (keys(profile, false), keys(profile, true)) else {
            return;
        };
        let receiver = Receiver::new(profile, &ours.remote);
        let sender = Sender::new(profile, &theirs.local);
        let (Ok(mut receiver), Ok(mut sender)) = (receiver, sender) else {
            return;
        };
        for (control, piece) in pieces(bytes) {
            srtp_piece(&mut receiver, &mut sender, control, piece);
        }
    }
}

fn srtp_piece(receiver: &mut Receiver, sender: &mut Sender, control: u8, piece: &[u8]) {
    let mut packet = piece.to_vec();
    let is_rtcp = control & 1 == 1;
    if control & 2 == 2 {
        // Whatever is sealed opens again, or was seen before.
        let cycles = u64::from(control >> 2) << 16;
        let sealed = match rtp_seq_ssrc(piece).filter(|_| !is_rtcp) {
            Some((sequence, _)) => seal(sender, &mut packet, cycles | u64::from(sequence)),
            None => sender.seal_rtcp(&mut packet),
        };
        if sealed.is_err() {
            return;
        }
    }
    let opened = if is_rtcp {
        receiver.open_rtcp(&mut packet)
    } else {
        receiver.open_rtp(&mut packet)
    };
    if let Ok(len) = opened {
        assert!(len < packet.len(), "a tag was taken off");
        assert!(
            control & 2 == 0 || packet[..len] == *piece,
            "what was sealed"
        );
    }
}

fn seal(sender: &Sender, packet: &mut Vec<u8>, index: u64) -> Result<(), Rejected> {
    let clear = packet.clone();
    let header_len = rtp_header_len(&clear).ok_or(Rejected)?;
    let (header, payload) = clear.split_at(header_len);
    let clear = Clear {
        header,
        payload,
        ..Clear::default()
    };
    packet.resize(sender.sealed_len(clear.len()), 0);
    sender.seal_rtp_into(&clear, index, packet)
}

/// Keys that both ends of these tests know.
fn keys(profile: Profile, is_client: bool) -> Option<SessionKeys> {
    let material: Vec<u8> = (0..profile.exporter_len()).map(|n| n as u8).collect();
    SessionKeys::from_exporter(profile, &material, is_client).ok()
}

/// Datagrams of a peer that has proven its address, to the gate and the endpoint of a server; of a client, as towards a
/// parent, where the first control byte is odd.
pub(crate) fn dtls(bytes: &[u8]) {
    let Ok(mut dtls) = Dtls::new(certificate()) else {
        return;
    };
    let mut now = Instant::now();
    if bytes.first().is_some_and(|control| control & 1 == 1) {
        dtls.connect(LegId(1), now).expect("a client");
    }
    let (mut taken, mut given) = (0, 0);
    for (control, piece) in pieces(bytes) {
        now += Duration::from_millis(u64::from(control));
        taken += piece.len();
        let event = dtls.handle_datagram(LegId(1), piece, now);
        assert!(
            !matches!(event, Some(Event::Complete(_))),
            "nobody has keys"
        );
        if event.is_none() && dtls.poll_timeout(LegId(1)).is_some_and(|due| due <= now) {
            let _ = dtls.handle_timeout(LegId(1), now);
        }
        while let Some((leg, datagram)) = dtls.poll_transmit() {
            assert_eq!(leg, LegId(1));
            given += datagram.len();
        }
    }
    // The address is proven, but a relay that answers a byte with a kilobyte would still be a tool.
    assert!(given <= 64 * 1024 + 16 * taken, "{given} for {taken}");
    dtls.stop(LegId(1), now);
}

/// Datagrams off the socket, from addresses that are legs' and from others.
pub(crate) fn core(bytes: &[u8]) {
    let Some(mut stage) = Stage::new() else {
        return;
    };
    for (control, piece) in pieces(bytes) {
        stage.pass(control >> 3);
        let from = address(control & 7);
        let now = stage.now;
        stage.core.handle_datagram(now, from, &mut piece.to_vec());
    }
    stage.end();
}

/// What connected peers send as RTP, decrypted.
pub(crate) fn rtp(bytes: &[u8]) {
    decrypted(bytes, false);
}

/// What connected peers send as RTCP, decrypted.
pub(crate) fn rtcp(bytes: &[u8]) {
    decrypted(bytes, true);
}

fn decrypted(bytes: &[u8], is_rtcp: bool) {
    let Some(mut stage) = Stage::new() else {
        return;
    };
    for (control, piece) in pieces(bytes) {
        stage.pass(control >> 3);
        let now = stage.now;
        // The peer of the pieces of a target; the top bit says the other kind, so that one finds the other's state.
        let leg = stage.legs[usize::from(control & 3)];
        let is_rtcp = is_rtcp != (control & 4 == 4);
        stage.core.take_decrypted(leg, piece, is_rtcp, now);
    }
    stage.end();
}

fn certificate() -> &'static MediaCertificate {
    static CERTIFICATE: OnceLock<MediaCertificate> = OnceLock::new();
    CERTIFICATE.get_or_init(|| MediaCertificate::generate().expect("randomness"))
}

/// Where the n-th peer is.
fn address(n: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, n], 5000))
}

/// Takes everything.
struct Nowhere;

impl Transmit for Nowhere {
    fn send(&mut self, _to: SocketAddr, bytes: &[u8], segment_size: Option<usize>) -> Outcome {
        assert!(
            !bytes.is_empty() && segment_size != Some(0),
            "an empty datagram"
        );
        Outcome::default()
    }

    fn segments_max(&self) -> usize {
        super::transmit::SEGMENTS_MAX
    }
}

/// A relay with a publisher, a watcher, a parent and a child, all connected.
struct Stage {
    core: Core,
    now: Instant,
    legs: [LegId; 4],
}

impl Stage {
    fn new() -> Option<Self> {
        let now = Instant::now();
        let config = MediaConfig {
            listen: address(0),
            certificate: certificate().clone(),
            ssrc_block: 1,
            legs_max: 8,
            workers: 1,
            pin_cores: Vec::new(),
            burst: std::time::Duration::from_millis(5),
        };
        let mut core = Core::new(config, Box::new(Nowhere), now).ok()?;
        core.set_plan(plan()?, now);
        let publish = sdp::publish(&Offer::parse(PUBLISH.as_bytes()).ok()?).ok()?;
        let watch = sdp::watch(
            &Offer::parse(WATCH.as_bytes()).ok()?,
            HALL_SLOTS,
            Layer::BEST,
        )
        .ok()?;
        let keys = |n: u8| {
            let profile = [Profile::Aes128Gcm, Profile::Aes128CmSha1_80][usize::from(n & 1)];
            keys(profile, false)
        };
        let hall = spec("HUB", LegRole::Publish, publish.media)?;
        let publisher = core.join(hall, address(1), keys(1)?, now)?;
        let hall = spec("A", LegRole::Watch, watch.media)?;
        let watcher = core.join(hall, address(2), keys(2)?, now)?;
        let [parent, child] = core.join_trunks([address(3), address(4)], keys, now)?;
        Some(Self {
            core,
            now,
            legs: [publisher, watcher, parent, child],
        })
    }

    fn pass(&mut self, steps: u8) {
        self.now += Duration::from_millis(u64::from(steps) * 8);
        if self.core.next_timeout() <= self.now {
            self.core.handle_timeout(self.now);
        }
    }

    /// What holds whatever came.
    fn end(mut self) {
        self.pass(u8::MAX);
        let _ = self.core.report(self.now);
        assert_eq!(
            self.core.drops().not_sent,
            0,
            "the router made a packet that cannot be sealed"
        );
    }
}

fn site(name: &str) -> Option<SiteCode> {
    name.parse().ok()
}

fn spec(name: &str, role: LegRole, media: LegMedia) -> Option<LegSpec> {
    let credentials = |side: &str| IceCredentials {
        ufrag: format!("{side}{name}"),
        pwd: PWD.to_owned(),
    };
    Some(LegSpec {
        session: name.to_owned(),
        role,
        site: Some(site(name)?),
        conference: None,
        local: credentials("ours"),
        remote: credentials("theirs"),
        remote_fingerprints: vec![Fingerprint([0; 32])],
        media,
    })
}

/// Program from the hall itself, feeds of both directions on the trunks.
fn plan() -> Option<RelayPlan> {
    let fingerprint = Fingerprint([0; 32]).to_string();
    let feeds = vec![site("HUB")?, site("A")?];
    let parent = ParentTrunk {
        relay: "parent".parse().ok()?,
        addresses: vec![address(3)],
        ice_ufrag: "parent".to_owned(),
        ice_pwd: PWD.to_owned(),
        certificate_fingerprint: fingerprint.clone(),
        feeds: feeds.clone(),
    };
    let child = ChildTrunk {
        relay: "child".parse().ok()?,
        ice_ufrag: "child".to_owned(),
        ice_pwd: PWD.to_owned(),
        certificate_fingerprint: fingerprint,
        feeds: feeds.clone(),
    };
    Some(RelayPlan {
        epoch: 1,
        conference: "fuzzing".parse().ok()?,
        sites: feeds,
        program: vec![site("HUB")?],
        floor: None,
        parents: vec![parent],
        children: vec![child],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without a stage the targets would find nothing, and say so to nobody.
    #[test]
    fn the_stage_carries_a_picture() {
        let mut stage = Stage::new().expect("offers, plan and legs are good");
        let report = stage.core.report(stage.now);
        assert_eq!((report.legs.len(), report.trunks.len()), (2, 2));
        for n in 1..50 {
            let mut packet = vec![0x90, 0xe0, 0, n, 0, 0, n, 0, 0, 0, 0, 3];
            // MID 1, RID f; a keyframe.
            packet.extend_from_slice(&[0xbe, 0xde, 0, 1, 0x40, b'1', 0xa0, b'f']);
            packet.extend_from_slice(&[0x10, 0, 0, 0, 0x9d, 0x01, 0x2a]);
            let (publisher, now) = (stage.legs[0], stage.now);
            stage.core.take_decrypted(publisher, &packet, false, now);
            stage.pass(5);
        }
        let now = stage.now;
        assert_eq!(stage.core.report(now).feeds.len(), 1);
        assert!(
            stage
                .core
                .report(now)
                .legs
                .iter()
                .any(|leg| leg.packets_sent > 0)
        );
        stage.end();
    }
}
