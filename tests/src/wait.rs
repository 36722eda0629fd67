//! Waiting for an event that another process brings about.

use anyhow::{Result, bail};
use std::time::{Duration, Instant};

/// Long enough for a loaded two-core machine. It is no measurement: a test that waits this long has
/// failed, one that passes earlier prints how long it took.
pub const DEADLINE: Duration = Duration::from_mins(1);

/// How often the other process is asked.
const INTERVAL: Duration = Duration::from_millis(50);

/// Asks until there is an answer, at most until [`DEADLINE`]; returns it with the time it took.
pub async fn until<T>(
    what: &str,
    ask: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<(T, Duration)> {
    until_within(DEADLINE, what, ask).await
}

/// As [`until`], with a deadline of its own.
pub async fn until_within<T>(
    deadline: Duration,
    what: &str,
    mut ask: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<(T, Duration)> {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask().await? {
            return Ok((answer, started.elapsed()));
        }
        if started.elapsed() > deadline {
            bail!("after {} s still no {what}", deadline.as_secs());
        }
        tokio::time::sleep(INTERVAL).await;
    }
}
