//! The mailbox: what an actor can be asked and told, and the handle that asks.

use crate::problem::{ApiError, ApiResult};
use crate::relays::Record;
use axum::extract::ws::Utf8Bytes;
use conference::{Actor as Who, Command, SittingState};
use protocol::{
    ByeCause, ConferenceView, Counts, HallHealth, HallState, HeadCount, MediaEndpoints, RelayId,
    RelayPlan, RelayReport, SiteCode, SittingView,
};
use std::sync::Arc;
use telemetry::prometheus::IntCounter;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

/// Overflow: who asks waits; what only tells (health, reports) is dropped and counted: the next one
/// comes within 2 s.
pub(super) const MAILBOX_MAX: usize = 1024;

/// What an actor is asked or told.
pub(super) enum Message {
    /// The whole view.
    View(oneshot::Sender<Arc<ConferenceView>>),
    /// The whole view, and every change after it.
    Live(oneshot::Sender<LiveStream>),
    /// One site, for joining and watching.
    Site(SiteCode, oneshot::Sender<Option<SiteAbout>>),
    /// Something the rules decide.
    Rule(Command, oneshot::Sender<ApiResult<Decided>>),
    /// A hall opens its link.
    Seat {
        site: SiteCode,
        token_id: String,
        seat: oneshot::Sender<Seat>,
    },
    /// A hall's own view of its reception.
    HallHealth {
        site: SiteCode,
        seat: u64,
        health: HallHealth,
    },
    /// These relays have their place here. One that was known before is reached elsewhere now.
    RelaysKnown(Vec<Record>),
    /// A relay has its place at another conference now.
    RelayGone(RelayId),
    /// A relay opens its control link.
    RelayPost(RelayId, oneshot::Sender<Option<RelayPost>>),
    /// A relay's report.
    RelayReport {
        relay: RelayId,
        post: u64,
        report: Box<RelayReport>,
    },
}

/// What the rules decided, as far as an answer needs it.
#[derive(Clone, Debug)]
pub(super) struct Decided {
    pub sitting: SittingView,
    /// The figures in force at the site that reported.
    pub counts: Option<Counts>,
}

/// A snapshot, and the changes since, as JSON ready to send.
pub struct LiveStream {
    /// The state before the first change.
    pub snapshot: Arc<ConferenceView>,
    /// Changes.
    pub changes: broadcast::Receiver<Utf8Bytes>,
}

/// What a hall's link carries down.
#[derive(Clone, Debug, PartialEq)]
pub enum HallPush {
    /// The hall's state now.
    State(Box<HallState>),
    /// The link ends.
    Bye(ByeCause),
}

/// A hall's place at the actor. Leaving is dropping it.
pub struct Seat {
    /// Tells this holder from an earlier one.
    pub id: u64,
    pub(super) pushes: watch::Receiver<HallPush>,
}

impl Seat {
    /// The next push; the first is there at once, later ones replace each other until taken. `None` when
    /// the conference has ended.
    pub async fn next(&mut self) -> Option<HallPush> {
        self.pushes.changed().await.ok()?;
        Some(self.pushes.borrow_and_update().clone())
    }
}

/// A relay's place at the actor. Leaving is dropping it.
pub struct RelayPost {
    /// Tells this link from an earlier one.
    pub id: u64,
    pub(super) plans: watch::Receiver<Option<RelayPlan>>,
}

impl RelayPost {
    /// The next plan; the first is there at once when there is one. `None` when a newer link of the same
    /// relay has taken over.
    pub async fn next(&mut self) -> Option<RelayPlan> {
        loop {
            self.plans.changed().await.ok()?;
            let plan = self.plans.borrow_and_update().clone();
            if plan.is_some() {
                return plan;
            }
        }
    }
}

/// One site as joining and watching need it.
#[derive(Clone, Debug)]
pub struct SiteAbout {
    /// The conference's title.
    pub conference_title: String,
    /// The site's name.
    pub name: String,
    /// Base URL of the relay it attaches to.
    pub relay_url: Option<String>,
    /// Where its conference's sitting is.
    pub sitting: SittingState,
    /// Its conference has had relays.
    pub has_plan: bool,
}

