//! From a proven address to keys: DTLS, the fingerprint, SRTP.

use super::Core;
use super::leg::Purpose;
use crate::media::LegId;
use crate::media::dtls::{Established, Event};
use crate::media::shard::{Connection, Sending};
use crate::media::srtp::{Receiver, Sender};
use protocol::LegState;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// From the first check to keys. Chromium takes 10 ms; a machine that starts 55 halls at once, seconds.
pub(super) const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(10);

impl Core {
    pub(super) fn handle_dtls(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) {
        let Some(&id) = self.by_address.get(&from) else {
            self.counters.from_strangers += 1;
            return;
        };
        if self
            .legs
            .get(&id)
            .is_some_and(|leg| leg.state != LegState::Connected)
        {
            self.note_source(id, from);
        }
        // A dialled trunk speaks first: what comes before is not its parent.
        let may_begin = self.legs.get(&id).is_some_and(|leg| match &leg.purpose {
            Purpose::TrunkUp(dialler) => dialler.handshaking,
            _ => true,
        });
        if may_begin {
            let event = self.dtls.handle_datagram(id, datagram, now);
            self.handle_dtls_event(id, event, now);
        }
    }

    /// Starts the handshake of a dialled trunk, once.
    pub(super) fn begin_handshake(&mut self, id: LegId, now: Instant) {
        let Some(leg) = self.legs.get_mut(&id) else {
            return;
        };
        let Purpose::TrunkUp(dialler) = &mut leg.purpose else {
            return;
        };
        if !std::mem::replace(&mut dialler.handshaking, true) {
            leg.deadline = Some(now + HANDSHAKE_TIME_MAX);
            if let Err(error) = self.dtls.connect(id, now) {
                tracing::error!(leg = id.0, %error, "trunk handshake cannot start");
                self.end_leg(id, now);
            }
        }
    }

    pub(super) fn retransmit_handshakes(&mut self, now: Instant) {
        let waiting: Vec<LegId> = self
            .legs
            .iter()
            .filter(|(id, leg)| {
                leg.state != LegState::Connected
                    && self.dtls.poll_timeout(**id).is_some_and(|at| at <= now)
            })
            .map(|(id, _)| *id)
            .collect();
        for id in waiting {
            let event = self.dtls.handle_timeout(id, now);
            self.handle_dtls_event(id, event, now);
        }
    }

    fn handle_dtls_event(&mut self, id: LegId, event: Option<Event>, now: Instant) {
        match event {
            None => {}
            Some(Event::Complete(established)) => self.secure(id, &established, now),
            Some(Event::Closed) => self.end_leg(id, now),
            Some(Event::Failed(reason)) => {
                tracing::warn!(leg = id.0, reason, "DTLS session failed");
                self.end_leg(id, now);
            }
        }
    }

    /// Keys are there; the certificate decides whether the peer is who signalling said.
    pub(super) fn secure(&mut self, id: LegId, established: &Established, now: Instant) {
        let Some(leg) = self.legs.get_mut(&id) else {
            return;
        };
        let Some(to) = leg.path.selected else { return };
        if !leg.fingerprints.contains(&established.peer) {
            tracing::warn!(leg = id.0, found = %established.peer, "certificate is not the one signalled");
            self.end_leg(id, now);
            return;
        }
        let keys = &established.keys;
        let (Ok(receiver), Ok(sender)) = (
            Receiver::new(keys.profile, &keys.remote),
            Sender::new(keys.profile, &keys.local),
        ) else {
            self.end_leg(id, now);
            return;
        };
        leg.receiver = Some(receiver);
        leg.state = LegState::Connected;
        leg.deadline = None;
        leg.heard_at = now;
        leg.consent_at = now;
        if let Purpose::TrunkUp(dialler) = &mut leg.purpose {
            dialler.media_at = now;
        }
        let sending = match &leg.purpose {
            Purpose::Watch(watcher) => Sending::Slots(super::slots::specs(watcher)),
            Purpose::TrunkDown(_) => Sending::Trunk,
            Purpose::Publish(_) | Purpose::TrunkUp(_) => Sending::Reports,
        };
        self.version += 1;
        tracing::info!(leg = id.0, profile = ?keys.profile, "leg connected");
        // The peer's stack needs our last flight before our first packet.
        self.flush_dtls();
        let connection = Connection {
            to,
            sender,
            sending,
        };
        self.start_sending(id, connection, now);
    }

    fn start_sending(&mut self, id: LegId, connection: Connection, now: Instant) {
        if let Err(refusal) = self.shards.connect(id, connection) {
            tracing::error!(leg = id.0, %refusal, "leg cannot be served");
            self.end_leg(id, now);
            return;
        }
        self.subscribe_trunk(id, now);
        self.point_leg(id);
    }

    /// Sends what the endpoint has queued, to where each leg is now.
    pub(super) fn flush_dtls(&mut self) {
        while let Some((id, bytes)) = self.dtls.poll_transmit() {
            if let Some(to) = self.legs.get(&id).and_then(|leg| leg.path.selected) {
                self.shards.push(to, bytes);
            }
        }
    }
}
