//! One `diemcau` process on free ports.

use crate::tool;
use crate::wait::DEADLINE;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// Lines of a log that a failure repeats.
const LOG_TAIL_LINES: usize = 30;

/// A running process. Dropped, it is killed.
pub struct Process {
    role: String,
    child: Child,
    output: Lines<BufReader<ChildStdout>>,
    ready: Value,
    log: PathBuf,
}

impl Process {
    /// Starts `diemcau ROLE --config FILE`, with the configuration written into `folder`, and waits
    /// until it says that it is up.
    pub async fn start(role: &str, folder: &Path, configuration: &str) -> Result<Self> {
        let file = folder.join(format!("{role}.toml"));
        fs::write(&file, configuration)?;
        let arguments = [role, "--config", &file.to_string_lossy()].map(str::to_owned);
        Self::run(folder, &arguments).await
    }

    /// Starts `diemcau` with these arguments and waits for its ready line.
    pub async fn run(folder: &Path, arguments: &[String]) -> Result<Self> {
        let mut process = Self::spawn(folder, arguments)?;
        process.ready = process.said("ready").await?["ready"].take();
        Ok(process)
    }

    /// Starts `diemcau` with these arguments and waits for nothing.
    pub fn spawn(folder: &Path, arguments: &[String]) -> Result<Self> {
        let role = arguments.first().context("a role")?.clone();
        let log = folder.join(format!("{role}.log"));
        let mut child = Command::new(tool::diemcau()?)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log)?)
            .kill_on_drop(true)
            .spawn()
            .context("starting diemcau")?;
        let stdout = child.stdout.take().context("its output is piped")?;
        Ok(Self {
            role,
            child,
            output: BufReader::new(stdout).lines(),
            ready: Value::Null,
            log,
        })
    }

    /// Waits for the next line of output that is a JSON object with this key.
    pub async fn said(&mut self, key: &str) -> Result<Value> {
        self.said_within(DEADLINE, key).await
    }

    /// As [`Process::said`], with a deadline of its own.
    pub async fn said_within(&mut self, deadline: Duration, key: &str) -> Result<Value> {
        let waited = tokio::time::timeout(deadline, self.next_with(key)).await;
        match waited
            .context("no answer in time")
            .and_then(|answer| answer)
        {
            Ok(value) => Ok(value),
            Err(error) => bail!(
                "{} said no {key:?}: {error:#}\n{}",
                self.role,
                self.log_tail()
            ),
        }
    }

    async fn next_with(&mut self, key: &str) -> Result<Value> {
        while let Some(line) = self.output.next_line().await? {
            if let Ok(said) = serde_json::from_str::<Value>(&line)
                && said.get(key).is_some()
            {
                return Ok(said);
            }
        }
        bail!("its output ended")
    }

    /// The bound address of this name in the ready line: `http`, `media`, `metrics`.
    pub fn address(&self, name: &str) -> Result<SocketAddr> {
        let text = self.ready.get(name).and_then(Value::as_str);
        text.with_context(|| format!("{} has no address {name:?}: {}", self.role, self.ready))?
            .parse()
            .with_context(|| format!("the address {name:?} of {}", self.role))
    }

    /// The text of one path of the internal listener.
    pub async fn internal(&self, path: &str) -> Result<String> {
        let url = format!("http://{}{path}", self.address("metrics")?);
        let answer = reqwest::get(&url).await?.error_for_status()?;
        Ok(answer.text().await?)
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    pub async fn stop(mut self) -> Result<ExitStatus> {
        let id = self.child.id().context("it has ended already")?;
        tool::run(std::process::Command::new("kill").args(["-TERM", &id.to_string()]))?;
        let ended = tokio::time::timeout(DEADLINE, self.child.wait()).await;
        Ok(ended.with_context(|| format!("{} does not end", self.role))??)
    }

    /// Waits until it ends by itself.
    pub async fn ended(&mut self) -> Result<ExitStatus> {
        Ok(self.child.wait().await?)
    }

    /// The last lines it logged.
    pub fn log_tail(&self) -> String {
        tail(&self.log)
    }
}

/// The last lines of a log, under its name.
pub fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let start = lines.len().saturating_sub(LOG_TAIL_LINES);
    format!("--- {} ---\n{}", log.display(), lines[start..].join("\n"))
}
