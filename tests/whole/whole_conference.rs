//! The conference of Thanh Hóa, whole: every role a process, 55 halls, real media.

use anyhow::{Context, Result};
use protocol::{ConferenceView, LinkState, SittingState};
use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::time::Instant;
use tempfile::TempDir;
use tests::demo::{self, CONFERENCE, Demo, Started};
use tests::prometheus::{self, Prometheus};
use tests::wait::until;

/// A scrape names at most so many series for each site.
const SERIES_PER_SITE_MAX: usize = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_ends_with_every_hall_seen_and_counted() -> Result<()> {
    let mut demo = Demo::start(&["--for", "60s"]).await?;
    let scraped = scrape(&demo).await;
    let summary = demo.event("summary").await?["summary"].take();
    println!("{summary:#}");
    scraped?;
    assert!(demo.ended_well().await?, "{}", demo.logs());

    assert_eq!(summary["joined"], 55);
    assert_eq!(summary["relay_levels"], 3);
    assert_eq!(summary["without_program"], serde_json::json!([]));
    assert_eq!(summary["holes"], 0, "sequence holes after repair");
    let count = |path: &str| summary.pointer(path).cloned().unwrap_or_default();
    assert_eq!(count("/count/present"), 3962);
    assert_eq!(count("/count/expected"), 4054);
    assert_eq!(count("/count/sites_reported"), 55);
    assert_eq!(count("/count/sites"), 55);
    assert_eq!(count("/ward/present"), 1868);
    assert_eq!(count("/ward/expected"), 1916);
    demo::verify_log(&demo.data().join("orchestrator"))?;
    Ok(())
}

/// promtool accepts what every process reports, and a Prometheus with the scrape file of `deploy/`
/// scrapes them all.
async fn scrape(demo: &Demo) -> Result<()> {
    if let Some(reason) = prometheus::missing() {
        tests::skip::record(&reason);
        return Ok(());
    }
    for process in demo.processes() {
        let url = format!("http://{}/metrics", process.metrics()?);
        let page = reqwest::get(&url).await?.error_for_status()?.text().await?;
        prometheus::check_metrics(&page).with_context(|| process.role.clone())?;
        let most = series_by_site(&page)
            .into_iter()
            .max_by_key(|(_, series)| *series);
        println!(
            "{}: {} lines, most for {most:?}",
            process.role,
            page.lines().count()
        );
        assert!(
            most.is_none_or(|(_, series)| series <= SERIES_PER_SITE_MAX),
            "{}",
            process.role
        );
    }

    let deploy = tests::repository().join("deploy");
    let mut file = fs::read_to_string(deploy.join("prometheus.yml"))?
        .replace("alerts.yml", &deploy.join("alerts.yml").to_string_lossy())
        .replace("scrape_interval: 15s", "scrape_interval: 2s")
        .replace("scrape_timeout: 5s", "scrape_timeout: 2s");
    for (port, role) in [
        (9100, "orchestrator"),
        (9101, "relay province"),
        (9102, "relay city"),
        (9103, "relay ward"),
        (9110, "halls"),
    ] {
        let here = demo.role(role)?.metrics()?.to_string();
        file = file.replace(&format!("\"127.0.0.1:{port}\""), &format!("\"{here}\""));
    }
    let folder = TempDir::new()?;
    let targets = Prometheus::start(folder.path(), &file)
        .await?
        .scraped()
        .await?;
    assert_eq!(targets.len(), demo.processes().len(), "{targets:?}");
    Ok(())
}

fn series_by_site(page: &str) -> BTreeMap<String, usize> {
    let mut series = BTreeMap::new();
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        if let Some((_, rest)) = line.split_once("site=\"")
            && let Some((site, _)) = rest.split_once('"')
        {
            *series.entry(site.to_owned()).or_default() += 1;
        }
    }
    series
}

/// What must be the same before and after.
fn memory(view: &ConferenceView) -> (SittingState, u32, u32, Vec<(String, Option<u32>)>) {
    let counts = view.sites.iter();
    let counts = counts.map(|site| {
        (
            site.code.to_string(),
            site.counts.map(|counts| counts.present),
        )
    });
    (
        view.sitting.state,
        view.totals.present,
        view.totals.sites_reported,
        counts.collect(),
    )
}

/// The process of the demo itself, which starts again what dies; dropped, it goes on. Its children never stop.
struct Halted {
    pid: String,
}

impl Halted {
    fn parent_of(child: &Started) -> Result<Self> {
        let status = fs::read_to_string(format!("/proc/{}/status", child.pid))?;
        let pid = status.lines().find_map(|line| line.strip_prefix("PPid:"));
        let halted = Self {
            pid: pid.context("a parent")?.trim().to_owned(),
        };
        halted.signal("-STOP")?;
        Ok(halted)
    }

    fn signal(&self, signal: &str) -> Result<()> {
        tests::tool::run(Command::new("kill").args([signal, &self.pid])).map(drop)
    }
}

impl Drop for Halted {
    fn drop(&mut self) {
        // A demo that has ended needs no permission to go on.
        let _ = self.signal("-CONT");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_halls_keep_their_picture_while_the_orchestrator_is_dead() -> Result<()> {
    const HALLS: u32 = 20;
    let mut demo = Demo::start(&["--halls", &HALLS.to_string()]).await?;
    let operator = demo.operator().await?;
    let all_counted = async || {
        let view = operator.conference(CONFERENCE).await?;
        Ok((view.totals.sites_reported == HALLS).then_some(view))
    };
    let (before, _) = until("count of every hall", all_counted).await?;

    let orchestrator = demo.role("orchestrator")?.clone();
    let halted = Halted::parent_of(&orchestrator)?;
    orchestrator.kill()?;
    let killed = Instant::now();
    let live = format!("http://{}/live", orchestrator.metrics()?);
    let dead = async || Ok(reqwest::get(&live).await.is_err().then_some(()));
    until("end of the orchestrator", dead).await?;
    // The demo starts nothing while it is halted: what grows now grows alone.
    let at_death = demo.halls().await?;
    let grown = async || {
        let now = demo.halls().await?;
        let grew = at_death
            .iter()
            .zip(&now)
            .filter(|(then, now)| now.packets > then.packets);
        Ok((grew.count() == at_death.len()).then_some(()))
    };
    let ((), kept) = until("growth of every hall's packets", grown).await?;
    drop(halted);

    demo.event("died").await?;
    demo.event("started").await?;
    let operator = until("sign-in", async || Ok(demo.operator().await.ok()))
        .await?
        .0;
    let remembered = memory(&operator.conference(CONFERENCE).await?);
    let back = killed.elapsed();
    assert_eq!(remembered, memory(&before), "{}", demo.logs());
    // The log remembers that a link was well; that a hall is here again only the hall can say.
    let all_here = async || {
        let linked = demo.halls().await?.iter().all(|hall| hall.linked);
        let view = operator.conference(CONFERENCE).await?;
        let well = view
            .sites
            .iter()
            .filter(|site| site.link.state == LinkState::Ok);
        Ok((linked && well.count() >= HALLS as usize).then_some(()))
    };
    let outcome = until("every hall back", all_here).await;
    outcome.with_context(|| demo.logs())?;
    println!(
        "{} halls grew {} ms after they were alone; same sitting and counts after {} ms, every hall after {} ms",
        at_death.len(),
        kept.as_millis(),
        back.as_millis(),
        killed.elapsed().as_millis()
    );
    let data = demo.data().join("orchestrator");
    let _kept = demo.stop().await?;
    print!("{}", demo::verify_log(&data)?);
    Ok(())
}
