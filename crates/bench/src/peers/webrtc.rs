//! The [`super::sfu`] as a process of its own.

use super::comparison::Peer;
use super::sockets;
use crate::child::Child;
use crate::engine::{Engine, Server, Setup};
use crate::load::{Endpoint, Target, Whep};
use anyhow::Result;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Of the `webrtc` crate; it does not tell.
const VERSION: &str = "0.21.1";

const READY_WITHIN: Duration = Duration::from_secs(10);

/// `diemcau bench webrtc-sfu`.
#[derive(Clone, Debug)]
pub struct WebrtcSfu {
    /// The `diemcau` binary.
    pub program: PathBuf,
}

/// The line it says when it is up.
#[derive(Deserialize)]
struct Said {
    ready: Ready,
}

#[derive(Deserialize)]
struct Ready {
    http: SocketAddr,
}

impl WebrtcSfu {
    /// For the head of a comparison.
    pub fn described(&self) -> Peer {
        Peer {
            engine: self.name().to_owned(),
            version: Some(VERSION.to_owned()),
            settings: "default codecs and interceptors, AES-128-GCM, no mDNS".to_owned(),
            missing: None,
        }
    }
}

impl Engine for WebrtcSfu {
    fn name(&self) -> &'static str {
        "webrtc"
    }

    fn start(&self, setup: &Setup<'_>) -> Result<Box<dyn Server>> {
        let ip = setup.ip.to_string();
        let arguments = ["bench", "webrtc-sfu", "--address", &ip];
        let mut process = Child::start(
            "webrtc-sfu",
            setup.folder,
            &self.program,
            &arguments,
            setup.cores,
        )?;
        let Said { ready } = process.hear(READY_WITHIN)?;
        let endpoint = |path: &str| Endpoint {
            http: ready.http,
            path: path.to_owned(),
            // It asks nobody for a token.
            token: String::new(),
        };
        let target = Target::Whep(Whep {
            publish: endpoint("/whip"),
            watch: vec![endpoint("/whep"); setup.row.legs],
        });
        Ok(Box::new(Running { process, target }))
    }
}

struct Running {
    process: Child,
    target: Target,
}

impl Server for Running {
    fn target(&self) -> Target {
        self.target.clone()
    }

    fn processes(&self) -> Vec<u32> {
        vec![self.process.id()]
    }

    fn media_ports(&self) -> Vec<u16> {
        sockets::udp_ports(self.process.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_told_is_the_one_built() {
        let workspace = include_str!("../../../../Cargo.toml");
        assert!(workspace.contains(&format!("webrtc = \"={VERSION}\"")));
    }
}
