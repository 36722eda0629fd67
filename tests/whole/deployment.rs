//! `deploy/`: units that systemd accepts and that start what they say, a scrape file that scrapes.

use crate::one_relay::{self, Studio};
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;
use tests::demo::Hall;
use tests::operator::Operator;
use tests::process::Process;
use tests::prometheus::{self, Prometheus};
use tests::wait::until;
use tests::{needs, tool};

/// Where the units expect the binary.
const INSTALLED: &str = "/usr/local/bin/diemcau";

/// 0 is perfect, 10 is open. What keeps ours from 0 is that they have a network.
const EXPOSURE_MAX: f32 = 2.0;

fn units() -> Result<Vec<PathBuf>> {
    let folder = fs::read_dir(tests::repository().join("deploy"))?;
    let files: Vec<PathBuf> = folder
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    let is_unit = |file: &PathBuf| {
        file.extension()
            .is_some_and(|extension| extension == "service")
    };
    Ok(files.into_iter().filter(is_unit).collect())
}

/// The units as they would be installed, but for the binary of this tree; templates as instance
/// `one`.
fn installed_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let binary = tool::diemcau()?;
    let install = |unit: &PathBuf| -> Result<PathBuf> {
        let text = fs::read_to_string(unit)?.replace(INSTALLED, &binary.to_string_lossy());
        let name = unit
            .file_name()
            .context("a name")?
            .to_string_lossy()
            .replace("@.", "@one.");
        let file = folder.join(name);
        fs::write(&file, text)?;
        Ok(file)
    };
    units()?.iter().map(install).collect()
}

#[test]
fn systemd_accepts_every_unit_and_finds_it_shut_tight() -> Result<()> {
    needs!(tool::missing("systemd-analyze", "systemd"));
    let folder = TempDir::new()?;
    let units = installed_in(folder.path())?;
    assert_eq!(units.len(), 3, "{units:?}");
    for unit in units {
        let verified = Command::new("systemd-analyze")
            .arg("verify")
            .arg(&unit)
            .output()?;
        let complaint = String::from_utf8(verified.stderr)?;
        assert!(verified.status.success(), "{complaint}");
        // A key it does not know is only a warning to systemd, and a hole to us.
        let name = unit.file_name().context("a name")?.to_string_lossy();
        assert!(!complaint.contains(&*name), "{complaint}");

        let table = tool::run(
            Command::new("systemd-analyze")
                .args(["security", "--offline=true"])
                .arg(&unit),
        )?;
        let verdict = table.lines().last().context("a verdict")?;
        let exposure: f32 = verdict
            .rsplit_once(": ")
            .and_then(|(_, rest)| rest.split(' ').next()?.parse().ok())
            .with_context(|| format!("a figure in {verdict}"))?;
        assert!(exposure <= EXPOSURE_MAX, "{table}");
    }
    Ok(())
}

/// Starts what a unit's `ExecStart` says, with the file it names found in `folder`.
async fn start_as(unit: &str, instance: &str, folder: &Path) -> Result<Process> {
    let text = fs::read_to_string(tests::repository().join("deploy").join(unit))?;
    let command = text
        .lines()
        .find_map(|line| line.strip_prefix("ExecStart="))
        .context("ExecStart")?
        .replace("%i", instance)
        .replace("/etc/diemcau", &folder.to_string_lossy());
    let arguments: Vec<String> = command.split(' ').skip(1).map(str::to_owned).collect();
    Process::run(folder, &arguments).await
}

#[tokio::test]
async fn the_relays_unit_starts_a_relay() -> Result<()> {
    let folder = TempDir::new()?;
    fs::write(
        folder.path().join("relay-studio.toml"),
        one_relay::CONFIGURATION,
    )?;
    let relay = start_as("diemcau-relay@.service", "studio", folder.path()).await?;
    assert_eq!(relay.internal("/ready").await?, "ready\n");
    assert!(relay.stop().await?.success());
    Ok(())
}

