//! What a scrape of a process gives.

use crate::one_relay::Studio;
use anyhow::Result;
use tests::{needs, prometheus};

#[tokio::test]
async fn promtool_accepts_the_metrics_of_a_relay() -> Result<()> {
    needs!(prometheus::missing());
    let studio = Studio::open().await?;
    let page = studio.relay.internal("/metrics").await?;
    prometheus::check_metrics(&page)?;
    assert!(page.contains("diemcau_process_cpu_seconds_total"), "{page}");
    let strangers: Vec<&str> = page
        .lines()
        .filter(|line| !line.starts_with('#') && !line.starts_with("diemcau_"))
        .collect();
    assert!(strangers.is_empty(), "not ours by name: {strangers:?}");
    assert_eq!(studio.relay.internal("/live").await?, "live\n");
    assert_eq!(studio.relay.internal("/ready").await?, "ready\n");
    Ok(())
}

/// The check above would be worth nothing if promtool took everything.
#[test]
fn promtool_refuses_what_is_no_metric() -> Result<()> {
    needs!(prometheus::missing());
    assert!(prometheus::check_metrics("diemcau_packets{site=} 1\n").is_err());
    Ok(())
}

#[tokio::test]
async fn what_a_relay_serves_is_documented() -> Result<()> {
    let studio = Studio::open().await?;
    let page = studio.relay.internal("/metrics").await?;
    assert_eq!(prometheus::undocumented(&page)?, Vec::<&str>::new());
    let invented = format!("{page}# HELP diemcau_relay_moods Moods.\n");
    assert_eq!(
        prometheus::undocumented(&invented)?,
        ["diemcau_relay_moods Moods."]
    );
    Ok(())
}
