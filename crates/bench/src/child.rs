//! A child process that is told and answers in lines of JSON. It ends when the parent does: its input closes.

use anyhow::{Context, Result, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// A child that is told to end has this long.
const END_WITHIN: Duration = Duration::from_secs(5);
/// Lines of its log that an error repeats.
const LOG_LINES: usize = 12;

/// A running child. Dropped, it is ended.
pub struct Child {
    name: String,
    process: std::process::Child,
    input: Option<std::process::ChildStdin>,
    output: Receiver<String>,
    log: PathBuf,
}

impl Child {
    /// Starts this program, on these cores only when some are named. `name` is for errors and its log in `folder`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(
        name: &str,
        folder: &Path,
        program: &Path,
        arguments: &[&str],
        cores: &[usize],
    ) -> Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let mut words = pinning(cores);
        words.push(program.into());
        let mut command = Command::new(&words[0]);
        let mut process = command
            .args(&words[1..])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log)?)
            .spawn()
            .with_context(|| {
                format!("{name} cannot be started (is taskset of util-linux installed?)")
            })?;
        let stdout = process.stdout.take().context("a piped output")?;
        let (sender, output) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self {
            name: name.to_owned(),
            input: process.stdin.take(),
            process,
            output,
            log,
        })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Its next line of output as JSON.
    ///
    /// # Errors
    /// When it says nothing in time, or something else.
    pub fn hear<T: DeserializeOwned>(&mut self, within: Duration) -> Result<T> {
        let line = match self.output.recv_timeout(within) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => bail!(
                "{} says nothing for {} s\n{}",
                self.name,
                within.as_secs(),
                self.last_words()
            ),
            Err(RecvTimeoutError::Disconnected) => {
                bail!("{} has ended\n{}", self.name, self.last_words())
            }
        };
        serde_json::from_str(&line).with_context(|| format!("{} says {line:?}", self.name))
    }

    /// Tells it something.
    ///
    /// # Errors
    /// When it has ended.
    pub fn tell<T: Serialize>(&mut self, what: &T) -> Result<()> {
        let mut line = serde_json::to_string(what)?;
        line.push('\n');
        let input = self.input.as_mut().context("its input is open")?;
        let told = input.write_all(line.as_bytes());
        told.with_context(|| format!("{} has ended\n{}", self.name, self.last_words()))
    }

    fn last_words(&self) -> String {
        last_words(&self.log)
    }
}

/// The last lines of a log, for an error to repeat.
pub fn last_words(log: &Path) -> String {
    let said = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = said.lines().collect();
    lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
}

/// What to put before a program so that it runs on these cores only. `taskset` becomes the program, so the process id
/// stays.
pub fn pinning(cores: &[usize]) -> Vec<OsString> {
    let list: Vec<String> = cores.iter().map(usize::to_string).collect();
    if list.is_empty() {
        return Vec::new();
    }
    ["taskset", "-c", &list.join(",")]
        .map(OsString::from)
        .to_vec()
}

impl Drop for Child {
    fn drop(&mut self) {
        drop(self.input.take());
        let until = Instant::now() + END_WITHIN;
        while Instant::now() < until {
            if !matches!(self.process.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        // It hangs, and must not outlive the measurement.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
