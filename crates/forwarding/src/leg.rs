//! A neighbour: a trunk or a set of slots, with what it may still ask for.

use crate::limits::{LOSSY_FROM, LOSSY_UNTIL, RESEND_BURST_BYTES, RESEND_BYTES_PER_S};
use crate::outlet::Outlet;
use crate::slab::Slab;
use crate::slot::Slot;
use crate::stream::SlotLink;
use crate::trunk::Trunk;
use crate::{LegId, LegStats, Sink};
use std::time::Duration;

/// One neighbour.
#[derive(Debug)]
pub(crate) struct Leg {
    pub(crate) id: LegId,
    pub(crate) stats: LegStats,
    resends: Budget,
    /// What its line carries, bit/s; `None`: unknown.
    pub(crate) rate_bps: Option<u64>,
    pub(crate) loss: Loss,
    pub(crate) role: Role,
}

/// What kind of neighbour.
#[derive(Debug)]
pub(crate) enum Role {
    Trunk(Trunk),
    Slots(Vec<Slot>),
}

impl Leg {
    pub(crate) fn new(id: LegId, role: Role) -> Self {
        Self {
            id,
            stats: LegStats::default(),
            resends: Budget::default(),
            rate_bps: None,
            loss: Loss::default(),
            role,
        }
    }

    /// Whether what repairs its losses is worth sending before it asks. On a line that was found full more packets
    /// would only make more of them late.
    pub(crate) fn repeats_ahead(&self) -> bool {
        self.loss.is_lossy && self.rate_bps.is_none()
    }

    /// Whether so many bytes more may be sent again now; if so they are spent.
    pub(crate) fn may_resend(&mut self, bytes: usize, now: Duration) -> bool {
        let may = self.resends.take(bytes, now);
        self.stats.resends_limited += u64::from(!may);
        may
    }

    pub(crate) fn trunk(&self) -> Option<&Trunk> {
        match &self.role {
            Role::Trunk(trunk) => Some(trunk),
            Role::Slots(_) => None,
        }
    }

    pub(crate) fn trunk_mut(&mut self) -> Option<&mut Trunk> {
        match &mut self.role {
            Role::Trunk(trunk) => Some(trunk),
            Role::Slots(_) => None,
        }
    }

    pub(crate) fn slots(&self) -> &[Slot] {
        match &self.role {
            Role::Trunk(_) => &[],
            Role::Slots(slots) => slots,
        }
    }

    pub(crate) fn slots_mut(&mut self) -> &mut [Slot] {
        match &mut self.role {
            Role::Trunk(_) => &mut [],
            Role::Slots(slots) => slots,
        }
    }

    /// Whether it is ever sent this SSRC.
    pub(crate) fn sends(&self, ssrc: u32) -> bool {
        match &self.role {
            Role::Trunk(trunk) => trunk.carried(ssrc),
            Role::Slots(slots) => slots.iter().any(|slot| slot.spec.ssrc == ssrc),
        }
    }

    /// The trunk and its way out.
    pub(crate) fn trunk_out<'a, S: Sink>(
        &'a mut self,
        sink: &'a mut S,
    ) -> Option<(&'a mut Trunk, Outlet<'a, S>)> {
        let out = Outlet {
            leg: self.id,
            stats: &mut self.stats,
            sink,
        };
        match &mut self.role {
            Role::Trunk(trunk) => Some((trunk, out)),
            Role::Slots(_) => None,
        }
    }

    /// A slot and its way out.
    pub(crate) fn slot_out<'a, S: Sink>(
        &'a mut self,
        slot: usize,
        sink: &'a mut S,
    ) -> Option<(&'a mut Slot, Outlet<'a, S>)> {
        let out = Outlet {
            leg: self.id,
            stats: &mut self.stats,
            sink,
        };
        match &mut self.role {
            Role::Trunk(_) => None,
            Role::Slots(slots) => Some((slots.get_mut(slot)?, out)),
        }
    }
}

impl Slab<Leg> {
    /// The slot a link names, while there is one.
    pub(crate) fn slot(&self, link: SlotLink) -> Option<&Slot> {
        self.get(link.leg)?.slots().get(link.slot)
    }

    pub(crate) fn slot_mut(&mut self, link: SlotLink) -> Option<&mut Slot> {
        self.get_mut(link.leg)?.slots_mut().get_mut(link.slot)
    }
}

/// How much a leg's line loses, smoothed over the reports of its receiver.
#[derive(Debug, Default)]
pub(crate) struct Loss {
    /// In 1/65,536.
    share: u32,
    is_lossy: bool,
}

impl Loss {
    /// Takes in the fraction of a receiver report, in 1/256.
    pub(crate) fn note(&mut self, fraction_lost: u8) {
        self.share = (self.share * 7 + u32::from(fraction_lost) * 256) / 8;
        let bound = if self.is_lossy {
            LOSSY_UNTIL
        } else {
            LOSSY_FROM
        };
        self.is_lossy = self.share >= u32::from(bound) * 256;
    }
}

/// A token bucket of bytes.
#[derive(Debug)]
pub(crate) struct Budget {
    bytes: u64,
    at: Duration,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            bytes: RESEND_BURST_BYTES,
            at: Duration::ZERO,
        }
    }
}

impl Budget {
    /// Takes `bytes` out if they are there.
    pub(crate) fn take(&mut self, bytes: usize, now: Duration) -> bool {
        let passed_ms = now.saturating_sub(self.at).as_millis() as u64;
        let earned = passed_ms.saturating_mul(RESEND_BYTES_PER_S) / 1_000;
        if earned > 0 {
            self.bytes = self.bytes.saturating_add(earned).min(RESEND_BURST_BYTES);
            self.at = now;
        }
        let left = self.bytes.checked_sub(bytes as u64);
        self.bytes = left.unwrap_or(self.bytes);
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_lossy_when_it_goes_on_losing_and_until_it_has_stopped() {
        let mut loss = Loss::default();
        let mut told = |fraction_lost, times| {
            (0..times).for_each(|_| loss.note(fraction_lost));
            loss.is_lossy
        };
        assert!(!told(2, 100), "less than a packet in a hundred");
        assert!(!told(10, 1), "once is chance");
        assert!(told(13, 6), "a packet in twenty");
        assert!(told(3, 100), "a packet in a hundred keeps it");
        assert!(!told(0, 20));
    }

    #[test]
    fn a_budget_allows_a_burst_and_then_its_rate() {
        let mut budget = Budget::default();
        let mut taken = 0;
        for ms in 0..10_000_u64 {
            for _ in 0..10 {
                taken += 1_000 * u64::from(budget.take(1_000, Duration::from_millis(ms)));
            }
        }
        let expected = RESEND_BURST_BYTES + 10 * RESEND_BYTES_PER_S;
        assert!((expected - 10_000..=expected).contains(&taken), "{taken}");
    }
}
