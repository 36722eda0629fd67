//! A hall on a bad line: packets get lost, the line becomes narrow, and only what must suffer suffers.

use anyhow::{Context, Result};
use std::time::Duration;
use tempfile::TempDir;
use tests::browser::{self, Browser, Session};
use tests::machine::{self, Turn};
use tests::namespace::{self, Namespace};
use tests::needs;
use tests::process::Process;
use tests::wait::{DEADLINE, until_within};

const CHAIR: &str = "token-of-the-chair";
const HALL: &str = "token-of-the-hall";
const HALL_CAMERA: &str = "token-of-the-hall's-camera";

/// How long a lossy line is looked at.
const WATCHED: Duration = Duration::from_mins(1);

/// Of the watched time a picture may stand still this part at most before the repair counts as broken; without
/// resends a line that loses 5 % freezes most of the time.
const FROZEN_PART_MAX: f64 = 0.05;

/// A relay in the town, and a hall at the far end of a cable.
struct Town {
    relay: Process,
    cable: Namespace,
    folder: TempDir,
    _machine: Turn,
}

impl Town {
    async fn open() -> Result<Self> {
        let turn = machine::turn().await;
        let cable = Namespace::new()?;
        let folder = TempDir::new()?;
        let here = cable.here().to_string();
        // Another machine is only let in by TLS; the browsers of the tests ask no questions about the certificate.
        let own = rcgen::generate_simple_self_signed(vec![here.clone()])?;
        std::fs::write(folder.path().join("relay.pem"), own.cert.pem())?;
        let key = own.signing_key.serialize_pem();
        std::fs::write(folder.path().join("relay.key"), key)?;
        let configuration = configuration(&here);
        let relay = Process::start("relay", folder.path(), &configuration).await?;
        Ok(Self {
            relay,
            cable,
            folder,
            _machine: turn,
        })
    }

    fn url(&self, path: &str) -> Result<String> {
        Ok(format!("https://{}{path}", self.relay.address("http")?))
    }

    async fn close(self) -> Result<()> {
        let status = self.relay.stop().await?;
        assert!(status.success(), "the relay ended with {status}");
        self.folder.close().context("its folder")
    }
}

fn configuration(address: &str) -> String {
    let token = |token: &str, allows: &str, site: &str| {
        format!("[[standalone.tokens]]\ntoken = \"{token}\"\nas = \"{allows}\"\n{site}\n")
    };
    let (chair, hall) = ("site = \"CHAIR\"", "site = \"HALL\"");
    [
        "id = \"town\"\n[data]\ndir = \"data\"\n[metrics]\nlisten = \"127.0.0.1:0\"\n".to_owned(),
        format!("[http]\nlisten = \"{address}:0\"\n[media]\nlisten = \"{address}:0\"\n"),
        "[tls]\ncert = \"relay.pem\"\nkey = \"relay.key\"\n".to_owned(),
        "[standalone]\nsites = [\"CHAIR\", \"HALL\"]\nprogram = [\"CHAIR\"]\n".to_owned(),
        token(CHAIR, "hall", chair),
        token(HALL, "hall", hall),
        token(HALL_CAMERA, "watch_site", hall),
    ]
    .concat()
}

/// The freezes of a picture from now on, over a time; in seconds.
struct Watch<'a> {
    what: &'static str,
    session: &'a Session<'a>,
    since: (f64, f64, u64),
}

impl<'a> Watch<'a> {
    async fn begin(what: &'static str, session: &'a Session<'a>) -> Result<Self> {
        // The first second belongs to the start of the picture.
        session.decodes(30).await?;
        let since = Self::look(session).await?;
        Ok(Self {
            what,
            session,
            since,
        })
    }

    async fn look(session: &Session<'_>) -> Result<(f64, f64, u64)> {
        let now = session.statistics().await?;
        let video = now.first("video").context("a picture")?;
        Ok((
            video.timestamp / 1000.0,
            video.total_freezes_duration,
            video.frames_decoded,
        ))
    }

    /// Waits until it was watched so long; gives the part of the time in which it stood still.
    async fn end(self, time: Duration) -> Result<f64> {
        let (began, frozen, frames) = self.since;
        let looked = async || {
            let now = Self::look(self.session).await?;
            Ok((now.0 - began >= time.as_secs_f64()).then_some(now))
        };
        let (now, _) = until_within(time + DEADLINE, "picture for so long", looked).await?;
        let (watched, frozen) = (now.0 - began, now.1 - frozen);
        let video = self.session.statistics().await?;
        let video = video.first("video").context("a picture")?;
        println!(
            "{}: in {watched:.0} s frozen {frozen:.3} s, {} frames decoded, {} packets resent, {} lost for good, {} keyframe requests",
            self.what,
            now.2 - frames,
            video.retransmitted_packets_received,
            video.packets_lost,
            video.pli_count + video.fir_count,
        );
        Ok(frozen / watched)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_loses_a_packet_in_twenty_freezes_neither_picture() -> Result<()> {
    needs!(browser::missing(), namespace::missing());
    let town = Town::open().await?;
    let near = Browser::start().await?;
    let far = Browser::start_in(Some(&town.cable)).await?;
    let told = lossy_line(&town, &near, &far).await;
    told.with_context(|| town.relay.log_tail())?;
    town.close().await
}

async fn lossy_line(
    town: &Town,
    near: &std::sync::Arc<Browser>,
    far: &std::sync::Arc<Browser>,
) -> Result<()> {
    let chair_page = near.page(None).await?;
    let chair = chair_page
        .publish(&town.url("/whip/CHAIR")?, CHAIR, "H264")
        .await?;
    town.cable.lose(5)?;
    let (camera_page, screen_page) = (far.page(None).await?, far.page(None).await?);
    let camera = camera_page
        .publish(&town.url("/whip/HALL")?, HALL, "H264")
        .await?;
    let screen = screen_page.play(&town.url("/whep/HALL")?, HALL).await?;
    let desk_page = near.page(None).await?;
    let desk = desk_page
        .play(&town.url("/whep/HALL/return")?, HALL_CAMERA)
        .await?;

    let at_the_hall = Watch::begin("the program in the hall", &screen).await?;
    let at_the_desk = Watch::begin("the hall in the control room", &desk).await?;
    let in_the_hall = at_the_hall.end(WATCHED).await?;
    let in_the_control_room = at_the_desk.end(WATCHED).await?;
    assert!(in_the_hall < FROZEN_PART_MAX, "{in_the_hall}");
    assert!(
        in_the_control_room < FROZEN_PART_MAX,
        "{in_the_control_room}"
    );

    let sent = camera.statistics().await?;
    let resent: u64 = sent
        .streams
        .iter()
        .map(|s| s.retransmitted_packets_sent)
        .sum();
    assert!(
        resent > 0,
        "the hall was never asked to send again: {sent:#?}"
    );
    for session in [chair, camera, screen, desk] {
        assert_eq!(session.close().await?, 200);
    }
    Ok(())
}
