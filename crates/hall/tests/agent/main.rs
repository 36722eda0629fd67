//! Agents against a tiny orchestrator and a tiny relay, both on loopback, with real media.

mod film;
mod orchestrator;
mod relay;

use axum::http::StatusCode;
use hall::{Agents, Config, HallStatus, Running};
use orchestrator::{Moods, Orchestrator};
use relay::Relay;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Only a hang takes this long; the box may be busy.
const DEADLINE: Duration = Duration::from_secs(90);

/// A bridge of one hall.
struct Bridge {
    relay: Relay,
    orchestrator: Orchestrator,
    agents: Running,
    stop: CancellationToken,
}

impl Bridge {
    async fn build(lose_one_in: u16, moods: Moods, seat: &str) -> Self {
        let relay = Relay::start(lose_one_in).await;
        let orchestrator = Orchestrator::start(relay.address, moods).await;
        let text = format!(
            "[orchestrator]\nurl = \"http://{}\"\n[metrics]\nlisten = \"127.0.0.1:0\"\n[[halls]]\ncredential = \"ABCD-EFGH\"\n{seat}",
            orchestrator.address
        );
        let config = Config::from_toml(&text, "hall.toml").expect("a good configuration");
        let stop = CancellationToken::new();
        let agents = Agents::start(config, stop.clone()).await.expect("starts");
        Self {
            relay,
            orchestrator,
            agents,
            stop,
        }
    }

    fn hall(&self) -> HallStatus {
        self.agents.halls().remove(0)
    }

    /// Waits until the hall's status satisfies this.
    async fn hall_until(&self, what: &str, is: impl Fn(&HallStatus) -> bool) -> HallStatus {
        let began = Instant::now();
        let mut look = tokio::time::interval(Duration::from_millis(20));
        loop {
            look.tick().await;
            let hall = self.hall();
            if is(&hall) {
                println!("{what}: after {:?}", began.elapsed());
                return hall;
            }
            assert!(began.elapsed() < DEADLINE, "{what}: still not so: {hall:?}");
        }
    }
}

/// Waits until what a fake has seen satisfies this.
async fn until<T>(what: &str, seen: &mut watch::Receiver<T>, is: impl FnMut(&T) -> bool) {
    let began = Instant::now();
    let waited = tokio::time::timeout(DEADLINE, seen.wait_for(is)).await;
    assert!(
        waited.is_ok_and(|seen| seen.is_ok()),
        "{what}: not within {DEADLINE:?}"
    );
    println!("{what}: after {:?}", began.elapsed());
}

