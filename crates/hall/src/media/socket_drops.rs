//! What this machine's own socket queues dropped, as the kernel counts it in `/proc/net/udp`.
//!
//! Agents read their sockets in a tight loop; when the machine is too busy for that, the loss is its
//! own and not the network's, and the two must not be mixed up.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The table is read at most this often, for all halls of the process together.
const READ_EVERY: Duration = Duration::from_millis(900);

/// Drops by socket.
#[derive(Debug, Default)]
pub(crate) struct SocketDrops {
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    read_at: Option<Instant>,
    now: HashMap<SocketAddr, u64>,
    told: HashMap<SocketAddr, u64>,
}

impl SocketDrops {
    /// Datagrams dropped at this socket since the last time it was asked about.
    pub(crate) fn newly_dropped(&self, local: SocketAddr) -> u64 {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if table.read_at.is_none_or(|at| at.elapsed() >= READ_EVERY) {
            table.read_at = Some(Instant::now());
            let read = |path| std::fs::read_to_string(path).unwrap_or_default();
            table.now = parse(&read("/proc/self/net/udp"))
                .chain(parse(&read("/proc/self/net/udp6")))
                .collect();
        }
        let now = table.now.get(&local).copied().unwrap_or_default();
        let told = table.told.insert(local, now).unwrap_or_default();
        now.saturating_sub(told)
    }

    /// The socket is closed; its port may come back with a counter of its own.
    pub(crate) fn forget(&self, local: SocketAddr) {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.told.remove(&local);
        table.now.remove(&local);
    }
}

fn parse(text: &str) -> impl Iterator<Item = (SocketAddr, u64)> {
    text.lines().skip(1).filter_map(|line| {
        let mut fields = line.split_whitespace();
        let local = fields.nth(1)?;
        Some((address(local)?, fields.last()?.parse().ok()?))
    })
}

/// `0100007F:1F90`: words of four bytes in the machine's order, then the port.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let word = |index: usize| {
        u32::from_str_radix(ip.get(index * 8..index * 8 + 8)?, 16)
            .ok()
            .map(u32::to_ne_bytes)
    };
    let ip: IpAddr = match ip.len() {
        8 => Ipv4Addr::from(word(0)?).into(),
        32 => {
            let mut bytes = [0_u8; 16];
            for (index, piece) in bytes.chunks_exact_mut(4).enumerate() {
                piece.copy_from_slice(&word(index)?);
            }
            Ipv6Addr::from(bytes).into()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    #[test]
    fn a_flooded_socket_shows_its_drops_once() {
        let reader = UdpSocket::bind("127.0.0.1:0").expect("bind");
        let local = reader.local_addr().expect("address");
        let writer = UdpSocket::bind("127.0.0.1:0").expect("bind");
        // Far more than any default receive buffer, and nobody reads.
        for _ in 0..20_000 {
            writer.send_to(&[0; 1_200], local).expect("send");
        }
        let drops = SocketDrops::default();
        assert!(drops.newly_dropped(local) > 0);
        assert_eq!(drops.newly_dropped(local), 0, "told once");
    }

    #[test]
    fn the_table_is_read_and_rubbish_is_skipped() {
        let text = "  sl  local_address rem_address\n  1: 0100007F:1F90 00000000:0000 07 0 0 0 0 0 1 2 0 17\nrubbish\n 2: 00000000000000000000000001000000:0050 x 3\n";
        let found: Vec<_> = parse(text).collect();
        let expected = [("127.0.0.1:8080", 17), ("[::1]:80", 3)];
        assert_eq!(
            found,
            expected.map(|(address, drops)| (address.parse().expect("an address"), drops))
        );
    }
}