/// An orchestrator on loopback, with a hub and one hall.
const ORCHESTRATOR: &str = r#"
[data]
dir = "data"
[http]
listen = "127.0.0.1:0"
[metrics]
listen = "127.0.0.1:0"
[[users]]
name = "truc"
role = "operator"
password = "password-of-truc"
[[conferences]]
id = "rehearsal"
title = "Rehearsal"
sites = "sites.csv"
chair = "HUB"
"#;

const SITES: &str = "\
code,name,kind,level,uplink,link_mode
HUB,Hub,hub,district,,two_way
HALL,Hall,site,district,HUB,two_way
";

/// One agent, for the hall.
fn agent(orchestrator: &str, credential: &str) -> String {
    format!(
        "[orchestrator]\nurl = \"{orchestrator}\"\n[metrics]\nlisten = \"127.0.0.1:0\"\n\
         [[halls]]\ncredential = \"{credential}\"\n"
    )
}

#[tokio::test]
async fn the_orchestrators_unit_and_the_halls_start_a_service_and_a_hall_that_joins() -> Result<()>
{
    let folder = TempDir::new()?;
    fs::write(folder.path().join("orchestrator.toml"), ORCHESTRATOR)?;
    fs::write(folder.path().join("sites.csv"), SITES)?;
    let service = start_as("diemcau-orchestrator.service", "", folder.path()).await?;
    assert_eq!(service.internal("/ready").await?, "ready\n");

    let base = format!("http://{}", service.address("http")?);
    let operator = Operator::sign_in(&base, None, "truc", "password-of-truc").await?;
    let code = operator.link("rehearsal", "HALL").await?.code;
    fs::write(folder.path().join("hall-ward.toml"), agent(&base, &code))?;
    let hall = start_as("diemcau-hall@.service", "ward", folder.path()).await?;
    let linked = async || {
        let halls: Vec<Hall> = serde_json::from_str(&hall.internal("/halls").await?)?;
        Ok(halls.into_iter().find(|hall| hall.linked))
    };
    let (linked, _) = until("hall with a link", linked).await?;
    assert_eq!(linked.site.as_deref(), Some("HALL"));

    for process in [&service, &hall] {
        let page = process.internal("/metrics").await?;
        assert_eq!(prometheus::undocumented(&page)?, Vec::<&str>::new());
    }
    assert!(hall.stop().await?.success());
    assert!(service.stop().await?.success());
    Ok(())
}

#[test]
fn promtool_accepts_the_scrape_file_and_the_alerts() -> Result<()> {
    needs!(prometheus::missing());
    let file = tests::repository().join("deploy/prometheus.yml");
    tool::run(Command::new("promtool").args(["check", "config"]).arg(file)).map(drop)
}

#[tokio::test]
async fn prometheus_scrapes_a_relay_with_our_scrape_file() -> Result<()> {
    needs!(prometheus::missing());
    let studio = Studio::open().await?;
    let address = studio.relay.address("metrics")?.to_string();
    let folder = TempDir::new()?;
    // One relay runs here: every target of the file is that one.
    let deploy = tests::repository().join("deploy");
    let mut scrape = fs::read_to_string(deploy.join("prometheus.yml"))?
        .replace("alerts.yml", &deploy.join("alerts.yml").to_string_lossy())
        .replace("scrape_interval: 15s", "scrape_interval: 1s")
        .replace("scrape_timeout: 5s", "scrape_timeout: 1s");
    for port in ["9100", "9101", "9102", "9103", "9110"] {
        let default = format!("127.0.0.1:{port}");
        assert!(scrape.contains(&default), "{default} is no target");
        scrape = scrape.replace(&default, &address);
    }
    let prometheus = Prometheus::start(folder.path(), &scrape).await?;
    let targets = prometheus.scraped().await?;
    assert!(
        targets.iter().all(|target| *target == address),
        "{targets:?}"
    );
    let up = prometheus
        .query("diemcau_process_open_fds{relay=\"city\"}")
        .await?;
    assert_eq!(up.len(), 1, "{up:?}");
    Ok(())
}
