//! Relays register, prove themselves, get plans; halls' health is what they report.

use crate::harness::{CONFERENCE, Service, Socket, refused};
use crate::relay::{Relay, report};
use protocol::{LegState, LinkState, RelayPlan, WatchGrant};
use reqwest::Method;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Error;

/// Waits for a plan like this.
async fn plan(link: &mut Socket, is_it: impl Fn(&RelayPlan) -> bool) -> RelayPlan {
    let mut found = None;
    link.until(|message| {
        assert_eq!(message["type"], json!("plan"), "{message}");
        let mut plan = message.clone();
        plan.as_object_mut().expect("an object").remove("type");
        let plan: RelayPlan = serde_json::from_value(plan).expect("a plan");
        let good = is_it(&plan);
        found = good.then_some(plan);
        good
    })
    .await;
    found.expect("found")
}

#[tokio::test]
async fn three_relays_form_a_tree_and_a_restart_hands_out_the_same_trunks() {
    let mut service = Service::with_thanh_hoa().await;
    let (province, city, ward) = (
        Relay::new("province", 5004),
        Relay::new("city", 5006),
        Relay::new("ward", 5008),
    );
    let at = service.anybody();
    let mut to_province = province.link(&at).await;
    let mut to_city = city.link(&at).await;
    let mut to_ward = ward.link(&at).await;
    let ward_plan = plan(&mut to_ward, |plan| !plan.parents.is_empty()).await;
    let city_plan = plan(&mut to_city, |plan| {
        !plan.parents.is_empty() && !plan.children.is_empty()
    })
    .await;
    let province_plan = plan(&mut to_province, |plan| plan.epoch == city_plan.epoch).await;

    assert_eq!(ward_plan.conference.as_str(), CONFERENCE);
    let chair = ["TINHUY-TH".parse().expect("a code")];
    assert_eq!(ward_plan.program, chair);
    assert_eq!(
        (
            &ward_plan.parents[0].feeds[..],
            &province_plan.children[0].feeds[..]
        ),
        (&chair[..], &chair[..])
    );
    assert_eq!(ward_plan.parents[0].relay.as_str(), "city");
    assert_eq!(
        ward_plan.parents[0].addresses,
        ["127.0.0.1:5006".parse().expect("an address")]
    );
    let (up, down) = (&city_plan.parents[0], &province_plan.children[0]);
    assert_eq!(
        (&up.ice_ufrag, &up.ice_pwd),
        (&down.ice_ufrag, &down.ice_pwd)
    );
    let served = province_plan.sites.len() + city_plan.sites.len() + ward_plan.sites.len();
    assert_eq!(served, 56, "every site is served once");

    service.restart().await;
    let at = service.anybody();
    let mut to_ward = ward.link(&at).await;
    let after = plan(&mut to_ward, |_| true).await;
    assert!(after.epoch >= ward_plan.epoch);
    assert_eq!(
        RelayPlan { epoch: 0, ..after },
        RelayPlan {
            epoch: 0,
            ..ward_plan
        }
    );
    let view = service.operator().await.conference().await;
    let levels: Vec<_> = view
        .relays
        .iter()
        .map(|relay| (relay.id.as_str(), relay.level, relay.state))
        .collect();
    assert_eq!(
        levels,
        [
            ("city", 2, LegState::Connecting),
            ("province", 1, LegState::Connecting),
            ("ward", 3, LegState::Connected)
        ]
    );
    drop((to_province, to_city));
}

#[tokio::test]
async fn a_join_key_works_for_one_identity_and_what_describes_no_relay_is_told_field_by_field() {
    let service = Service::with_thanh_hoa().await;
    let at = service.anybody();
    let first = Relay::new("city", 5006);
    let welcome: Value = first.register(&at).await.json().await.expect("a welcome");
    let again: Value = first.register(&at).await.json().await.expect("a welcome");
    assert_eq!(welcome, again);
    refused(
        Relay::new("city", 5006).register(&at).await,
        409,
        "join_key_used",
    )
    .await;
    let mut wrong = first.registration();
    wrong["join_key"] = json!("a guess of sixteen");
    refused(
        at.send(Method::POST, "/api/relays", Some(wrong)).await,
        401,
        "join_key",
    )
    .await;
    let mut nonsense = first.registration();
    nonsense["public_key"] = json!("short");
    nonsense["http_url"] = json!("javascript:alert(1)");
    nonsense["media_addresses"] = json!(["0.0.0.0:0"]);
    nonsense["certificate_fingerprint"] = json!("AA");
    let problem = refused(
        at.send(Method::POST, "/api/relays", Some(nonsense)).await,
        422,
        "registration",
    )
    .await;
    assert_eq!(problem.fields.len(), 4);
}

