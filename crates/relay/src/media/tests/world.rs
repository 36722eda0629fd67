//! Relays and guests on an in-memory wire, with invented time.

use super::guest::Guest;
use super::recorder::Recorder;
use crate::media::core::Core;
use crate::media::handle::Command;
use crate::media::intake::Intake;
use crate::media::worker::{Turn, Worker};
use crate::media::{
    Codec, IceCredentials, Layer, LegId, LegMedia, LegSpec, MediaCertificate, MediaConfig,
    PublishExtensions, PublishedTrack, SlotPurpose, WatchExtensions, WatchSlot,
};
use protocol::{ChildTrunk, LegRole, MediaKind, ParentTrunk, RelayPlan, SiteCode};
use std::cell::Cell;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

pub(crate) const VIDEO_SSRC: u32 = 0xaaaa_0001;
pub(crate) const AUDIO_SSRC: u32 = 0xaaaa_0002;

/// A relay at its address.
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    pub(crate) core: Core,
    /// Its other sending threads, here without threads.
    workers: Vec<Worker>,
    /// They tell what they have to tell when it is due, and not at once.
    pub(crate) tells_in_time: bool,
    /// What it sent.
    pub(crate) sent: Recorder,
    /// Its socket is of both families: IPv4 peers show at mapped addresses.
    pub(crate) hears_both_families: bool,
    pub(crate) certificate: MediaCertificate,
}

impl Relay {
    /// Its sending threads do what they were told.
    pub(crate) fn work(&mut self, now: Instant) {
        for worker in &mut self.workers {
            while worker.turn(now) == Turn::Again {}
        }
    }

    /// One of its sending threads panics.
    pub(crate) fn lose_worker(&mut self) {
        self.workers.pop().expect("a sending thread");
    }

    /// Takes in what one call to the socket gives, as if all of it came from there, and ends the turn.
    pub(crate) fn take_batch(&mut self, intake: &mut Intake, from: SocketAddr, now: Instant) {
        let core = &mut self.core;
        let may_be_more = intake.read(|_, datagram, more_follow| {
            core.expect_more(more_follow);
            core.handle_datagram(now, from, datagram);
        });
        assert!(!may_be_more, "it was all");
        core.hear_workers(now);
    }

    /// Its sending threads do what they were told, and tell the core what they have to say.
    fn turn(&mut self, now: Instant) {
        for worker in &mut self.workers {
            if self.tells_in_time {
                worker.turn_in_time(now);
            } else {
                worker.turn_inline(now);
            }
        }
        self.core.hear_workers(now);
    }
}

thread_local! {
    /// Sending threads of the relays that this test makes.
    static WORKERS: Cell<usize> = const { Cell::new(1) };
}

/// Tells a story once more, with relays of this many sending threads.
pub(crate) fn with_workers(workers: usize, story: fn()) {
    WORKERS.set(workers);
    story();
}

/// Whether a datagram vanishes: from, to, bytes.
pub(crate) type Loss = Box<dyn FnMut(SocketAddr, SocketAddr, &[u8]) -> bool>;

