//! Who may call what: every route of the API's own description, with every kind of caller.

use crate::harness::{CONFERENCE, Caller, Service};
use reqwest::Method;
use serde_json::Value;

const SITE: &str = "DT-01";

struct Route {
    method: Method,
    path: String,
    least: String,
}

async fn routes(service: &Service) -> Vec<Route> {
    let api: Value = service
        .anybody()
        .get("/api/openapi.json")
        .await
        .json()
        .await
        .expect("a description");
    let mut routes = Vec::new();
    for (path, item) in api["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            routes.push(Route {
                method: method.to_uppercase().parse().expect("a method"),
                path: path
                    .replace("{conference}", CONFERENCE)
                    .replace("{site}", SITE),
                least: operation["x-least-role"]
                    .as_str()
                    .expect("every route says its least role")
                    .to_owned(),
            });
        }
    }
    routes
}

/// Whether the guard should let this caller pass.
fn passes(least: &str, caller: &str) -> bool {
    match least {
        "anybody" => true,
        "viewer" => matches!(caller, "viewer" | "operator"),
        "operator" => caller == "operator",
        "site_or_operator" => matches!(caller, "operator" | "this hall"),
        "hall" => matches!(
            caller,
            "this hall" | "other hall" | "hall of another conference"
        ),
        other => panic!("an unknown role {other}"),
    }
}

#[tokio::test]
async fn every_route_lets_in_whom_it_says_and_nobody_else() {
    let service = Service::with_thanh_hoa().await;
    let operator = service.operator().await;
    let import = operator
        .request(Method::PUT, "/api/conferences/other?title=Kh%C3%A1c&chair=A")
        .header("content-type", "text/csv")
        .body("code,name,kind,level,uplink,link_mode\nA,A,hub,city,,two_way\nDT-01,B,site,ward,A,two_way\n");
    assert_eq!(import.send().await.expect("an answer").status(), 201);
    let link = operator
        .get("/api/conferences/other/sites/DT-01/link")
        .await;
    let code = link
        .json::<protocol::SiteLink>()
        .await
        .expect("a link")
        .code;
    let callers: [(&str, Caller); 6] = [
        ("nobody", service.anybody()),
        ("viewer", service.viewer().await),
        ("operator", service.operator().await),
        ("this hall", service.hall(SITE).await),
        ("other hall", service.hall("DT-02").await),
        (
            "hall of another conference",
            service.anybody().joined(&code).await.0,
        ),
    ];
    let mut routes = routes(&service).await;
    assert!(routes.len() >= 16, "only {} routes described", routes.len());
    // Signing out ends the session the others are tried with: it comes last.
    routes.sort_by_key(|route| route.method == Method::DELETE);
    for route in &routes {
        for (name, caller) in &callers {
            let answer = caller.send(route.method.clone(), &route.path, None).await;
            let status = answer.status().as_u16();
            let what = format!(
                "{name}: {} {} ({}) answered {status}",
                route.method, route.path, route.least
            );
            if passes(&route.least, name) {
                assert!(!matches!(status, 401 | 403), "{what}");
            } else {
                let expected = if *name == "nobody" { 401 } else { 403 };
                assert_eq!(status, expected, "{what}");
                assert_eq!(
                    answer.headers()["content-type"],
                    "application/problem+json",
                    "{what}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_token_for_watching_opens_no_door_here() {
    let service = Service::with_thanh_hoa().await;
    let data = service.operator().await.get("/api/conferences").await;
    assert_eq!(data.status(), 200);
    let mut stranger = service.anybody();
    for token in ["", "x", "eyJhbGciOiJub25lIn0.e30."] {
        stranger.credential = Some(("authorization", format!("Bearer {token}")));
        assert_eq!(
            stranger.get("/api/conferences").await.status(),
            401,
            "{token:?}"
        );
    }
}
