//! One life of the web socket: both sides prove their keys, then plans come and reports go.

use super::client::Socket;
use super::{ClientError, Control, LinkError};
use crate::identity::verifies;
use crate::plan::PlanRefusal;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::{SinkExt, StreamExt};
use protocol::{FromRelay, RelayPlan, RelayWelcome, ToRelay, VERSION};
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;

/// A report at least so often, and a ping with it.
const REPORT_EVERY: Duration = Duration::from_secs(2);

/// Reports after changes are at least so far apart: ten a second.
const REPORT_GAP: Duration = Duration::from_millis(100);

/// Pings are answered at once; an orchestrator this silent is gone or hangs.
const SILENCE_MAX: Duration = Duration::from_secs(15);

/// Each step of the handshake takes no longer.
const STEP_WITHIN: Duration = Duration::from_secs(10);

impl Control {
    /// Connects, proves, and then serves the link for as long as it lives.
    pub(super) async fn link(&self, pinned: &RelayWelcome) -> Result<Infallible, LinkError> {
        let mut socket = self.client.socket("/api/relays/link").await?;
        self.prove(&mut socket, pinned).await?;
        self.metrics.control_link_up.set(1);
        self.metrics.control_link_connects.inc();
        tracing::info!("control link up");
        self.serve(&mut socket).await
    }

    async fn prove(&self, socket: &mut Socket, pinned: &RelayWelcome) -> Result<(), LinkError> {
        let mut nonce = [0; 32];
        SystemRandom::new()
            .fill(&mut nonce)
            .map_err(|_| LinkError::BadWelcome("no randomness for a nonce"))?;
        let hello = FromRelay::Hello {
            version: VERSION,
            relay: self.about.relay.clone(),
            nonce: URL_SAFE_NO_PAD.encode(nonce),
            media_addresses: self.about.media_addresses.clone(),
            http_url: self.about.http_url.clone(),
        };
        send(socket, &hello).await?;
        let challenge = match next_within(socket, "challenge").await? {
            ToRelay::Challenge {
                nonce: challenge,
                signature,
            } => {
                if !verifies(
                    &pinned.orchestrator_key,
                    "diemcau orchestrator",
                    &nonce,
                    &signature,
                ) {
                    return Err(LinkError::NotPinned);
                }
                challenge
            }
            other => return Err(unexpected("challenge", &other)),
        };
        let challenge = URL_SAFE_NO_PAD
            .decode(&challenge)
            .map_err(|_| LinkError::Protocol {
                expected: "a nonce in base64url",
                found: format!("{} characters of something else", challenge.len()),
            })?;
        let signature = self.identity.sign("diemcau relay", &challenge);
        send(socket, &FromRelay::Proof { signature }).await?;
        match next_within(socket, "welcome").await? {
            ToRelay::Welcome(welcome) if welcome == *pinned => Ok(()),
            // The key is proven; a lease that changed is the orchestrator's to give.
            ToRelay::Welcome(welcome) if welcome.orchestrator_key == pinned.orchestrator_key => {
                Ok(self.pin.set(welcome).await?)
            }
            ToRelay::Welcome(_) => Err(LinkError::NotPinned),
            other => Err(unexpected("welcome", &other)),
        }
    }

    async fn serve(&self, socket: &mut Socket) -> Result<Infallible, LinkError> {
        let mut changed = self.media.changed();
        let mut regular = interval(REPORT_EVERY);
        regular.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = Instant::now();
        let mut reported = Instant::now() - REPORT_GAP;
        // A change waits here until the gap is over; more changes meanwhile go with the same report.
        let mut due: Option<Instant> = None;
        loop {
            tokio::select! {
                message = socket.next() => {
                    heard = Instant::now();
                    self.take(message).await?;
                }
                Ok(()) = changed.changed(), if due.is_none() => due = Some(reported + REPORT_GAP),
                () = sleep_until(due.unwrap_or(heard)), if due.is_some() => {
                    due = None;
                    reported = Instant::now();
                    self.report(socket).await?;
                }
                _ = regular.tick() => {
                    if heard.elapsed() > SILENCE_MAX {
                        return Err(LinkError::Silent(SILENCE_MAX));
                    }
                    reported = Instant::now();
                    self.report(socket).await?;
                    raw(socket, Message::Ping(Vec::new().into())).await?;
                }
            }
        }
    }

    async fn report(&self, socket: &mut Socket) -> Result<(), LinkError> {
        let mut report = (*self.media.report()).clone();
        // The media thread may not have taken the newest plan up yet; the orchestrator asks what is accepted.
        report.epoch = report.epoch.max(self.plan.epoch());
        send(socket, &FromRelay::Report(report)).await
    }

    async fn take(
        &self,
        message: Option<Result<Message, tokio_tungstenite::tungstenite::Error>>,
    ) -> Result<(), LinkError> {
        let Some(message) = parse(message)? else {
            return Ok(());
        };
        match message {
            ToRelay::Plan(next) => self.follow(next).await,
            other => Err(unexpected("plan", &other)),
        }
    }

    /// A stale plan is refused and that is all. One that the media thread was too busy to take would be lost until the next
    /// change: the link ends, and the orchestrator begins each with the plan.
    async fn follow(&self, next: RelayPlan) -> Result<(), LinkError> {
        let (plan, epoch) = (self.plan.clone(), next.epoch);
        match tokio::task::spawn_blocking(move || plan.replace(next)).await {
            Ok(Ok(())) => tracing::info!(epoch, "plan epoch {epoch} in force"),
            Ok(Err(error @ PlanRefusal::Stale { .. })) => {
                self.metrics.plans_refused.inc();
                tracing::warn!(%error, "plan refused: {error}");
            }
            Ok(Err(error)) => return Err(LinkError::PlanNotFollowed(error.to_string())),
            Err(error) => return Err(LinkError::PlanNotFollowed(error.to_string())),
        }
        Ok(())
    }
}

