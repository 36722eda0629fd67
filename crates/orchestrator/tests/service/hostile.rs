//! Bad input: every answer is a problem, nothing falls over, names stay text.

use crate::harness::{CONFERENCE, Service, head_count, refused};
use reqwest::{Method, Response, StatusCode};

async fn post(service: &Service, kind: &str, body: String) -> Response {
    let request = service
        .anybody()
        .request(Method::POST, "/api/join")
        .header("content-type", kind)
        .body(body);
    request.send().await.expect("an answer")
}

#[tokio::test]
async fn bodies_that_are_too_large_too_deep_or_of_the_wrong_kind_are_refused() {
    let service = Service::with_thanh_hoa().await;
    let json = "application/json";
    refused(
        post(&service, json, "x".repeat(1 << 20)).await,
        413,
        "too_large",
    )
    .await;
    for (opening, status, kind) in [("{", 400, "json_syntax"), ("[", 422, "json_data")] {
        let body = opening.repeat(60_000);
        refused(post(&service, json, body).await, status, kind).await;
    }
    let deep = format!(
        "{{\"credential\":{}{}}}",
        "[".repeat(20_000),
        "]".repeat(20_000)
    );
    refused(post(&service, json, deep).await, 422, "json_data").await;
    for wrong in [
        "{}",
        "[]",
        "null",
        "{\"credential\":7}",
        "{\"credential\":\"a\",\"more\":1}",
    ] {
        refused(
            post(&service, json, wrong.to_owned()).await,
            422,
            "json_data",
        )
        .await;
    }
    refused(
        post(&service, json, "{\"credential\":\"\u{0}".to_owned()).await,
        400,
        "json_syntax",
    )
    .await;
    refused(
        post(&service, "text/plain", "{}".to_owned()).await,
        415,
        "media_type",
    )
    .await;
    let not_text = service
        .anybody()
        .request(Method::POST, "/api/join")
        .header("content-type", json);
    refused(
        not_text
            .body(vec![0xff; 100])
            .send()
            .await
            .expect("an answer"),
        400,
        "json_syntax",
    )
    .await;
}

#[tokio::test]
async fn addresses_that_are_none_are_problems_too() {
    let service = Service::with_thanh_hoa().await;
    let operator = service.operator().await;
    refused(operator.get("/api/nothing").await, 404, "not_found").await;
    refused(operator.get("/api").await, 404, "not_found").await;
    refused(operator.get("/nothing").await, 404, "not_found").await;
    refused(
        operator.get("/api/conferences/other").await,
        404,
        "not_found",
    )
    .await;
    refused(operator.get("/api/conferences/%00").await, 400, "path").await;
    refused(
        operator
            .get(&format!("/api/conferences/{}", "a".repeat(5_000)))
            .await,
        400,
        "path",
    )
    .await;
    refused(
        operator
            .get("/api/conferences/thanh-hoa/sites/..%2f..%2fx/link")
            .await,
        400,
        "path",
    )
    .await;
    refused(
        operator
            .send(Method::DELETE, "/api/conferences", None)
            .await,
        405,
        "method",
    )
    .await;
    refused(
        operator.send(Method::POST, "/hall", None).await,
        405,
        "method",
    )
    .await;
    for (method, path, allowed) in [
        (Method::DELETE, "/api/conferences", "GET"),
        (Method::POST, "/hall", "GET"),
        (Method::PUT, "/api/join", "POST"),
    ] {
        let answer = operator.send(method, path, None).await;
        let allow = answer.headers()["allow"].to_str().expect("text");
        assert!(allow.contains(allowed), "{path}: {allow}");
    }
    let not_upgraded = operator
        .get(&format!("/api/conferences/{CONFERENCE}/live"))
        .await;
    assert_eq!(
        not_upgraded.headers()["content-type"],
        "application/problem+json"
    );
}

const NAME: &str = "<img src=x onerror=alert(1)> & \"Đông\" 'Thọ'";

