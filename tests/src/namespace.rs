//! A network namespace with a cable (a veth pair) to this machine: another computer on the same
//! desk, with an address that is not loopback.

use crate::tool;
use anyhow::Result;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU8, Ordering};

/// Namespaces of one test process are numbered.
static COUNT: AtomicU8 = AtomicU8::new(0);

/// A namespace; it goes when dropped, and the cable with it.
pub struct Namespace {
    name: String,
    here: Ipv4Addr,
    there: Ipv4Addr,
}

/// Why this machine can have no namespace; `None` when it can.
pub fn missing() -> Option<String> {
    if let Some(reason) = tool::missing("ip", "iproute2") {
        return Some(reason);
    }
    // Asking the kernel is the only honest test: root in a container may still not be allowed.
    Namespace::new()
        .err()
        .map(|error| format!("network namespaces need root: {error:#}"))
}

impl Namespace {
    /// Makes a namespace and the cable to it.
    pub fn new() -> Result<Self> {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        // 15 characters are what an interface name may have; the process id keeps runs apart.
        let process = std::process::id() % 0x1_0000;
        let name = format!("dc{process:04x}n{number}");
        // 198.18.0.0/15 is for tests of devices (RFC 2544) and collides with no office network.
        let (low, net) = ((process % 64) as u8 * 4, 18 + (number % 2));
        let third = (process / 64 % 128) as u8 * 2 + number / 2 % 2;
        let address = |last| Ipv4Addr::new(198, net, third, low + last);
        let made = Self {
            name,
            here: address(1),
            there: address(2),
        };
        made.connect()?;
        Ok(made)
    }

    fn connect(&self) -> Result<()> {
        let Self { name, here, there } = self;
        for line in [
            format!("netns add {name}"),
            format!("link add {name}a type veth peer name {name}b netns {name}"),
            format!("address add {here}/30 dev {name}a"),
            format!("link set {name}a up"),
            format!("-n {name} address add {there}/30 dev {name}b"),
            format!("-n {name} link set {name}b up"),
            format!("-n {name} link set lo up"),
            format!("-n {name} route add default via {here}"),
        ] {
            ip(&line)?;
        }
        Ok(())
    }

    /// This machine's address on the cable.
    pub fn here(&self) -> Ipv4Addr {
        self.here
    }

    /// The namespace's address on the cable.
    pub fn there(&self) -> Ipv4Addr {
        self.there
    }

    /// A command that runs inside.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(tool::find("ip").unwrap_or_else(|| "ip".into()));
        command.args(["netns", "exec", &self.name]).arg(program);
        command
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // The end of the cable in the namespace goes with it, and so does this one; deleting it first
        // frees the name at once.
        let _ = ip(&format!("link delete {}a", self.name));
        let _ = ip(&format!("netns delete {}", self.name));
    }
}

fn ip(line: &str) -> Result<String> {
    let program = tool::find("ip").unwrap_or_else(|| "ip".into());
    tool::run(Command::new(program).args(line.split(' ')))
}