#[tokio::test]
async fn who_does_not_prove_the_registered_key_gets_no_plan() {
    let service = Service::with_thanh_hoa().await;
    let at = service.anybody();
    let relay = Relay::new("province", 5004);
    let welcome: Value = relay.register(&at).await.json().await.expect("a welcome");
    let impostor = Relay::new("province", 5004);
    assert_eq!(impostor.hello(&at, &welcome, 5004).await.next().await, None);
    let stranger = Relay::new("ward", 5008);
    let mut link = at.socket("/api/relays/link").await.expect("a link");
    link.say(&json!({
        "type": "hello", "version": protocol::VERSION, "relay": stranger.id, "nonce": "AAAA",
        "media_addresses": ["127.0.0.1:5008"], "http_url": "https://127.0.0.1:5009",
    }))
    .await;
    assert_eq!(link.next().await, None);
    for nonsense in ["{}", "[", "{\"type\":\"proof\",\"signature\":\"\"}"] {
        let mut link = at.socket("/api/relays/link").await.expect("a link");
        let message = tokio_tungstenite::tungstenite::Message::text(nonsense);
        futures_util::SinkExt::send(&mut link.0, message)
            .await
            .expect("sent");
        assert_eq!(link.next().await, None, "{nonsense}");
    }
    assert!(
        service
            .metrics()
            .await
            .contains("diemcau_orchestrator_relay_links_refused_total 5")
    );
}

#[tokio::test]
async fn links_that_prove_nothing_are_bounded_and_a_proven_one_is_none_of_them() {
    let service = Service::with_thanh_hoa().await;
    let at = service.anybody();
    let mut proven = Relay::new("province", 5004).link(&at).await;
    plan(&mut proven, |_| true).await;
    let mut silent = Vec::new();
    let refusal = loop {
        match at.socket("/api/relays/link").await {
            Ok(link) => silent.push(link),
            Err(Error::Http(answer)) => break answer,
            Err(error) => panic!("{error}"),
        }
        assert!(silent.len() < 1_000, "a thousand strangers were let in");
    };
    assert_eq!(refusal.status(), 503);
    assert!(refusal.headers().contains_key("retry-after"));
    assert!(silent.len() >= 64, "{} were let in", silent.len());

    drop(silent);
    while at.socket("/api/relays/link").await.is_err() {
        tokio::task::yield_now().await;
    }
    proven.say(&report(900, "TINHUY-TH", 0, false)).await;
    plan(&mut proven, |plan| plan.epoch > 900).await;
}

#[tokio::test]
async fn a_relay_that_moves_is_followed_and_its_newest_link_counts() {
    let service = Service::with_thanh_hoa().await;
    let at = service.anybody();
    let (province, city) = (Relay::new("province", 5004), Relay::new("city", 5006));
    let mut old = province.link(&at).await;
    let mut to_city = city.link(&at).await;
    let before = plan(&mut to_city, |plan| !plan.parents.is_empty()).await;
    let welcome: Value = province
        .register(&at)
        .await
        .json()
        .await
        .expect("a welcome");
    let mut new = province.hello(&at, &welcome, 6004).await;
    new.until(|message| message["type"] == json!("welcome"))
        .await;
    let moved = plan(&mut to_city, |plan| plan.epoch > before.epoch).await;
    assert_eq!(
        moved.parents[0].addresses,
        ["127.0.0.1:6004".parse().expect("an address")]
    );
    assert_eq!(moved.parents[0].ice_pwd, before.parents[0].ice_pwd);
    plan(&mut new, |plan| plan.epoch == moved.epoch).await;
    while old.next().await.is_some() {}
}

#[tokio::test]
async fn a_hall_s_health_is_what_its_relay_and_itself_report_and_being_watched_reaches_it() {
    let service = Service::with_thanh_hoa().await;
    let at = service.anybody();
    let ward = Relay::new("ward", 5008);
    let mut relay = ward.link(&at).await;
    let epoch = plan(&mut relay, |plan| {
        plan.sites.iter().any(|site| site.as_str() == "DT-01")
    })
    .await
    .epoch;
    let viewer = service.viewer().await;
    let (mut live, mut view) = (viewer.live().await, None);
    let link_of = |view: &protocol::ConferenceView| {
        view.sites
            .iter()
            .find(|site| site.code.as_str() == "DT-01")
            .expect("DT-01")
            .link
            .clone()
    };

    let hall = service.hall("DT-01").await;
    let mut link = hall.socket("/api/hall/link").await.expect("a link");
    let first = link.next().await.expect("a state");
    assert_eq!(
        first["media"]["whip_url"],
        json!("https://127.0.0.1:5009/whip/DT-01")
    );
    live.follow(&mut view, |view| link_of(view).reasons == ["no_program"])
        .await;
    relay.say(&report(epoch, "DT-01", 0, true)).await;
    link.until(|state| state["watched"] == json!(true)).await;
    let health = |packets: u64| json!({ "type": "health", "frames": packets / 3, "packets": packets, "holes": 0, "dropped_locally": 0, "freezes": 0, "rtt_ms": 8.0 });
    link.say(&health(90)).await;
    live.follow(&mut view, |view| link_of(view).state == LinkState::Ok)
        .await;
    let seen = link_of(view.as_ref().expect("a view"));
    assert_eq!(
        (seen.program_frames, seen.return_bitrate_bps, seen.rtt_ms),
        (30, 60_000, Some(8.0))
    );
    relay.say(&report(epoch, "DT-01", 0, false)).await;
    link.until(|state| state["watched"] == json!(false)).await;

    let grant = viewer
        .send(
            Method::POST,
            "/api/conferences/thanh-hoa/sites/DT-01/watch",
            None,
        )
        .await;
    let grant: WatchGrant = grant.json().await.expect("a grant");
    assert_eq!(grant.whep_url, "https://127.0.0.1:5009/whep/DT-01/return");
    let mut intruder = at.clone();
    intruder.credential = Some(("authorization", format!("Bearer {}", grant.token)));
    refused(intruder.get("/api/conferences").await, 403, "token_scope").await;

    drop(link);
    relay.say(&json!({ "type": "report", "epoch": epoch, "feeds": [], "legs": [], "trunks": [], "packets_sent": 0, "bytes_sent": 0 })).await;
    live.follow(&mut view, |view| link_of(view).state == LinkState::Lost)
        .await;
}

