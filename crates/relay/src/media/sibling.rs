//! More sockets on the relay's port: a sending thread has one to itself, so that threads do not wait for each other at
//! the kernel's accounts of one socket. What comes in still comes in at one.

use nix::libc::{sock_filter, sock_fprog};
use nix::sys::socket::{setsockopt, sockopt::AttachReusePortCbpf};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::io;
use std::net::UdpSocket;

/// `BPF_RET | BPF_K` (Linux, linux/filter.h): the program's answer is the constant.
const RETURN: u16 = 0x06;
/// The first socket of the port's group is the one that was bound first.
const FIRST: u32 = 0;

/// A socket that sends from the address of `receiving`, and is never sent to. `receiving` was bound alone, so another
/// process on this port has been refused by then; and none can follow, as it would have to ask for sharing before.
pub(super) fn sibling(receiving: &UdpSocket, send_buffer_bytes: usize) -> io::Result<UdpSocket> {
    let address = receiving.local_addr()?;
    SockRef::from(receiving).set_reuse_port(true)?;
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    // Less than asked for is fine; the kernel's limit is the administrator's.
    let _ = socket.set_send_buffer_size(send_buffer_bytes);
    socket.bind(&address.into())?;
    all_to_the_first(receiving)?;
    Ok(socket.into())
}

/// Without it the kernel would deal datagrams out to all sockets of the port, by their sender.
fn all_to_the_first(receiving: &UdpSocket) -> io::Result<()> {
    let mut program = [sock_filter {
        code: RETURN,
        jt: 0,
        jf: 0,
        k: FIRST,
    }];
    let program = sock_fprog {
        len: program.len() as u16,
        filter: program.as_mut_ptr(),
    };
    setsockopt(receiving, AttachReusePortCbpf, &program)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::time::Duration;

    fn bound(address: &str) -> UdpSocket {
        let socket = UdpSocket::bind(address).expect("a socket");
        let deadline = Some(Duration::from_secs(10));
        socket.set_read_timeout(deadline).expect("a deadline");
        socket
    }

    #[test]
    fn everything_comes_in_at_the_first_socket_and_leaves_from_one_address() {
        for any in ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0"] {
            let receiving = bound(any);
            let siblings: Vec<UdpSocket> = (0..3)
                .map(|_| sibling(&receiving, 1 << 16).expect("a sibling"))
                .collect();
            let loopback = any.replace("0.0.0.0", "127.0.0.1");
            let port = receiving.local_addr().expect("an address").port();
            let relay = loopback.replace(":0", &format!(":{port}"));
            let halls: Vec<UdpSocket> = (0..100).map(|_| bound(&loopback)).collect();
            let mut heard = BTreeSet::new();
            for hall in &halls {
                hall.send_to(b"a hall", &relay).expect("sent");
                heard.insert(receiving.recv_from(&mut [0; 16]).expect("it comes here").1);
            }
            assert_eq!(heard.len(), halls.len(), "{any}");

            let mut received = [0; 16];
            for (hall, socket) in halls.iter().zip(siblings.iter().cycle()) {
                let to = hall.local_addr().expect("an address");
                socket.send_to(b"media", to).expect("sent");
                let (_, from) = hall.recv_from(&mut received).expect("it comes");
                assert_eq!(from.to_string(), relay);
            }
            for socket in &siblings {
                let nothing = socket
                    .recv_from(&mut received)
                    .map_err(|error| error.kind());
                assert_eq!(nothing, Err(io::ErrorKind::WouldBlock), "{any}");
            }
        }
    }

    #[test]
    fn a_port_that_is_shared_within_is_taken_for_others() {
        let receiving = bound("127.0.0.1:0");
        let _sibling = sibling(&receiving, 1 << 16).expect("a sibling");
        let address = receiving.local_addr().expect("an address");
        let other = UdpSocket::bind(address).map_err(|error| error.kind());
        assert_eq!(other.map(drop), Err(io::ErrorKind::AddrInUse));
    }
}
