//! The import table of `docs/ARCHITECTURE.md`: which crate may never build on which.

use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, PackageId};
use std::collections::{BTreeMap, BTreeSet};

/// Every crate of the workspace that other crates might reach for.
const OURS: &[&str] = &[
    "conference",
    "planner",
    "protocol",
    "forwarding",
    "relay",
    "orchestrator",
    "hall",
    "console",
    "telemetry",
    "bench",
    "diemcau",
];

/// What brings sockets, files or other people's requests.
const OUTSIDE: &[&str] = &[
    "tokio",
    "mio",
    "socket2",
    "axum",
    "hyper",
    "reqwest",
    "tungstenite",
    "rusqlite",
];

/// What makes or carries media.
const MEDIA: &[&str] = &[
    "relay",
    "forwarding",
    "hall",
    "webrtc",
    "rtc-dtls",
    "rtc-srtp",
    "rtc-rtp",
    "openh264",
];

/// What asks the clock or draws randomness. `uuid` and `jiff` can too, but are wanted for their
/// types; there `.clippy.toml` bans the calls.
const CHANCE: &[&str] = &["rand", "getrandom", "fastrand", "chrono", "time"];

struct Rule {
    krate: &'static str,
    /// Not anywhere below it, however deep.
    never: Vec<&'static str>,
    /// Not in its own manifest.
    never_directly: Vec<&'static str>,
}

fn rule(krate: &'static str, never: &[&[&'static str]], never_directly: &[&'static str]) -> Rule {
    Rule {
        krate,
        never: never.concat(),
        never_directly: never_directly.to_vec(),
    }
}

fn table() -> Vec<Rule> {
    let others = |but: &[&'static str]| -> Vec<&'static str> {
        OURS.iter()
            .filter(|name| !but.contains(name))
            .copied()
            .collect()
    };
    vec![
        rule("conference", &[OUTSIDE, &others(&["conference"])], CHANCE),
        rule(
            "planner",
            &[OUTSIDE, &others(&["planner", "conference"])],
            CHANCE,
        ),
        rule("protocol", &[OUTSIDE, &others(&["protocol"])], CHANCE),
        rule(
            "forwarding",
            &[OUTSIDE, CHANCE, &others(&["forwarding"])],
            &["jiff", "uuid"],
        ),
        rule(
            "relay",
            &[&[
                "rusqlite",
                "orchestrator",
                "console",
                "conference",
                "hall",
                "bench",
                "diemcau",
            ]],
            &[],
        ),
        rule(
            "orchestrator",
            &[MEDIA, &["bench", "diemcau"]],
            &["mio", "socket2"],
        ),
        rule(
            "hall",
            &[&[
                "rusqlite",
                "orchestrator",
                "relay",
                "forwarding",
                "conference",
                "console",
                "diemcau",
            ]],
            &[],
        ),
        // It measures relays from outside; what it knows of them is their certificate and how they read offers. The SFU
        // it holds up beside them is an ordinary service: tokio, axum, webrtc.
        rule(
            "bench",
            &[&[
                "rusqlite",
                "orchestrator",
                "console",
                "conference",
                "hall",
                "planner",
                "diemcau",
            ]],
            &["reqwest", "forwarding"],
        ),
        rule("console", &[OUTSIDE, &others(&["console"])], CHANCE),
        rule(
            "telemetry",
            &[&["rusqlite"], &others(&["telemetry"])],
            CHANCE,
        ),
    ]
}

/// Normal dependencies of every package, by id.
struct Graph {
    names: BTreeMap<PackageId, String>,
    below: BTreeMap<PackageId, Vec<PackageId>>,
    members: Vec<PackageId>,
}

impl Graph {
    fn of_workspace() -> Result<Self> {
        let metadata = MetadataCommand::new()
            .manifest_path(tests::repository().join("Cargo.toml"))
            .other_options([
                "--filter-platform".to_owned(),
                "x86_64-unknown-linux-gnu".to_owned(),
                "--locked".to_owned(),
            ])
            .exec()?;
        Self::of(metadata)
    }

    fn of(metadata: Metadata) -> Result<Self> {
        let resolve = metadata.resolve.context("cargo metadata resolves")?;
        let normal = |node: cargo_metadata::Node| {
            let deps = node.deps.into_iter().filter(|dep| {
                dep.dep_kinds
                    .iter()
                    .any(|kind| kind.kind == DependencyKind::Normal)
            });
            (node.id, deps.map(|dep| dep.pkg).collect())
        };
        Ok(Self {
            names: metadata
                .packages
                .into_iter()
                .map(|package| (package.id, package.name.to_string()))
                .collect(),
            below: resolve.nodes.into_iter().map(normal).collect(),
            members: metadata.workspace_members,
        })
    }

    fn member(&self, name: &str) -> Option<&PackageId> {
        self.members.iter().find(|id| self.names[*id] == name)
    }

    fn direct(&self, id: &PackageId) -> BTreeSet<&str> {
        self.below[id]
            .iter()
            .map(|id| self.names[id].as_str())
            .collect()
    }

    /// Every name below `id`, with the path that leads there.
    fn everything(&self, id: &PackageId) -> BTreeMap<&str, String> {
        let mut found = BTreeMap::new();
        let mut open = vec![(id, self.names[id].clone())];
        let mut seen = BTreeSet::new();
        while let Some((id, path)) = open.pop() {
            for next in &self.below[id] {
                if seen.insert(next) {
                    let path = format!("{path} → {}", self.names[next]);
                    found.insert(self.names[next].as_str(), path.clone());
                    open.push((next, path));
                }
            }
        }
        found
    }
}

fn breaches(graph: &Graph, rule: &Rule) -> Vec<String> {
    let Some(id) = graph.member(rule.krate) else {
        return vec![format!("{} is no member of the workspace", rule.krate)];
    };
    let everything = graph.everything(id);
    let direct = graph.direct(id);
    let deep = rule
        .never
        .iter()
        .filter_map(|name| everything.get(name))
        .cloned();
    let shallow = rule
        .never_directly
        .iter()
        .filter(|name| direct.contains(*name));
    deep.chain(shallow.map(|name| format!("{} → {name} (in its own manifest)", rule.krate)))
        .collect()
}

#[test]
fn no_crate_imports_what_the_table_forbids() -> Result<()> {
    let graph = Graph::of_workspace()?;
    let found: Vec<String> = table()
        .iter()
        .flat_map(|rule| breaches(&graph, rule))
        .collect();
    assert!(found.is_empty(), "forbidden imports:\n{}", found.join("\n"));
    Ok(())
}

/// The test above would be silent if the walk found nothing: here is what it has to find.
#[test]
fn the_walk_sees_through_several_crates() -> Result<()> {
    let graph = Graph::of_workspace()?;
    let wrong = rule("diemcau", &[&["rusqlite", "hyper"]], &["clap"]);
    let found = breaches(&graph, &wrong);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(
        found[0].starts_with("diemcau → orchestrator → rusqlite"),
        "{found:?}"
    );
    Ok(())
}
