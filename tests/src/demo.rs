//! A whole `diemcau demo`.

use crate::machine::{self, Turn};
use crate::operator::Operator;
use crate::process::Process;
use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde_json::Value;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// The conference that the demo holds.
pub const CONFERENCE: &str = "thanh-hoa";

/// The longest a demo may take to its next word: 55 halls join, on a loaded machine.
const PATIENCE: Duration = Duration::from_mins(3);

/// A running demo. Dropped, it is killed, and its processes end with it.
pub struct Demo {
    process: Process,
    folder: TempDir,
    started: Vec<Started>,
    ready: Value,
    _machine: Turn,
}

/// One process of the demo.
#[derive(Clone, Debug, Deserialize)]
pub struct Started {
    /// `orchestrator`, `relay city`, `halls`.
    pub role: String,
    /// Process id.
    pub pid: u32,
    /// Where it is reached.
    pub ready: Value,
}

impl Started {
    /// Its internal listener.
    pub fn metrics(&self) -> Result<SocketAddr> {
        let text = self.ready["metrics"].as_str();
        text.with_context(|| format!("{self:?} has no metrics"))?
            .parse()
            .context("an address")
    }

    /// Ends it as a power cut would.
    pub fn kill(&self) -> Result<()> {
        crate::tool::run(Command::new("kill").args(["-KILL", &self.pid.to_string()])).map(drop)
    }
}

/// A hall, as its agent tells it at `/halls`.
#[derive(Debug, Deserialize)]
pub struct Hall {
    /// Its code; absent before it has joined.
    pub site: Option<String>,
    /// The chair's hall sends the program and receives none.
    pub chair: bool,
    /// Its link to the orchestrator is up.
    pub linked: bool,
    /// Media packets received.
    pub packets: u64,
    /// Whole frames of the program received.
    pub frames: u64,
}

impl Demo {
    /// Starts a demo with these options and waits until its halls have joined.
    pub async fn start(options: &[&str]) -> Result<Self> {
        let turn = machine::turn().await;
        let folder = TempDir::new()?;
        let data = folder.path().join("data");
        let arguments: Vec<String> = ["demo", "--json", "--data", &data.to_string_lossy()]
            .iter()
            .chain(options)
            .map(|&argument| argument.to_owned())
            .collect();
        let process = Process::spawn(folder.path(), &arguments)?;
        let mut demo = Self {
            process,
            folder,
            started: Vec::new(),
            ready: Value::Null,
            _machine: turn,
        };
        demo.ready = demo.event("ready").await?;
        Ok(demo)
    }

    /// Waits for the next event of this name. Processes that start meanwhile are remembered.
    pub async fn event(&mut self, name: &str) -> Result<Value> {
        loop {
            let event = self.process.said_within(PATIENCE, "event").await;
            let event = event.with_context(|| format!("waiting for {name}\n{}", self.logs()))?;
            if event["event"] == "started" {
                let started: Started = serde_json::from_value(event.clone())?;
                self.started.retain(|other| other.role != started.role);
                self.started.push(started);
            }
            if event["event"] == name {
                return Ok(event);
            }
        }
    }

    /// The demo's processes.
    pub fn processes(&self) -> &[Started] {
        &self.started
    }

    /// The process of this role.
    pub fn role(&self, role: &str) -> Result<&Started> {
        let found = self.started.iter().find(|started| started.role == role);
        found.with_context(|| format!("no {role} in {:?}", self.started))
    }

    /// A text of the ready event: `control_room`, `user`, `password`, `hall_link`.
    pub fn told(&self, key: &str) -> Result<&str> {
        self.ready[key]
            .as_str()
            .with_context(|| format!("no {key} in {}", self.ready))
    }

    /// Signs in as its administrator.
    pub async fn operator(&self) -> Result<Operator> {
        let control_room = self.told("control_room")?;
        let base = control_room.split("/control/").next().unwrap_or_default();
        let authority = PathBuf::from(self.told("ca")?);
        let (user, password) = (self.told("user")?, self.told("password")?);
        Operator::sign_in(base, Some(&authority), user, password).await
    }

    /// Its halls, as the agents tell them; the chair's is not among them.
    pub async fn halls(&self) -> Result<Vec<Hall>> {
        let url = format!("http://{}/halls", self.role("halls")?.metrics()?);
        let halls: Vec<Hall> = reqwest::get(&url).await?.error_for_status()?.json().await?;
        Ok(halls.into_iter().filter(|hall| !hall.chair).collect())
    }

    /// The folder with its data.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Waits until it ends by itself, and says whether it ended well.
    pub async fn ended_well(&mut self) -> Result<bool> {
        Ok(self.process.ended().await?.success())
    }

    /// Ends it (SIGTERM); its data stays until the answer is dropped.
    pub async fn stop(self) -> Result<TempDir> {
        let status = self.process.stop().await?;
        ensure!(status.success(), "the demo ended with {status}");
        Ok(self.folder)
    }

    /// The last lines of every process's log.
    pub fn logs(&self) -> String {
        let Ok(folder) = std::fs::read_dir(self.data()) else {
            return String::new();
        };
        let paths = folder.filter_map(|entry| Some(entry.ok()?.path()));
        let logs =
            paths.filter(|path| path.extension().is_some_and(|extension| extension == "log"));
        logs.map(|path| crate::process::tail(&path))
            .collect::<Vec<_>>()
            .join("\n")
    }
}

/// Whether `diemcau verify-log` finds the chains of this data folder whole.
pub fn verify_log(data: &Path) -> Result<String> {
    let mut command = Command::new(crate::tool::diemcau()?);
    let output = command.arg("verify-log").arg(data).output()?;
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    if !output.status.success() {
        bail!("verify-log: {said}");
    }
    Ok(said)
}
