//! The harness's own network: a namespace is another machine.

use anyhow::Result;
use std::path::Path;
use tests::namespace::{self, Namespace};
use tests::{needs, tool};

#[test]
fn a_namespace_reaches_this_machine_and_goes_when_dropped() -> Result<()> {
    needs!(namespace::missing());
    let street = Namespace::new()?;
    let listener = std::net::TcpListener::bind((street.here(), 0))?;
    let port = listener.local_addr()?.port();
    let greeting = format!("echo hello > /dev/tcp/{}/{port}", street.here());
    let mut caller = street.command(Path::new("/bin/bash"));
    tool::run(caller.args(["-c", &greeting]))?;
    let (_, from) = listener.accept()?;
    assert_eq!(from.ip(), street.there());
    drop(street);
    // The address went with the cable.
    assert!(std::net::TcpListener::bind(from).is_err());
    Ok(())
}
