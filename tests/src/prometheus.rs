//! `promtool` and Prometheus, as Debian ships them.

use crate::tool;
use crate::wait::{DEADLINE, until};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Why this machine cannot run them; `None` when it can.
pub fn missing() -> Option<String> {
    tool::missing("promtool", "prometheus").or_else(|| tool::missing("prometheus", "prometheus"))
}

/// Lets promtool judge a page of metrics; every complaint is an error.
pub fn check_metrics(page: &str) -> Result<()> {
    let mut child = std::process::Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    child
        .stdin
        .take()
        .context("piped")?
        .write_all(page.as_bytes())?;
    let output = child.wait_with_output()?;
    let said = [output.stdout, output.stderr].concat();
    ensure!(
        output.status.success(),
        "promtool: {}",
        String::from_utf8_lossy(&said)
    );
    Ok(())
}

/// Every metric of a page, by name and help text, that `docs/METRICS.md` does not list.
pub fn undocumented(page: &str) -> Result<Vec<&str>> {
    let list = fs::read_to_string(crate::repository().join("docs/METRICS.md"))?;
    let is_listed = |metric: &str| {
        let (name, help) = metric.split_once(' ').unwrap_or((metric, ""));
        list.lines().any(|line| {
            line.starts_with(&format!("| `{name}` |")) && line.ends_with(&format!("| {help} |"))
        })
    };
    let metrics = page.lines().filter_map(|line| line.strip_prefix("# HELP "));
    let (listed, unlisted): (Vec<&str>, Vec<&str>) = metrics.partition(|metric| is_listed(metric));
    ensure!(!listed.is_empty(), "no metric of ours on the page:\n{page}");
    Ok(unlisted)
}

/// A Prometheus that scrapes what a configuration file says.
pub struct Prometheus {
    /// Killed with it.
    _child: Child,
    url: String,
}

impl Prometheus {
    /// Starts it on a free port, with its data in `folder`.
    pub async fn start(folder: &Path, configuration: &str) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let file = folder.join("prometheus.yml");
        fs::write(&file, configuration)?;
        let mut child = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.join("data").display()
            ))
            .arg("--web.listen-address=127.0.0.1:0")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stderr = child.stderr.take().context("piped")?;
        let address = tokio::time::timeout(DEADLINE, listening(BufReader::new(stderr))).await??;
        Ok(Self {
            _child: child,
            url: format!("http://{address}"),
        })
    }

    /// Waits until every target was scraped well, and returns their addresses.
    pub async fn scraped(&self) -> Result<Vec<String>> {
        let url = format!("{}/api/v1/targets?state=active", self.url);
        let (targets, time) = until("scrape of every target", async || {
            // While it starts it answers 503.
            let Ok(answer) = reqwest::get(&url).await?.error_for_status() else {
                return Ok(None);
            };
            let targets: Value = answer.json().await?;
            let targets = targets["data"]["activeTargets"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            let up = targets.iter().all(|target| target["health"] == "up");
            Ok((up && !targets.is_empty()).then_some(targets))
        })
        .await?;
        println!(
            "{} targets scraped after {} ms",
            targets.len(),
            time.as_millis()
        );
        let address = |target: &Value| target["labels"]["instance"].as_str().map(str::to_owned);
        Ok(targets.iter().filter_map(address).collect())
    }

    /// The values of an instant query, by their labels.
    pub async fn query(&self, expression: &str) -> Result<Vec<Value>> {
        let mut url = reqwest::Url::parse(&format!("{}/api/v1/query", self.url))?;
        url.query_pairs_mut().append_pair("query", expression);
        let answer: Value = reqwest::get(url).await?.error_for_status()?.json().await?;
        Ok(answer["data"]["result"]
            .as_array()
            .cloned()
            .unwrap_or_default())
    }
}

/// Reads the log up to the line that tells the address, and the rest away.
async fn listening(mut log: BufReader<tokio::process::ChildStderr>) -> Result<String> {
    let mut seen = String::new();
    let mut line = String::new();
    while log.read_line(&mut line).await? > 0 {
        if line.contains("Listening on")
            && let Some((_, address)) = line.rsplit_once("address=")
        {
            let address = address.trim().to_owned();
            tokio::spawn(async move { tokio::io::copy(&mut log, &mut tokio::io::sink()).await });
            return Ok(address);
        }
        seen.push_str(&line);
        line.clear();
    }
    anyhow::bail!("Prometheus ended:\n{seen}")
}
