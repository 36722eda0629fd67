//! WHIP and WHEP over HTTP, against a standalone relay: what is served, and every refusal of every route.

use crate::support::{Bench, WHEP_OFFER, WHIP_OFFER, head};
use reqwest::Method;

pub const HALL_A: &str = "hall-a-0123456789";
pub const HALL_B: &str = "hall-b-0123456789";
const HALL_Z: &str = "hall-z-0123456789";
const WATCH_A: &str = "watch-a-0123456789";
const WATCH_Z: &str = "watch-z-0123456789";
pub const PROGRAM: &str = "program-0123456789";

pub async fn bench(folder: &tempfile::TempDir) -> Bench {
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
        let links: Vec<_> = headers.get_all("link").iter().collect();
        assert_eq!(links[0], link);
        assert_eq!(
            links.len(),
            if path == "/whip/A" { 1 } else { 2 },
            "{links:?}"
        );
        let sdp = answer.text().await.expect("text");
        let media = bench.relay.media_address();
        assert!(
            sdp.contains(&format!(" {} {} typ host\r\n", media.ip(), media.port())),
            "{sdp}"
        );
        let location = headers["location"].to_str().expect("text");
        assert!(location.starts_with("/session/"), "{location}");
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

/// Refusals of every endpoint: who asks, with which body, and what the answer says.
/// `good` may use the endpoint, `other` may use another one.
const ENDPOINT_REFUSALS: &str = "
    POST  | -      | sdp   | empty  | 401 | no Authorization: Bearer header
    POST  | nobody | sdp   | empty  | 401 | not one this relay accepts
    POST  | other  | sdp   | empty  | 403 | this token is for
    GET   | good   | sdp   | empty  | 405 | allowed here: POST, OPTIONS
    PUT   | good   | sdp   | empty  | 405 | allowed here: POST, OPTIONS
    PATCH | good   | sdp   | empty  | 405 | allowed here: POST, OPTIONS
    POST  | good   | plain | whip   | 415 | found Content-Type \"text/plain\"
    POST  | good   | -     | whip   | 415 | expected application/sdp
    POST  | good   | sdp   | large  | 413 | at most 65536 bytes
    POST  | good   | sdp   | empty  | 400 | line 1: found the end of the text
    POST  | good   | sdp   | broken | 400 | line 2
";

/// Endpoint, its token, a token for something else.
const ENDPOINTS: [(&str, &str, &str); 4] = [
    ("/whip/A", HALL_A, HALL_B),
    ("/whep/A", HALL_A, WATCH_A),
    ("/whep/A/return", WATCH_A, HALL_A),
    ("/whep/program", PROGRAM, HALL_A),
];

/// Method, path, token, body, status, words.
const OTHER_REFUSALS: &str = "
    POST   | /whip/A         | hall_a  | no_ufrag | 400 | m-line 1 (audio): found no a=ice-ufrag
    POST   | /whip/A         | hall_a  | whep     | 400 | no m-line on which the client sends
    POST   | /whep/A         | hall_a  | whip     | 400 | no m-line on which the client receives
    POST   | /whip/B         | hall_a  | empty    | 403 | this token is for hall A
    POST   | /whip/%C4%90    | hall_a  | empty    | 403 | this token is for hall A
    POST   | /whip/%FF       | hall_a  | empty    | 403 | this token is for hall A
    POST   | /whip/Z         | hall_z  | empty    | 404 | site Z does not attach
    POST   | /whep/Z         | hall_z  | empty    | 404 | site Z does not attach
    POST   | /whep/Z/return  | watch_z | empty    | 404 | site Z does not attach
    POST   | /whep/program/x | program | empty    | 404 | this relay serves /whip/{site}
    GET    | /               | -       | empty    | 404 | this relay serves /whip/{site}
    DELETE | /session/none   | -       | empty    | 401 | no Authorization
    DELETE | /session/none   | hall_a  | empty    | 404 | no such session
    DELETE | /session/%FF    | hall_a  | empty    | 404 | no such session
    GET    | /session/none   | hall_a  | empty    | 405 | allowed here: DELETE, PATCH, OPTIONS
    POST   | /session/none   | hall_a  | empty    | 405 | allowed here: DELETE, PATCH, OPTIONS
    PATCH  | /session/none   | -       | empty    | 401 | no Authorization
    PATCH  | /session/none   | hall_a  | empty    | 404 | no such session
    GET    | /session/none/layer | hall_a | empty | 405 | allowed here: POST, OPTIONS
    POST   | /session/none/layer | -   | empty    | 401 | no Authorization
    POST   | /session/none/layer | hall_a | empty | 404 | no such session
    POST   | /whep/A?layer=4k | hall_a | whep     | 400 | found layer \"4k\", expected low, medium or best
";

/// The lines of a table, each as its trimmed cells.
fn rows<const N: usize>(table: &'static str) -> impl Iterator<Item = [&'static str; N]> {
    table.lines().filter(|line| line.contains('|')).map(|line| {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        cells.try_into().expect("a whole row")
    })
}

fn token(name: &str) -> Option<&'static str> {
    Some(match name {
        "-" => return None,
        "nobody" => "a-token-of-nobody",
        "hall_a" => HALL_A,
        "hall_z" => HALL_Z,
        "watch_z" => WATCH_Z,
        "program" => PROGRAM,
        other => panic!("no token {other}"),
    })
}

