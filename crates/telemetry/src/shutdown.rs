//! How a process ends: a signal cancels a token, everything that holds the token winds down, and a
//! deadline keeps one stuck task from holding the process.

use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How long a process may take to end by default. Systemd kills after 90 s; a hall that reconnects
/// elsewhere should not wait that long.
pub const DRAIN_DEFAULT: Duration = Duration::from_secs(10);

/// A token that SIGTERM and SIGINT cancel. A second signal ends the process at once, with the exit
/// code a shell expects (130): whoever presses Ctrl-C twice means it.
///
/// Must be called inside a tokio runtime.
pub fn on_signal() -> std::io::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = CancellationToken::new();
    let told = stop.clone();
    tokio::spawn(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!(signal = name, "stopping on {name}");
        told.cancel();
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::warn!("second signal: ending at once");
        std::process::exit(130);
    });
    Ok(stop)
}

/// The end took longer than allowed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("still busy {allowed_s} s after the stop", allowed_s = allowed.as_secs_f32())]
pub struct StillBusy {
    /// What was allowed.
    pub allowed: Duration,
}

/// Waits for `ending`, but no longer than `allowed`.
pub async fn drain<T>(ending: impl Future<Output = T>, allowed: Duration) -> Result<T, StillBusy> {
    tokio::time::timeout(allowed, ending)
        .await
        .map_err(|_| StillBusy { allowed })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_ending_that_ends_is_answered_with_its_value() {
        assert_eq!(drain(async { 7 }, DRAIN_DEFAULT).await, Ok(7));
    }

    #[tokio::test]
    async fn an_ending_that_hangs_is_given_up() {
        let hung = drain(std::future::pending::<()>(), Duration::from_millis(10)).await;
        let error = hung.expect_err("nothing ends here");
        assert_eq!(error.to_string(), "still busy 0.01 s after the stop");
    }

    #[tokio::test]
    async fn sigterm_cancels_the_token() {
        let stop = on_signal().expect("signals can be listened to");
        let me = std::process::id().to_string();
        let sent = std::process::Command::new("kill")
            .args(["-TERM", &me])
            .status()
            .expect("kill runs");
        assert!(sent.success());
        drain(stop.cancelled(), DRAIN_DEFAULT)
            .await
            .expect("the token is cancelled");
    }
}
