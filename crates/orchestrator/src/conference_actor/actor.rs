//! The loop: one message after the other, one owner of the state.

use super::health::{Expectation, SiteLink};
use super::message::{Handle, LiveStream, MAILBOX_MAX, Message, SiteAbout};
use super::publishing::{PUBLISH_EVERY, Publishing};
use super::relay_state::RelayState;
use super::rules::Pending;
use super::seats::Seats;
use crate::app::ConferenceTools;
use crate::clock::{self, Now};
use crate::convert;
use crate::journal::{Journal, Operation, Past};
use crate::relays::Layout;
use conference::Conference;
use protocol::{ConferenceId, ConferenceView, RelayId, SiteCode};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// Messages taken at once: their commands share one commit.
const BATCH_MAX: usize = 64;

pub(super) const TICKS_PER_SECOND: u64 = 1_000 / PUBLISH_EVERY.as_millis() as u64;

/// What an actor owns.
pub(super) struct State {
    pub id: ConferenceId,
    pub conference: Conference,
    pub journal: Journal,
    pub tools: ConferenceTools,
    pub relays: BTreeMap<RelayId, RelayState>,
    pub links: BTreeMap<SiteCode, SiteLink>,
    pub seats: Seats,
    pub layout: Layout,
    /// Epoch and digest of the plan in force.
    pub plan: (u64, String),
    /// A relay follows a plan of this epoch that the log does not know: the next is above it.
    pub epoch_floor: u64,
    /// Sites, chair or relays changed since the layout was made.
    pub layout_is_old: bool,
    /// The log refused the last plan: it is tried again on this tick.
    pub plan_due_tick: Option<u64>,
    /// The stream is not where the journal thinks: it is read again before anything is decided.
    pub out_of_step: bool,
    /// Something changed since it was last shown.
    pub dirty: bool,
    publishing: Publishing,
    pub next_link: u64,
    pub ticks: u64,
}

/// Starts the actor of a conference from its past.
pub fn spawn(
    id: ConferenceId,
    past: Past,
    journal: Journal,
    tools: ConferenceTools,
    stop: CancellationToken,
) -> Handle {
    let (mailbox, messages) = mpsc::channel(MAILBOX_MAX);
    let handle = Handle {
        mailbox,
        dropped: tools.metrics.dropped_messages.clone(),
    };
    tokio::spawn(State::new(id, past, journal, tools).run(messages, stop));
    handle
}

impl State {
    /// What the past adds up to. Relays are made known afterwards.
    pub fn new(id: ConferenceId, past: Past, journal: Journal, tools: ConferenceTools) -> Self {
        let now_ms = clock::steady_ms();
        let links = past
            .links
            .into_iter()
            .map(|(site, (state, since_ms))| (site, SiteLink::new(state, since_ms, now_ms)));
        Self {
            conference: past.conference,
            journal,
            relays: BTreeMap::new(),
            links: links.collect(),
            seats: Seats::default(),
            layout: Layout::default(),
            plan: past.plan.unwrap_or_default(),
            epoch_floor: 0,
            layout_is_old: false,
            plan_due_tick: None,
            out_of_step: false,
            dirty: true,
            publishing: Publishing::new(),
            next_link: 0,
            ticks: 0,
            tools,
            id,
        }
    }

