//! A socket of the floor: drained and verified like a watching leg, without anything else.

use super::identity::random;
use super::packets::Stamp;
use super::srtp::{GcmKeys, Opener};
use super::tally::Tally;
use super::transport::Transport;
use crate::statistics::Histogram;
use crate::wire;
use anyhow::{Result, anyhow};
use mio::net::UdpSocket;
use std::net::IpAddr;
use std::time::Instant;

/// One socket of the floor.
pub(super) struct FloorLeg {
    pub(super) socket: UdpSocket,
    pub(super) tally: Tally,
    opener: Opener,
}

impl FloorLeg {
    /// Opens it with a fresh key, which the floor is to be told.
    pub(super) fn open(ip: IpAddr) -> Result<(Self, wire::FloorLeg)> {
        let exact = |_| anyhow!("random bytes");
        let keys = GcmKeys {
            key: random(16)?.try_into().map_err(exact)?,
            salt: random(12)?.try_into().map_err(exact)?,
        };
        let (socket, opener) = Transport::keyed(ip, keys)?;
        let told = wire::FloorLeg {
            to: socket.local_addr()?,
            key: keys.key,
            salt: keys.salt,
        };
        let leg = Self {
            socket,
            tally: Tally::default(),
            opener,
        };
        Ok((leg, told))
    }

    pub(super) fn handle(
        &mut self,
        datagram: &mut [u8],
        now: Instant,
        now_us: u64,
        delays: &mut Histogram,
    ) {
        let Some(opened) = self.opener.open(datagram) else {
            self.tally.auth_failures += 1;
            return;
        };
        if let Some(stamp) = datagram.get(opened.payload).and_then(Stamp::read) {
            self.tally.take(stamp, now, now_us, delays);
        }
    }
}
