//! Halls on their links.

use crate::harness::{Service, head_count};
use serde_json::json;

#[tokio::test]
async fn a_hall_sees_its_counts_and_the_chair_s_lamp_turns_red_when_the_sitting_opens() {
    let service = Service::with_thanh_hoa().await;
    let operator = service.operator().await;
    let hall = service.hall("DT-02").await;
    let chair = service.hall("TINHUY-TH").await;
    let mut hall_link = hall.socket("/api/hall/link").await.expect("a link");
    let mut chair_link = chair.socket("/api/hall/link").await.expect("a link");
    let first = hall_link.next().await.expect("a state");
    assert_eq!(
        (&first["type"], &first["site"], &first["tally"]),
        (&json!("state"), &json!("DT-02"), &json!("off"))
    );
    assert_eq!(first["expected"], json!(93));

    operator.step("ready").await;
    hall.report("DT-02", &head_count(93, 90)).await;
    hall_link
        .until(|state| state["counts"]["present"] == json!(90))
        .await;
    operator.step("live").await;
    chair_link
        .until(|state| state["tally"] == json!("on_air"))
        .await;
    let seen = hall_link
        .until(|state| state["sitting"]["state"] == json!("live"))
        .await;
    assert_eq!(seen["tally"], json!("off"));
}

#[tokio::test]
async fn the_newest_holder_of_a_site_has_its_link_and_the_older_is_told() {
    let service = Service::with_thanh_hoa().await;
    let hall = service.hall("DT-01").await;
    let mut first = hall.socket("/api/hall/link").await.expect("a link");
    first.next().await.expect("a state");
    let mut second = hall.socket("/api/hall/link").await.expect("a link");
    second.next().await.expect("a state");
    let bye = first.until(|message| message["type"] == json!("bye")).await;
    assert_eq!(bye["cause"], json!("taken_over"));
    assert_eq!(first.next().await, None);
    let operator = service.operator().await;
    operator.step("ready").await;
    second
        .until(|state| state["sitting"]["state"] == json!("ready"))
        .await;
}

#[tokio::test]
async fn a_hall_that_floods_is_told_and_disconnected_and_its_neighbour_notices_nothing() {
    let service = Service::with_thanh_hoa().await;
    let mut flood = service
        .hall("DT-01")
        .await
        .socket("/api/hall/link")
        .await
        .expect("a link");
    let mut calm = service
        .hall("DT-02")
        .await
        .socket("/api/hall/link")
        .await
        .expect("a link");
    let health = json!({ "type": "health", "frames": 1, "packets": 2, "holes": 0, "dropped_locally": 0, "freezes": 0, "rtt_ms": null });
    let (mut sink, stream) = futures_util::StreamExt::split(flood.0);
    let text = health.to_string();
    let sending = tokio::spawn(async move {
        for _ in 0..10_000 {
            let message = tokio_tungstenite::tungstenite::Message::text(text.clone());
            if futures_util::SinkExt::send(&mut sink, message)
                .await
                .is_err()
            {
                return sink;
            }
        }
        sink
    });
    let messages: Vec<_> =
        futures_util::StreamExt::collect(futures_util::StreamExt::map(stream, |message| {
            format!("{message:?}")
        }))
        .await;
    assert!(
        messages
            .iter()
            .any(|message| message.contains("too_many_messages")),
        "{messages:?}"
    );
    drop(sending.await);
    calm.say(&health).await;
    service.operator().await.step("ready").await;
    calm.until(|state| state["sitting"]["state"] == json!("ready"))
        .await;
    assert!(
        service
            .metrics()
            .await
            .contains("diemcau_orchestrator_floods_total 1")
    );
    flood = service
        .hall("DT-01")
        .await
        .socket("/api/hall/link")
        .await
        .expect("it may come back");
    flood.next().await.expect("a state");
}

#[tokio::test]
async fn a_message_that_is_none_ends_the_link_with_a_cause() {
    let service = Service::with_thanh_hoa().await;
    let hall = service.hall("DT-01").await;
    for text in [
        "",
        "{}",
        "[[[[",
        "{\"type\":\"health\",\"frames\":-1}",
        "{\"type\":\"state\"}",
    ] {
        let mut link = hall.socket("/api/hall/link").await.expect("a link");
        link.next().await.expect("a state");
        let message = tokio_tungstenite::tungstenite::Message::text(text);
        futures_util::SinkExt::send(&mut link.0, message)
            .await
            .expect("sent");
        let bye = link.until(|message| message["type"] == json!("bye")).await;
        assert_eq!(bye["cause"], json!("not_understood"), "{text}");
    }
    let mut link = hall.socket("/api/hall/link").await.expect("a link");
    link.next().await.expect("a state");
    // A message beyond the limit ends the link without being read.
    let long = tokio_tungstenite::tungstenite::Message::text("x".repeat(100_000));
    drop(futures_util::SinkExt::send(&mut link.0, long).await);
    assert_eq!(link.next().await, None);
}

#[tokio::test]
async fn a_hall_may_bring_its_token_as_a_subprotocol_as_browsers_do() {
    use tokio_tungstenite::tungstenite::client::IntoClientRequest;
    let service = Service::with_thanh_hoa().await;
    let hall = service.hall("DT-01").await;
    let (_, bearer) = hall.credential.clone().expect("a token");
    let token = bearer.strip_prefix("Bearer ").expect("a bearer token");
    let url = format!("{}/api/hall/link", service.base.replacen("http", "ws", 1));
    let mut request = url.into_client_request().expect("a request");
    let offered = format!("diemcau.v1, bearer.{token}");
    request
        .headers_mut()
        .insert("sec-websocket-protocol", offered.parse().expect("a header"));
    let (_, answer) = tokio_tungstenite::connect_async(request)
        .await
        .expect("a link");
    assert_eq!(answer.headers()["sec-websocket-protocol"], "diemcau.v1");
}
