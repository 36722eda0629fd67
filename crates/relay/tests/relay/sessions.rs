//! Sessions that run: ICE by `PATCH`, layers, and the place of a hall on a full relay.

use crate::http::{HALL_A, HALL_B, PROGRAM, bench};
use crate::stun;
use crate::support::{Bench, DEADLINE, WHEP_OFFER, WHIP_OFFER, head};
use relay::media::IceCredentials;
use relay::sdp::Fragment;
use reqwest::{Method, Response, StatusCode};
use tokio::net::UdpSocket;

/// The ICE password in the WHIP offer, beside its ufrag `WL3r`.
const OFFERED_PWD: &str = "nOXQBF+4d6aTAr/p4UXrDTaZ";

struct Session<'a> {
    bench: &'a Bench,
    token: &'static str,
    location: String,
    etag: String,
    answer: String,
    layers: Option<String>,
}

impl<'a> Session<'a> {
    async fn open(bench: &'a Bench, path: &str, token: &'static str, offer: &str) -> Self {
        let answer = bench.post(path, token, offer).await;
        assert_eq!(answer.status(), 201, "{path}");
        let headers = answer.headers();
        let text = |name: &str| headers[name].to_str().expect("text").to_owned();
        let layers = headers.get_all("link").iter().find_map(|link| {
            let (url, relation) = link.to_str().ok()?.split_once(">; ")?;
            (relation == "rel=\"urn:diemcau:whep:layer\"").then(|| url.replace('<', ""))
        });
        Self {
            bench,
            token,
            location: text("location"),
            etag: text("etag"),
            layers,
            answer: answer.text().await.expect("text"),
        }
    }

    async fn patch(&self, if_match: Option<&str>, fragment: &str) -> Response {
        let mut request = self
            .bench
            .request(Method::PATCH, &self.location, Some(self.token))
            .header("Content-Type", "application/trickle-ice-sdpfrag");
        if let Some(tag) = if_match {
            request = request.header("If-Match", tag);
        }
        request
            .body(fragment.to_owned())
            .send()
            .await
            .expect("an answer")
    }

    async fn choose(&self, choice: &str) -> Response {
        let path = format!("{}/layer", self.location);
        self.bench
            .request(Method::POST, &path, Some(self.token))
            .header("Content-Type", "application/json")
            .body(choice.to_owned())
            .send()
            .await
            .expect("an answer")
    }
}

fn credentials(ufrag: &str, pwd: &str) -> IceCredentials {
    IceCredentials {
        ufrag: ufrag.to_owned(),
        pwd: pwd.to_owned(),
    }
}

fn fragment(credentials: &IceCredentials) -> String {
    format!(
        "a=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:{}\r\na=ice-pwd:{}\r\n\
         a=candidate:1 1 udp 2122260223 192.0.2.1 61764 typ host\r\na=end-of-candidates\r\n",
        credentials.ufrag, credentials.pwd
    )
}

/// The relay's credentials, out of an answer.
fn local(answer: &str) -> IceCredentials {
    let value = |name: &str| {
        let line = answer.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("no {name} in {answer}"))
            .to_owned()
    };
    IceCredentials {
        ufrag: value("a=ice-ufrag:"),
        pwd: value("a=ice-pwd:"),
    }
}

async fn problem(answer: Response) -> (StatusCode, String, String) {
    let status = answer.status();
    let problem: protocol::Problem = answer.json().await.expect("a problem");
    (status, problem.kind, problem.detail)
}

/// Sends checks until one is answered.
async fn is_answered(
    bench: &Bench,
    socket: &UdpSocket,
    local: &IceCredentials,
    remote: &IceCredentials,
) {
    let answered = async {
        let mut answer = [0; 500];
        loop {
            let check = stun::check(local, remote);
            socket
                .send_to(&check, bench.relay.media_address())
                .await
                .expect("sent");
            let (length, _) = socket.recv_from(&mut answer).await.expect("received");
            if stun::is_success(&answer[..length]) {
                return;
            }
        }
    };
    tokio::time::timeout(DEADLINE, answered)
        .await
        .unwrap_or_else(|_| panic!("a check of {} is answered", local.ufrag));
}

