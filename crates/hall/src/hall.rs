//! One headless hall: joins, keeps its link, publishes, watches, reports.
//!
//! **Invariant:** media tasks never wait for the link. They hold the last endpoints and the last
//! token, so that a dead orchestrator takes nothing from a hall, not even the way back to its relay.

use crate::api::Api;
use crate::backoff::Backoff;
use crate::config::{Seat, safe};
use crate::link::{Link, LinkEnd};
use crate::media::{self, Situation, SocketDrops};
use crate::picture::Caption;
use crate::status::Record;
use protocol::{ByeCause, HallState, HeadCount, JoinGrant, MediaEndpoints, SittingState};
use rustls::ClientConfig;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use url::Url;
use uuid::Uuid;

/// How long before its end a token is replaced.
const RENEW_BEFORE: Duration = Duration::from_mins(2);

/// A token is never renewed more often than this, whatever its expiry says.
const RENEW_LEAST: Duration = Duration::from_secs(30);

/// What all halls of the process share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) api: Api,
    pub(crate) tls: Arc<ClientConfig>,
    pub(crate) drops: Arc<SocketDrops>,
}

/// One hall.
pub(crate) struct Hall {
    pub(crate) seat: Seat,
    pub(crate) shared: Shared,
    pub(crate) record: Arc<Record>,
    /// Wait before joining, so that a process of many halls does not join in one instant.
    pub(crate) start_after: Duration,
}

impl Hall {
    /// Lives until `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(self.start_after) => {}
        }
        let grant = tokio::select! {
            () = stop.cancelled() => return,
            grant = self.join() => grant,
        };
        tracing::info!(site = %grant.site, "joined {} as {}", grant.conference, grant.site);
        let (situation, told) = watch::channel(situation(&grant));
        let token_refused = Arc::new(Notify::new());
        let mut tasks = JoinSet::new();
        tasks.spawn(media::publish(
            self.publisher(told.clone(), Arc::clone(&token_refused)),
        ));
        tasks.spawn(media::watch(
            self.watcher(told.clone(), Arc::clone(&token_refused)),
        ));
        let hall = Arc::new(self);
        tasks.spawn(Arc::clone(&hall).report(grant.clone(), told, Arc::clone(&token_refused)));
        hall.keep_link(grant, &situation, &token_refused, &stop)
            .await;
        // Ends the waits of the media tasks; each takes leave of its relay.
        drop(situation);
        let leave = async { while tasks.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(Duration::from_secs(2), leave).await;
    }

    fn publisher(
        &self,
        situation: watch::Receiver<Situation>,
        token_refused: Arc<Notify>,
    ) -> media::Publisher {
        media::Publisher {
            api: self.shared.api.clone(),
            record: Arc::clone(&self.record),
            situation,
            token_refused,
            picture: self.seat.picture(),
            always: self.seat.chair,
        }
    }

    fn watcher(
        &self,
        situation: watch::Receiver<Situation>,
        token_refused: Arc<Notify>,
    ) -> media::Watcher {
        media::Watcher {
            api: self.shared.api.clone(),
            record: Arc::clone(&self.record),
            situation,
            token_refused,
            drops: Arc::clone(&self.shared.drops),
        }
    }

    /// Joins, however long it takes.
    async fn join(&self) -> JoinGrant {
        let mut backoff = Backoff::default();
        loop {
            match self.shared.api.join(self.seat.credential.secret()).await {
                Ok(grant) => {
                    self.record.note_joined(&grant);
                    return grant;
                }
                Err(failure) => {
                    tracing::info!("not joined: {}", failure.in_full());
                    backoff.wait(failure.retry_after()).await;
                }
            }
        }
    }

    /// Keeps the link up, and the token good, until `stop`.
    async fn keep_link(
        &self,
        mut grant: JoinGrant,
        situation: &watch::Sender<Situation>,
        token_refused: &Notify,
        stop: &CancellationToken,
    ) {
        let mut backoff = Backoff::default();
        loop {
            let renew = tokio::time::sleep(good_for(&grant));
            let ended = tokio::select! {
                () = stop.cancelled() => return,
                () = token_refused.notified() => LinkEnd::TokenRefused,
                () = renew => LinkEnd::TokenRefused,
                ended = self.link(&grant, situation, &mut backoff) => ended,
            };
            self.record.note(|status| status.linked = false);
            tracing::info!(site = %grant.site, "{ended}");
            if matches!(ended, LinkEnd::Bye(ByeCause::TakenOver)) {
                // A person at a browser, or a newer agent, has this site now: two that answer
                // each other's takeovers would give the hall neither.
                return;
            }
            let pause = match &ended {
                LinkEnd::Refused { retry_after, .. } => *retry_after,
                _ => None,
            };
            let next = async {
                backoff.wait(pause).await;
                match ended {
                    LinkEnd::TokenRefused => Some(self.join().await),
                    _ => None,
                }
            };
            let renewed = tokio::select! {
                () = stop.cancelled() => return,
                renewed = next => renewed,
            };
            if let Some(renewed) = renewed {
                situation.send_modify(|now| now.token.clone_from(&renewed.token));
                note_endpoints(situation, renewed.media.as_ref());
                grant = renewed;
            }
        }
    }

    async fn link(
        &self,
        grant: &JoinGrant,
        situation: &watch::Sender<Situation>,
        backoff: &mut Backoff,
    ) -> LinkEnd {
        let url = self.shared.api.route(&["api", "hall", "link"]);
        let link = match Link::open(url, &grant.token, &self.shared.tls).await {
            Ok(link) => link,
            Err(end) => return end,
        };
        backoff.reset();
        self.record.note(|status| status.linked = true);
        link.run(&self.record, |state| {
            self.record.note_state(&state);
            note_endpoints(situation, state.media.as_ref());
            situation.send_if_modified(|now| note_state(now, &state));
        })
        .await
    }

    /// Sends the head count after its time, until it is acknowledged or refused for good.
    async fn report(
        self: Arc<Self>,
        grant: JoinGrant,
        situation: watch::Receiver<Situation>,
        token_refused: Arc<Notify>,
    ) {
        let Some(counts) = self.seat.counts else {
            return;
        };
        // One id for all attempts: a lost answer must not count twice.
        let count = HeadCount {
            report_id: Uuid::now_v7(),
            counts,
        };
        let mut ending = situation.clone();
        let gone = async move { while ending.changed().await.is_ok() {} };
        let told = self.report_until_answered(&grant, &count, situation, &token_refused);
        tokio::select! {
            () = gone => {}
            () = told => {}
        }
    }

    async fn report_until_answered(
        &self,
        grant: &JoinGrant,
        count: &HeadCount,
        mut situation: watch::Receiver<Situation>,
        token_refused: &Notify,
    ) {
        tokio::time::sleep(Duration::from_secs(self.seat.report_after_s.into())).await;
        let mut backoff = Backoff::default();
        loop {
            let token = situation.borrow().token.clone();
            let Err(failure) = self.shared.api.report(grant, &token, count).await else {
                self.record.note(|status| status.counted = Some(true));
                return;
            };
            if failure.is_final() {
                tracing::warn!(site = %grant.site, "head count refused for good: {}", failure.in_full());
                return;
            }
            tracing::info!(site = %grant.site, "head count not acknowledged: {}", failure.in_full());
            backoff.wait(failure.retry_after()).await;
            if failure.is_not_yet() {
                let _ = situation.wait_for(|now| now.counts_taken).await;
            } else if failure.is_token() && situation.borrow().token == token {
                token_refused.notify_one();
                let _ = situation.wait_for(|now| now.token != token).await;
            }
        }
    }
}

