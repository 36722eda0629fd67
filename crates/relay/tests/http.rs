//! WHIP and WHEP over HTTP, against a standalone relay: what is served, and every refusal of every route.

mod support;

use reqwest::Method;
use support::{Bench, WHEP_OFFER, WHIP_OFFER, head};

const HALL_A: &str = "hall-a-0123456789";
const HALL_B: &str = "hall-b-0123456789";
const HALL_Z: &str = "hall-z-0123456789";
const WATCH_A: &str = "watch-a-0123456789";
const WATCH_Z: &str = "watch-z-0123456789";
const PROGRAM: &str = "program-0123456789";

async fn bench(folder: &tempfile::TempDir) -> Bench {
    let token = |token: &str, allows: &str, site: &str| {
        let site = if site.is_empty() {
            String::new()
        } else {
            format!(", site = \"{site}\"")
        };
        format!("{{ token = \"{token}\", as = \"{allows}\"{site} }}")
    };
    let tokens = [
        token(HALL_A, "hall", "A"),
        token(HALL_B, "hall", "B"),
        token(HALL_Z, "hall", "Z"),
        token(WATCH_A, "watch_site", "A"),
        token(WATCH_Z, "watch_site", "Z"),
        token(PROGRAM, "watch_program", ""),
    ];
    let toml = format!(
        "{}[standalone]\nsites = [\"A\", \"B\"]\nprogram = [\"A\"]\ntokens = [{}]\n[[ice_servers]]\n\
         url = \"turn:turn.example:3478\"\nusername = \"u\"\ncredential = \"c\"\n",
        head(folder.path()),
        tokens.join(", ")
    );
    Bench::start(&toml).await
}

#[tokio::test]
async fn a_hall_publishes_watches_and_leaves() {
    let folder = tempfile::tempdir().expect("a folder");
    let bench = bench(&folder).await;
    for (path, token, offer) in [
        ("/whip/A", HALL_A, WHIP_OFFER),
        ("/whep/A", HALL_A, WHEP_OFFER),
        ("/whep/A/return", WATCH_A, WHEP_OFFER),
        ("/whep/program", PROGRAM, WHEP_OFFER),
    ] {
        let answer = bench.post(path, token, offer).await;
        assert_eq!(answer.status(), 201, "{path}");
        let headers = answer.headers().clone();
        assert_eq!(headers["content-type"], "application/sdp");
        assert_eq!(headers["cache-control"], "no-store");
        assert_eq!(headers["access-control-allow-origin"], "*");
        assert!(
            headers["access-control-expose-headers"]
                .to_str()
                .expect("text")
                .contains("Location, Link")
        );
        let link = "<turn:turn.example:3478>; rel=\"ice-server\"; username=\"u\"; credential=\"c\"; credential-type=\"password\"";
        assert_eq!(headers["link"], link);
        let sdp = answer.text().await.expect("text");
        let media = bench.relay.media_address();
        assert!(
            sdp.contains(&format!(" {} {} typ host\r\n", media.ip(), media.port())),
            "{sdp}"
        );
        let location = headers["location"].to_str().expect("text");
        assert!(location.starts_with("/session/"), "{location}");
        let patch = bench
            .request(Method::PATCH, location, Some(token))
            .send()
            .await
            .expect("an answer");
        assert_eq!(
            (
                patch.status().as_u16(),
                patch.headers()["allow"].to_str().expect("text")
            ),
            (405, "DELETE, OPTIONS")
        );
        for (other, status) in [
            (Some(HALL_B), 403),
            (None, 401),
            (Some(token), 200),
            (Some(token), 404),
        ] {
            let ended = bench
                .request(Method::DELETE, location, other)
                .send()
                .await
                .expect("an answer");
            assert_eq!(ended.status(), status, "{path} {other:?}");
        }
    }
    let metrics = bench.metrics().await;
    assert!(
        metrics.contains("diemcau_relay_sessions_opened_total{role=\"publish\"} 1"),
        "{metrics}"
    );
    assert!(
        metrics.contains("diemcau_relay_http_refusals_total{status=\"403\"} 4"),
        "{metrics}"
    );
    assert_eq!(bench.ready().await, 200);
    bench.end().await;
}