const COUNTS: &str = "counts = { expected = 104, present = 101, late = 2, absent_excused = 3 }\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hall_joins_receives_the_program_through_loss_and_is_counted_once() {
    let moods = Moods {
        joins_refused: 1,
        acknowledgements_lost: 1,
        ..Moods::default()
    };
    let bridge = Bridge::build(19, moods, COUNTS).await;
    let hall = bridge
        .hall_until("100 frames through loss", |hall| hall.frames >= 100)
        .await;
    assert_eq!(
        hall.holes, 0,
        "every loss was repaired by a resend: {hall:?}"
    );
    assert!(hall.repaired > 0, "there was loss to repair: {hall:?}");
    assert_eq!(
        (hall.site.as_deref(), hall.joined, hall.linked),
        (Some("DT-01"), true, true)
    );
    assert!(hall.first_frame_after_ms.is_some(), "{hall:?}");

    bridge
        .hall_until("count acknowledged", |hall| hall.counted == Some(true))
        .await;
    let seen = bridge.orchestrator.seen();
    {
        let seen = seen.borrow();
        assert_eq!(seen.joins, ["ABCD-EFGH"]);
        let ids: Vec<_> = seen
            .counts
            .iter()
            .map(|(_, count)| count.report_id)
            .collect();
        assert_eq!(ids.len(), 2, "sent again after a lost answer");
        assert_eq!(ids[0], ids[1], "under the same id");
        assert_eq!(
            (
                seen.counts[0].1.counts.present,
                seen.counts[0].1.counts.late
            ),
            (101, 2)
        );
    }
    until(
        "health with frames",
        &mut bridge.orchestrator.seen(),
        |seen| {
            seen.health
                .last()
                .is_some_and(|health| health.frames > 0 && health.packets > health.frames)
        },
    )
    .await;

    let mut relay = bridge.relay.seen();
    bridge.stop.cancel();
    tokio::time::timeout(DEADLINE, bridge.agents.stopped())
        .await
        .expect("agents stop");
    until("sessions ended at the relay", &mut relay, |seen| {
        seen.deleted == 2
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hall_publishes_what_decodes_and_moves_in_full_only_while_watched() {
    let bridge = Bridge::build(0, Moods::default(), "").await;
    let mut relay = bridge.relay.seen();
    until("proof of life", &mut relay, |seen| seen.decoded >= 2).await;
    assert_eq!(
        relay.borrow().audio_packets,
        0,
        "no sound while nobody watches"
    );
    assert_eq!(relay.borrow().size, (160, 90));

    let keyframes = relay.borrow().keyframes;
    bridge.orchestrator.set_watched(true);
    until(
        "a keyframe for whoever begins to watch",
        &mut relay,
        |seen| seen.keyframes > keyframes,
    )
    .await;
    let decoded = relay.borrow().decoded;
    until("pictures", &mut relay, |seen| seen.decoded > decoded + 5).await;
    until("sound", &mut relay, |seen| seen.audio_packets > 50).await;
    assert_eq!(
        relay.borrow().changed,
        relay.borrow().decoded,
        "every picture differs from the one before"
    );

    let keyframes = relay.borrow().keyframes;
    bridge.relay.request_keyframes().await;
    until("a keyframe on request", &mut relay, |seen| {
        seen.keyframes > keyframes
    })
    .await;
    bridge.stop.cancel();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn media_outlives_the_orchestrator_and_comes_back_without_it() {
    let mut bridge = Bridge::build(0, Moods::default(), "").await;
    bridge
        .hall_until("program", |hall| hall.frames > 20 && hall.publishing)
        .await;
    bridge.orchestrator.kill();
    let hall = bridge
        .hall_until("the link is lost", |hall| !hall.linked)
        .await;
    bridge
        .hall_until("frames grow", |now| now.frames > hall.frames + 50)
        .await;

    let offers = bridge.relay.seen().borrow().offers.len();
    bridge.relay.lose_sessions().await;
    let mut relay = bridge.relay.seen();
    until("new sessions by the same token", &mut relay, |seen| {
        seen.offers.len() >= offers + 2
            && seen
                .offers
                .iter()
                .all(|(_, bearer)| bearer == "Bearer token-1")
    })
    .await;
    let hall = bridge.hall();
    bridge
        .hall_until("the program is back without the orchestrator", |now| {
            now.frames > hall.frames + 50
        })
        .await;
    assert!(!bridge.hall().linked);
    assert!(bridge.hall().reconnects >= 2);

    bridge.orchestrator.restart().await;
    bridge
        .hall_until("the link is back", |hall| hall.linked)
        .await;
    let seen = bridge.orchestrator.seen();
    assert_eq!(
        seen.borrow().joins.len(),
        1,
        "by the kept token, not by joining again"
    );
    bridge.stop.cancel();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_withdrawn_token_is_replaced_by_joining_again() {
    let mut bridge = Bridge::build(0, Moods::default(), "").await;
    bridge.hall_until("linked", |hall| hall.linked).await;
    bridge.orchestrator.withdraw_tokens();
    bridge.orchestrator.kill();
    bridge.orchestrator.restart().await;
    until(
        "linked by the second token",
        &mut bridge.orchestrator.seen(),
        |seen| seen.joins.len() == 2 && seen.links.last().is_some_and(|token| token == "token-2"),
    )
    .await;
    bridge.stop.cancel();
}

/// Waits for so many more reports of health: time in which a hall that asks again would have.
async fn for_some_health(bridge: &Bridge, more: usize) {
    let mut seen = bridge.orchestrator.seen();
    let before = seen.borrow().health.len();
    until("more health", &mut seen, |seen| {
        seen.health.len() >= before + more
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_count_under_a_withdrawn_token_goes_out_again_under_a_new_one() {
    let moods = Moods {
        is_draft: true,
        ..Moods::default()
    };
    let bridge = Bridge::build(0, moods, COUNTS).await;
    let mut seen = bridge.orchestrator.seen();
    until("too early, and linked", &mut seen, |seen| {
        seen.counts_refused > 0 && !seen.links.is_empty()
    })
    .await;
    // The link stays as it is: only the count meets the refusal.
    bridge.orchestrator.withdraw_tokens();
    bridge.orchestrator.go_live();
    bridge
        .hall_until("count acknowledged", |hall| hall.counted == Some(true))
        .await;
    assert_eq!(seen.borrow().joins.len(), 2, "joined again once");
    bridge.stop.cancel();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_count_that_comes_too_early_waits_for_the_sitting() {
    let moods = Moods {
        is_draft: true,
        ..Moods::default()
    };
    let bridge = Bridge::build(0, moods, COUNTS).await;
    let mut seen = bridge.orchestrator.seen();
    until("too early", &mut seen, |seen| seen.counts_refused > 0).await;
    for_some_health(&bridge, 2).await;
    let asked = seen.borrow().counts_refused;
    for_some_health(&bridge, 4).await;
    assert_eq!(
        seen.borrow().counts_refused,
        asked,
        "nothing new, no reason to ask"
    );
    bridge.orchestrator.go_live();
    bridge
        .hall_until("count acknowledged", |hall| hall.counted == Some(true))
        .await;
    bridge.stop.cancel();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_count_refused_for_good_is_not_repeated() {
    let moods = Moods {
        counts_never: Some(StatusCode::UNPROCESSABLE_ENTITY),
        ..Moods::default()
    };
    let bridge = Bridge::build(0, moods, COUNTS).await;
    let mut seen = bridge.orchestrator.seen();
    until("refused", &mut seen, |seen| seen.counts_refused > 0).await;
    for_some_health(&bridge, 2).await;
    assert_eq!(seen.borrow().counts_refused, 1);
    assert_eq!(bridge.hall().counted, Some(false));
    bridge.stop.cancel();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_agents_know_is_served_beside_the_metrics() {
    let bridge = Bridge::build(0, Moods::default(), COUNTS).await;
    bridge
        .hall_until("counted", |hall| {
            hall.counted == Some(true) && hall.packets > 0
        })
        .await;
    let address = bridge.agents.metrics().expect("bound");
    let get = async |path: &str| {
        let answer = reqwest::get(format!("http://{address}{path}"))
            .await
            .expect("answers");
        answer.text().await.expect("text")
    };
    let halls: Vec<HallStatus> = serde_json::from_str(&get("/halls").await).expect("statuses");
    assert_eq!(halls[0].site.as_deref(), Some("DT-01"));
    assert_eq!(halls[0].counted, Some(true));
    let metrics = get("/metrics").await;
    assert!(metrics.contains("diemcau_hall_joined 1"), "{metrics}");
    assert!(
        metrics.contains("diemcau_hall_packets_total{site=\"DT-01\"}"),
        "{metrics}"
    );
    bridge.stop.cancel();
}
