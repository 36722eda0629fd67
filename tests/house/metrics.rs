//! `docs/METRICS.md` lists every metric, as it is declared in the sources.
//!
//! `DIEMCAU_WRITE_METRICS=1 cargo test -p tests --test house metrics` writes it anew.

use crate::tree;
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::{env, fs};

/// What stands before the tables.
const INTRODUCTION: &str = "\
# Metrics

Every process serves these at `/metrics` of its internal listener. Written from the sources by a test; the sentence is the help text of the scrape.
A metric with labels appears with its first value.
";

/// Crates that count, and how their processes are called.
const PROCESSES: [(&str, &str); 4] = [
    ("telemetry", "Every process"),
    ("orchestrator", "Orchestrator"),
    ("relay", "Relay"),
    ("hall", "Hall agents"),
];

/// Where telemetry declares what every process reports.
const OF_EVERY_PROCESS: &str = "crates/telemetry/src/process.rs";

struct Metric {
    name: String,
    kind: &'static str,
    labels: Vec<String>,
    help: String,
}

impl Metric {
    /// A name without its prefix, and the type of the field that holds it.
    fn new(name: &str, held_by: &str, labels: Vec<String>, help: &str) -> Result<Self> {
        let kind = match held_by.trim_end_matches("Vec").trim_start_matches("Int") {
            "Counter" => "counter",
            "Gauge" => "gauge",
            "Histogram" => "histogram",
            other => bail!("{name}: {other} is no type of metric"),
        };
        Ok(Self {
            name: format!("diemcau_{name}"),
            kind,
            labels,
            help: help.trim().to_owned(),
        })
    }
}

/// Every text in double quotes.
fn quoted(text: &str) -> Vec<&str> {
    text.split('"').skip(1).step_by(2).collect()
}

/// The fields of `telemetry::metrics! { … }`: `/// Help.` above `pub field: Kind = "name" by ["label"];`.
fn declared(source: &str) -> Result<Vec<Metric>> {
    let mut found = Vec::new();
    let mut help = String::new();
    let mut field = String::new();
    for line in source
        .lines()
        .skip_while(|line| *line != "telemetry::metrics! {")
        .skip(1)
        .take_while(|line| *line != "}")
        .map(str::trim)
    {
        if let Some(words) = line.strip_prefix("///") {
            help.push_str(words);
            continue;
        }
        field.push_str(line);
        if line.ends_with(';') {
            let kind = field.split([':', '=']).nth(1).context("a type")?.trim();
            let texts = quoted(&field);
            let (name, labels) = texts.split_first().context("a name")?;
            let labels = labels.iter().map(|&label| label.to_owned()).collect();
            found.push(Metric::new(name, kind, labels, &help)?);
        }
        if line.ends_with([';', '{', '}']) {
            help.clear();
            field.clear();
        }
    }
    Ok(found)
}

/// `Counter::with_opts(named("name", "Help."))`, where `named` puts `format!("{PREFIX}group_{name}")` together.
fn declared_by_hand(source: &str) -> Result<Vec<Metric>> {
    let (_, group) = source.split_once("\"{PREFIX}").context("a prefix")?;
    let (group, _) = group.split_once("{name}\"").context("a name")?;
    let before_each = source.split("::with_opts(named(");
    let after_each = source.split("::with_opts(named(").skip(1);
    let metric = |(before, after): (&str, &str)| {
        let kind = before.rsplit(|c: char| !c.is_alphanumeric()).next();
        match quoted(after).as_slice() {
            [name, help, ..] => {
                let name = format!("{group}{name}");
                Metric::new(&name, kind.unwrap_or_default(), Vec::new(), help)
            }
            _ => bail!("no name and help behind {before}"),
        }
    };
    before_each.zip(after_each).map(metric).collect()
}

/// Metrics by crate, wherever in it they are declared.
fn all() -> Result<BTreeMap<String, Vec<Metric>>> {
    let mut all: BTreeMap<String, Vec<Metric>> = BTreeMap::new();
    for file in tree::files()? {
        let Some((krate, _)) = file
            .strip_prefix("crates/")
            .and_then(|path| path.split_once("/src/"))
        else {
            continue;
        };
        let Ok(source) = fs::read_to_string(tests::repository().join(&file)) else {
            continue;
        };
        let mut here = declared(&source).with_context(|| file.clone())?;
        if file == OF_EVERY_PROCESS {
            here.extend(declared_by_hand(&source)?);
        }
        if !here.is_empty() {
            all.entry(krate.to_owned()).or_default().extend(here);
        }
    }
    Ok(all)
}

fn page() -> Result<String> {
    let mut all = all()?;
    let mut page = INTRODUCTION.to_owned();
    for (krate, title) in PROCESSES {
        let metrics = all
            .remove(krate)
            .with_context(|| format!("{krate} declares no metrics"))?;
        write!(
            page,
            "\n## {title}\n| metric | type | labels | meaning |\n|---|---|---|---|\n"
        )?;
        for metric in metrics {
            let labels: Vec<String> = metric.labels.iter().map(|l| format!("`{l}`")).collect();
            writeln!(
                page,
                "| `{}` | {} | {} | {} |",
                metric.name,
                metric.kind,
                labels.join(", "),
                metric.help
            )?;
        }
    }
    let others: Vec<&String> = all.keys().collect();
    anyhow::ensure!(
        others.is_empty(),
        "no chapter for the metrics of {others:?}"
    );
    Ok(page)
}

#[test]
fn the_list_of_metrics_is_what_the_sources_declare() -> Result<()> {
    let file = tests::repository().join("docs/METRICS.md");
    let page = page()?;
    if env::var_os("DIEMCAU_WRITE_METRICS").is_some() {
        return Ok(fs::write(file, page)?);
    }
    let written = fs::read_to_string(file)?;
    let differs = page
        .lines()
        .zip(written.lines().chain(std::iter::repeat("")))
        .find(|(declared, written)| declared != written);
    assert!(
        page == written,
        "docs/METRICS.md is old (declared, written): {differs:?}; \
         run: DIEMCAU_WRITE_METRICS=1 cargo test -p tests --test house metrics"
    );
    Ok(())
}

/// The test above would be silent about what the walk does not see.
#[test]
fn the_walk_reads_help_of_two_lines_labels_and_types() -> Result<()> {
    let source = "telemetry::metrics! {\n    /// About.\n    pub struct M {\n        /// One\n        /// two.\n        \
                  pub a: GaugeVec = \"x_seconds\" by [\"site\", \"kind\"];\n    }\n}\n";
    let found = declared(source)?;
    let [metric] = found.as_slice() else {
        bail!("{} found", found.len())
    };
    assert_eq!(
        (metric.name.as_str(), metric.kind, metric.help.as_str()),
        ("diemcau_x_seconds", "gauge", "One two.")
    );
    assert_eq!(metric.labels, ["site", "kind"]);
    Ok(())
}