fn situation(grant: &JoinGrant) -> Situation {
    let endpoint =
        |url: fn(&MediaEndpoints) -> &str| grant.media.as_ref().and_then(|media| parse(url(media)));
    Situation {
        token: grant.token.clone(),
        whip_url: endpoint(|media| &media.whip_url),
        whep_url: endpoint(|media| &media.whep_url),
        watched: false,
        // Not told yet: asking tells.
        counts_taken: true,
        caption: Caption {
            title: grant.conference_title.clone(),
            name: grant.site_name.clone(),
            code: grant.site.to_string(),
        },
    }
}

/// Endpoints that vanish are kept: where media runs it goes on.
fn note_endpoints(situation: &watch::Sender<Situation>, media: Option<&MediaEndpoints>) {
    let Some(media) = media else {
        return;
    };
    let (publish, watch) = (parse(&media.whip_url), parse(&media.whep_url));
    situation.send_if_modified(|now| {
        let before = (now.whip_url.clone(), now.whep_url.clone());
        now.whip_url = publish.or(now.whip_url.take());
        now.whep_url = watch.or(now.whep_url.take());
        before != (now.whip_url.clone(), now.whep_url.clone())
    });
}

fn note_state(now: &mut Situation, state: &HallState) -> bool {
    let caption = Caption {
        title: state.conference_title.clone(),
        name: state.site_name.clone(),
        code: state.site.to_string(),
    };
    let counts_taken = matches!(
        state.sitting.state,
        SittingState::Ready | SittingState::Live
    );
    let changed =
        now.watched != state.watched || now.counts_taken != counts_taken || now.caption != caption;
    now.watched = state.watched;
    now.counts_taken = counts_taken;
    now.caption = caption;
    changed
}

/// A URL a token may be sent to.
fn parse(url: &str) -> Option<Url> {
    let parsed = Url::parse(url).ok().filter(safe);
    if parsed.is_none() {
        tracing::warn!("media endpoint {url:?} refused: neither https nor loopback");
    }
    parsed
}

fn good_for(grant: &JoinGrant) -> Duration {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    Duration::from_secs(grant.expires_at_s)
        .saturating_sub(now + RENEW_BEFORE)
        .max(RENEW_LEAST)
}
