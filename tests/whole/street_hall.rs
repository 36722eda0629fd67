//! A street hall joins with an ordinary browser on another machine.

use anyhow::{Context, Result};
use serde_json::Value;
use std::time::Instant;
use tests::browser::{self, Browser, Page};
use tests::demo::{CONFERENCE, Demo};
use tests::namespace::{self, Namespace};
use tests::needs;
use tests::wait::until;

/// The last hall of the list, under the ward's relay; with fewer than 55 halls no agent takes it.
const STREET: &str = "DT-19";

/// Its figures, as its technician types them.
const FIGURES: [(&str, &str); 5] = [
    ("expected", "123"),
    ("present", "120"),
    ("late", "2"),
    ("absent_excused", "2"),
    ("absent_unexcused", "1"),
];

fn test_id(id: &str) -> String {
    format!("[data-testid=\"{id}\"]")
}

/// Waits for the first decoded frame of the picture under this id, and for 30 more; prints both
/// times, from `since`.
async fn plays(page: &Page, id: &str, what: &str, since: Instant) -> Result<()> {
    let script = format!(
        "() => Number(document.querySelector('{}')?.dataset.framesDecoded ?? 0)",
        test_id(id)
    );
    let frames = async || anyhow::Ok(page.call(&script, Value::Null).await?.as_u64().unwrap_or(0));
    let some = async || Ok(Some(frames().await?).filter(|count| *count > 0));
    let (first, _) = until("first frame", some).await?;
    let first_after = since.elapsed();
    let more = async || Ok((frames().await? >= first + 30).then_some(()));
    until(&format!("30 more frames in {id}"), more).await?;
    println!(
        "{what}: first frame after {} ms, 30 more by {} ms",
        first_after.as_millis(),
        since.elapsed().as_millis()
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_street_hall_joins_from_another_machine_and_is_seen_and_counted() -> Result<()> {
    needs!(browser::missing(), namespace::missing());
    let desk = Namespace::new()?;
    let address = desk.here().to_string();
    let demo = Demo::start(&["--halls", "12", "--address", &address]).await?;
    let told = story(&desk, &demo).await;
    told.with_context(|| demo.logs())?;
    demo.stop().await.map(drop)
}

async fn story(desk: &Namespace, demo: &Demo) -> Result<()> {
    let operator = demo.operator().await?;
    let link = operator.link(CONFERENCE, STREET).await?.url;
    assert!(
        link.starts_with("https://198."),
        "{link} is not another machine's"
    );
    let browser = Browser::start_in(Some(desk)).await?;

    let hall = browser.page(Some(&link)).await?;
    hall.click(&test_id("enter")).await?;
    let entered = Instant::now();
    plays(&hall, "program-video", "the program in the hall", entered).await?;

    let control = browser.page(Some(demo.told("control_room")?)).await?;
    control.fill(&test_id("user"), demo.told("user")?).await?;
    control
        .fill(&test_id("password"), demo.told("password")?)
        .await?;
    control.click(&test_id("sign-in")).await?;
    control.fill(&test_id("search"), "bo song hac").await?;
    control.click(&test_id(&format!("site-{STREET}"))).await?;
    let asked = Instant::now();
    plays(
        &control,
        "site-video",
        "the hall's camera in the control room",
        asked,
    )
    .await?;

    hall.click(&test_id("open-counts")).await?;
    for (field, people) in FIGURES {
        hall.fill(&test_id(&format!("count-{field}")), people)
            .await?;
    }
    hall.click(&test_id("send-counts")).await?;
    let sent = Instant::now();
    control.shows("120/123").await?;
    println!(
        "the tree showed its count after {} ms",
        sent.elapsed().as_millis()
    );
    let figures = format!(
        "() => document.querySelector('{}')?.innerText ?? ''",
        test_id("figures")
    );
    let in_panel = async || {
        let text = control.call(&figures, Value::Null).await?;
        Ok(text
            .as_str()
            .unwrap_or_default()
            .contains("120")
            .then_some(()))
    };
    until("its figures in the open panel", in_panel).await?;
    let counts = operator
        .site(CONFERENCE, STREET)
        .await?
        .counts
        .context("counts")?;
    assert_eq!(
        (counts.present, counts.expected, counts.late),
        (120, 123, 2)
    );

    let pictures = tests::workshop().join("pictures");
    std::fs::create_dir_all(&pictures)?;
    hall.screenshot(&pictures.join("hall.png")).await?;
    control.screenshot(&pictures.join("control-room.png")).await
}