#[tokio::test]
async fn a_relay_ahead_of_the_log_gets_a_plan_above_its_own() {
    let service = Service::with_thanh_hoa().await;
    let at = service.anybody();
    let province = Relay::new("province", 5004);
    let mut link = province.link(&at).await;
    plan(&mut link, |_| true).await;
    link.say(&report(900, "TINHUY-TH", 0, false)).await;
    assert_eq!(plan(&mut link, |plan| plan.epoch > 900).await.epoch, 901);
}

#[tokio::test]
async fn a_second_conference_of_the_same_sites_gets_the_relays_when_the_first_is_closed() {
    let mut service = Service::with_thanh_hoa().await;
    let at = service.anybody();
    let (province, city) = (Relay::new("province", 5004), Relay::new("city", 5006));
    let mut to_province = province.link(&at).await;
    let before = plan(&mut to_province, |plan| {
        plan.conference.as_str() == CONFERENCE
    })
    .await;

    // Its id sorts before the other's.
    let operator = service.operator().await;
    let sites = std::fs::read(crate::harness::thanh_hoa()).expect("a list");
    let imported = operator
        .request(
            Method::PUT,
            "/api/conferences/a-rehearsal?title=Thử&chair=TINHUY-TH",
        )
        .header("content-type", "text/csv")
        .body(sites)
        .send()
        .await
        .expect("an answer");
    assert_eq!(imported.status(), 201);
    let hint = imported.headers()["diemcau-hint"].to_str().expect("text");
    assert!(hint.contains("province (thanh-hoa)"), "{hint}");
    let rehearsal: protocol::ConferenceView = imported.json().await.expect("a conference");
    assert!(rehearsal.relays.is_empty() && rehearsal.sites.iter().all(|site| site.relay.is_none()));

    // A relay that comes later, one that comes back and a restart change nothing for the first.
    let mut to_city = city.link(&at).await;
    let joined = plan(&mut to_city, |plan| !plan.parents.is_empty()).await;
    assert_eq!(joined.conference.as_str(), CONFERENCE);
    let grown = plan(&mut to_province, |plan| !plan.children.is_empty()).await;
    assert_eq!(
        (grown.conference.as_str(), grown.epoch),
        (CONFERENCE, before.epoch + 1)
    );
    service.restart().await;
    let at = service.anybody();
    let (mut to_province, mut to_city) = (province.link(&at).await, city.link(&at).await);
    for link in [&mut to_province, &mut to_city] {
        let again = plan(link, |_| true).await;
        assert_eq!(
            (again.conference.as_str(), again.epoch),
            (CONFERENCE, grown.epoch)
        );
    }

    let operator = service.operator().await;
    for state in ["ready", "live", "closed"] {
        assert_eq!(operator.step(state).await.status(), 200, "{state}");
    }
    let handed = plan(&mut to_province, |plan| {
        plan.conference.as_str() == "a-rehearsal"
    })
    .await;
    assert_eq!(handed.children.len(), 1, "all of them at once");
    plan(&mut to_city, |plan| {
        plan.conference.as_str() == "a-rehearsal"
    })
    .await;
    // The relay goes on by the plan with the higher epoch until it gets one above it.
    to_province
        .say(&report(grown.epoch, "TINHUY-TH", 0, false))
        .await;
    plan(&mut to_province, |plan| {
        plan.conference.as_str() == "a-rehearsal" && plan.epoch > grown.epoch
    })
    .await;
    assert!(operator.conference().await.relays.is_empty());
}