#[tokio::test]
async fn every_route_refuses_in_words() {
    let folder = tempfile::tempdir().expect("a folder");
    let bench = bench(&folder).await;
    let sdp = "application/sdp";
    let large = "a".repeat(65_537);
    let missing = WHIP_OFFER.replace("a=ice-ufrag:WL3r\r\n", "");
    struct Case<'a>(
        Method,
        &'a str,
        Option<&'a str>,
        &'a str,
        &'a str,
        u16,
        &'a str,
    );
    let mut cases = Vec::new();
    for (path, good, other, unknown_path, unknown) in [
        ("/whip/A", HALL_A, HALL_B, "/whip/Z", HALL_Z),
        ("/whep/A", HALL_A, WATCH_A, "/whep/Z", HALL_Z),
        ("/whep/A/return", WATCH_A, HALL_A, "/whep/Z/return", WATCH_Z),
        ("/whep/program", PROGRAM, HALL_A, "/whep/program/x", PROGRAM),
    ] {
        cases.extend([
            Case(
                Method::POST,
                path,
                None,
                sdp,
                "",
                401,
                "no Authorization: Bearer header",
            ),
            Case(
                Method::POST,
                path,
                Some("a-token-of-nobody"),
                sdp,
                "",
                401,
                "not one this relay accepts",
            ),
            Case(
                Method::POST,
                path,
                Some(other),
                sdp,
                "",
                403,
                "this token is for",
            ),
            Case(Method::POST, unknown_path, Some(unknown), sdp, "", 404, ""),
            Case(
                Method::GET,
                path,
                Some(good),
                sdp,
                "",
                405,
                "allowed here: POST, OPTIONS",
            ),
            Case(
                Method::PUT,
                path,
                Some(good),
                sdp,
                "",
                405,
                "allowed here: POST, OPTIONS",
            ),
            Case(
                Method::PATCH,
                path,
                Some(good),
                sdp,
                "",
                405,
                "allowed here: POST, OPTIONS",
            ),
            Case(
                Method::POST,
                path,
                Some(good),
                "text/plain",
                WHIP_OFFER,
                415,
                "found Content-Type \"text/plain\"",
            ),
            Case(
                Method::POST,
                path,
                Some(good),
                "",
                WHIP_OFFER,
                415,
                "expected application/sdp",
            ),
            Case(
                Method::POST,
                path,
                Some(good),
                sdp,
                &large,
                413,
                "at most 65536 bytes",
            ),
            Case(
                Method::POST,
                path,
                Some(good),
                sdp,
                "",
                400,
                "line 1: found the end of the text",
            ),
            Case(
                Method::POST,
                path,
                Some(good),
                sdp,
                "v=0\r\no=?",
                400,
                "line 2",
            ),
        ]);
    }
    cases.extend([
        Case(
            Method::POST,
            "/whip/A",
            Some(HALL_A),
            sdp,
            &missing,
            400,
            "m-line 1 (audio): found no a=ice-ufrag",
        ),
        Case(
            Method::POST,
            "/whip/A",
            Some(HALL_A),
            sdp,
            WHEP_OFFER,
            400,
            "no m-line on which the client sends",
        ),
        Case(
            Method::POST,
            "/whep/A",
            Some(HALL_A),
            sdp,
            WHIP_OFFER,
            400,
            "no m-line on which the client receives",
        ),
        Case(
            Method::POST,
            "/whip/%FF",
            Some(HALL_A),
            sdp,
            "",
            403,
            "this token is for hall A",
        ),
        Case(
            Method::POST,
            "/whip/B",
            Some(HALL_A),
            sdp,
            "",
            403,
            "this token is for hall A",
        ),
        Case(
            Method::POST,
            "/whip/%C4%90",
            Some(HALL_A),
            sdp,
            "",
            403,
            "this token is for hall A",
        ),
        Case(
            Method::GET,
            "/",
            None,
            sdp,
            "",
            404,
            "this relay serves /whip/{site}",
        ),
        Case(
            Method::DELETE,
            "/session/none",
            None,
            sdp,
            "",
            401,
            "no Authorization",
        ),
        Case(
            Method::DELETE,
            "/session/none",
            Some(HALL_A),
            sdp,
            "",
            404,
            "no such session",
        ),
        Case(
            Method::DELETE,
            "/session/%FF",
            Some(HALL_A),
            sdp,
            "",
            404,
            "no such session",
        ),
        Case(
            Method::GET,
            "/session/none",
            Some(HALL_A),
            sdp,
            "",
            405,
            "allowed here: DELETE, OPTIONS",
        ),
    ]);
    for Case(method, path, token, content_type, body, status, said) in cases {
        let mut request = bench
            .request(method.clone(), path, token)
            .body(body.to_owned());
        if !content_type.is_empty() {
            request = request.header("Content-Type", content_type);
        }
        let answer = request.send().await.expect("an answer");
        let case = format!(
            "{method} {path} {token:?} {content_type:?} {} bytes",
            body.len()
        );
        assert_eq!(answer.status(), status, "{case}");
        assert_eq!(
            answer.headers()["content-type"],
            "application/problem+json",
            "{case}"
        );
        assert_eq!(
            answer.headers()["access-control-allow-origin"],
            "*",
            "{case}"
        );
        assert_eq!(
            answer.headers().contains_key("www-authenticate"),
            status == 401,
            "{case}"
        );
        assert_eq!(
            answer.headers().contains_key("allow"),
            status == 405,
            "{case}"
        );
        let problem: protocol::Problem = answer.json().await.expect("a problem");
        assert_eq!(problem.status, status, "{case}");
        assert!(problem.detail.contains(said), "{case}: {}", problem.detail);
    }
    bench.end().await;
}

