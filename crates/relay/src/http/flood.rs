//! A bound on how fast one token holder may open sessions.

use crate::token::Grant;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A reloading page opens two sessions each time; nobody reloads ten times in ten seconds for long.
const OPENED_MAX: u32 = 20;
const WINDOW: Duration = Duration::from_secs(10);

/// Grants remembered at once; when full, those whose window is over are forgotten. Grants come out of valid
/// tokens only, so a stranger adds none.
const GRANTS_MAX: usize = 4096;

/// Counts sessions opened, per grant and window: a hall of the same name in another conference spends its own.
#[derive(Debug, Default)]
pub struct Flood {
    windows: Mutex<HashMap<Grant, Window>>,
}

#[derive(Debug)]
struct Window {
    since: Instant,
    opened: u32,
}

impl Flood {
    /// Counts one attempt; `false` when it is one too many. Logs the first of a window.
    pub fn admits(&self, grant: &Grant, now: Instant) -> bool {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= GRANTS_MAX {
            windows.retain(|_, window| now.duration_since(window.since) < WINDOW);
        }
        let window = windows.entry(grant.clone()).or_insert(Window {
            since: now,
            opened: 0,
        });
        if now.duration_since(window.since) >= WINDOW {
            *window = Window {
                since: now,
                opened: 0,
            };
        }
        window.opened = window.opened.saturating_add(1);
        if window.opened == OPENED_MAX + 1 {
            tracing::warn!(
                ?grant,
                "more than {OPENED_MAX} sessions asked for in {} s: refusing",
                WINDOW.as_secs()
            );
        }
        window.opened <= OPENED_MAX
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
        let flood = Flood::default();
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