fn body(name: &str) -> String {
    match name {
        "empty" => String::new(),
        "broken" => "v=0\r\no=?".to_owned(),
        "large" => "a".repeat(65_537),
        "whip" => WHIP_OFFER.to_owned(),
        "whep" => WHEP_OFFER.to_owned(),
        "no_ufrag" => WHIP_OFFER.replace("a=ice-ufrag:WL3r\r\n", ""),
        other => panic!("no body {other}"),
    }
}

/// The request is refused with this status, as a problem that says this.
async fn refused(request: reqwest::RequestBuilder, status: &str, said: &str, case: &str) {
    let answer = request.send().await.expect("an answer");
    let headers = answer.headers().clone();
    assert_eq!(answer.status().as_str(), status, "{case}");
    assert_eq!(
        headers["content-type"], "application/problem+json",
        "{case}"
    );
    assert_eq!(headers["access-control-allow-origin"], "*", "{case}");
    assert_eq!(
        headers.contains_key("www-authenticate"),
        status == "401",
        "{case}"
    );
    assert_eq!(headers.contains_key("allow"), status == "405", "{case}");
    let problem: protocol::Problem = answer.json().await.expect("a problem");
    assert_eq!(problem.status.to_string(), status, "{case}");
    assert!(problem.detail.contains(said), "{case}: {}", problem.detail);
}

#[tokio::test]
async fn every_endpoint_refuses_in_words() {
    let folder = tempfile::tempdir().expect("a folder");
    let bench = bench(&folder).await;
    for (path, good, other) in ENDPOINTS {
        for [method, who, media_type, offer, status, said] in rows(ENDPOINT_REFUSALS) {
            let token = match who {
                "good" => Some(good),
                "other" => Some(other),
                name => token(name),
            };
            let method = method.parse().expect("a method");
            let mut request = bench.request(method, path, token).body(body(offer));
            match media_type {
                "sdp" => request = request.header("Content-Type", "application/sdp"),
                "plain" => request = request.header("Content-Type", "text/plain"),
                _ => {}
            }
            refused(
                request,
                status,
                said,
                &format!("{path} {who} {media_type} {offer}"),
            )
            .await;
        }
    }
    bench.end().await;
}

#[tokio::test]
async fn what_is_not_there_or_not_theirs_is_refused_in_words() {
    let folder = tempfile::tempdir().expect("a folder");
    let bench = bench(&folder).await;
    for [method, path, who, offer, status, said] in rows(OTHER_REFUSALS) {
        let method = method.parse().expect("a method");
        let request = bench.request(method, path, token(who)).body(body(offer));
        let request = request.header("Content-Type", "application/sdp");
        refused(request, status, said, &format!("{path} {who} {offer}")).await;
    }
    bench.end().await;
}

#[tokio::test]
async fn a_preflight_is_answered_without_a_token() {
    let folder = tempfile::tempdir().expect("a folder");
    let bench = bench(&folder).await;
    for (path, takes, media_type) in [
        ("/whip/A", "accept-post", "application/sdp"),
        ("/whep/A", "accept-post", "application/sdp"),
        (
            "/session/x",
            "accept-patch",
            "application/trickle-ice-sdpfrag",
        ),
        ("/session/x/layer", "accept-post", "application/json"),
    ] {
        let answer = bench
            .request(Method::OPTIONS, path, None)
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status(), 204);
        let headers = answer.headers();
        assert_eq!(
            headers["access-control-allow-headers"],
            "Authorization, Content-Type, If-Match"
        );
        assert_eq!(
            headers["access-control-allow-methods"],
            "POST, PATCH, DELETE, OPTIONS"
        );
        assert_eq!(headers[takes], media_type, "{path}");
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
    tokio::time::timeout(crate::support::DEADLINE, held_back)
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

#[tokio::test]
async fn a_strangers_datagrams_are_counted_and_not_answered() {
    let folder = tempfile::tempdir().expect("a folder");
    let bench = bench(&folder).await;
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0")
        .await
        .expect("a port");
    for datagram in [&b"\xFFgarbage"[..], &[0; 20], &[22; 40], &[128; 40]] {
        socket
            .send_to(datagram, bench.relay.media_address())
            .await
            .expect("sent");
    }
    let counted = async {
        loop {
            let metrics = bench.metrics().await;
            let seen = |reason: &str| {
                metrics.contains(&format!("relay_dropped_total{{reason=\"{reason}\"}} 1\n"))
            };
            if seen("not_ours")
                && seen("stun_refused")
                && metrics.contains("reason=\"from_strangers\"} 2\n")
            {
                return;
            }
        }
    };
    tokio::time::timeout(crate::support::DEADLINE, counted)
        .await
        .expect("every datagram is counted");
    assert!(
        socket.try_recv(&mut [0; 100]).is_err(),
        "a stranger gets no answer"
    );
    bench.end().await;
}
