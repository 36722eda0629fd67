//! The way in: datagrams by the batch, and those that the kernel has joined (UDP GRO) taken apart again.

use super::transmit::socket_state;
use mio::net::UdpSocket;
use nix::sys::socket::{setsockopt, sockopt::UdpGroSegment};
use quinn_udp::{RecvMeta, UdpSocketState};
use std::io::{self, ErrorKind, IoSliceMut};
use std::net::SocketAddr;

/// Buffers of one `recvmmsg`. What comes is one publisher's frame, joined into one buffer, or a few halls' reports.
const BUFFERS: usize = 16;
/// The kernel joins up to 64 KiB. Memory that no datagram has reached costs nothing.
const BUFFER_BYTES: usize = 1 << 16;
/// Larger than any datagram an Ethernet path carries; longer ones are left out.
const DATAGRAM_BYTES_MAX: usize = 2048;

/// The socket and the buffers it is read into.
pub(super) struct Intake {
    pub(super) socket: UdpSocket,
    state: UdpSocketState,
    buffers: Vec<u8>,
    metas: [RecvMeta; BUFFERS],
}

impl Intake {
    /// Reads from this socket, which does not block.
    pub(super) fn new(socket: std::net::UdpSocket) -> io::Result<Self> {
        let state = socket_state(&socket)?;
        // Without it every datagram comes by itself, which is only slower.
        let _ = setsockopt(&socket, UdpGroSegment, &true);
        Ok(Self {
            socket: UdpSocket::from_std(socket),
            state,
            buffers: vec![0; BUFFERS * BUFFER_BYTES],
            metas: [RecvMeta::default(); BUFFERS],
        })
    }

    /// Takes in what one call gives and shows each datagram, with whether more follow; `false` when nothing is left: what
    /// comes from then on wakes whoever polls.
    pub(super) fn read(&mut self, mut visit: impl FnMut(SocketAddr, &mut [u8], bool)) -> bool {
        let mut chunks = self.buffers.chunks_exact_mut(BUFFER_BYTES);
        let mut slices: [IoSliceMut<'_>; BUFFERS] =
            std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
        let socket = (&self.socket).into();
        let count = match self.state.recv(socket, &mut slices, &mut self.metas) {
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            // ICMP errors of earlier sends surface here; they concern one peer, not the socket.
            Err(_) => return true,
        };
        let read = self.metas.iter().zip(&mut slices).take(count);
        for (index, (meta, slice)) in read.enumerate() {
            let joined = slice.get_mut(..meta.len).unwrap_or_default();
            let mut datagrams = joined.chunks_mut(meta.stride.max(1)).peekable();
            while let Some(datagram) = datagrams.next() {
                let more_follow = datagrams.peek().is_some() || index + 1 < count;
                if datagram.len() <= DATAGRAM_BYTES_MAX {
                    visit(meta.addr, datagram, more_follow);
                }
            }
        }
        // The call ends early only where the queue does.
        count == BUFFERS
    }
}
