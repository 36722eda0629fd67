//! Registration, the control link and signed tokens, against a small orchestrator of the test's own.

use crate::orchestrator::{Orchestrator, claims, plan};
use crate::support::{Bench, DEADLINE, WHIP_OFFER, head};
use protocol::{FromRelay, MediaScope, RelayPlan};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

fn toml(folder: &tempfile::TempDir, orchestrator: &Orchestrator) -> String {
    format!(
        "{}[orchestrator]\nurl = \"{}\"\njoin_key = \"join-key-0123456789\"\n",
        head(folder.path()),
        orchestrator.url()
    )
}

fn hall(site: &str) -> MediaScope {
    MediaScope::Hall {
        site: site.parse().expect("a code"),
    }
}

/// Waits until a report shows this epoch.
async fn reported(orchestrator: &mut Orchestrator, epoch: u64) {
    let seen = async {
        loop {
            if let FromRelay::Report(report) = orchestrator.heard().await
                && report.epoch == epoch
            {
                return;
            }
        }
    };
    timeout(DEADLINE, seen)
        .await
        .unwrap_or_else(|_| panic!("epoch {epoch} is reported"));
}

/// An orchestrator, and a relay that follows its plan of hall A. The folder is the relay's, and lasts as long as that.
async fn following(epoch: u64) -> (tempfile::TempDir, Orchestrator, Bench) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut orchestrator = Orchestrator::start().await;
    let bench = Bench::start(&toml(&folder, &orchestrator)).await;
    orchestrator.tell(plan(epoch, &["A"]));
    reported(&mut orchestrator, epoch).await;
    (folder, orchestrator, bench)
}

#[tokio::test]
async fn a_relay_registers_once_follows_plans_and_goes_on_without_its_orchestrator() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut orchestrator = Orchestrator::start().await;
    let token = orchestrator.token(&claims(hall("A")));
    let bench = Bench::start(&toml(&folder, &orchestrator)).await;
    reported(&mut orchestrator, 0).await;
    assert_eq!(bench.ready().await, 503);
    assert_eq!(
        bench.post("/whip/A", &token, WHIP_OFFER).await.status(),
        503
    );
    orchestrator.tell(plan(5, &["A"]));
    reported(&mut orchestrator, 5).await;
    assert_eq!(bench.ready().await, 200);
    assert_eq!(
        bench.post("/whip/A", &token, WHIP_OFFER).await.status(),
        201
    );
    // A lower epoch is refused: what follows it is still taken.
    orchestrator.tell(plan(4, &["B"]));
    orchestrator.tell(plan(6, &["A"]));
    reported(&mut orchestrator, 6).await;
    let metrics = bench.metrics().await;
    assert!(
        metrics.contains("diemcau_relay_plans_refused_total 1"),
        "{metrics}"
    );
    assert!(
        metrics.contains("diemcau_relay_control_link_up 1"),
        "{metrics}"
    );
    bench.end().await;
    assert_eq!(orchestrator.registrations(), 1);

    // The orchestrator is gone, the relay starts again: plan, key and lease come from its disk.
    let text = toml(&folder, &orchestrator);
    orchestrator.end().await;
    let bench = Bench::start(&text).await;
    assert_eq!(
        bench.post("/whip/A", &token, WHIP_OFFER).await.status(),
        201
    );
    assert_eq!(bench.ready().await, 200);
    bench.end().await;
}

#[tokio::test]
async fn a_damaged_plan_on_disk_is_set_aside_and_the_next_one_followed() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    std::fs::create_dir(&data).expect("a folder");
    std::fs::write(data.join("plan.json"), "{ \"epoch\": 5,").expect("written");
    let mut orchestrator = Orchestrator::start().await;
    let bench = Bench::start(&toml(&folder, &orchestrator)).await;
    assert_eq!(bench.ready().await, 503);
    let aside = std::fs::read_to_string(data.join("plan.damaged")).expect("kept");
    assert_eq!(aside, "{ \"epoch\": 5,");
    orchestrator.tell(plan(6, &["A"]));
    reported(&mut orchestrator, 6).await;
    assert_eq!(bench.ready().await, 200);
    bench.end().await;
}

#[tokio::test]
async fn another_plan_of_the_same_epoch_is_followed() {
    let (_folder, orchestrator, bench) = following(5).await;
    let token = orchestrator.token(&claims(hall("B")));
    assert_eq!(
        bench.post("/whip/B", &token, WHIP_OFFER).await.status(),
        404
    );
    orchestrator.tell(plan(5, &["B"]));
    let followed = async {
        while bench.post("/whip/B", &token, WHIP_OFFER).await.status() != 201 {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, followed).await.expect("B may come in");
    bench.end().await;
}

#[tokio::test]
async fn an_orchestrator_with_another_key_is_not_believed() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut first = Orchestrator::start().await;
    let bench = Bench::start(&toml(&folder, &first)).await;
    first.tell(plan(5, &["A"]));
    reported(&mut first, 5).await;
    bench.end().await;
    first.end().await;

    let mut stranger = Orchestrator::start().await;
    let bench = Bench::start(&toml(&folder, &stranger)).await;
    stranger.tell(plan(9, &["B"]));
    // Two attempts are seen; neither gets as far as a proof or a report.
    for _ in 0..2 {
        let hello = timeout(DEADLINE, stranger.heard())
            .await
            .expect("the relay tries");
        assert!(matches!(hello, FromRelay::Hello { .. }), "{hello:?}");
    }
    assert_eq!(stranger.registrations(), 0);
    let token = stranger.token(&claims(hall("A")));
    assert_eq!(
        bench.post("/whip/A", &token, WHIP_OFFER).await.status(),
        401
    );
    assert_eq!(bench.ready().await, 200);
    bench.end().await;
}