#[tokio::test]
async fn a_preflight_is_answered_without_a_token() {
    let folder = tempfile::tempdir().expect("a folder");
    let bench = bench(&folder).await;
    for path in ["/whip/A", "/whep/A", "/session/x"] {
        let answer = bench
            .request(Method::OPTIONS, path, None)
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status(), 204);
        assert_eq!(
            answer.headers()["access-control-allow-headers"],
            "Authorization, Content-Type"
        );
        assert_eq!(
            answer.headers()["access-control-allow-methods"],
            "POST, DELETE, OPTIONS"
        );
        assert_eq!(answer.headers()["accept-post"], "application/sdp");
    }
    bench.end().await;
}

#[tokio::test]
async fn a_hall_that_publishes_again_takes_over_its_own_session_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let bench = bench(&folder).await;
    let first = bench.post("/whip/A", HALL_A, WHIP_OFFER).await.headers()["location"].clone();
    let other = bench.post("/whip/B", HALL_B, WHIP_OFFER).await.headers()["location"].clone();
    assert_eq!(
        bench.post("/whip/A", HALL_A, WHIP_OFFER).await.status(),
        201
    );
    for (location, token, status) in [(first, HALL_A, 404), (other, HALL_B, 200)] {
        let path = location.to_str().expect("text");
        let ended = bench
            .request(Method::DELETE, path, Some(token))
            .send()
            .await
            .expect("an answer");
        assert_eq!(ended.status(), status);
    }
    bench.end().await;
}

#[tokio::test]
async fn a_flooding_hall_is_held_back_and_its_neighbour_is_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let bench = bench(&folder).await;
    let held_back =
        async { while bench.post("/whip/A", HALL_A, "nonsense").await.status() != 429 {} };
    tokio::time::timeout(support::DEADLINE, held_back)
        .await
        .expect("a flood is refused");
    assert_eq!(
        bench.post("/whip/B", HALL_B, WHIP_OFFER).await.status(),
        201
    );
    bench.end().await;
}

#[tokio::test]
async fn a_full_relay_says_when_to_come_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let toml = format!(
        "{}media.legs_max = 1\n[standalone]\nsites = [\"A\", \"B\"]\nprogram = [\"A\"]\n\
         tokens = [{{ token = \"{HALL_A}\", as = \"hall\", site = \"A\" }}, {{ token = \"{HALL_B}\", as = \"hall\", site = \"B\" }}]\n",
        head(folder.path())
    );
    let bench = Bench::start(&toml).await;
    assert_eq!(
        bench.post("/whip/A", HALL_A, WHIP_OFFER).await.status(),
        201
    );
    let full = bench.post("/whip/B", HALL_B, WHIP_OFFER).await;
    assert_eq!(full.status(), 503);
    assert_eq!(full.headers()["retry-after"], "5");
    let problem: protocol::Problem = full.json().await.expect("a problem");
    assert_eq!(problem.kind, "relay_full");
    bench.end().await;
}
