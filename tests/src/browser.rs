//! Chromium with a fake camera, driven through `tests/browser/driver.mjs`.

use crate::namespace::Namespace;
use crate::tool;
use crate::wait::{DEADLINE, until};
use crate::{repository, workshop};
use anyhow::{Context, Result, anyhow, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::oneshot;

/// What is installed and copied: the scripts import packages, so they run beside `node_modules`.
const SCRIPTS: &[&str] = &[
    "package.json",
    "package-lock.json",
    "driver.mjs",
    "chromium.mjs",
    "sessions.js",
];

/// Why this machine can run no browser; `None` when it can.
pub fn missing() -> Option<String> {
    let chromium = std::env::var_os("CHROMIUM").is_some()
        || ["chromium", "chromium-headless-shell", "chromium-browser"]
            .iter()
            .any(|name| tool::find(name).is_some());
    if !chromium {
        return Some("Chromium is not installed (Debian: chromium)".to_owned());
    }
    tool::missing("node", "nodejs").or_else(|| tool::missing("npm", "npm"))
}

type Waiting = Arc<Mutex<HashMap<u64, oneshot::Sender<Result<Value, String>>>>>;

/// A running browser. Dropped, it is killed.
pub struct Browser {
    _child: Child,
    commands: tokio::sync::Mutex<ChildStdin>,
    waiting: Waiting,
    last: AtomicU64,
}

impl Browser {
    /// Starts Chromium on this machine.
    pub async fn start() -> Result<Arc<Self>> {
        Self::start_in(None).await
    }

    /// Starts Chromium, inside a network namespace if one is given.
    pub async fn start_in(namespace: Option<&Namespace>) -> Result<Arc<Self>> {
        let folder = tokio::task::spawn_blocking(scripts).await??;
        let node = tool::find("node").context("node")?;
        let mut command = match namespace {
            Some(namespace) => Command::from(namespace.command(&node)),
            None => Command::new(node),
        };
        let mut child = command
            .arg(folder.join("driver.mjs"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("starting the browser's driver")?;
        let commands = child.stdin.take().context("piped")?;
        let mut answers = BufReader::new(child.stdout.take().context("piped")?);
        let mut first = String::new();
        tokio::time::timeout(DEADLINE, answers.read_line(&mut first)).await??;
        ensure!(
            first.contains("\"ready\""),
            "the browser did not start: {first}"
        );
        let waiting = Waiting::default();
        tokio::spawn(deliver(answers, Arc::clone(&waiting)));
        Ok(Arc::new(Self {
            _child: child,
            commands: tokio::sync::Mutex::new(commands),
            waiting,
            last: AtomicU64::new(0),
        }))
    }

    /// Opens a page: this address, or an empty one from which sessions are opened.
    pub async fn page(self: &Arc<Self>, url: Option<&str>) -> Result<Page> {
        let opened = self.ask(json!({ "do": "open", "url": url })).await?;
        let id = opened["page"].as_u64().context("a page")?;
        Ok(Page {
            browser: Arc::clone(self),
            id,
        })
    }

    async fn ask(&self, mut command: Value) -> Result<Value> {
        let id = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        command["id"] = id.into();
        let (tell, told) = oneshot::channel();
        lock(&self.waiting).insert(id, tell);
        let line = format!("{command}\n");
        self.commands
            .lock()
            .await
            .write_all(line.as_bytes())
            .await?;
        let answer = tokio::time::timeout(DEADLINE, told)
            .await
            .with_context(|| format!("the browser does not answer {command}"))?
            .context("the browser ended")?;
        answer.map_err(|error| anyhow!("in the browser: {error}"))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn deliver(answers: BufReader<ChildStdout>, waiting: Waiting) {
    let mut lines = answers.lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let Ok(mut answer) = serde_json::from_str::<Value>(&line) else {
            continue;
        };
        let asked = answer["id"]
            .as_u64()
            .and_then(|id| lock(&waiting).remove(&id));
        if let Some(asked) = asked {
            // Nobody waits any more when its deadline passed.
            let _ = asked.send(match answer["error"].take() {
                Value::String(error) => Err(error),
                _ => Ok(answer["ok"].take()),
            });
        }
    }
    // Senders dropped here end every wait: the browser is gone.
    lock(&waiting).clear();
}

/// Copies the scripts beside their packages and installs those when the lock file changed.
fn scripts() -> Result<PathBuf> {
    let (source, folder) = (
        repository().join("tests/browser"),
        workshop().join("browser"),
    );
    tool::installed(&folder, &source.join("package-lock.json"), || {
        for name in ["package.json", "package-lock.json"] {
            fs::copy(source.join(name), folder.join(name))?;
        }
        let mut npm = std::process::Command::new("npm");
        tool::run(
            npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
                .current_dir(&folder),
        )
        .map(drop)
    })?;
    for name in SCRIPTS {
        replace(&source.join(name), &folder.join(name))?;
    }
    Ok(folder)
}

/// Copies by renaming, so that a driver that starts meanwhile never reads half a file.
fn replace(from: &Path, to: &Path) -> Result<()> {
    let thread = std::thread::current().id();
    let whole = to.with_extension(format!("{}-{thread:?}", std::process::id()));
    fs::copy(from, &whole).with_context(|| format!("copying {}", from.display()))?;
    fs::rename(whole, to)?;
    Ok(())
}

/// One page of the browser.
pub struct Page {
    browser: Arc<Browser>,
    id: u64,
}

impl Page {
    /// Evaluates a JavaScript expression; a function is called with the argument, and awaited.
    pub async fn call(&self, script: &str, argument: Value) -> Result<Value> {
        let command =
            json!({ "do": "call", "page": self.id, "script": script, "argument": argument });
        self.browser.ask(command).await
    }

    /// Fills the first field that the selector finds, waiting for it to appear.
    pub async fn fill(&self, selector: &str, text: &str) -> Result<()> {
        let command = json!({ "do": "type", "page": self.id, "selector": selector, "text": text });
        self.browser.ask(command).await.map(drop)
    }

    /// Clicks the first thing that the selector finds, waiting for it to appear.
    pub async fn click(&self, selector: &str) -> Result<()> {
        let command = json!({ "do": "click", "page": self.id, "selector": selector });
        self.browser.ask(command).await.map(drop)
    }

    /// The text a person can read.
    pub async fn text(&self) -> Result<String> {
        let text = self
            .browser
            .ask(json!({ "do": "text", "page": self.id }))
            .await?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// Waits until the page shows this text; returns how long that took.
    pub async fn shows(&self, text: &str) -> Result<Duration> {
        let shown = async || Ok(self.text().await?.contains(text).then_some(()));
        Ok(until(&format!("{text:?} on the page"), shown).await?.1)
    }

    /// Keeps a picture of the page as PNG.
    pub async fn screenshot(&self, path: &Path) -> Result<()> {
        let command = json!({ "do": "screenshot", "page": self.id, "path": path });
        self.browser.ask(command).await.map(drop)
    }

    /// Publishes the fake camera and microphone by WHIP, video in this codec.
    pub async fn publish(&self, url: &str, token: &str, codec: &str) -> Result<Session<'_>> {
        self.open(
            "sessions.publish",
            json!({ "url": url, "token": token, "codec": codec }),
        )
        .await
    }

    /// Publishes the fake camera in three layers by WHIP (RIDs q, h and f: a quarter, a half, the whole).
    pub async fn publish_layers(&self, url: &str, token: &str, codec: &str) -> Result<Session<'_>> {
        self.open(
            "sessions.publish",
            json!({ "url": url, "token": token, "codec": codec, "layers": true, "width": 1280, "height": 720 }),
        )
        .await
    }

    /// Plays by WHEP: one video and one audio slot.
    pub async fn play(&self, url: &str, token: &str) -> Result<Session<'_>> {
        self.open("sessions.play", json!({ "url": url, "token": token }))
            .await
    }

    async fn open(&self, script: &str, argument: Value) -> Result<Session<'_>> {
        let opened = self.call(script, argument).await?;
        Ok(Session {
            page: self,
            id: opened["session"].as_u64().context("a session")?,
            location: opened["location"]
                .as_str()
                .context("a location")?
                .to_owned(),
        })
    }
}

/// A WHIP or WHEP session in a page.
pub struct Session<'a> {
    page: &'a Page,
    id: u64,
    /// Its address at the relay.
    pub location: String,
}

