//! One relay as its conference's actor knows it.

use crate::relays::{Layout, Record};
use protocol::{LegRole, LegState, RelayPlan, RelayReport, RelayView};
use std::collections::BTreeSet;
use tokio::sync::watch;

/// A relay, its link, and what it last said.
pub(super) struct RelayState {
    pub record: Record,
    link: Option<Link>,
    was_linked: bool,
    report: RelayReport,
    reported_ms: Option<u64>,
    bitrate_bps: u64,
}

struct Link {
    id: u64,
    plans: watch::Sender<Option<RelayPlan>>,
}

impl RelayState {
    /// A relay that has registered.
    pub fn new(record: Record) -> Self {
        Self {
            record,
            link: None,
            was_linked: false,
            report: RelayReport::default(),
            reported_ms: None,
            bitrate_bps: 0,
        }
    }

    /// A control link opens; an older one ends by it.
    pub fn open(&mut self, id: u64, plan: Option<RelayPlan>) -> watch::Receiver<Option<RelayPlan>> {
        let (plans, receiver) = watch::channel(plan);
        self.link = Some(Link { id, plans });
        self.was_linked = true;
        let mut receiver = receiver;
        receiver.mark_changed();
        receiver
    }

    /// Hands a plan to the link, when it is another one than the last.
    pub fn push(&self, plan: &RelayPlan) {
        if let Some(link) = &self.link {
            link.plans.send_if_modified(|last| {
                let is_new = last.as_ref() != Some(plan);
                if is_new {
                    *last = Some(plan.clone());
                }
                is_new
            });
        }
    }

    /// Drops a link whose other end has gone; answers whether it did.
    pub fn close_if_gone(&mut self) -> bool {
        let gone = self
            .link
            .as_ref()
            .is_some_and(|link| link.plans.is_closed());
        if gone {
            self.link = None;
            self.bitrate_bps = 0;
        }
        gone
    }

    /// Takes a report; false when it comes over a link that a newer one has replaced.
    pub fn take(&mut self, link: u64, report: RelayReport, now_ms: u64) -> bool {
        if self.link.as_ref().is_none_or(|current| current.id != link) {
            return false;
        }
        if let Some(before_ms) = self.reported_ms.filter(|before_ms| *before_ms < now_ms) {
            let bytes = report.bytes_sent.saturating_sub(self.report.bytes_sent);
            self.bitrate_bps = bytes.saturating_mul(8_000) / (now_ms - before_ms);
        }
        self.report = report;
        self.reported_ms = Some(now_ms);
        true
    }

    /// The last report.
    pub fn report(&self) -> &RelayReport {
        &self.report
    }

    /// The relay for the wire.
    pub fn view(&self, layout: &Layout) -> RelayView {
        let place = layout.places.get(&self.record.id);
        RelayView {
            id: self.record.id.clone(),
            site: self.record.site.clone(),
            level: place.map_or(0, |place| place.level),
            parent: place.and_then(|place| place.parent.clone()),
            state: match (&self.link, self.was_linked) {
                (Some(_), _) => LegState::Connected,
                (None, true) => LegState::Lost,
                (None, false) => LegState::Connecting,
            },
            halls: self.halls(),
            capacity: self.record.capacity,
            bitrate_bps: self.bitrate_bps,
            trunks: self.report.trunks.clone(),
        }
    }

    fn halls(&self) -> u32 {
        if self.link.is_none() {
            return 0;
        }
        let attached = self.report.legs.iter().filter(|leg| {
            leg.state == LegState::Connected
                && matches!(leg.role, LegRole::Watch | LegRole::Publish)
        });
        attached
            .filter_map(|leg| leg.site.as_ref())
            .collect::<BTreeSet<_>>()
            .len() as u32
    }
}
