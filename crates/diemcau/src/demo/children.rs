//! The demo's processes: started, watched, started again when they die, stopped together.

use super::progress::Screen;
use anyhow::{Context, Result, bail};
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};

/// A child answers within this time that it is up; a cold disk is the slowest part.
const START_TIME_MAX: Duration = Duration::from_secs(30);
/// A dead child is started again after this pause, as a service manager would.
const RESTART_PAUSE: Duration = Duration::from_secs(1);
/// Children that have not stopped by then are killed.
const STOP_TIME_MAX: Duration = Duration::from_secs(5);

/// What a child does.
#[derive(Clone, Copy)]
pub enum Role {
    /// Decides.
    Orchestrator,
    /// Carries.
    Relay(&'static str),
    /// All hall agents.
    Halls,
}

impl Role {
    fn sub_command(self) -> &'static str {
        match self {
            Self::Orchestrator => "serve",
            Self::Relay(_) => "relay",
            Self::Halls => "hall",
        }
    }

    /// Its name on the screen.
    pub fn name(self) -> String {
        match self {
            Self::Orchestrator => "orchestrator".to_owned(),
            Self::Relay(id) => format!("relay {id}"),
            Self::Halls => "halls".to_owned(),
        }
    }
}

struct Running {
    role: Role,
    config: PathBuf,
    environment: Vec<(&'static str, String)>,
    child: Child,
    /// Closed when this process ends, however it ends: the child's sign to end too.
    stdin: Option<ChildStdin>,
}

/// All children of the demo.
pub struct Children {
    running: Vec<Running>,
    screen: Screen,
}

impl Children {
    /// None yet.
    pub fn new(screen: Screen) -> Self {
        Self {
            running: Vec::new(),
            screen,
        }
    }

    /// Starts a child and waits until it says that it is up.
    pub async fn start(
        &mut self,
        role: Role,
        config: &Path,
        environment: Vec<(&'static str, String)>,
    ) -> Result<()> {
        let (child, stdin) = launch(role, config, &environment, &self.screen).await?;
        self.running.push(Running {
            role,
            config: config.to_owned(),
            environment,
            child,
            stdin,
        });
        Ok(())
    }

    /// Watches the children for ever and starts again what dies.
    pub async fn watch(&mut self) -> Infallible {
        loop {
            let waits = self
                .running
                .iter_mut()
                .map(|running| Box::pin(running.child.wait()));
            let (status, index, _) = futures_util::future::select_all(waits).await;
            let running = &mut self.running[index];
            self.screen.died(
                running.role,
                &status.map_or_else(|error| error.to_string(), |status| status.to_string()),
            );
            tokio::time::sleep(RESTART_PAUSE).await;
            match launch(
                running.role,
                &running.config,
                &running.environment,
                &self.screen,
            )
            .await
            {
                Ok((child, stdin)) => {
                    running.child = child;
                    running.stdin = stdin;
                }
                Err(error) => self.screen.died(running.role, &format!("{error:#}")),
            }
        }
    }

    /// Asks every child to end, halls first so that nobody is seen to vanish, and waits.
    pub async fn stop(&mut self) {
        for mut running in self.running.drain(..).rev() {
            drop(running.stdin.take());
            if tokio::time::timeout(STOP_TIME_MAX, running.child.wait())
                .await
                .is_err()
            {
                // A child that hangs must not keep the demo from ending.
                let _ = running.child.kill().await;
            }
        }
    }
}

async fn launch(
    role: Role,
    config: &Path,
    environment: &[(&'static str, String)],
    screen: &Screen,
) -> Result<(Child, Option<ChildStdin>)> {
    let log_file = config.with_extension(format!("{}.log", role.sub_command()));
    let log = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&log_file)?;
    let mut child = Command::new(std::env::current_exe()?)
        .arg(role.sub_command())
        .arg("--config")
        .arg(config)
        .arg("--exit-with-parent")
        .envs(
            environment
                .iter()
                .map(|(name, value)| (*name, value.as_str())),
        )
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log)
        .kill_on_drop(true)
        // Ctrl-C is for the demo alone: it ends its children in order, by closing their standard input.
        .process_group(0)
        .spawn()
        .with_context(|| format!("starting {}", role.name()))?;
    let stdin = child.stdin.take();
    let mut lines = BufReader::new(child.stdout.take().context("a piped stdout")?).lines();
    let ready = tokio::time::timeout(START_TIME_MAX, lines.next_line()).await;
    let Ok(Ok(Some(line))) = ready else {
        let said = std::fs::read_to_string(&log_file).unwrap_or_default();
        let last: Vec<&str> = said.lines().rev().take(8).collect();
        let last: Vec<&str> = last.into_iter().rev().collect();
        bail!(
            "{} did not start; it last said:\n{}",
            role.name(),
            last.join("\n")
        );
    };
    // Nothing more is expected on stdout; drained so that the child never blocks on it.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    screen.started(role, child.id().unwrap_or(0), &line);
    Ok((child, stdin))
}
