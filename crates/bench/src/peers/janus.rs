//! Janus as Debian packages it, with the video room and nothing else.

use super::comparison::Peer;
use super::room::Room;
use super::sockets;
use crate::child::{last_words, pinning};
use crate::engine::{Engine, Server, Setup};
use crate::load::Target;
use anyhow::{Context, Result, ensure};
use std::fmt::Write;
use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Where Debian's package puts the program.
const PROGRAM: &str = "/usr/bin/janus";

/// How long Janus may take to listen.
const PATIENCE: Duration = Duration::from_secs(10);

/// Plugins, transports and loggers that a user without use for them leaves out.
const LEFT_OUT: &[(&str, &[&str])] = &[
    (
        "plugins",
        &[
            "audiobridge",
            "duktape",
            "echotest",
            "lua",
            "nosip",
            "recordplay",
            "sip",
            "streaming",
            "textroom",
            "videocall",
            "voicemail",
        ],
    ),
    (
        "transports",
        &["mqtt", "nanomsg", "pfunix", "rabbitmq", "websockets"],
    ),
    ("loggers", &["jsonlog"]),
];

/// What to say when Janus is not there; `None` when it is.
pub fn missing() -> Option<String> {
    let is_there = Path::new(PROGRAM).is_file();
    (!is_there).then(|| "not installed: apt-get install janus".to_owned())
}

/// Its version, as it says itself: `Janus version: 1102 (1.1.2)`.
pub fn version() -> Option<String> {
    let output = Command::new(PROGRAM).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (_, rest) = text.split_once('(')?;
    rest.split_once(')').map(|(version, _)| version.to_owned())
}

/// Janus with a fixed number of event loops, or with its default: a thread for each participant.
#[derive(Clone, Copy, Debug)]
pub struct Janus {
    /// Event loops that share all participants.
    pub event_loops: Option<u8>,
}

impl Janus {
    /// For the head of a comparison.
    pub fn described(&self) -> Peer {
        let loops = match self.event_loops {
            Some(count) => format!("event_loops = {count}, all on the server's one core"),
            None => "a thread for each participant, all on the server's one core".to_owned(),
        };
        Peer {
            engine: self.name().to_owned(),
            version: version(),
            settings: format!("Debian's package, video room, {loops}"),
            missing: missing(),
        }
    }
}

impl Engine for Janus {
    fn name(&self) -> &'static str {
        match self.event_loops {
            Some(_) => "janus tuned",
            None => "janus",
        }
    }

    fn start(&self, setup: &Setup<'_>) -> Result<Box<dyn Server>> {
        // Janus takes no port 0: a free one is looked for.
        let http = TcpListener::bind((setup.ip, 0))?.local_addr()?;
        write_configuration(setup.folder, http, self.event_loops)?;
        let mut running = Running {
            process: spawn(setup)?,
            room: Room { http },
        };
        let began = Instant::now();
        while !running.room.is_served() {
            let waits = running.process.try_wait()?.is_none() && began.elapsed() < PATIENCE;
            ensure!(
                waits,
                "Janus does not listen:\n{}",
                last_words(&log_file(setup.folder))
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        running.room.make().context("making the room")?;
        Ok(Box::new(running))
    }
}

/// A running Janus with one room in it. Dropped, it is killed: it holds nothing.
struct Running {
    process: Child,
    room: Room,
}

impl Server for Running {
    fn target(&self) -> Target {
        Target::Janus(self.room)
    }

    fn processes(&self) -> Vec<u32> {
        vec![self.process.id()]
    }

    fn media_ports(&self) -> Vec<u16> {
        sockets::udp_ports(self.process.id())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn spawn(setup: &Setup<'_>) -> Result<Child> {
    // Each of these becomes the next program, so the process id stays. Janus does not look whether who started
    // it is still there.
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    command.args(pinning(setup.cores)).arg(PROGRAM);
    command.arg("--configs-folder").arg(setup.folder);
    command.arg("--config").arg(setup.folder.join("janus.jcfg"));
    let log = File::create(log_file(setup.folder))?;
    command
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    command
        .spawn()
        .with_context(|| format!("starting {command:?} (util-linux)"))
}

fn log_file(folder: &Path) -> std::path::PathBuf {
    folder.join("janus.log")
}

/// What differs from Debian's files: where it listens, what it leaves out, and the event loops. A
/// session never ends by silence, so that the load need not keep a hundred of them alive.
fn write_configuration(folder: &Path, http: SocketAddr, event_loops: Option<u8>) -> Result<()> {
    let (ip, port) = (http.ip(), http.port());
    let loops = event_loops.map_or(String::new(), |count| format!("event_loops = {count} "));
    let mut main = format!(
        "general: {{ interface = \"{ip}\" session_timeout = 0 {loops}}}\nnat: {{ ice_enforce_list = \"{ip}\" }}\n"
    );
    for (kind, names) in LEFT_OUT {
        let files: Vec<String> = names
            .iter()
            .map(|name| format!("libjanus_{name}.so"))
            .collect();
        writeln!(main, "{kind}: {{ disable = \"{}\" }}", files.join(","))?;
    }
    let transport = format!(
        "general: {{ json = \"compact\" base_path = \"/janus\" http = true ip = \"{ip}\" port = {port} https = false }}\n"
    );
    fs::write(folder.join("janus.jcfg"), main)?;
    fs::write(folder.join("janus.transport.http.jcfg"), transport)?;
    // An empty file: no room but ours.
    fs::write(folder.join("janus.plugin.videoroom.jcfg"), "")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_loops_are_the_only_difference_between_the_two() -> Result<()> {
        let written = |event_loops| -> Result<String> {
            let folder = tempfile::tempdir()?;
            write_configuration(folder.path(), "198.18.0.1:8088".parse()?, event_loops)?;
            Ok(fs::read_to_string(folder.path().join("janus.jcfg"))?)
        };
        let (tuned, default) = (written(Some(2))?, written(None)?);
        assert_ne!(tuned, default);
        assert_eq!(tuned.replace("event_loops = 2 ", ""), default);
        assert!(
            default.contains("ice_enforce_list = \"198.18.0.1\""),
            "{default}"
        );
        Ok(())
    }
}
