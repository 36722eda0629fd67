//! People sign in.

use crate::harness::{Service, refused};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

#[tokio::test]
async fn an_operator_signs_in_stays_in_over_a_restart_and_signs_out() {
    let mut service = Service::empty().await;
    let answer = service
        .anybody()
        .sign_in("admin", crate::harness::PASSWORD)
        .await;
    let cookie = answer.headers()["set-cookie"]
        .to_str()
        .expect("text")
        .to_owned();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let mut operator = service.operator().await;
    service.restart().await;
    operator.base.clone_from(&service.base);
    let who: Value = operator
        .get("/api/session")
        .await
        .json()
        .await
        .expect("a session");
    assert_eq!(who, json!({ "user": "admin", "role": "operator" }));
    let out = operator.send(Method::DELETE, "/api/session", None).await;
    assert_eq!(out.status(), StatusCode::NO_CONTENT);
    refused(operator.get("/api/session").await, 401, "session_ended").await;
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_user_are_refused_alike_and_guessing_is_slowed() {
    let service = Service::empty().await;
    let guesser = service.anybody();
    let wrong = refused(
        guesser.sign_in("admin", "guess").await,
        401,
        "wrong_password",
    )
    .await;
    let unknown = refused(
        guesser.sign_in("nobody", "guess").await,
        401,
        "wrong_password",
    )
    .await;
    assert_eq!(wrong, unknown);
    refused(
        guesser.sign_in("admin", &"x".repeat(2000)).await,
        401,
        "wrong_password",
    )
    .await;
    for _ in 0..20 {
        let answer = guesser.sign_in("admin", "guess").await;
        if answer.status() == StatusCode::TOO_MANY_REQUESTS {
            assert!(answer.headers().contains_key("retry-after"));
            return;
        }
    }
    panic!("23 wrong passwords were all tried");
}

#[tokio::test]
async fn another_site_s_page_cannot_act_for_who_is_signed_in() {
    let service = Service::with_thanh_hoa().await;
    let operator = service.operator().await;
    let step = operator
        .request(Method::POST, "/api/conferences/thanh-hoa/sitting")
        .json(&json!({ "to": "ready" }));
    let forged = step
        .try_clone()
        .expect("a copy")
        .header("origin", "https://evil.example")
        .send()
        .await;
    refused(forged.expect("an answer"), 403, "origin").await;
    let own = step
        .header("origin", &service.base)
        .send()
        .await
        .expect("an answer");
    assert_eq!(own.status(), StatusCode::OK);
}
