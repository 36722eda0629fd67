//! A day in Thanh Hóa: 55 halls report, the control room sees it, a restart changes nothing.

use crate::harness::{Service, head_count, refused, thanh_hoa};
use protocol::{ConferenceView, SittingState};
use reqwest::StatusCode;
use serde_json::{Value, json};

#[tokio::test]
async fn fifty_five_halls_report_and_the_sums_are_those_of_the_real_conference() {
    let mut service = Service::with_thanh_hoa().await;
    let operator = service.operator().await;
    let mut live = service.viewer().await.live().await;
    let mut view: Option<ConferenceView> = None;
    live.follow(&mut view, |view| {
        view.sitting.state == SittingState::Draft && view.totals.sites == 55
    })
    .await;
    assert_eq!(operator.step("ready").await.status(), StatusCode::OK);

    for (site, report) in recorded() {
        let answer = operator.report(&site, &report).await;
        assert_eq!(answer.status(), StatusCode::OK, "{site}");
        assert_eq!(
            answer.json::<Value>().await.expect("figures")["present"],
            report["present"]
        );
        // A lost answer and a second try count once.
        assert_eq!(
            operator.report(&site, &report).await.status(),
            StatusCode::OK,
            "{site} again"
        );
    }
    live.follow(&mut view, |view| view.totals.sites_reported == 55)
        .await;
    let view = view.expect("a view");
    let sums = (
        view.totals.expected,
        view.totals.present,
        view.totals.late,
        view.totals.absent_excused,
    );
    assert_eq!(sums, (4054, 3962, 69, 80));
    let ward = view
        .sites
        .iter()
        .find(|site| site.code.as_str() == "TPTH-04")
        .expect("Đông Thọ")
        .subtree;
    assert_eq!(
        (ward.sites, ward.sites_reported, ward.expected, ward.present),
        (20, 20, 1916, 1868)
    );

    assert_eq!(operator.step("live").await.status(), StatusCode::OK);
    let before = operator.conference().await;
    service.restart().await;
    let after = service.operator().await.conference().await;
    assert_eq!(
        (&after.sitting, after.totals.present, &after.title),
        (&before.sitting, 3962, &before.title)
    );
    assert_eq!(after.sites, before.sites);
    let report = orchestrator::log::verify(&service.log_file()).expect("readable");
    assert!(report.holds(), "{report}");
    let metrics = service.metrics().await;
    for line in [
        "diemcau_site_present{conference=\"thanh-hoa\",site=\"DT-02\"} 90",
        "diemcau_conference_sites_reported{conference=\"thanh-hoa\"} 55",
        "diemcau_orchestrator_log_broken 0",
    ] {
        assert!(
            metrics.lines().any(|found| found == line),
            "{line} is missing"
        );
    }
}

/// The figures of the real conference, as the list of sites has them.
fn recorded() -> Vec<(String, Value)> {
    let csv = std::fs::read(thanh_hoa()).expect("the list of sites");
    let rows = conference::import::from_csv(&csv).expect("good rows");
    let reports = rows.into_iter().filter_map(|row| {
        let counts = row.recorded?;
        let report = json!({
            "report_id": uuid::Uuid::now_v7(),
            "expected": counts.expected,
            "present": counts.present,
            "late": counts.late,
            "absent_excused": counts.absent_excused,
            "absent_unexcused": counts.absent_unexcused,
            "unclassified": counts.unclassified,
        });
        Some((row.site.code.to_string(), report))
    });
    reports.collect()
}

#[tokio::test]
async fn a_hall_joins_by_link_or_code_and_reports_for_itself_only() {
    let service = Service::with_thanh_hoa().await;
    let operator = service.operator().await;
    operator.step("ready").await;
    let link = operator.site_link("DT-02").await;
    assert!(
        link.url.starts_with(&format!("{}/hall#", service.base)),
        "{}",
        link.url
    );
    let (hall, grant) = service
        .anybody()
        .joined(&link.code.to_lowercase().replace('-', " "))
        .await;
    assert_eq!(
        (grant.site.as_str(), grant.conference.as_str()),
        ("DT-02", "thanh-hoa")
    );
    assert_eq!(
        hall.report("DT-02", &head_count(93, 90)).await.status(),
        StatusCode::OK
    );
    refused(
        hall.report("DT-01", &head_count(101, 90)).await,
        403,
        "other_site",
    )
    .await;
    let nobody = service.anybody();
    let wrong = nobody
        .send(
            reqwest::Method::POST,
            "/api/join",
            Some(json!({ "credential": "0000-0000" })),
        )
        .await;
    refused(wrong, 401, "wrong_code").await;
}

#[tokio::test]
async fn figures_and_steps_that_cannot_be_are_refused_with_the_reason() {
    let service = Service::with_thanh_hoa().await;
    let operator = service.operator().await;
    refused(
        operator.report("DT-02", &head_count(93, 90)).await,
        409,
        "counts_not_taken",
    )
    .await;
    refused(operator.step("closed").await, 409, "illegal_step").await;
    operator.step("ready").await;
    let contradiction = json!({ "report_id": uuid::Uuid::now_v7(), "expected": 93, "present": 90 });
    refused(
        operator.report("DT-02", &contradiction).await,
        422,
        "counts_sum",
    )
    .await;
    refused(
        operator.report("DT-99", &head_count(9, 9)).await,
        404,
        "unknown_site",
    )
    .await;
    refused(
        operator.report("TINHUY-TH", &head_count(9, 9)).await,
        409,
        "site_not_counted",
    )
    .await;
    let mut reused = head_count(93, 90);
    assert_eq!(
        operator.report("DT-02", &reused).await.status(),
        StatusCode::OK
    );
    reused["present"] = json!(93);
    reused["unclassified"] = json!(0);
    refused(
        operator.report("DT-02", &reused).await,
        409,
        "report_id_reused",
    )
    .await;
}