    async fn run(mut self, mut messages: mpsc::Receiver<Message>, stop: CancellationToken) {
        let mut tick = interval(PUBLISH_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batch = Vec::with_capacity(BATCH_MAX);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                taken = messages.recv_many(&mut batch, BATCH_MAX) => {
                    if taken == 0 {
                        return;
                    }
                    self.take(&mut batch).await;
                }
                _ = tick.tick() => self.look_around().await,
            }
            self.refresh_layout().await;
            if self.dirty && self.publishing.is_due() {
                self.publish();
            }
        }
    }

    async fn take(&mut self, batch: &mut Vec<Message>) {
        let mut pending: Vec<Pending> = Vec::new();
        for message in batch.drain(..) {
            match message {
                Message::Rule(command, answer) => pending.push((command, answer)),
                other => {
                    // What is asked after a command sees what it led to.
                    self.commit(&mut pending).await;
                    self.refresh_layout().await;
                    self.handle(other).await;
                }
            }
        }
        self.commit(&mut pending).await;
    }

    async fn handle(&mut self, message: Message) {
        match message {
            Message::Rule(..) => {}
            Message::View(answer) => drop(answer.send(self.newest_view())),
            Message::Live(answer) => {
                let (snapshot, changes) = (self.newest_view(), self.publishing.changes());
                drop(answer.send(LiveStream { snapshot, changes }));
            }
            Message::Site(site, answer) => drop(answer.send(self.about(&site))),
            Message::Seat {
                site,
                token_id,
                seat,
            } => self.seat(site, token_id, seat).await,
            Message::HallHealth { site, seat, health } => self.hall_health(&site, seat, health),
            Message::RelaysKnown(records) => self.relays_known(records),
            Message::RelayGone(relay) => self.relay_gone(&relay),
            Message::RelayPost(relay, answer) => drop(answer.send(self.relay_post(&relay))),
            Message::RelayReport {
                relay,
                post,
                report,
            } => self.relay_report(&relay, post, *report),
        }
    }

    fn about(&self, site: &SiteCode) -> Option<SiteAbout> {
        let state = self.conference.site(&convert::rules_site(site))?;
        Some(SiteAbout {
            conference_title: self.conference.title().to_owned(),
            name: state.site.name.clone(),
            relay_url: self.relay_url(site).map(str::to_owned),
            sitting: self.conference.sitting().state,
            has_plan: self.plan.0 > 0,
        })
    }

    /// What time alone changes: who has gone, whose link got better or worse.
    pub(super) async fn look_around(&mut self) {
        for site in self.seats.clear_gone() {
            self.link(&site).handle_seated(false);
            self.dirty = true;
        }
        for relay in self.relays.values_mut() {
            self.dirty |= relay.close_if_gone();
        }
        let changed = self.judge_links();
        self.dirty |= !changed.is_empty();
        self.note(changed).await;
        self.ticks += 1;
        if self.ticks.is_multiple_of(TICKS_PER_SECOND) {
            // Reasons and measurements age by time alone.
            self.dirty = true;
        }
        if self.plan_due_tick.is_some_and(|tick| tick <= self.ticks) {
            self.plan_due_tick = None;
            self.layout_is_old = true;
        }
        if self.ticks.is_multiple_of(5 * TICKS_PER_SECOND) {
            // Whether it can be read is told by the log's own error; commands are refused until then.
            let _ = self.read_back().await;
        }
    }

    fn judge_links(&mut self) -> Vec<Operation> {
        let now_ms = clock::steady_ms();
        let expectations: BTreeMap<SiteCode, Expectation> = self
            .conference
            .sites()
            .map(|site| (convert::wire_site(&site.site.code), self.expectation(&site)))
            .collect();
        let mut changed = Vec::new();
        for (site, link) in &mut self.links {
            let Some(expected) = expectations.get(site) else {
                continue;
            };
            if link.handle_time(*expected, now_ms) {
                let (state, at_ms) = link.state();
                changed.push(Operation::LinkChanged {
                    site: site.clone(),
                    state,
                    at_ms,
                });
            }
        }
        changed
    }

    fn newest_view(&mut self) -> Arc<ConferenceView> {
        if self.dirty {
            self.publish();
        }
        self.publishing
            .view()
            .unwrap_or_else(|| Arc::new(self.view(clock::steady_ms())))
    }

    fn publish(&mut self) {
        let now = Now::read();
        let view = self.view(now.steady_ms);
        self.tools.metrics.show(&view);
        self.publishing.publish(view);
        self.seats.push(|site| self.hall_state(site, now));
        self.dirty = false;
    }
}

#[cfg(test)]
#[path = "log_fault_tests.rs"]
mod log_fault_tests;
