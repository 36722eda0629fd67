//! A network namespace with one interface that is not loopback.
//!
//! Janus offers no candidate on `lo`. A veth pair with both ends in one namespace gives it an address
//! on another interface, while packets from that address to itself still take the kernel's loopback
//! path: what is measured here costs what it costs on 127.0.0.1, for every engine alike.

use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::Command;

/// 198.18.0.0/15 is for tests of devices (RFC 2544) and collides with no office network.
pub const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 18, 0, 1));

/// A namespace; it goes when dropped, and its interfaces with it.
#[derive(Debug)]
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes one.
    ///
    /// # Errors
    /// Without root or without `ip` (iproute2).
    pub fn new() -> Result<Self> {
        let namespace = Self {
            name: format!("diemcau-bench-{}", std::process::id()),
        };
        let name = &namespace.name;
        ip(&["netns", "add", name]).context("a network namespace needs root and iproute2")?;
        for line in [
            "link set lo up".to_owned(),
            "link add hall type veth peer name far".to_owned(),
            format!("address add {ADDRESS}/30 dev hall"),
            "link set hall up".to_owned(),
            "link set far up".to_owned(),
            // Whoever looks for its own address asks the routing table.
            "route add default dev hall".to_owned(),
        ] {
            let words: Vec<&str> = ["-n", name].into_iter().chain(line.split(' ')).collect();
            ip(&words)?;
        }
        Ok(namespace)
    }

    /// A command that runs this program inside.
    pub fn command(
        &self,
        program: &Path,
        arguments: impl IntoIterator<Item = OsString>,
    ) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program);
        command.args(arguments);
        command
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // Nothing can be done about a namespace that does not go; it holds no process of ours.
        let _ = ip(&["netns", "delete", &self.name]);
    }
}

fn ip(arguments: &[&str]) -> Result<()> {
    let output = Command::new("ip")
        .args(arguments)
        .output()
        .context("ip (iproute2) is not installed")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("ip {}: {}", arguments.join(" "), said.trim());
    }
    Ok(())
}