#[tokio::test]
async fn names_with_markup_stay_text_from_the_import_to_the_hall() {
    let service = Service::empty().await;
    let operator = service.operator().await;
    let quoted = NAME.replace('"', "\"\"");
    let csv = format!(
        "code,name,kind,level,uplink,link_mode\nA,Gốc,hub,city,,two_way\nB,\"{quoted}\",site,ward,A,two_way\n"
    );
    let import = |kind: &str, body: String| {
        let request = operator.request(
            Method::PUT,
            &format!("/api/conferences/{CONFERENCE}?title=T&chair=A"),
        );
        request
            .header("content-type", kind.to_owned())
            .body(body)
            .send()
    };
    refused(
        import("application/json", csv.clone())
            .await
            .expect("an answer"),
        415,
        "media_type",
    )
    .await;
    refused(
        import("text/csv", "x".repeat(9 << 20))
            .await
            .expect("an answer"),
        413,
        "too_large",
    )
    .await;
    assert_eq!(
        import("text/csv; charset=utf-8", csv.clone())
            .await
            .expect("an answer")
            .status(),
        StatusCode::CREATED
    );
    refused(
        import("text/csv", csv).await.expect("an answer"),
        409,
        "already_created",
    )
    .await;

    let answer = operator
        .get(&format!("/api/conferences/{CONFERENCE}"))
        .await;
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
    assert_eq!(operator.conference().await.sites[1].name, NAME);
    let mut link = service
        .hall("B")
        .await
        .socket("/api/hall/link")
        .await
        .expect("a link");
    assert_eq!(link.next().await.expect("a state")["site_name"], NAME);
}

#[tokio::test]
async fn one_bad_row_imports_nothing_and_every_bad_place_is_told() {
    let service = Service::empty().await;
    let operator = service.operator().await;
    let csv = "code,name,kind,level,uplink,link_mode\nA,Gốc,hub,city,,two_way\nB,,site,ward,A,two_way\nC,C,site,ward,X,sideways\n";
    let request = operator
        .request(Method::PUT, "/api/conferences/bad?title=T&chair=A")
        .header("content-type", "text/csv");
    let problem = refused(
        request.body(csv).send().await.expect("an answer"),
        422,
        "bad_rows",
    )
    .await;
    let places: Vec<_> = problem
        .fields
        .iter()
        .map(|field| (field.line, field.column.as_str()))
        .collect();
    for place in [
        (Some(3), "name"),
        (Some(4), "uplink"),
        (Some(4), "link_mode"),
    ] {
        assert!(places.contains(&place), "{place:?} is not among {places:?}");
    }
    refused(operator.get("/api/conferences/bad").await, 404, "not_found").await;
}

#[tokio::test]
async fn absurd_figures_are_refused_and_harm_nothing() {
    let service = Service::with_thanh_hoa().await;
    let operator = service.operator().await;
    operator.step("ready").await;
    let report =
        |figures: &str| format!("{{\"report_id\":\"{}\",{figures}}}", uuid::Uuid::now_v7());
    for (figures, status) in [
        ("\"expected\":-1,\"present\":0", 422),
        ("\"expected\":1e99,\"present\":0", 422),
        ("\"expected\":4294967296,\"present\":0", 422),
        ("\"expected\":4294967295,\"present\":4294967295", 422),
        ("\"expected\":1,\"expected\":2,\"present\":0", 422),
        ("\"expected\":\"93\",\"present\":\"90\"", 422),
    ] {
        let request = operator.request(
            Method::PUT,
            &format!("/api/conferences/{CONFERENCE}/sites/DT-02/counts"),
        );
        let answer = request
            .header("content-type", "application/json")
            .body(report(figures))
            .send()
            .await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.status().as_u16(), status, "{figures}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
    }
    assert_eq!(
        operator.report("DT-02", &head_count(93, 90)).await.status(),
        StatusCode::OK
    );
    assert_eq!(operator.conference().await.totals.sites_reported, 1);
}
