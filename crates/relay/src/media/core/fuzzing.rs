//! Legs that are connected without a handshake, and what they send without a cipher. See [`crate::fuzzing`].

use super::Core;
use super::leg::Purpose;
use crate::media::dtls::Established;
use crate::media::srtp::SessionKeys;
use crate::media::{LegId, LegSpec};
use std::net::SocketAddr;
use std::time::Instant;

impl Core {
    /// Opens a leg and connects it, as a check from there and a handshake would.
    pub(in crate::media) fn join(
        &mut self,
        spec: LegSpec,
        from: SocketAddr,
        keys: SessionKeys,
        now: Instant,
    ) -> Option<LegId> {
        let leg = self.open_leg(spec, now).ok()?.leg;
        self.connect_without_handshake(leg, from, keys, now)?;
        Some(leg)
    }

    /// Connects the plan's parent and child.
    pub(in crate::media) fn join_trunks(
        &mut self,
        from: [SocketAddr; 2],
        keys: impl Fn(u8) -> Option<SessionKeys>,
        now: Instant,
    ) -> Option<[LegId; 2]> {
        let find = |wanted: fn(&Purpose) -> bool| {
            let mut legs = self.legs.iter();
            legs.find(|(_, leg)| wanted(&leg.purpose))
                .map(|(id, _)| *id)
        };
        let parent = find(|purpose| matches!(purpose, Purpose::TrunkUp(_)))?;
        let child = find(|purpose| matches!(purpose, Purpose::TrunkDown(_)))?;
        self.connect_without_handshake(parent, from[0], keys(0)?, now)?;
        self.connect_without_handshake(child, from[1], keys(1)?, now)?;
        Some([parent, child])
    }

    fn connect_without_handshake(
        &mut self,
        id: LegId,
        from: SocketAddr,
        keys: SessionKeys,
        now: Instant,
    ) -> Option<()> {
        let peer = *self.legs.get(&id)?.fingerprints.first()?;
        self.prove_address(id, from, true, now);
        self.secure(id, &Established { keys, peer }, now);
        Some(())
    }

    /// A packet of a leg as SRTP would have opened it.
    pub(in crate::media) fn take_decrypted(
        &mut self,
        id: LegId,
        plain: &[u8],
        is_rtcp: bool,
        now: Instant,
    ) {
        self.shards.set_now(now);
        if is_rtcp {
            self.handle_rtcp(id, plain, now);
        } else {
            self.handle_rtp(id, plain, now);
        }
        self.flush(now);
    }
}
