//! The harness's own network: a namespace is another machine.

use anyhow::{Context, Result};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use tests::namespace::{self, Namespace};
use tests::{needs, tool};

/// Names of the namespaces there are.
fn listed() -> Result<Vec<String>> {
    let ip = tool::find("ip").context("ip is there")?;
    let listed = tool::run(Command::new(ip).args(["netns", "list"]))?;
    let name = |line: &str| line.split(' ').next().map(str::to_owned);
    Ok(listed.lines().filter_map(name).collect())
}

#[test]
fn a_namespace_reaches_this_machine_and_goes_when_dropped() -> Result<()> {
    needs!(namespace::missing());
    let street = Namespace::new()?;
    let here = street.here();
    let listener = TcpListener::bind((here, 0))?;
    let port = listener.local_addr()?.port();
    let greeting = format!("echo hello > /dev/tcp/{here}/{port}");
    let mut caller = street.command(Path::new("/bin/bash"));
    tool::run(caller.args(["-c", &greeting]))?;
    let (_, from) = listener.accept()?;
    assert_eq!(from.ip(), street.there());

    // Programs run inside by `ip netns exec NAME`.
    let name = caller.get_args().nth(2).and_then(|name| name.to_str());
    let name = name.context("the name of the namespace")?.to_owned();
    assert!(listed()?.contains(&name), "{name}");
    drop(street);
    assert!(!listed()?.contains(&name), "{name} is still there");
    // This machine's address went with the cable.
    assert!(TcpListener::bind((here, 0)).is_err());
    Ok(())
}