#[tokio::test]
async fn trickled_candidates_are_taken_and_change_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let bench = bench(&folder).await;
    let session = Session::open(&bench, "/whip/A", HALL_A, WHIP_OFFER).await;
    let theirs = credentials("WL3r", OFFERED_PWD);
    assert_eq!(
        session.etag,
        format!("\"{}\"", local(&session.answer).ufrag)
    );
    let without = "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=end-of-candidates\r\n";
    for (tag, text) in [
        (session.etag.as_str(), fragment(&theirs)),
        ("*", fragment(&theirs)),
        (session.etag.as_str(), without.to_owned()),
    ] {
        let answer = session.patch(Some(tag), &text).await;
        assert_eq!(answer.status(), 204, "{tag} {text}");
        assert!(answer.text().await.expect("text").is_empty());
    }
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    is_answered(&bench, &socket, &local(&session.answer), &theirs).await;
    bench.end().await;
}

#[tokio::test]
async fn ice_restarts_and_every_restart_is_a_session_of_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let bench = bench(&folder).await;
    let session = Session::open(&bench, "/whip/A", HALL_A, WHIP_OFFER).await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    let mut before = (session.etag.clone(), local(&session.answer));
    is_answered(
        &bench,
        &socket,
        &before.1,
        &credentials("WL3r", OFFERED_PWD),
    )
    .await;
    for (round, tag) in ["*", "\"*\"", "current"].into_iter().enumerate() {
        let theirs = credentials(&format!("new{round}"), &"p".repeat(24));
        let tag = if tag == "current" {
            before.0.clone()
        } else {
            tag.to_owned()
        };
        let answer = session.patch(Some(&tag), &fragment(&theirs)).await;
        assert_eq!(answer.status(), 200, "{tag}");
        let headers = answer.headers().clone();
        assert_eq!(headers["content-type"], "application/trickle-ice-sdpfrag");
        assert_eq!(headers["cache-control"], "no-store");
        let etag = headers["etag"].to_str().expect("text").to_owned();
        let text = answer.text().await.expect("text");
        assert!(
            text.starts_with("a=ice-lite\r\na=group:BUNDLE 0 1\r\nm=audio 9 "),
            "{text}"
        );
        let read = Fragment::parse(text.as_bytes()).expect("a fragment");
        let ours = read.credentials.expect("credentials");
        assert!(
            read.candidates == 1 && ours.ufrag != before.1.ufrag && etag != before.0,
            "{text}"
        );
        // The new names count at once, and the former session's tag no longer.
        is_answered(&bench, &socket, &ours, &theirs).await;
        let stale = session.patch(Some(&before.0), &fragment(&theirs)).await;
        assert_eq!(problem(stale).await.1, "other_ice_session");
        before = (etag, ours);
    }
    let repeated = session
        .patch(Some("*"), &fragment(&credentials("new2", &"p".repeat(24))))
        .await;
    assert_eq!(
        repeated.status(),
        204,
        "the same names again are no restart"
    );
    let metrics = bench.metrics().await;
    assert!(
        metrics.contains("diemcau_relay_ice_restarts_total 3\n"),
        "{metrics}"
    );
    bench.end().await;
}

