//! Showing: the newest view, and what changed since the one before it.

use axum::extract::ws::Utf8Bytes;
use protocol::{ConferenceView, Live};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::broadcast;

/// Changes are gathered so long; people do not see the difference, consoles on slow lines do.
pub(super) const PUBLISH_EVERY: Duration = Duration::from_millis(200);
/// Overflow: a console 13 s behind is disconnected and starts again from a snapshot.
const CHANGES_MAX: usize = 64;

/// The last view shown, and who follows it.
pub(super) struct Publishing {
    view: Option<Arc<ConferenceView>>,
    shown_at: Option<Instant>,
    changes: broadcast::Sender<Utf8Bytes>,
}

impl Publishing {
    /// Nothing shown yet.
    pub fn new() -> Self {
        Self {
            view: None,
            shown_at: None,
            changes: broadcast::Sender::new(CHANGES_MAX),
        }
    }

    /// Long enough after the last time.
    pub fn is_due(&self) -> bool {
        self.shown_at.is_none_or(|at| at.elapsed() >= PUBLISH_EVERY)
    }

    /// The last view shown.
    pub fn view(&self) -> Option<Arc<ConferenceView>> {
        self.view.clone()
    }

    /// Every change from now on.
    pub fn changes(&self) -> broadcast::Receiver<Utf8Bytes> {
        self.changes.subscribe()
    }

    /// Shows a view: followers get what is different from the last.
    pub fn publish(&mut self, view: ConferenceView) {
        self.shown_at = Some(Instant::now());
        if let Some(change) = self
            .view
            .as_deref()
            .and_then(|last| difference(last, &view))
            && self.changes.receiver_count() > 0
        {
            match serde_json::to_string(&change) {
                // Nobody listening is no fault.
                Ok(text) => drop(self.changes.send(text.into())),
                Err(error) => tracing::error!(%error, "a change cannot be written: {error}"),
            }
        }
        self.view = Some(Arc::new(view));
    }
}

fn difference(last: &ConferenceView, now: &ConferenceView) -> Option<Live> {
    // Sites keep their order for the life of a conference.
    let changed = now
        .sites
        .iter()
        .enumerate()
        .filter(|(at, site)| last.sites.get(*at) != Some(site));
    let sites: Vec<_> = changed.map(|(_, site)| site.clone()).collect();
    let relays: Vec<_> = now
        .relays
        .iter()
        .filter(|relay| !last.relays.contains(relay))
        .cloned()
        .collect();
    let sitting = (last.sitting != now.sitting).then(|| now.sitting.clone());
    let totals = (last.totals != now.totals).then_some(now.totals);
    let is_same = sites.is_empty() && relays.is_empty() && sitting.is_none() && totals.is_none();
    (!is_same).then_some(Live::Changed {
        sitting,
        totals,
        sites,
        relays,
    })
}
