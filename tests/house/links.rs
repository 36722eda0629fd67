//! Links of the documentation lead somewhere.

use crate::tree;
use anyhow::Result;
use std::fs;
use std::path::Path;

/// Targets of `[words](target)` and `![words](target)` outside code, with their lines.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut in_fence = false;
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        in_fence ^= line.trim_start().starts_with("```");
        if in_fence {
            continue;
        }
        // Every second piece between backticks is code.
        let words: String = line.split('`').step_by(2).collect::<Vec<_>>().join(" ");
        let targets = words.split("](").skip(1);
        let targets = targets.filter_map(|rest| Some(rest.split_once(')')?.0.to_owned()));
        found.extend(targets.map(|target| (index + 1, target)));
    }
    found
}

/// Leads outside, or to a heading of its own page.
fn is_elsewhere(target: &str) -> bool {
    target.contains("://") || target.starts_with("mailto:") || target.starts_with('#')
}

#[test]
fn every_relative_link_of_a_page_leads_to_a_file() -> Result<()> {
    let mut seen = 0;
    let mut broken = Vec::new();
    let is_page = |file: &&String| Path::new(file).extension() == Some("md".as_ref());
    for page in tree::files()?.iter().filter(is_page) {
        let path = tests::repository().join(page);
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        for (line, target) in links(&text) {
            if is_elsewhere(&target) {
                continue;
            }
            seen += 1;
            let file = target.split('#').next().unwrap_or_default();
            if !path.with_file_name(file).exists() {
                broken.push(format!("{page}:{line}: {target}"));
            }
        }
    }
    assert!(broken.is_empty(), "lead nowhere:\n{}", broken.join("\n"));
    assert!(seen >= 10, "only {seen} links seen: the walk is blind");
    Ok(())
}

#[test]
fn code_holds_no_links_and_pictures_are_links() {
    let text = "![a](b.png) and [c](d.md#e), `[f](g)`\n```\n[h](i)\n```\n[j](k/)";
    let found = [(1, "b.png"), (1, "d.md#e"), (5, "k/")];
    assert_eq!(
        links(text),
        found.map(|(line, target)| (line, target.to_owned()))
    );
}
