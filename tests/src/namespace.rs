//! A network namespace with a cable (a veth pair) to this machine: another computer on the same
//! desk, with an address that is not loopback.

use crate::{repository, tool};
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

    /// From now on the cable loses this part of the packets both ways, at random: 1, 5 or 20 percent
    /// (the sections of `tests/network/loss.o`; not every kernel has netem).
    pub fn lose(&self, percent: u8) -> Result<()> {
        let object = repository().join("tests/network/loss.o");
        for (prefix, device) in self.ends() {
            tc(&format!("{prefix}qdisc replace dev {device} clsact"))?;
            let filter =
                format!("{prefix}filter add dev {device} egress bpf direct-action object-file");
            let (object, section) = (object.display(), format!("section loss/{percent}"));
            tc(&format!("{filter} {object} {section}"))?;
        }
        Ok(())
    }

    /// From now on what goes into the namespace passes a narrow place: `rate_kbit` kilobits a second,
    /// packets that would wait longer than 200 ms are lost (tc-tbf).
    pub fn narrow(&self, rate_kbit: u32) -> Result<()> {
        let bucket = format!("tbf rate {rate_kbit}kbit burst 8kb latency 200ms");
        tc(&format!("qdisc replace dev {}a root {bucket}", self.name)).map(drop)
    }

    /// From now on this machine knows that the way into the namespace takes packets of so many bytes, IP and all, as
    /// when a tunnel on the way has said so.
    pub fn shorten(&self, mtu: u16) -> Result<()> {
        let Self { name, there, .. } = self;
        ip(&format!("route replace {there}/32 dev {name}a mtu {mtu}")).map(drop)
    }

    /// The narrow place is wide again.
    pub fn widen(&self) -> Result<()> {
        tc(&format!("qdisc delete dev {}a root", self.name)).map(drop)
    }

    /// Both ends of the cable: what to put before a `tc` command, and the device.
    fn ends(&self) -> [(String, String); 2] {
        let name = &self.name;
        [
            (String::new(), format!("{name}a")),
            (format!("-n {name} "), format!("{name}b")),
        ]
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
    iproute2("ip", line)
}

fn tc(line: &str) -> Result<String> {
    iproute2("tc", line)
}

fn iproute2(program: &str, line: &str) -> Result<String> {
    let program = tool::find(program).unwrap_or_else(|| program.into());
    tool::run(Command::new(program).args(line.split(' ')))
}