impl SiteAbout {
    /// Where the site's media goes.
    pub fn media(&self, site: &SiteCode) -> Option<MediaEndpoints> {
        self.relay_url.as_deref().map(|url| endpoints(url, site))
    }
}

/// WHIP and WHEP of a site at a relay.
pub(super) fn endpoints(relay_url: &str, site: &SiteCode) -> MediaEndpoints {
    MediaEndpoints {
        whip_url: format!("{relay_url}/whip/{site}"),
        whep_url: format!("{relay_url}/whep/{site}"),
    }
}

/// Reaches an actor. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    pub(super) mailbox: mpsc::Sender<Message>,
    pub(super) dropped: IntCounter,
}

impl Handle {
    /// The whole view, everything acknowledged so far in it.
    pub async fn view(&self) -> ApiResult<Arc<ConferenceView>> {
        self.ask(Message::View).await
    }

    /// The whole view, and every change after it.
    pub async fn live(&self) -> ApiResult<LiveStream> {
        self.ask(Message::Live).await
    }

    /// One site; 404 when the conference does not have it.
    pub async fn site(&self, site: SiteCode) -> ApiResult<SiteAbout> {
        let unknown = || ApiError::not_found(format!("the conference has no site {site}"));
        self.ask(|answer| Message::Site(site.clone(), answer))
            .await?
            .ok_or_else(unknown)
    }

    /// Moves the sitting.
    pub async fn step(&self, by: Who, to: protocol::SittingState) -> ApiResult<SittingView> {
        let command = Command::MoveSitting {
            to: crate::convert::rules_state(to),
            by,
        };
        Ok(self.rule(command).await?.sitting)
    }

    /// Reports a head count; answers when it is committed, with the figures in force.
    pub async fn report_count(
        &self,
        by: Who,
        site: SiteCode,
        report: HeadCount,
    ) -> ApiResult<Counts> {
        let command = Command::ReportCount {
            site: crate::convert::rules_site(&site),
            report_id: conference::ReportId(report.report_id),
            counts: crate::convert::rules_counts(&report.counts),
            by,
        };
        let counts = self.rule(command).await?.counts;
        counts.ok_or_else(|| {
            ApiError::fault(&"a site without figures after its report was committed")
        })
    }

    /// Opens a hall's link; an older holder of the same site gets a bye.
    pub async fn seat(&self, site: SiteCode, token_id: String) -> ApiResult<Seat> {
        self.ask(|seat| Message::Seat {
            site,
            token_id,
            seat,
        })
        .await
    }

    /// Passes a hall's health on.
    pub fn hall_health(&self, site: SiteCode, seat: u64, health: HallHealth) {
        self.tell(Message::HallHealth { site, seat, health });
    }

    /// Makes relays known, all of them under one plan.
    pub async fn relays_known(&self, records: Vec<Record>) -> ApiResult<()> {
        self.send(Message::RelaysKnown(records)).await
    }

    /// Tells that a relay serves another conference now.
    pub async fn relay_gone(&self, relay: RelayId) -> ApiResult<()> {
        self.send(Message::RelayGone(relay)).await
    }

    /// Opens a relay's control link; `None` when the relay is not known here.
    pub async fn relay_post(&self, relay: RelayId) -> ApiResult<Option<RelayPost>> {
        self.ask(|post| Message::RelayPost(relay, post)).await
    }

    /// Passes a relay's report on.
    pub fn relay_report(&self, relay: RelayId, post: u64, report: RelayReport) {
        self.tell(Message::RelayReport {
            relay,
            post,
            report: Box::new(report),
        });
    }

    async fn rule(&self, command: Command) -> ApiResult<Decided> {
        self.ask(|answer| Message::Rule(command, answer)).await?
    }

    async fn ask<T>(&self, question: impl FnOnce(oneshot::Sender<T>) -> Message) -> ApiResult<T> {
        let (answer, answered) = oneshot::channel();
        self.send(question(answer)).await?;
        answered.await.map_err(|_| gone())
    }

    async fn send(&self, message: Message) -> ApiResult<()> {
        self.mailbox.send(message).await.map_err(|_| gone())
    }

    fn tell(&self, message: Message) {
        if self.mailbox.try_send(message).is_err() {
            self.dropped.inc();
        }
    }
}

fn gone() -> ApiError {
    ApiError::unavailable("the conference is not available now")
}