/// What the browser knows about a session (W3C webrtc-stats).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Statistics {
    /// `RTCPeerConnection.connectionState`.
    pub state: String,
    /// Name of the SRTP cipher, once DTLS is done.
    pub srtp_cipher: Option<String>,
    /// What the browser thinks its line carries upwards, bits per second.
    pub available_outgoing_bitrate: Option<f64>,
    /// From asking to the first picture on screen, milliseconds.
    pub first_picture_ms: Option<f64>,
    /// RTP streams, in and out.
    pub streams: Vec<Stream>,
}

/// One RTP stream as the browser counts it; what a direction lacks is 0.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Stream {
    /// `audio` or `video`.
    pub kind: String,
    /// The m-line, as its `mid`.
    pub mid: String,
    /// `video/H264` and so on.
    pub codec: Option<String>,
    /// Frames decoded since start.
    pub frames_decoded: u64,
    /// Packets received.
    pub packets_received: u64,
    /// Packets lost; late repairs lower it.
    pub packets_lost: i64,
    /// Packets sent.
    pub packets_sent: u64,
    /// Packets sent again on request.
    pub retransmitted_packets_sent: u64,
    /// Packets received that had been sent again (RTX only).
    pub retransmitted_packets_received: u64,
    /// `a=rid` of a layer; empty when there is one only.
    pub rid: String,
    /// Keyframe requests: sent by a receiver, received by a sender (RFC 4585 §6.3.1).
    pub pli_count: u64,
    /// The same by FIR (RFC 5104 §4.3.1).
    pub fir_count: u64,
    /// Keyframes among the encoded frames.
    pub key_frames_encoded: u64,
    /// Freezes seen: a frame came later than three times the usual distance, or that plus 150 ms.
    pub freeze_count: u64,
    /// Their sum, seconds.
    pub total_freezes_duration: f64,
    /// When this was counted, milliseconds since 1970.
    pub timestamp: f64,
    /// Width of the picture, pixels.
    pub frame_width: u32,
    /// Samples of sound that were played or made up.
    pub total_samples_received: u64,
    /// Samples of sound that were made up, for want of packets.
    pub concealed_samples: u64,
}

