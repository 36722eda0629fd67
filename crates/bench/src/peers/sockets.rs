//! The UDP ports of a process that opens one for every leg.

use std::collections::HashSet;
use std::fs;

/// Local ports of its IPv4 sockets now; none when it has ended.
pub fn udp_ports(pid: u32) -> Vec<u16> {
    let table = fs::read_to_string(format!("/proc/{pid}/net/udp")).unwrap_or_default();
    ports(&table, &inodes(pid))
}

fn inodes(pid: u32) -> HashSet<u64> {
    let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) else {
        return HashSet::new();
    };
    let links = files
        .flatten()
        .filter_map(|file| fs::read_link(file.path()).ok());
    links
        .filter_map(|link| {
            let name = link.to_str()?;
            name.strip_prefix("socket:[")?
                .strip_suffix(']')?
                .parse()
                .ok()
        })
        .collect()
}

fn ports(table: &str, inodes: &HashSet<u64>) -> Vec<u16> {
    let of = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let inode: u64 = fields.get(9)?.parse().ok()?;
        let (_, port) = fields.get(1)?.rsplit_once(':')?;
        let port = u16::from_str_radix(port, 16).ok()?;
        inodes.contains(&inode).then_some(port)
    };
    table.lines().skip(1).filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ports_of_this_process_are_found() {
        let sockets: Vec<_> = (0..3)
            .map(|_| std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket"))
            .collect();
        let found = udp_ports(std::process::id());
        for socket in &sockets {
            let port = socket.local_addr().expect("bound").port();
            assert!(found.contains(&port), "{port} in {found:?}");
        }
        assert!(udp_ports(0).is_empty());
    }
}
