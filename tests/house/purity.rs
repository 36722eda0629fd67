//! The pure crates carry the list of calls they may not make; clippy enforces it.

use anyhow::{Context, Result};
use std::fs;

const PURE: &[&str] = &["conference", "planner", "forwarding"];

#[test]
fn every_pure_crate_bans_clocks_and_chance_alike() -> Result<()> {
    let list = |krate: &str| {
        let path = tests::repository()
            .join("crates")
            .join(krate)
            .join(".clippy.toml");
        fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
    };
    let first = list(PURE[0])?;
    for call in [
        "Instant::now",
        "SystemTime::now",
        "jiff::Timestamp::now",
        "uuid::Uuid::now_v7",
        "rand::rng",
    ] {
        assert!(first.contains(call), "{call} is not banned");
    }
    for krate in &PURE[1..] {
        assert_eq!(
            list(krate)?,
            first,
            "the list of {krate} differs from that of {}",
            PURE[0]
        );
    }
    Ok(())
}