impl Statistics {
    /// The stream of this kind with the lowest m-line.
    pub fn first(&self, kind: &str) -> Option<&Stream> {
        let of_kind = self.streams.iter().filter(|stream| stream.kind == kind);
        of_kind.min_by(|one, other| one.mid.cmp(&other.mid))
    }

    /// Keyframe requests of all the streams.
    pub fn keyframe_requests(&self) -> u64 {
        let requests = self.streams.iter().map(|s| s.pli_count + s.fir_count);
        requests.sum()
    }
}

impl Session<'_> {
    /// What the browser knows now.
    pub async fn statistics(&self) -> Result<Statistics> {
        let said = self
            .page
            .call("sessions.statistics", json!({ "session": self.id }))
            .await?;
        serde_json::from_value(said).context("statistics")
    }

    /// Asks the relay for another layer of the picture: `low`, `medium` or `best`.
    pub async fn ask_layer(&self, layer: &str) -> Result<u64> {
        let argument = json!({ "session": self.id, "layer": layer });
        let asked = self.page.call("sessions.layer", argument).await?;
        asked["status"].as_u64().context("a status")
    }

    /// Waits until the picture is this wide; returns how long that took.
    pub async fn is_wide(&self, pixels: u32) -> Result<Duration> {
        let wide = async || {
            let now = self.statistics().await?;
            let width = now.first("video").map_or(0, |video| video.frame_width);
            Ok((width == pixels).then_some(()))
        };
        let outcome = until(&format!("picture {pixels} pixels wide"), wide).await;
        match outcome {
            Ok(((), time)) => Ok(time),
            Err(error) => Err(error.context(format!("{:#?}", self.statistics().await?))),
        }
    }

    /// Waits until so many more frames are decoded than now; returns how long that took.
    pub async fn decodes(&self, more_frames: u64) -> Result<Duration> {
        let frames = async || {
            let now = self.statistics().await?;
            anyhow::Ok(now.first("video").map_or(0, |video| video.frames_decoded))
        };
        let wanted = frames().await? + more_frames;
        let enough = async || Ok((frames().await? >= wanted).then_some(()));
        let outcome = until(&format!("{more_frames} more decoded frames"), enough).await;
        match outcome {
            Ok(((), time)) => Ok(time),
            Err(error) => Err(error.context(format!("{:#?}", self.statistics().await?))),
        }
    }

    /// Waits for the first picture on screen; returns the time from asking to it, as the page saw it.
    pub async fn first_picture(&self) -> Result<Duration> {
        let picture = async || Ok(self.statistics().await?.first_picture_ms);
        let outcome = until("picture", picture).await;
        match outcome {
            Ok((ms, _)) => Ok(Duration::from_secs_f64(ms.max(0.0) / 1000.0)),
            Err(error) => Err(error.context(format!("{:#?}", self.statistics().await?))),
        }
    }

    /// Ends the session by DELETE; returns the status.
    pub async fn close(self) -> Result<u64> {
        let closed = self
            .page
            .call("sessions.close", json!({ "session": self.id }))
            .await?;
        closed["status"].as_u64().context("a status")
    }
}
