//! One relay on its own: Chromium and aiortc publish by WHIP and play by WHEP.

use anyhow::{Context, Result};
use serde_json::Value;
use tempfile::TempDir;
use tests::browser::{self, Browser};
use tests::machine::{self, Turn};
use tests::process::Process;
use tests::wait::until;
use tests::{needs, python};

/// Frames that show that a picture moves: more than a second at the rate of the fake camera.
const FRAMES: u64 = 30;

/// The relay's tokens, by who holds them.
const CAMERA: &str = "token-of-the-camera";
const HALL: &str = "token-of-the-hall";
const VIEWER: &str = "token-of-the-viewer";

/// A relay that needs no orchestrator, on free ports.
pub struct Studio {
    pub relay: Process,
    folder: TempDir,
    _machine: Turn,
}

impl Studio {
    pub async fn open() -> Result<Self> {
        let turn = machine::turn().await;
        let folder = TempDir::new()?;
        let relay = Process::start("relay", folder.path(), CONFIGURATION).await?;
        Ok(Self {
            relay,
            folder,
            _machine: turn,
        })
    }

    fn url(&self, path: &str) -> Result<String> {
        Ok(format!("http://{}{path}", self.relay.address("http")?))
    }

    /// Ends well, and leaves its folder readable until then.
    async fn close(self) -> Result<()> {
        let status = self.relay.stop().await?;
        assert!(status.success(), "the relay ended with {status}");
        self.folder.close().context("its folder")
    }
}

pub const CONFIGURATION: &str = r#"
id = "studio"
[data]
dir = "data"
[http]
listen = "127.0.0.1:0"
[media]
listen = "127.0.0.1:0"
[metrics]
listen = "127.0.0.1:0"
[standalone]
sites = ["CAMERA", "HALL"]
program = ["CAMERA"]
[[standalone.tokens]]
token = "token-of-the-camera"
as = "hall"
site = "CAMERA"
[[standalone.tokens]]
token = "token-of-the-hall"
as = "hall"
site = "HALL"
[[standalone.tokens]]
token = "token-of-the-viewer"
as = "watch_program"
"#;

async fn chromium_publishes_and_plays(codec: &str) -> Result<()> {
    needs!(browser::missing());
    let studio = Studio::open().await?;
    let browser = Browser::start().await?;
    let (camera_page, hall_page) = (browser.page(None).await?, browser.page(None).await?);

    let camera = camera_page
        .publish(&studio.url("/whip/CAMERA")?, CAMERA, codec)
        .await?;
    let hall = hall_page.play(&studio.url("/whep/HALL")?, HALL).await?;
    let picture = hall.first_picture().await?;
    let moved = hall.decodes(FRAMES).await?;

    for session in [&camera, &hall] {
        let cipher = session.statistics().await?.srtp_cipher;
        assert_eq!(cipher.as_deref(), Some("SRTP_AEAD_AES_128_GCM"));
    }
    let seen = hall.statistics().await?;
    let video = seen.first("video").context("video arrives")?;
    assert_eq!(
        video.codec.as_deref(),
        Some(&*format!("video/{codec}")),
        "{seen:#?}"
    );
    let heard = async || {
        let now = hall.statistics().await?;
        let audio = now.first("audio").context("audio arrives")?;
        Ok((audio.total_samples_received > audio.concealed_samples).then_some(()))
    };
    until("sound", heard).await?;

    // Long after the first keyframe: who comes now waits for no accident of the encoder.
    let late_page = browser.page(None).await?;
    let late = late_page
        .play(&studio.url("/whep/program")?, VIEWER)
        .await?;
    let late_picture = late.first_picture().await?;
    late.decodes(FRAMES).await?;
    println!(
        "{codec}: first picture {} ms, {FRAMES} more frames {} ms, late joiner's picture {} ms",
        picture.as_millis(),
        moved.as_millis(),
        late_picture.as_millis()
    );

    assert_eq!(late.close().await?, 200);
    assert_eq!(hall.close().await?, 200);
    assert_eq!(camera.close().await?, 200);
    studio.close().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chromium_plays_what_chromium_publishes_in_h264() -> Result<()> {
    chromium_publishes_and_plays("H264").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chromium_plays_what_chromium_publishes_in_vp8() -> Result<()> {
    chromium_publishes_and_plays("VP8").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chromium_plays_what_chromium_publishes_in_vp9() -> Result<()> {
    chromium_publishes_and_plays("VP9").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chromium_plays_what_chromium_publishes_in_av1() -> Result<()> {
    chromium_publishes_and_plays("AV1").await
}

async fn aiortc_publishes_and_plays(codec: &str) -> Result<()> {
    needs!(python::missing());
    let studio = Studio::open().await?;
    let (publish_at, play_at) = (studio.url("/whip/CAMERA")?, studio.url("/whep/HALL")?);
    let frames = FRAMES.to_string();
    let seen = python::run(
        "publish_and_play.py",
        &[&publish_at, CAMERA, &play_at, HALL, codec, &frames],
    )
    .await
    .with_context(|| studio.relay.log_tail())?;
    println!("aiortc, {codec}: {seen}");
    assert!(
        seen["different_pictures"].as_u64() > Some(FRAMES / 2),
        "{seen}"
    );
    assert!(seen["sound_samples"].as_u64() > Some(0), "{seen}");
    assert_eq!(seen["width"], 320);
    assert_eq!(seen["states"], Value::from(vec!["connected", "connected"]));
    studio.close().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aiortc_plays_what_aiortc_publishes_in_h264() -> Result<()> {
    aiortc_publishes_and_plays("H264").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aiortc_plays_what_aiortc_publishes_in_vp8() -> Result<()> {
    aiortc_publishes_and_plays("VP8").await
}