/// Everything there is.
pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) relays: Vec<Relay>,
    pub(crate) guests: Vec<Guest>,
    /// Datagrams for which this says true vanish.
    pub(crate) lose: Loss,
    /// After how long guests to come repeat what they send in a handshake.
    pub(crate) guests_repeat_after: Duration,
    next_port: u16,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            now: Instant::now(),
            relays: Vec::new(),
            guests: Vec::new(),
            lose: Box::new(|_, _, _| false),
            guests_repeat_after: Duration::from_secs(1),
            next_port: 40_000,
        }
    }

    /// A world with one relay, whose plan has this site's feed for the program.
    pub(crate) fn with_program(site: &str) -> (Self, usize) {
        let mut world = Self::new();
        let relay = world.relay();
        let plan = plan(1, &[site], vec![], vec![]);
        world.relays[relay].core.set_plan(plan, world.now);
        (world, relay)
    }

    /// A relay at 10.0.0.`n`:5004.
    pub(crate) fn relay(&mut self) -> usize {
        let n = self.relays.len() as u8 + 1;
        let certificate = MediaCertificate::generate().expect("a certificate");
        let address = SocketAddr::from(([10, 0, 0, n], 5004));
        let sent = Recorder::default();
        let (core, workers) = self.core(address, &certificate, u16::from(n), &sent);
        self.relays.push(Relay {
            address,
            core,
            workers,
            tells_in_time: false,
            sent,
            hears_both_families: false,
            certificate,
        });
        self.relays.len() - 1
    }

    fn core(
        &self,
        address: SocketAddr,
        certificate: &MediaCertificate,
        ssrc_block: u16,
        sent: &Recorder,
    ) -> (Core, Vec<Worker>) {
        let config = MediaConfig {
            listen: address,
            certificate: certificate.clone(),
            ssrc_block,
            legs_max: 64,
            workers: WORKERS.get(),
            pin_cores: Vec::new(),
            burst: std::time::Duration::from_millis(5),
        };
        let mut core = Core::new(config, Box::new(sent.clone()), self.now).expect("a core");
        let workers = (1..WORKERS.get())
            .map(|_| core.add_worker(Box::new(sent.clone()), self.now))
            .collect();
        (core, workers)
    }

    /// The process dies and comes back with its certificate and nothing else.
    pub(crate) fn restart(&mut self, relay: usize) {
        let block = relay as u16 + 1;
        let (core, workers) = self.core(
            self.relays[relay].address,
            &self.relays[relay].certificate,
            block,
            &self.relays[relay].sent,
        );
        self.relays[relay].core = core;
        self.relays[relay].workers = workers;
    }

    fn guest(&mut self, relay: usize) -> usize {
        self.next_port += 1;
        let address = SocketAddr::from(([192, 168, 0, 1], self.next_port));
        self.guests.push(Guest::repeating_after(
            self.guests_repeat_after,
            address,
            self.relays[relay].address,
            &super::guest::CHROMIUM,
        ));
        self.guests.len() - 1
    }

    /// A hall publishes VP8 and Opus, as a browser would offer them.
    pub(crate) fn publisher(&mut self, relay: usize, site: &str) -> usize {
        self.publisher_of(relay, site, tracks())
    }

    pub(crate) fn publisher_of(
        &mut self,
        relay: usize,
        site: &str,
        tracks: Vec<PublishedTrack>,
    ) -> usize {
        let guest = self.guest(relay);
        let media = LegMedia::Publish(tracks);
        self.open(relay, guest, LegRole::Publish, Some(site), media);
        self.connect(guest);
        guest
    }

    /// A hall watches with the four slots of the hall page.
    pub(crate) fn watcher(&mut self, relay: usize, role: LegRole, site: Option<&str>) -> usize {
        let guest = self.guest(relay);
        self.open(relay, guest, role, site, LegMedia::Watch(slots()));
        self.connect(guest);
        guest
    }

    pub(crate) fn watcher_of(
        &mut self,
        relay: usize,
        role: LegRole,
        site: Option<&str>,
        media: LegMedia,
    ) -> usize {
        let guest = self.guest(relay);
        self.open(relay, guest, role, site, media);
        self.connect(guest);
        guest
    }

    /// The sessions of a relay end, as if all its pages were closed.
    pub(crate) fn close_legs(&mut self, relay: usize) {
        for n in 1..200 {
            let leg = LegId(n);
            let session = self.relays[relay].core.session_of(leg);
            if session.is_some() {
                let now = self.now;
                self.relays[relay]
                    .core
                    .handle_command(Command::CloseLeg(leg), now);
            }
        }
        self.settle();
    }

    /// A guest's leg.
    pub(crate) fn leg(&self, relay: usize, guest: usize) -> LegId {
        let session = format!("s{guest}");
        let found = (1..200)
            .map(LegId)
            .find(|leg| self.relays[relay].core.session_of(*leg) == Some(session.as_str()));
        found.expect("an open session")
    }

    pub(crate) fn open(
        &mut self,
        relay: usize,
        guest: usize,
        role: LegRole,
        site: Option<&str>,
        media: LegMedia,
    ) -> LegId {
        let peer = &self.guests[guest];
        let spec = LegSpec {
            session: format!("s{guest}"),
            role,
            site: site.map(|site| site.parse().expect("a site code")),
            conference: None,
            local: peer.relay_ice.clone(),
            remote: peer.ice.clone(),
            remote_fingerprints: vec![peer.fingerprint()],
            media,
        };
        self.relays[relay]
            .core
            .open_leg(spec, self.now)
            .expect("an open leg")
            .leg
    }

    pub(crate) fn connect(&mut self, guest: usize) {
        let check = self.guests[guest].check();
        self.send(guest, &check);
        self.until("the guest is connected", |world| {
            world.guests[guest].is_connected()
        });
    }

    /// A datagram from a guest to its relay, and everything that follows from it.
    pub(crate) fn send(&mut self, guest: usize, datagram: &[u8]) {
        let from = self.guests[guest].address;
        let to = self.guests[guest].relay_address();
        self.deliver(from, to, datagram.to_vec());
        self.settle();
    }

    pub(crate) fn send_rtp(&mut self, guest: usize, packet: &[u8]) {
        let sealed = self.guests[guest].seal_rtp(packet);
        self.send(guest, &sealed);
    }

    pub(crate) fn send_rtcp(&mut self, guest: usize, compound: &[u8]) {
        let sealed = self.guests[guest].seal_rtcp(compound);
        self.send(guest, &sealed);
    }

    fn deliver(&mut self, from: SocketAddr, to: SocketAddr, mut bytes: Vec<u8>) {
        if (self.lose)(from, to, &bytes) {
            return;
        }
        if let Some(relay) = self.relays.iter_mut().find(|relay| relay.address == to) {
            let from = if relay.hears_both_families {
                mapped(from)
            } else {
                from
            };
            relay.core.handle_datagram(self.now, from, &mut bytes);
        } else if let Some(guest) = self.guests.iter_mut().find(|guest| guest.address == to) {
            guest.handle(self.now, &bytes);
        }
    }

    /// Delivers until nobody has anything to send.
    pub(crate) fn settle(&mut self) {
        for _ in 0..1000 {
            let mut mail = Vec::new();
            for relay in &mut self.relays {
                relay.turn(self.now);
                let sent = relay.sent.take().into_iter();
                let plain = |to: SocketAddr| SocketAddr::new(to.ip().to_canonical(), to.port());
                mail.extend(sent.map(|(to, bytes)| (relay.address, plain(to), bytes)));
            }
            for guest in &mut self.guests {
                while let Some(bytes) = guest.poll() {
                    mail.push((guest.address, guest.relay_address(), bytes));
                }
            }
            if mail.is_empty() {
                return;
            }
            for (from, to, bytes) in mail {
                self.deliver(from, to, bytes);
            }
        }
        panic!("the wire never falls silent: a packet storm");
    }

    /// Lets time pass in steps of 10 ms; guests check consent every 2.5 s.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now += Duration::from_millis(10);
            self.tick();
        }
    }

    fn tick(&mut self) {
        for relay in &mut self.relays {
            if relay.core.next_timeout() <= self.now {
                relay.core.handle_timeout(self.now);
            }
        }
        for guest in &mut self.guests {
            guest.handle_timeout(self.now);
        }
        self.settle();
    }

    /// Lets time pass until something is so; a minute of invented time is the end of patience.
    pub(crate) fn until(&mut self, what: &str, mut is_so: impl FnMut(&Self) -> bool) {
        self.settle();
        for _ in 0..6000 {
            if is_so(self) {
                return;
            }
            self.now += Duration::from_millis(10);
            self.tick();
        }
        panic!("never happened: {what}");
    }

    /// `child` takes `feeds` from `parent`; both get plans that say so, with this program.
    pub(crate) fn trunk(&mut self, parent: usize, child: usize, feeds: &[&str]) {
        let ice = IceCredentials {
            ufrag: format!("trunk{parent}{child}"),
            pwd: "p".repeat(32),
        };
        let (up, down) = self.trunk_plans(parent, child, feeds, &ice);
        self.relays[parent]
            .core
            .set_plan(plan(1, feeds, Vec::new(), vec![down]), self.now);
        self.relays[child]
            .core
            .set_plan(plan(1, feeds, vec![up], Vec::new()), self.now);
    }

    pub(crate) fn trunk_plans(
        &self,
        parent: usize,
        child: usize,
        feeds: &[&str],
        ice: &IceCredentials,
    ) -> (ParentTrunk, ChildTrunk) {
        let feeds: Vec<_> = feeds
            .iter()
            .map(|site| site.parse().expect("a site code"))
            .collect();
        let up = ParentTrunk {
            relay: "parent".parse().expect("an id"),
            addresses: vec![self.relays[parent].address],
            ice_ufrag: ice.ufrag.clone(),
            ice_pwd: ice.pwd.clone(),
            certificate_fingerprint: self.relays[parent].certificate.fingerprint().to_string(),
            feeds: feeds.clone(),
        };
        let down = ChildTrunk {
            relay: "child".parse().expect("an id"),
            ice_ufrag: ice.ufrag.clone(),
            ice_pwd: ice.pwd.clone(),
            certificate_fingerprint: self.relays[child].certificate.fingerprint().to_string(),
            feeds,
        };
        (up, down)
    }

    pub(crate) fn report(&self, relay: usize) -> protocol::RelayReport {
        self.relays[relay].core.report(self.now)
    }
}