#[tokio::test]
async fn a_patch_that_cannot_be_done_is_refused_in_words() {
    let folder = tempfile::tempdir().expect("a folder");
    let bench = bench(&folder).await;
    let session = Session::open(&bench, "/whip/A", HALL_A, WHIP_OFFER).await;
    let good = fragment(&credentials("fresh", &"p".repeat(24)));
    let large = "a=x\r\n".repeat(4000);
    for (tag, text, status, kind, said) in [
        (None, good.as_str(), 428, "if_match_missing", "no If-Match"),
        (
            Some("\"other\""),
            &good,
            412,
            "other_ice_session",
            "restarted since",
        ),
        (
            Some("\"a\", W/\"b\""),
            &good,
            412,
            "other_ice_session",
            "restarted since",
        ),
        (
            Some("*"),
            "v=0\r\n",
            400,
            "bad_fragment",
            "line 1: found \"v=0\"",
        ),
        (Some("*"), &large, 413, "too_large", "at most 16384 bytes"),
    ] {
        let (found, name, detail) = problem(session.patch(tag, text).await).await;
        assert_eq!((found.as_u16(), name.as_str()), (status, kind), "{detail}");
        assert!(detail.contains(said), "{detail}");
    }
    for (token, media_type, status) in [
        (HALL_B, "application/trickle-ice-sdpfrag", 403),
        (HALL_A, "application/sdp", 415),
    ] {
        let answer = bench
            .request(Method::PATCH, &session.location, Some(token))
            .header("Content-Type", media_type)
            .header("If-Match", "*")
            .body(good.clone())
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status(), status);
        assert_eq!(answer.headers().contains_key("accept-patch"), status == 415);
    }
    let tag = session.patch(Some(&session.etag), &good).await.status();
    assert_eq!(tag, 200, "refusals have changed nothing");
    bench.end().await;
}

#[tokio::test]
async fn a_hall_that_restarts_without_end_is_held_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let bench = bench(&folder).await;
    let session = Session::open(&bench, "/whip/A", HALL_A, WHIP_OFFER).await;
    let held_back = async {
        for round in 0.. {
            let theirs = credentials(&format!("new{round}"), &"p".repeat(24));
            let answer = session.patch(Some("*"), &fragment(&theirs)).await;
            if answer.status() == 429 {
                return answer.headers()["retry-after"].clone();
            }
            assert_eq!(answer.status(), 200);
        }
        unreachable!("rounds do not end")
    };
    let retry = tokio::time::timeout(DEADLINE, held_back)
        .await
        .expect("held back");
    assert_eq!(retry, "5");
    bench.end().await;
}

#[tokio::test]
async fn who_changes_sessions_without_end_is_held_back_and_may_still_leave() {
    let folder = tempfile::tempdir().expect("a folder");
    let bench = bench(&folder).await;
    let publishing = Session::open(&bench, "/whip/A", HALL_A, WHIP_OFFER).await;
    let watching = Session::open(&bench, "/whep/A", HALL_A, WHEP_OFFER).await;
    let neighbour = Session::open(&bench, "/whep/program", PROGRAM, WHEP_OFFER).await;
    let trickled = "m=audio 9 RTP 0\r\na=mid:0\r\na=end-of-candidates\r\n";
    let held_back = async {
        loop {
            let answer = publishing.patch(Some("*"), trickled).await;
            if answer.status() == 429 {
                return answer;
            }
            assert_eq!(answer.status(), 204);
        }
    };
    let refused = tokio::time::timeout(DEADLINE, held_back)
        .await
        .expect("held back");
    assert_eq!(refused.headers()["retry-after"], "5");
    let (_, kind, detail) = problem(refused).await;
    assert_eq!(kind, "flooded");
    assert!(detail.contains("changes of sessions"), "{detail}");
    let choice = r#"{"layer": "low"}"#;
    assert_eq!(watching.choose(choice).await.status(), 429);
    assert_eq!(neighbour.choose(choice).await.status(), 204);
    let left = bench.request(Method::DELETE, &publishing.location, Some(HALL_A));
    assert_eq!(left.send().await.expect("an answer").status(), 200);
    bench.end().await;
}

