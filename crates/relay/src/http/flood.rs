//! A bound on how fast one token holder may open sessions.

use protocol::MediaScope;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A reloading page opens two sessions each time; nobody reloads ten times in ten seconds for long.
const OPENED_MAX: u32 = 20;
const WINDOW: Duration = Duration::from_secs(10);

/// Scopes remembered at once; when full, those whose window is over are forgotten. Scopes come out of valid
/// tokens only, so a stranger adds none.
const SCOPES_MAX: usize = 4096;

/// Counts sessions opened, per token scope and window.
#[derive(Debug, Default)]
pub struct Flood {
    windows: Mutex<HashMap<MediaScopeKey, Window>>,
}

type MediaScopeKey = String;

#[derive(Debug)]
struct Window {
    since: Instant,
    opened: u32,
}

impl Flood {
    /// Counts one attempt; `false` when it is one too many. Logs the first of a window.
    pub fn admits(&self, scope: &MediaScope, now: Instant) -> bool {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= SCOPES_MAX {
            windows.retain(|_, window| now.duration_since(window.since) < WINDOW);
        }
        let window = windows.entry(format!("{scope:?}")).or_insert(Window {
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
                ?scope,
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

    #[test]
    fn a_flood_is_refused_without_touching_the_neighbour_and_ends_with_its_window() {
        let flood = Flood::default();
        let scope = |site: &str| MediaScope::Hall {
            site: site.parse().expect("a code"),
        };
        let start = Instant::now();
        for _ in 0..OPENED_MAX {
            assert!(flood.admits(&scope("A"), start));
        }
        assert!(!flood.admits(&scope("A"), start));
        assert!(flood.admits(&scope("B"), start));
        assert!(flood.admits(&scope("A"), start + WINDOW));
    }
}
