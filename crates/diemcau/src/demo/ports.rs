//! The ports of a demo.

use super::tls;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::path::Path;

/// Ports, kept in the data folder so that a second start is reached under the same URLs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ports {
    /// The address they were chosen on.
    pub address: IpAddr,
    /// The orchestrator's API and console.
    pub http: u16,
    /// The orchestrator's internal listener.
    pub metrics: u16,
    /// WHIP and WHEP of each relay, root first.
    pub relay_http: [u16; 3],
    /// The one UDP port of each relay.
    pub relay_media: [u16; 3],
    /// Each relay's internal listener.
    pub relay_metrics: [u16; 3],
    /// The hall agents' internal listener.
    pub halls_metrics: u16,
}

impl Ports {
    /// The ports of an earlier start in this folder, or new ones. With them goes the certificate, which
    /// names the address: another address needs both anew.
    pub fn of(folder: &Path, address: IpAddr) -> Result<Self> {
        let file = folder.join("ports.json");
        let earlier: Option<Self> = std::fs::read_to_string(&file)
            .ok()
            .and_then(|text| serde_json::from_str(&text).ok());
        if let Some(ports) = earlier.filter(|ports| ports.address == address) {
            tls::ensure(folder, address)?;
            return ports.check(&file).map(|()| ports);
        }
        tls::discard(folder)?;
        tls::ensure(folder, address)?;
        let ports = Self::free(address)?;
        std::fs::write(&file, serde_json::to_string(&ports)?)?;
        Ok(ports)
    }

    /// Nothing else may have taken a kept port meanwhile.
    fn check(&self, file: &Path) -> Result<()> {
        let public = std::iter::once(self.http).chain(self.relay_http);
        let inner = [self.metrics, self.halls_metrics]
            .into_iter()
            .chain(self.relay_metrics);
        let tcp = public.map(|port| SocketAddr::new(self.address, port));
        let tcp = tcp.chain(inner.map(|port| SocketAddr::from(([127, 0, 0, 1], port))));
        for at in tcp {
            TcpListener::bind(at).with_context(|| taken(at, file))?;
        }
        for port in self.relay_media {
            let at = SocketAddr::new(self.address, port);
            UdpSocket::bind(at).with_context(|| taken(at, file))?;
        }
        Ok(())
    }

    /// The usual ports where they are free, any free ones otherwise.
    fn free(address: IpAddr) -> Result<Self> {
        // Held until all are chosen, so that none is chosen twice.
        let mut held: (Vec<TcpListener>, Vec<UdpSocket>) = (Vec::new(), Vec::new());
        let mut tcp = |at: IpAddr, usual: u16| -> Result<u16> {
            let listener = TcpListener::bind((at, usual)).or_else(|_| TcpListener::bind((at, 0)));
            let listener =
                listener.with_context(|| format!("{at} is not an address of this machine"))?;
            let port = listener.local_addr()?.port();
            held.0.push(listener);
            Ok(port)
        };
        let mut udp = |usual: u16| -> Result<u16> {
            let socket =
                UdpSocket::bind((address, usual)).or_else(|_| UdpSocket::bind((address, 0)))?;
            let port = socket.local_addr()?.port();
            held.1.push(socket);
            Ok(port)
        };
        let inner = IpAddr::from([127, 0, 0, 1]);
        Ok(Self {
            address,
            http: tcp(address, 8443)?,
            relay_http: [
                tcp(address, 8444)?,
                tcp(address, 8445)?,
                tcp(address, 8446)?,
            ],
            metrics: tcp(inner, 9100)?,
            relay_metrics: [tcp(inner, 9101)?, tcp(inner, 9102)?, tcp(inner, 9103)?],
            halls_metrics: tcp(inner, 9110)?,
            relay_media: [udp(5004)?, udp(5006)?, udp(5008)?],
        })
    }
}

fn taken(at: SocketAddr, file: &Path) -> String {
    format!(
        "{at}, a port of the earlier start, is taken: end what uses it, or remove {} for other ports",
        file.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Mutex, MutexGuard, PoisonError};

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    /// Ports are the whole machine's: one test at a time.
    static TURN: Mutex<()> = Mutex::new(());

    fn turn() -> MutexGuard<'static, ()> {
        TURN.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[test]
    fn a_second_start_on_the_same_address_has_the_same_ports_and_certificate() {
        let _turn = turn();
        let folder = tempfile::tempdir().expect("a folder");
        let first = Ports::of(folder.path(), HERE).expect("ports");
        let certificate = std::fs::read(folder.path().join("server.pem")).expect("a certificate");
        let second = Ports::of(folder.path(), HERE).expect("ports");
        assert_eq!(first, second);
        assert_eq!(
            std::fs::read(folder.path().join("server.pem")).expect("a certificate"),
            certificate
        );
    }

    #[test]
    fn another_address_gets_a_certificate_that_names_it() {
        let _turn = turn();
        let folder = tempfile::tempdir().expect("a folder");
        Ports::of(folder.path(), HERE).expect("ports");
        let certificate = std::fs::read(folder.path().join("server.pem")).expect("a certificate");
        let other = IpAddr::from([127, 0, 0, 7]);
        assert_eq!(
            Ports::of(folder.path(), other).expect("ports").address,
            other
        );
        assert_ne!(
            std::fs::read(folder.path().join("server.pem")).expect("a certificate"),
            certificate
        );
    }

    #[test]
    fn a_kept_port_that_is_taken_is_named_with_what_to_do() {
        let _turn = turn();
        let folder = tempfile::tempdir().expect("a folder");
        let ports = Ports::of(folder.path(), HERE).expect("ports");
        let _squatter = TcpListener::bind((HERE, ports.relay_http[1])).expect("the port was free");
        let told = format!("{:#}", Ports::of(folder.path(), HERE).expect_err("taken"));
        assert!(
            told.contains(&ports.relay_http[1].to_string()) && told.contains("ports.json"),
            "{told}"
        );
    }

    #[test]
    fn no_port_is_chosen_twice() {
        let _turn = turn();
        let ports = Ports::free(HERE).expect("ports");
        let mut tcp = vec![ports.http, ports.metrics, ports.halls_metrics];
        tcp.extend(ports.relay_http);
        tcp.extend(ports.relay_metrics);
        tcp.sort_unstable();
        tcp.dedup();
        assert_eq!(tcp.len(), 9);
    }
}