#[tokio::test]
async fn a_watcher_chooses_its_layer_when_it_comes_and_later() {
    let folder = tempfile::tempdir().expect("a folder");
    let bench = bench(&folder).await;
    for path in [
        "/whep/program",
        "/whep/program?layer=low",
        "/whep/program?x=1&layer=medium",
    ] {
        let session = Session::open(&bench, path, PROGRAM, WHEP_OFFER).await;
        assert_eq!(session.layers, Some(format!("{}/layer", session.location)));
        for choice in [
            r#"{"layer": "low"}"#,
            r#"{"mid": "0", "layer": "medium"}"#,
            r#"{"layer": "best"}"#,
        ] {
            assert_eq!(session.choose(choice).await.status(), 204, "{choice}");
        }
        for (choice, said) in [
            (
                r#"{"layer": "4k"}"#,
                "found layer \"4k\", expected low, medium or best",
            ),
            (r#"{"mid": "2", "layer": "low"}"#, "mid \"2\" is no picture"),
            (r#"{"mid": "9", "layer": "low"}"#, "mid \"9\" is no picture"),
            (r#"{"mid": "0"}"#, "missing field `layer`"),
            (r#"{"layer": "low", "rid": "q"}"#, "unknown field `rid`"),
            ("", "EOF"),
        ] {
            let (status, kind, detail) = problem(session.choose(choice).await).await;
            assert_eq!(
                (status.as_u16(), kind.as_str()),
                (400, "bad_layer"),
                "{choice}"
            );
            assert!(detail.contains(said), "{choice}: {detail}");
        }
        let (status, ..) = problem(session.choose(&" ".repeat(1025)).await).await;
        assert_eq!(status, 413);
    }
    let publisher = Session::open(&bench, "/whip/A", HALL_A, WHIP_OFFER).await;
    assert_eq!(publisher.layers, None);
    let (_, _, detail) = problem(publisher.choose(r#"{"layer": "low"}"#).await).await;
    assert_eq!(detail, "this session shows no picture");
    bench.end().await;
}

#[tokio::test]
async fn only_who_made_a_session_chooses_its_layer_and_only_in_json() {
    let folder = tempfile::tempdir().expect("a folder");
    let bench = bench(&folder).await;
    let session = Session::open(&bench, "/whep/A", HALL_A, WHEP_OFFER).await;
    for (token, media_type, status) in [
        (HALL_B, "application/json", 403),
        (HALL_A, "text/plain", 415),
        (HALL_A, "application/json", 204),
    ] {
        let answer = bench
            .request(
                Method::POST,
                session.layers.as_deref().expect("a link"),
                Some(token),
            )
            .header("Content-Type", media_type)
            .body(r#"{"mid": "1", "layer": "low"}"#)
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status(), status, "{media_type}");
    }
    bench.end().await;
}

#[tokio::test]
async fn on_a_full_relay_a_hall_that_publishes_again_takes_its_own_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let toml = format!(
        "{}media.legs_max = 1\n[standalone]\nsites = [\"A\", \"B\"]\nprogram = [\"A\"]\n\
         tokens = [{{ token = \"{HALL_A}\", as = \"hall\", site = \"A\" }}, {{ token = \"{HALL_B}\", as = \"hall\", site = \"B\" }}]\n",
        head(folder.path())
    );
    let bench = Bench::start(&toml).await;
    let first = Session::open(&bench, "/whip/A", HALL_A, WHIP_OFFER).await;
    let again = Session::open(&bench, "/whip/A", HALL_A, WHIP_OFFER).await;
    // Everybody else finds it full, and takes nobody's place.
    assert_eq!(
        bench.post("/whip/B", HALL_B, WHIP_OFFER).await.status(),
        503
    );
    assert_eq!(
        bench.post("/whep/A", HALL_A, WHEP_OFFER).await.status(),
        503
    );
    for (session, status) in [(first, 404), (again, 200)] {
        let ended = bench
            .request(Method::DELETE, &session.location, Some(HALL_A))
            .send()
            .await
            .expect("an answer");
        assert_eq!(ended.status(), status);
    }
    bench.end().await;
}