async fn raw(socket: &mut Socket, message: Message) -> Result<(), LinkError> {
    let sent = timeout(STEP_WITHIN, socket.send(message))
        .await
        .map_err(|_| LinkError::Silent(STEP_WITHIN))?;
    Ok(sent.map_err(|error| ClientError::Socket(Box::new(error)))?)
}

async fn send(socket: &mut Socket, message: &FromRelay) -> Result<(), LinkError> {
    let json = serde_json::to_string(message).map_err(|_| LinkError::Protocol {
        expected: "figures that JSON can hold",
        found: "others".to_owned(),
    })?;
    raw(socket, Message::text(json)).await
}

async fn next_within(socket: &mut Socket, expected: &'static str) -> Result<ToRelay, LinkError> {
    let next = async {
        loop {
            if let Some(message) = parse(socket.next().await)? {
                return Ok(message);
            }
        }
    };
    let silent = |_| LinkError::Protocol {
        expected,
        found: format!("nothing for {} s", STEP_WITHIN.as_secs()),
    };
    timeout(STEP_WITHIN, next).await.map_err(silent)?
}

/// `None` for frames that carry no message, such as pongs.
fn parse(
    message: Option<Result<Message, tokio_tungstenite::tungstenite::Error>>,
) -> Result<Option<ToRelay>, LinkError> {
    match message {
        None => Err(LinkError::Closed("without a word".to_owned())),
        Some(Err(error)) => Err(ClientError::Socket(Box::new(error)).into()),
        Some(Ok(Message::Text(text))) => {
            serde_json::from_str(text.as_str())
                .map(Some)
                .map_err(|error| LinkError::Protocol {
                    expected: "a message of this protocol",
                    found: error.to_string(),
                })
        }
        Some(Ok(Message::Close(frame))) => Err(LinkError::Closed(
            frame.map_or_else(|| "without a word".to_owned(), |f| f.reason.to_string()),
        )),
        Some(Ok(_)) => Ok(None),
    }
}

fn unexpected(expected: &'static str, found: &ToRelay) -> LinkError {
    let found = match found {
        ToRelay::Challenge { .. } => "a challenge",
        ToRelay::Welcome(_) => "a welcome",
        ToRelay::Plan(_) => "a plan",
    };
    LinkError::Protocol {
        expected,
        found: found.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Orchestrator;
    use crate::control::{About, Client, Pin};
    use crate::identity::{self, Identity};
    use crate::media::{self, MediaConfig, MediaHandle};
    use crate::metrics::RelayMetrics;
    use crate::plan::Plan;
    use crate::token::Tokens;
    use std::path::Path;

    fn control(folder: &Path) -> Control {
        let certificate = identity::certificate(folder).expect("a certificate");
        let about = About {
            relay: "ward".parse().expect("an id"),
            certificate_fingerprint: certificate.fingerprint().to_string(),
            media_addresses: Vec::new(),
            http_url: String::new(),
        };
        let media = media::start(MediaConfig {
            listen: "127.0.0.1:0".parse().expect("an address"),
            certificate,
            ssrc_block: 1,
            legs_max: 1,
            workers: 1,
            pin_cores: Vec::new(),
            burst: Duration::from_millis(5),
        })
        .expect("a media thread");
        let orchestrator = Orchestrator {
            url: "http://127.0.0.1:1".parse().expect("a URL"),
            ca: None,
            join_key: None,
        };
        Control {
            about,
            identity: Identity::open(folder).expect("a key"),
            join_key: None,
            pin: Pin::open(folder, Tokens::signed(), media.clone()).expect("no pin"),
            plan: Plan::kept(folder, media.clone()),
            media,
            metrics: RelayMetrics::register(&telemetry::prometheus::Registry::new())
                .expect("fresh names"),
            client: Client::new(&orchestrator).expect("a client"),
        }
    }

    fn plan(epoch: u64) -> Message {
        let plan = RelayPlan {
            epoch,
            conference: "conference".parse().expect("an id"),
            sites: Vec::new(),
            program: Vec::new(),
            floor: None,
            parents: Vec::new(),
            children: Vec::new(),
        };
        let json = serde_json::to_string(&ToRelay::Plan(plan)).expect("JSON");
        Message::text(json)
    }

    async fn end(media: &MediaHandle) {
        let mut changed = media.changed();
        media.stop().expect("told");
        while changed.changed().await.is_ok() {}
        // The last of the thread to go is its end of the commands.
        while media.stop().is_ok() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_plan_that_the_media_thread_does_not_take_ends_the_link() {
        let folder = tempfile::tempdir().expect("a folder");
        let control = control(folder.path());
        control.take(Some(Ok(plan(2)))).await.expect("followed");
        control
            .take(Some(Ok(plan(1))))
            .await
            .expect("refused, and the link goes on");
        assert_eq!(
            (control.plan.epoch(), control.metrics.plans_refused.get()),
            (2, 1)
        );
        end(&control.media).await;
        let ended = control
            .take(Some(Ok(plan(3))))
            .await
            .expect_err("not followed");
        assert!(matches!(ended, LinkError::PlanNotFollowed(_)), "{ended}");
        assert_eq!(
            control.plan.epoch(),
            2,
            "what is not followed is not in force"
        );
    }
}
