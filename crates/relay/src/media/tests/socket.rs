//! The thread and a real socket: publisher → relay → watcher over loopback.

use super::guest::{CHROMIUM, Guest, vp8};
use super::world::{VIDEO_SSRC, plan, slots, tracks};
use crate::media::{
    LegMedia, LegSpec, MediaCertificate, MediaConfig, MediaError, MediaHandle, start,
};
use protocol::LegRole;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// A guest with a socket of its own.
pub(super) struct Peer {
    pub(super) guest: Guest,
    pub(super) socket: UdpSocket,
}

impl Peer {
    pub(super) async fn join(
        media: &MediaHandle,
        role: LegRole,
        site: &str,
        what: LegMedia,
    ) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket
            .set_read_timeout(Some(Duration::from_millis(50)))
            .expect("a time-out");
        let guest = Guest::new(
            socket.local_addr().expect("bound"),
            media.local_addr(),
            &CHROMIUM,
        );
        let spec = LegSpec {
            session: site.to_owned(),
            role,
            site: Some(site.parse().expect("a site code")),
            conference: None,
            local: guest.relay_ice.clone(),
            remote: guest.ice.clone(),
            remote_fingerprints: vec![guest.fingerprint()],
            media: what,
        };
        media.open_leg(spec).await.expect("an open leg");
        let mut peer = Self { guest, socket };
        let check = peer.guest.check();
        peer.send(&check);
        peer.until("connected", Guest::is_connected);
        peer
    }

    pub(super) fn send(&self, bytes: &[u8]) {
        self.socket
            .send_to(bytes, self.guest.relay_address())
            .expect("sent");
    }

    /// Works until something is so; half a minute is the end of patience.
    pub(super) fn until(&mut self, what: &str, is_so: impl Fn(&Guest) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(30);
        let mut buffer = [0; 2048];
        while !is_so(&self.guest) {
            assert!(Instant::now() < deadline, "never: {what}");
            if let Ok((len, _)) = self.socket.recv_from(&mut buffer) {
                self.guest.handle(Instant::now(), &buffer[..len]);
            }
            self.guest.handle_timeout(Instant::now());
            while let Some(bytes) = self.guest.poll() {
                self.send(&bytes);
            }
        }
    }
}

/// A media thread on a port of its own, whose program is `HUB`.
pub(super) fn media_thread(legs_max: usize, workers: usize) -> MediaHandle {
    let media = start(MediaConfig {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        certificate: MediaCertificate::generate().expect("a certificate"),
        ssrc_block: 9,
        legs_max,
        workers,
        pin_cores: Vec::new(),
        burst: std::time::Duration::from_millis(5),
    })
    .expect("a media thread");
    media
        .set_plan(plan(3, &["HUB"], vec![], vec![]))
        .expect("taken");
    media
}

#[tokio::test]
async fn a_picture_crosses_a_real_socket_and_the_handle_tells() {
    a_picture_crosses(1).await;
}

#[tokio::test]
async fn two_threads_send_by_one_socket() {
    a_picture_crosses(2).await;
}

async fn a_picture_crosses(workers: usize) {
    let media = media_thread(3, workers);
    assert_ne!(media.local_addr().port(), 0);
    let mut changed = media.changed();

    let mut hub = Peer::join(&media, LegRole::Publish, "HUB", LegMedia::Publish(tracks())).await;
    let mut hall = Peer::join(&media, LegRole::Watch, "A", LegMedia::Watch(slots())).await;
    let mut other = Peer::join(&media, LegRole::Watch, "B", LegMedia::Watch(slots())).await;
    for i in 0..30u16 {
        let packet = hub
            .guest
            .seal_rtp(&vp8(VIDEO_SSRC, i, 3000 * u32::from(i), i == 0));
        hub.send(&packet);
    }
    for hall in [&mut hall, &mut other] {
        hall.until("30 pictures", |guest| guest.rtp.len() >= 30);
        assert_eq!(hall.guest.unreadable, 0);
    }

    let told = async {
        loop {
            let report = media.report();
            if report.feeds.len() == 1 && report.legs.len() == 3 && report.feeds[0].watchers == 2 {
                break report;
            }
            // Figures come twice a second, whether anything changed or not.
            let _ = tokio::time::timeout(Duration::from_millis(100), changed.changed()).await;
        }
    };
    let report = tokio::time::timeout(Duration::from_secs(30), told)
        .await
        .expect("a report in time");
    assert_eq!((report.epoch, report.feeds[0].ssrc >> 16), (3, 9));

    let refused = media.open_leg(LegSpec {
        session: "third".to_owned(),
        role: LegRole::Program,
        site: None,
        conference: None,
        local: crate::media::IceCredentials::random(),
        remote: hub.guest.ice.clone(),
        remote_fingerprints: vec![hub.guest.fingerprint()],
        media: LegMedia::Watch(slots()),
    });
    assert_eq!(refused.await, Err(MediaError::TooManyLegs { legs_max: 3 }));

    media.stop().expect("told");
    hub.until("goodbye", |guest| guest.closed);
    hall.until("goodbye", |guest| guest.closed);
    other.until("goodbye", |guest| guest.closed);
}
