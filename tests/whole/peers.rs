//! `diemcau bench peers`: other engines carry the load's picture, and what is not installed is said.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::process::Command;
use tests::{machine, namespace, needs, tool};

/// A few halls, slowly: the comparison has to work here, what it measures is nobody's figure.
fn compare(engines: &str) -> Result<Value> {
    let said = tool::run(Command::new(tool::diemcau()?).args([
        "bench",
        "peers",
        "--rows",
        "burst:3:1:80pps",
        "--rounds",
        "1",
        "--seconds",
        "0.5",
        "--engines",
        engines,
        "--json",
    ]))?;
    Ok(serde_json::from_str(&said)?)
}

fn carried(comparison: &Value, engine: &str) -> Result<()> {
    let rows = comparison["rows"].as_array().context("rows")?;
    let row = rows.iter().find(|row| row["engine"] == engine);
    let row = row.with_context(|| format!("no row of {engine}: {comparison}"))?;
    ensure!(row["packets"].as_u64() > Some(0), "nothing arrived: {row}");
    ensure!(row["auth_failures"] == 0, "not authentic: {row}");
    ensure!(
        row["cpu_us_per_packet"].as_f64() > Some(0.0),
        "no cost: {row}"
    );
    Ok(())
}

#[tokio::test]
async fn the_webrtc_crate_is_measured_beside_ours() -> Result<()> {
    needs!(namespace::missing(), tool::missing("taskset", "util-linux"));
    let _turn = machine::turn().await;
    let comparison = compare("diemcau,webrtc")?;
    carried(&comparison, "diemcau")?;
    carried(&comparison, "webrtc")?;
    let ratio = &comparison["ratios"][0];
    assert_eq!(ratio["engine"], "webrtc");
    println!("the webrtc crate takes {} times ours", ratio["times_ours"]);
    Ok(())
}

#[tokio::test]
async fn janus_is_measured_or_said_to_be_missing() -> Result<()> {
    needs!(namespace::missing(), tool::missing("taskset", "util-linux"));
    let _turn = machine::turn().await;
    let comparison = compare("janus tuned,janus")?;
    for engine in ["janus tuned", "janus"] {
        if tool::missing("janus", "janus").is_none() {
            carried(&comparison, engine)?;
        } else {
            let engines = comparison["engines"].as_array().context("engines")?;
            let peer = engines.iter().find(|peer| peer["engine"] == engine);
            let missing = peer.and_then(|peer| peer["missing"].as_str());
            assert!(
                missing.is_some_and(|why| why.contains("apt-get install janus")),
                "{comparison}"
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn an_engine_nobody_knows_is_refused_with_those_there_are() -> Result<()> {
    needs!(namespace::missing());
    let error = format!("{:#}", compare("mediasoup").expect_err("unknown"));
    assert!(
        error.contains("mediasoup") && error.contains("janus tuned"),
        "{error}"
    );
    Ok(())
}
