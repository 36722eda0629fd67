//! Bounds on how fast one token holder may open sessions and change them.

use super::Refusal;
use crate::token::Grant;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A reloading page opens two sessions each time; nobody reloads ten times in ten seconds for long.
const OPENED_MAX: u32 = 20;
/// A client that trickles sends a dozen candidates for each of its sessions, and somebody may play with the layers; the
/// control room shares its grant.
const CHANGED_MAX: u32 = 50;
const WINDOW: Duration = Duration::from_secs(10);

/// Grants remembered at once; when full, those whose window is over are forgotten. Grants come out of valid
/// tokens only, so a stranger adds none.
const GRANTS_MAX: usize = 4096;

/// Counts requests of one sort, per grant and window: a hall of the same name in another conference spends its own.
#[derive(Debug)]
pub struct Flood {
    what: &'static str,
    most: u32,
    windows: Mutex<HashMap<Grant, Window>>,
}

#[derive(Debug)]
struct Window {
    since: Instant,
    seen: u32,
}

impl Flood {
    /// Of sessions that begin, and of ICE sessions.
    pub fn of_sessions() -> Self {
        Self::new("sessions asked for", OPENED_MAX)
    }

    /// Of what is asked of sessions that run: candidates, restarts, layers.
    pub fn of_changes() -> Self {
        Self::new("changes of sessions", CHANGED_MAX)
    }

    fn new(what: &'static str, most: u32) -> Self {
        Self {
            what,
            most,
            windows: Mutex::default(),
        }
    }

    /// Counts one attempt; refuses one too many.
    pub fn admit(&self, grant: &Grant, now: Instant) -> Result<(), Refusal> {
        if self.admits(grant, now) {
            Ok(())
        } else {
            Err(Refusal::flooded(self.what))
        }
    }

    /// Logs the first attempt of a window that is one too many.
    fn admits(&self, grant: &Grant, now: Instant) -> bool {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= GRANTS_MAX {
            windows.retain(|_, window| now.duration_since(window.since) < WINDOW);
        }
        let window = windows.entry(grant.clone()).or_insert(Window {
            since: now,
            seen: 0,
        });
        if now.duration_since(window.since) >= WINDOW {
            *window = Window {
                since: now,
                seen: 0,
            };
        }
        window.seen = window.seen.saturating_add(1);
        if window.seen == self.most + 1 {
            let (most, what) = (self.most, self.what);
            tracing::warn!(
                ?grant,
                "more than {most} {what} in {} s: refusing",
                WINDOW.as_secs()
            );
        }
        window.seen <= self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::MediaScope;

    fn hall(site: &str, conference: &str) -> Grant {
        let site = site.parse().expect("a code");
        Grant {
            scope: MediaScope::Hall { site },
            conference: Some(conference.parse().expect("an id")),
        }
    }

    #[test]
    fn a_flood_is_refused_without_touching_the_neighbour_and_ends_with_its_window() {
        let flood = Flood::of_sessions();
        let start = Instant::now();
        for _ in 0..OPENED_MAX {
            assert!(flood.admits(&hall("A", "spring"), start));
        }
        assert!(!flood.admits(&hall("A", "spring"), start));
        assert!(flood.admits(&hall("B", "spring"), start));
        assert!(flood.admits(&hall("A", "autumn"), start));
        assert!(flood.admits(&hall("A", "spring"), start + WINDOW));
    }
}
