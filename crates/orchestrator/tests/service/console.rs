//! The console's files and what surrounds every answer.

use crate::harness::Service;

#[tokio::test]
async fn the_page_answers_for_its_addresses_with_a_policy_that_lets_it_reach_relays() {
    let service = Service::empty().await;
    let visitor = service.anybody();
    for path in ["/", "/hall", "/control", "/control/thanh-hoa"] {
        let answer = visitor.get(path).await;
        assert_eq!(answer.status(), 200, "{path}");
        assert!(
            answer.headers()["content-type"]
                .to_str()
                .expect("text")
                .starts_with("text/html"),
            "{path}"
        );
        let policy = answer.headers()["content-security-policy"]
            .to_str()
            .expect("text")
            .to_owned();
        for part in [
            "default-src 'self'",
            "connect-src 'self' https: wss:",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(part), "{policy}");
        }
        assert_eq!(answer.headers()["cache-control"], "no-cache");
    }
}

#[tokio::test]
async fn the_documentation_is_served_from_the_binary() {
    let service = Service::empty().await;
    let visitor = service.anybody();
    let page = visitor.get("/api/docs/").await;
    assert_eq!(page.status(), 200);
    assert!(page.text().await.expect("text").contains("swagger-ui"));
    let api: serde_json::Value = visitor
        .get("/api/openapi.json")
        .await
        .json()
        .await
        .expect("JSON");
    assert_eq!(api["info"]["title"], "diemcau");
    assert!(
        api["components"]["schemas"]["HeadCount"].is_object(),
        "schemas of bodies are described"
    );
}
