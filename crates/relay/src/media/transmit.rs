//! The way out of the process: datagrams, one by one or as a burst that the kernel cuts (UDP GSO).

use nix::errno::Errno;
use quinn_udp::UdpSocketState;
use rustix::net::sockopt::{Ipv4PathMtuDiscovery, set_ip_mtu_discover};
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};

/// Segments of a burst. The kernel takes 64 since GSO exists (128 since 6.7); a frame of more is rare.
pub(super) const SEGMENTS_MAX: usize = 64;
/// A UDP payload over IPv4 (65,535 − 20 − 8), which bounds a burst before it is cut.
pub(super) const BURST_BYTES_MAX: usize = 65_507;
/// A path carries at least 1,280 bytes (RFC 8200 §5): when a burst of segments below that less the headers of IPv6 and
/// UDP is invalid, the path is not to blame.
const SEGMENT_ALWAYS_FITS: usize = 1_232;

/// Datagrams may not be fragmented, anywhere. Then they need no identification (RFC 6864 §4.1), which the kernel would
/// have to choose so that nobody can guess it: a twentieth of what a datagram costs.
const WHOLE: Ipv4PathMtuDiscovery = Ipv4PathMtuDiscovery::DO;
/// The kernel fragments what is longer than the path's MTU, as far as it knows that; nobody else does.
const IN_FRAGMENTS: Ipv4PathMtuDiscovery = Ipv4PathMtuDiscovery::WANT;

/// Where datagrams leave. Does not block.
pub(super) trait Transmit: Send {
    /// Sends `bytes` to `to`: one datagram; with `segment_size` several of that many bytes, the last maybe shorter.
    fn send(&mut self, to: SocketAddr, bytes: &[u8], segment_size: Option<usize>) -> Outcome;

    /// How many segments a burst may have now; 1 where bursts do not work.
    fn segments_max(&self) -> usize;
}

/// What became of a call to [`Transmit::send`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    /// Datagrams that did not go: mostly the socket's buffer was full. Late media is useless, so nobody tries again.
    pub(super) refused: u64,
    /// It was a burst and had to go datagram by datagram.
    pub(super) was_split: bool,
}

/// A UDP socket, maybe shared with other threads.
pub(super) struct SocketTransmit {
    socket: UdpSocket,
    state: UdpSocketState,
    segments_max: usize,
}

impl SocketTransmit {
    /// Sends by this socket, which does not block.
    pub(super) fn new(socket: UdpSocket) -> io::Result<Self> {
        // Where the kernel refuses, datagrams are only dearer.
        let _ = set_ip_mtu_discover(&socket, WHOLE);
        let state = socket_state(&socket)?;
        let segments_max = state.max_gso_segments().clamp(1, SEGMENTS_MAX);
        Ok(Self {
            socket,
            state,
            segments_max,
        })
    }

    /// One `sendto`: it costs less than `sendmsg` with control data.
    fn send_one(&self, to: SocketAddr, bytes: &[u8]) -> u64 {
        let sent = match self.socket.send_to(bytes, to) {
            Err(error) if errno(&error) == Some(Errno::EMSGSIZE) => {
                self.send_in_fragments(to, bytes)
            }
            sent => sent,
        };
        u64::from(sent.is_err())
    }

    /// The kernel fragments what the path is known not to take whole. Another thread's datagram that leaves meanwhile
    /// by the same socket is none the worse.
    fn send_in_fragments(&self, to: SocketAddr, bytes: &[u8]) -> io::Result<usize> {
        set_ip_mtu_discover(&self.socket, IN_FRAGMENTS)?;
        let sent = self.socket.send_to(bytes, to);
        set_ip_mtu_discover(&self.socket, WHOLE)?;
        sent
    }

    fn send_burst(&mut self, to: SocketAddr, bytes: &[u8], segment_size: usize) -> Outcome {
        let transmit = quinn_udp::Transmit {
            destination: to,
            ecn: None,
            contents: bytes,
            segment_size: Some(segment_size),
            src_ip: None,
        };
        match self.state.try_send((&self.socket).into(), &transmit) {
            Ok(()) => Outcome::default(),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Outcome {
                refused: bytes.chunks(segment_size).len() as u64,
                was_split: false,
            },
            Err(error) => {
                self.judge(&error, segment_size);
                let datagrams = bytes.chunks(segment_size);
                Outcome {
                    refused: datagrams.map(|bytes| self.send_one(to, bytes)).sum(),
                    was_split: true,
                }
            }
        }
    }

    /// Some network adapters take no bursts, which shows only when one is tried: then no more are. A path with a small
    /// MTU (`EMSGSIZE`; `EINVAL` before Linux 6.14) concerns one leg, whose datagrams the kernel fragments one by one.
    fn judge(&mut self, error: &io::Error, segment_size: usize) {
        let adapter = match errno(error) {
            Some(Errno::EIO) => true,
            Some(Errno::EINVAL) => segment_size <= SEGMENT_ALWAYS_FITS,
            _ => false,
        };
        if adapter && self.segments_max > 1 {
            tracing::warn!(%error, "bursts (UDP GSO) do not work here, datagrams go one by one");
            self.segments_max = 1;
        }
    }
}

impl Transmit for SocketTransmit {
    fn send(&mut self, to: SocketAddr, bytes: &[u8], segment_size: Option<usize>) -> Outcome {
        match segment_size {
            Some(size) if size > 0 && size < bytes.len() => self.send_burst(to, bytes, size),
            _ => Outcome {
                refused: self.send_one(to, bytes),
                was_split: false,
            },
        }
    }

    fn segments_max(&self) -> usize {
        self.segments_max
    }
}

fn errno(error: &io::Error) -> Option<Errno> {
    error.raw_os_error().map(Errno::from_raw)
}

/// What the kernel can do with sockets of this kind. Found out on a socket of its own: on ours it would have
/// the kernel not look at the path's MTU, and have the kernel add a time stamp, an interface and a class to every datagram.
pub(super) fn socket_state(socket: &UdpSocket) -> io::Result<UdpSocketState> {
    let mut like = socket.local_addr()?;
    like.set_port(0);
    let probe = UdpSocket::bind(like)?;
    UdpSocketState::new((&probe).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::sockopt::ip_mtu_discover;

    #[test]
    fn datagrams_go_whole_and_do_so_again_after_one_that_went_in_fragments() {
        for any in ["127.0.0.1:0", "[::1]:0", "[::]:0"] {
            let socket = UdpSocket::bind(any).expect("a socket");
            let to = UdpSocket::bind(any.replace("[::]", "[::1]")).expect("a hall");
            let to = to.local_addr().expect("an address");
            let transmit = SocketTransmit::new(socket).expect("a way out");
            let now = || ip_mtu_discover(&transmit.socket).expect("what is set");
            assert_eq!(now(), WHOLE, "{any}");
            transmit.send_in_fragments(to, b"media").expect("sent");
            assert_eq!(now(), WHOLE, "{any}");
        }
    }
}
