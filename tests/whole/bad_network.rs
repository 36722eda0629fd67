//! A hall on a bad line: packets get lost, the line becomes narrow, and only what must suffer suffers.

use anyhow::{Context, Result};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tests::browser::{self, Browser, Session};
use tests::machine::{self, Turn};
use tests::namespace::{self, Namespace};
use tests::needs;
use tests::process::Process;
use tests::wait::{DEADLINE, until, until_within};

const CHAIR: &str = "token-of-the-chair";
const HALL: &str = "token-of-the-hall";
const HALL_CAMERA: &str = "token-of-the-hall's-camera";
const CHAIR_CAMERA: &str = "token-of-the-chair's-camera";
const PROGRAM: &str = "token-of-the-program";

/// Widths of the layers of a picture 1,280 wide.
const LOW: u32 = 320;
const BEST: u32 = 1280;

/// A line that carries the lowest layer of the fake camera and sound, but not its best, some 400 kbit/s.
const NARROW_KBIT: u32 = 250;

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
        token(CHAIR_CAMERA, "watch_site", chair),
        token(PROGRAM, "watch_program", ""),
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

/// Tells a story of a town, with a browser beside its relay and one at the far end of the cable.
async fn tell(
    story: impl AsyncFnOnce(&Town, &Arc<Browser>, &Arc<Browser>) -> Result<()>,
) -> Result<()> {
    let town = Town::open().await?;
    let near = Browser::start().await?;
    let far = Browser::start_in(Some(&town.cable)).await?;
    let told = story(&town, &near, &far).await;
    told.with_context(|| town.relay.log_tail())?;
    town.close().await
}

/// Encoders fill packets of 1,200 bytes; a tunnel through a tunnel may not take them whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hall_behind_a_tunnel_too_low_for_its_packets_sees_the_picture_all_the_same() -> Result<()>
{
    needs!(browser::missing(), namespace::missing());
    tell(low_tunnel).await
}

async fn low_tunnel(town: &Town, near: &Arc<Browser>, far: &Arc<Browser>) -> Result<()> {
    town.cable.shorten(900)?;
    let chair_page = near.page(None).await?;
    let chair = chair_page
        .publish(&town.url("/whip/CHAIR")?, CHAIR, "H264")
        .await?;
    let screen_page = far.page(None).await?;
    let screen = screen_page.play(&town.url("/whep/HALL")?, HALL).await?;
    screen.first_picture().await?;
    screen.decodes(60).await?;
    let seen = screen.statistics().await?;
    let video = seen.first("video").context("a picture")?;
    assert_eq!(video.packets_lost, 0, "{seen:#?}");
    for session in [chair, screen] {
        assert_eq!(session.close().await?, 200);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_loses_a_packet_in_twenty_freezes_neither_picture() -> Result<()> {
    needs!(browser::missing(), namespace::missing());
    tell(lossy_line).await
}

async fn lossy_line(town: &Town, near: &Arc<Browser>, far: &Arc<Browser>) -> Result<()> {
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_becomes_narrow_costs_the_best_layer_and_gets_it_back() -> Result<()> {
    needs!(browser::missing(), namespace::missing());
    tell(narrow_line).await
}

async fn narrow_line(town: &Town, near: &Arc<Browser>, far: &Arc<Browser>) -> Result<()> {
    let chair_page = near.page(None).await?;
    let chair = chair_page
        .publish_layers(&town.url("/whip/CHAIR")?, CHAIR, "H264")
        .await?;
    let screen_page = far.page(None).await?;
    let screen = screen_page.play(&town.url("/whep/HALL")?, HALL).await?;
    screen.is_wide(BEST).await?;
    publishes_all(&chair).await?;

    town.cable.narrow(NARROW_KBIT)?;
    let narrower = async || {
        let now = screen.statistics().await?;
        let width = now.first("video").map_or(0, |video| video.frame_width);
        Ok((width > 0 && width < BEST).then_some(width))
    };
    let (width, dropped) = until("smaller picture", narrower).await?;
    screen.decodes(30).await?;

    town.cable.widen()?;
    let back = screen.is_wide(BEST).await?;
    println!(
        "narrow: {width} pixels wide after {} ms; wide again: the best layer back after {} ms",
        dropped.as_millis(),
        back.as_millis()
    );
    for session in [chair, screen] {
        assert_eq!(session.close().await?, 200);
    }
    Ok(())
}

/// Waits until the camera sends its best layer: Chromium begins with the lowest.
async fn publishes_all(camera: &Session<'_>) -> Result<()> {
    let all = async || {
        let now = camera.statistics().await?;
        let sends = |width| {
            now.streams
                .iter()
                .any(|s| s.kind == "video" && s.frame_width == width && s.packets_sent > 100)
        };
        Ok((sends(LOW) && sends(BEST)).then_some(()))
    };
    let outcome = until("all layers from the camera", all).await;
    match outcome {
        Ok(_) => Ok(()),
        Err(error) => Err(error.context(format!("{:#?}", camera.statistics().await?))),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hall_in_three_layers_is_small_in_a_tile_and_whole_on_air() -> Result<()> {
    needs!(browser::missing(), namespace::missing());
    let town = Town::open().await?;
    let near = Browser::start().await?;
    let told = tile_and_air(&town, &near).await;
    told.with_context(|| town.relay.log_tail())?;
    town.close().await
}

async fn tile_and_air(town: &Town, near: &Arc<Browser>) -> Result<()> {
    let chair_page = near.page(None).await?;
    let chair = chair_page
        .publish_layers(&town.url("/whip/CHAIR")?, CHAIR, "H264")
        .await?;
    publishes_all(&chair).await?;
    let (tile_page, air_page) = (near.page(None).await?, near.page(None).await?);
    let tile = tile_page
        .play(&town.url("/whep/CHAIR/return?layer=low")?, CHAIR_CAMERA)
        .await?;
    let air = air_page.play(&town.url("/whep/program")?, PROGRAM).await?;
    let (small, whole) = (tile.is_wide(LOW).await?, air.is_wide(BEST).await?);
    println!(
        "tile {LOW} pixels wide after {} ms, on air {BEST} after {} ms",
        small.as_millis(),
        whole.as_millis()
    );
    tile.decodes(30).await?;
    assert_eq!(
        tile.statistics()
            .await?
            .first("video")
            .map(|v| v.frame_width),
        Some(LOW)
    );

    // The tile is opened large, and closed again.
    for (layer, width) in [("best", BEST), ("low", LOW)] {
        let asked_before = chair.statistics().await?.keyframe_requests();
        let frozen_before = frozen(&tile).await?;
        assert_eq!(tile.ask_layer(layer).await?, 204);
        // How long it takes is told, not judged: a busy machine is slow by itself.
        let switched = tile.is_wide(width).await?;
        tile.decodes(30).await?;
        let asked = chair.statistics().await?.keyframe_requests() - asked_before;
        let frozen = frozen(&tile).await? - frozen_before;
        println!(
            "{layer}: {width} pixels wide after {} ms, {asked} keyframe requests, frozen {frozen:.3} s",
            switched.as_millis()
        );
        assert!(asked <= 2, "{asked} keyframe requests for one switch");
    }
    // What its bandwidth is taken for may cost it a layer for a while; nothing that the tile did takes it away for good.
    air.is_wide(BEST).await?;
    for session in [chair, tile, air] {
        assert_eq!(session.close().await?, 200);
    }
    Ok(())
}

async fn frozen(session: &Session<'_>) -> Result<f64> {
    let now = session.statistics().await?;
    Ok(now
        .first("video")
        .map_or(0.0, |video| video.total_freezes_duration))
}
