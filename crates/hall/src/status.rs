//! What is known of each hall, for whoever looks: the demo's summary, `/halls`, the metrics.

use crate::reception::{Reception, Totals};
use protocol::{HallHealth, HallState, JoinGrant};
use serde::{Deserialize, Serialize};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// One hall now; `GET /halls` on the metrics listener answers with a list of these.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a list of facts to be shown, not a state"
)]
pub struct HallStatus {
    /// Code of its site; absent until it has joined.
    pub site: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// This hall is the chair's: it publishes the program and receives none.
    pub chair: bool,
    /// The orchestrator has let it in.
    pub joined: bool,
    /// Its link to the orchestrator is up.
    pub linked: bool,
    /// It publishes at its relay.
    pub publishing: bool,
    /// Its watching session is connected.
    pub watching: bool,
    /// Somebody watches its picture.
    pub watched: bool,
    /// WHEP endpoint of its relay.
    pub relay: Option<String>,
    /// RTP packets received, audio and video.
    pub packets: u64,
    /// Complete program frames received.
    pub frames: u64,
    /// Packets that came after they had been missed.
    pub repaired: u64,
    /// Packets that never came in time.
    pub holes: u64,
    /// Packets this machine's own queue dropped.
    pub dropped_locally: u64,
    /// Picture freezes.
    pub freezes: u32,
    /// Sessions made anew after the first, publishing and watching.
    pub reconnects: u64,
    /// RTP packets sent.
    pub packets_sent: u64,
    /// The orchestrator has acknowledged the head count; absent when there is none to report.
    pub counted: Option<bool>,
    /// From the start of the agent to being let in, milliseconds.
    pub joined_after_ms: Option<u64>,
    /// From being let in to the first complete program frame, milliseconds.
    pub first_frame_after_ms: Option<u64>,
    /// Round trip to the relay, milliseconds.
    pub rtt_ms: Option<f32>,
}

/// The record of one hall, shared by its tasks. Held for moments only, never over an `await`.
#[derive(Debug)]
pub(crate) struct Record {
    started: Instant,
    joined_at: Mutex<Option<Instant>>,
    status: Mutex<HallStatus>,
    reception: Mutex<Reception>,
}

impl Record {
    pub(crate) fn new(chair: bool, has_counts: bool) -> Self {
        let status = HallStatus {
            chair,
            counted: has_counts.then_some(false),
            ..HallStatus::default()
        };
        Self {
            started: Instant::now(),
            joined_at: Mutex::new(None),
            status: Mutex::new(status),
            reception: Mutex::new(Reception::default()),
        }
    }

    /// Time since the agent started.
    pub(crate) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// The same, of an instant taken by somebody else.
    pub(crate) fn time_of(&self, instant: Instant) -> Duration {
        instant.saturating_duration_since(self.started)
    }

    pub(crate) fn reception(&self) -> MutexGuard<'_, Reception> {
        self.reception
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the status.
    pub(crate) fn note(&self, change: impl FnOnce(&mut HallStatus)) {
        change(&mut self.status.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn note_joined(&self, grant: &JoinGrant) {
        let mut joined_at = self
            .joined_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let at = *joined_at.get_or_insert_with(Instant::now);
        self.note(|status| {
            status.joined = true;
            status.joined_after_ms = Some(millis(self.time_of(at)));
            status.site = Some(grant.site.to_string());
            status.name = Some(grant.site_name.clone());
        });
    }

    pub(crate) fn note_state(&self, state: &HallState) {
        self.note(|status| {
            status.watched = state.watched;
            status.name = Some(state.site_name.clone());
        });
    }

    /// The status, with what reception counts.
    pub(crate) fn status(&self) -> HallStatus {
        let (totals, first_frame_at) = {
            let mut reception = self.reception();
            reception.handle_timeout(self.now());
            (reception.totals(), reception.first_frame_at())
        };
        let joined_at = *self
            .joined_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let joined_at = joined_at.map(|at| self.time_of(at));
        let mut status = self
            .status
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let Totals {
            packets,
            frames,
            repaired,
            holes,
            freezes,
            ..
        } = totals;
        (status.packets, status.frames, status.repaired) = (packets, frames, repaired);
        (status.holes, status.freezes) = (holes, freezes);
        status.first_frame_after_ms = first_frame_at
            .zip(joined_at)
            .map(|(frame, joined)| millis(frame.saturating_sub(joined)));
        status
    }

    /// What the orchestrator is told.
    pub(crate) fn health(&self) -> HallHealth {
        let status = self.status();
        HallHealth {
            frames: status.frames,
            packets: status.packets,
            holes: status.holes,
            dropped_locally: status.dropped_locally,
            freezes: status.freezes,
            rtt_ms: status.rtt_ms,
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
