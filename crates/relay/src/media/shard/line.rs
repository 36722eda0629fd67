//! The line to a leg that tells what arrives: its estimate, its pace, and when padding is to be tried.

use super::pacer::{Pacer, STEP};
use super::{Shard, router_leg};
use crate::media::LegId;
use forwarding::bandwidth::{Content, Demand, Estimator};
use std::time::Duration;

/// The router hears of a limit that moved by this share, at once.
const CHANGE: f64 = 0.05;
/// Any other change may wait so long.
const TELL_INTERVAL: Duration = Duration::from_millis(200);
/// How often the layers' rates are looked at while a limit holds.
const DEMAND_INTERVAL: Duration = Duration::from_millis(50);
/// Of the estimate, which counts whole datagrams, what RTP gets: tags and header extensions take the rest.
const RTP_PERCENT: u64 = 97;

/// One leg's line.
pub(super) struct Line {
    pub(super) estimator: Estimator,
    pub(super) pacer: Pacer,
    /// What the router knows.
    told_bps: Option<u64>,
    told_at: Duration,
    demand_due: Duration,
    /// It is in the list of those that need attention.
    is_attended: bool,
    /// Padding is on its way out: it is planned to the millisecond and does not wait.
    pub(super) is_filling: bool,
}

impl Line {
    pub(super) fn new(burst: Duration) -> Self {
        Self {
            estimator: Estimator::new(),
            pacer: Pacer::new(burst),
            told_bps: None,
            told_at: Duration::ZERO,
            demand_due: Duration::ZERO,
            is_attended: false,
            is_filling: false,
        }
    }

    /// Whether the router should hear of the limit now; then it counts as told.
    fn has_news(&mut self, now: Duration) -> bool {
        let limit = self.estimator.limit_bps();
        let is_urgent = match (self.told_bps, limit) {
            (before, now) if before == now => return false,
            (Some(told), Some(limit)) => limit.abs_diff(told) as f64 >= told as f64 * CHANGE,
            _ => true,
        };
        if !is_urgent && now.saturating_sub(self.told_at) < TELL_INTERVAL {
            return false;
        }
        self.told_bps = limit;
        self.told_at = now;
        true
    }

    fn falls(&self) -> u64 {
        let figures = self.estimator.figures();
        figures.fell_for_queue + figures.fell_for_loss
    }

    pub(super) fn needs_attention(&self) -> bool {
        !self.pacer.is_empty() || self.estimator.limit_bps().is_some()
    }

    /// When something is to be done.
    pub(super) fn next_timeout(&self, now: Duration) -> Duration {
        let paced = (!self.pacer.is_empty()).then_some(now + STEP);
        let probe = self.estimator.next_timeout();
        // A probe that is overdue waits for something; it is asked again soon.
        let probe = probe.map(|at| at.max(now + Duration::from_millis(1)));
        [paced, probe]
            .into_iter()
            .flatten()
            .fold(now + DEMAND_INTERVAL, Duration::min)
    }
}

/// Lines that have to be looked at, and when.
#[derive(Default)]
pub(super) struct Attention {
    legs: Vec<LegId>,
    due: Option<Duration>,
}

impl Attention {
    /// Looks at a line by then.
    pub(super) fn ask(&mut self, leg: LegId, line: &mut Line, by: Duration) {
        if !line.is_attended {
            line.is_attended = true;
            self.legs.push(leg);
        }
        self.due = Some(self.due.map_or(by, |due| due.min(by)));
    }

    pub(super) fn due(&self) -> Option<Duration> {
        self.due
    }
}

impl Shard {
    /// A leg told what became of packets.
    pub(super) fn handle_feedback(&mut self, id: LegId, message: &[u8]) {
        let clock = self.clock();
        let wires = &mut self.wires;
        let mut feedback = std::mem::take(&mut wires.feedback);
        let mut lost = std::mem::take(&mut wires.lost);
        if let Some(line) = wires.line_mut(id)
            && feedback.read(message).is_ok()
        {
            let falls = line.falls();
            line.estimator.handle_feedback(&feedback, clock, &mut lost);
            let falls = line.falls() - falls;
            wires.departures.totals.limit_falls += falls;
        }
        wires.feedback = feedback;
        self.look_after(id, clock);
        for Content { ssrc, number } in lost.drain(..) {
            let leg = router_leg(id);
            self.router
                .handle_loss(leg, ssrc, number, clock, &mut self.wires);
        }
        self.wires.lost = lost;
    }

    /// Looks at the lines that need it, when it is time.
    pub(super) fn attend(&mut self) {
        let clock = self.clock();
        if self.wires.attention.due.is_none_or(|due| due > clock) {
            return;
        }
        self.wires.attention.due = None;
        let mut legs = std::mem::take(&mut self.wires.attention.legs);
        for id in legs.drain(..) {
            if let Some(line) = self.wires.line_mut(id) {
                line.is_attended = false;
                self.wires.send_held(id);
                self.try_for_more(id, clock);
                self.look_after(id, clock);
            }
        }
        // Those that were asked for meanwhile are few; the larger room is kept.
        legs.append(&mut self.wires.attention.legs);
        self.wires.attention.legs = legs;
    }

    /// Tells the router what has changed, and sees to it that the line is looked at again if it has to be.
    fn look_after(&mut self, id: LegId, now: Duration) {
        let Some(line) = self.wires.line_mut(id) else {
            return;
        };
        if line.has_news(now) {
            let rtp_bps = line.told_bps.map(|limit| limit / 100 * RTP_PERCENT);
            let leg = router_leg(id);
            self.router.set_leg_rate(leg, rtp_bps, now, &mut self.wires);
        }
        self.wires.ask_attention(id, now);
    }

    /// Padding, when a better layer is wanted than the limit bears.
    fn try_for_more(&mut self, id: LegId, now: Duration) {
        let leg = router_leg(id);
        let Some(line) = self.wires.line_mut(id) else {
            return;
        };
        if line.estimator.limit_bps().is_none() {
            return;
        }
        if now >= line.demand_due {
            line.demand_due = now + DEMAND_INTERVAL;
            let demand = self.router.leg_demand(leg, now).unwrap_or_default();
            line.estimator.set_demand(Demand {
                next_bps: demand.next_bps,
                best_bps: demand.best_bps,
            });
        }
        let due = line.estimator.next_timeout();
        if due.is_none_or(|due| due > now) || !line.pacer.is_empty() {
            return;
        }
        let bytes = line.estimator.poll_padding(now);
        if bytes == 0 {
            return;
        }
        line.is_filling = true;
        let sent = self.router.pad(leg, bytes, now, &mut self.wires);
        self.wires.departures.totals.probe_bytes += sent as u64;
        if let Some(line) = self.wires.line_mut(id) {
            line.is_filling = false;
            if sent == 0 {
                line.estimator.cannot_pad(now);
            }
        }
    }
}