/// An IPv4 address as a socket of both families shows it.
fn mapped(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) => SocketAddr::new(ip.to_ipv6_mapped().into(), address.port()),
        IpAddr::V6(_) => address,
    }
}

/// The tests' halls, and the program's.
fn sites(program: &[&str]) -> Vec<SiteCode> {
    let all = ["A", "B", "HUB"].iter().chain(program);
    all.map(|site| site.parse().expect("a site code")).collect()
}

/// A plan whose program is the first of `program` that lives.
pub(crate) fn plan(
    epoch: u64,
    program: &[&str],
    parents: Vec<ParentTrunk>,
    children: Vec<ChildTrunk>,
) -> RelayPlan {
    RelayPlan {
        epoch,
        conference: "test".parse().expect("an id"),
        sites: sites(program),
        program: program
            .iter()
            .map(|site| site.parse().expect("a site code"))
            .collect(),
        floor: None,
        parents,
        children,
    }
}

pub(crate) fn tracks() -> Vec<PublishedTrack> {
    let track = |mid: &str, codec, payload_type, audio_level_extension, ssrc| PublishedTrack {
        mid: mid.to_owned(),
        codec,
        payload_type,
        rtx_payload_type: None,
        red_payload_type: None,
        extensions: PublishExtensions {
            audio_level: audio_level_extension,
            ..PublishExtensions::default()
        },
        rids: Vec::new(),
        feedback_nack: codec != Codec::Opus,
        ssrcs: vec![ssrc],
    };
    vec![
        track("0", Codec::Opus, 109, Some(3), AUDIO_SSRC),
        track("1", Codec::Vp8, 120, None, VIDEO_SSRC),
    ]
}

pub(crate) fn slots() -> Vec<WatchSlot> {
    let slot = |mid: &str, kind, purpose, payload_types: &[(Codec, u8)]| WatchSlot {
        mid: mid.to_owned(),
        kind,
        purpose,
        payload_types: payload_types.to_vec(),
        rtx_payload_types: Vec::new(),
        extensions: WatchExtensions {
            audio_level: Some(5),
            ..WatchExtensions::default()
        },
        layer_max: Layer::BEST,
    };
    let video = [(Codec::H264, 97), (Codec::Vp8, 98)];
    vec![
        slot("0", MediaKind::Video, SlotPurpose::Program, &video),
        slot("1", MediaKind::Video, SlotPurpose::Floor, &video),
        slot(
            "2",
            MediaKind::Audio,
            SlotPurpose::Program,
            &[(Codec::Opus, 63)],
        ),
        slot(
            "3",
            MediaKind::Audio,
            SlotPurpose::Floor,
            &[(Codec::Opus, 63)],
        ),
    ]
}