#[tokio::test]
async fn a_link_that_breaks_comes_back_and_media_never_notices() {
    let (_folder, mut orchestrator, bench) = following(1).await;
    let token = orchestrator.token(&claims(hall("A")));
    assert_eq!(
        bench.post("/whip/A", &token, WHIP_OFFER).await.status(),
        201
    );
    orchestrator.hang_up();
    let again = async { while !matches!(orchestrator.heard().await, FromRelay::Hello { .. }) {} };
    timeout(DEADLINE, again)
        .await
        .expect("the relay comes back");
    reported(&mut orchestrator, 1).await;
    assert_eq!(
        bench.post("/whip/A", &token, WHIP_OFFER).await.status(),
        201
    );
    assert_eq!(orchestrator.registrations(), 1);
    bench.end().await;
}

#[tokio::test]
async fn only_a_fresh_token_of_this_orchestrator_for_this_site_and_conference_is_good() {
    let (_folder, orchestrator, bench) = following(1).await;
    let stranger = Orchestrator::start().await;
    let good = claims(hall("A"));
    let mut expired = good.clone();
    expired.exp = 1_000_000_000;
    let mut elsewhere = good.clone();
    elsewhere.conference = "another".parse().expect("an id");
    let mut audience = good.clone();
    audience.aud = "someone".to_owned();
    let mut spoiled = orchestrator.token(&good);
    spoiled.replace_range(40..41, if &spoiled[40..41] == "A" { "B" } else { "A" });
    for (token, status, kind) in [
        (orchestrator.token(&expired), 401, "token_expired"),
        (stranger.token(&good), 401, "token_unknown"),
        (orchestrator.token(&audience), 401, "token_unknown"),
        (Orchestrator::unsigned(&good), 401, "token_unknown"),
        (spoiled, 401, "token_unknown"),
        ("x".repeat(5000), 401, "token_unknown"),
        (orchestrator.token(&claims(hall("B"))), 403, "other_scope"),
        (
            orchestrator.token(&claims(MediaScope::WatchProgram)),
            403,
            "other_scope",
        ),
        (orchestrator.token(&elsewhere), 403, "other_scope"),
    ] {
        let answer = bench.post("/whip/A", &token, WHIP_OFFER).await;
        assert_eq!(answer.status(), status, "{kind}");
        let problem: protocol::Problem = answer.json().await.expect("a problem");
        assert_eq!(problem.kind, kind);
    }
    let made = bench
        .post("/whip/A", &orchestrator.token(&good), WHIP_OFFER)
        .await;
    assert_eq!(made.status(), 201);
    // A session outlives its token, and still belongs to whoever made it; signatures count as ever.
    let location = made.headers()["location"]
        .to_str()
        .expect("text")
        .to_owned();
    for (token, status) in [
        (stranger.token(&expired), 401),
        (orchestrator.token(&claims(hall("B"))), 403),
        (orchestrator.token(&expired), 200),
    ] {
        let ended = bench.request(reqwest::Method::DELETE, &location, Some(&token));
        assert_eq!(ended.send().await.expect("an answer").status(), status);
    }
    bench.end().await;
}

/// A plan for a conference that no token of these tests is for.
fn elsewhere(epoch: u64) -> RelayPlan {
    RelayPlan {
        conference: "another".parse().expect("an id"),
        ..plan(epoch, &["A"])
    }
}

/// A WHIP request of hall A without its body. The relay has judged token and plan when it asks for that.
async fn announced(bench: &Bench, token: &str) -> TcpStream {
    let mut stream = TcpStream::connect(bench.relay.http_address())
        .await
        .expect("a connection");
    let length = WHIP_OFFER.len();
    let head = format!(
        "POST /whip/A HTTP/1.1\r\nHost: relay\r\nAuthorization: Bearer {token}\r\nContent-Type: application/sdp\r\n\
         Content-Length: {length}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    let mut asked = [0; 25];
    stream.read_exact(&mut asked).await.expect("an answer");
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

#[tokio::test]
async fn a_token_lets_nobody_into_a_conference_that_comes_while_its_offer_is_on_the_way() {
    let (_folder, mut orchestrator, bench) = following(1).await;
    let token = orchestrator.token(&claims(hall("A")));
    let mut stream = announced(&bench, &token).await;
    orchestrator.tell(elsewhere(2));
    reported(&mut orchestrator, 2).await;
    stream.write_all(WHIP_OFFER.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    assert!(answer.contains("another conference"), "{answer}");
    bench.end().await;
}

#[tokio::test]
async fn a_refused_registration_leaves_a_relay_that_serves_nobody_and_keeps_trying() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut orchestrator = Orchestrator::refusing(2).await;
    let bench = Bench::start(&toml(&folder, &orchestrator)).await;
    let token = orchestrator.token(&claims(hall("A")));
    assert_eq!(
        bench.post("/whip/A", &token, WHIP_OFFER).await.status(),
        503
    );
    reported(&mut orchestrator, 0).await;
    assert_eq!(orchestrator.registrations(), 3);
    bench.end().await;
}
