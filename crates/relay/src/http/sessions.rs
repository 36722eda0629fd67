//! The sessions there are: what a `Location` stands for, and whose it is.

use crate::media::{IceCredentials, LegId};
use crate::sdp::Tagged;
use crate::token::Grant;
use protocol::{LegRole, MediaKind, MediaScope, RelayReport};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Watching sessions of one hall kept at once: an agent uses two, a page one, and one may be closing.
const WATCHES_PER_HALL_MAX: usize = 4;

/// Watching sessions kept at once of what the control room watches: each of its pages has one, and everybody who
/// watches the program has the same scope.
const WATCHES_OF_ROOM_MAX: usize = 32;

/// A session younger than this may not be in the media thread's report yet.
const SETTLED_AFTER: Duration = Duration::from_secs(5);

/// One WHIP or WHEP session.
#[derive(Clone, Debug)]
pub struct Session {
    /// Its leg.
    pub leg: LegId,
    /// What it is for.
    pub role: LegRole,
    /// What the token that made it allows.
    pub owner: Grant,
    /// When it was made.
    pub since: Instant,
    /// Mid and kind of every slot, in slot order; empty when it publishes.
    pub slots: Arc<[(String, MediaKind)]>,
    /// Its ICE session; held while it is restarted, so that two restarts at once come one after the other.
    pub ice: Arc<tokio::sync::Mutex<Ice>>,
}

impl Session {
    fn is_like(&self, other: &Self) -> bool {
        self.role == other.role && self.owner == other.owner
    }

    /// Legs are numbered in the order in which they are opened.
    fn replaces(&self, other: &Self) -> bool {
        self.is_like(other) && self.leg > other.leg
    }
}

/// The ICE session of a WHIP or WHEP session: a restart begins the next.
#[derive(Clone, Debug)]
pub struct Ice {
    /// Our name in it, and its entity tag (RFC 9725 §4.3.1).
    pub ufrag: String,
    /// The peer's credentials.
    pub remote: IceCredentials,
    /// The m-line that carries it.
    pub tagged: Tagged,
}

/// All sessions by id.
#[derive(Debug, Default)]
pub struct Sessions {
    by_id: Mutex<HashMap<String, Session>>,
}

impl Sessions {
    /// Remembers a session. Answers the legs that have to end for it: nobody watches the same more than a few
    /// times. A hall's former publisher is forgotten only: the media thread has ended its leg. Of two that come at once the
    /// one with the later leg stays, whichever is remembered first: the media thread has kept that one.
    pub fn insert(&self, id: String, session: Session) -> Vec<LegId> {
        let mut by_id = self.lock();
        if session.role == LegRole::Publish && by_id.values().any(|other| other.replaces(&session))
        {
            return Vec::new();
        }
        let superseded = superseded(&by_id, &session);
        let legs = superseded
            .iter()
            .filter_map(|id| by_id.remove(id))
            .filter(|old| old.role != LegRole::Publish)
            .map(|old| old.leg)
            .collect();
        by_id.insert(id, session);
        legs
    }

    /// Forgets the publishing session of this token holder and answers its leg: a full relay lets a hall come back only
    /// in its own place.
    pub fn take_publisher(&self, owner: &Grant) -> Option<LegId> {
        let mut by_id = self.lock();
        let own = |session: &Session| session.role == LegRole::Publish && session.owner == *owner;
        let (id, leg) = by_id
            .iter()
            .find_map(|(id, session)| own(session).then(|| (id.clone(), session.leg)))?;
        by_id.remove(&id);
        Some(leg)
    }

    /// The session with this id.
    pub fn get(&self, id: &str) -> Option<Session> {
        self.lock().get(id).cloned()
    }

    /// Forgets a session.
    pub fn remove(&self, id: &str) {
        self.lock().remove(id);
    }

    /// Forgets sessions whose leg the media thread has lost.
    pub fn forget_lost(&self, report: &RelayReport, now: Instant) {
        let alive: HashSet<&str> = report.legs.iter().map(|leg| leg.session.as_str()).collect();
        self.lock().retain(|id, session| {
            alive.contains(id.as_str())
                || now.saturating_duration_since(session.since) < SETTLED_AFTER
        });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        self.by_id.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn superseded(by_id: &HashMap<String, Session>, newcomer: &Session) -> Vec<String> {
    let mut older: Vec<(&String, LegId)> = by_id
        .iter()
        .filter(|(_, session)| session.is_like(newcomer))
        .map(|(id, session)| (id, session.leg))
        .collect();
    older.sort_by_key(|(_, leg)| *leg);
    let kept = match (newcomer.role, &newcomer.owner.scope) {
        (LegRole::Publish, _) => 0,
        (_, MediaScope::Hall { .. }) => WATCHES_PER_HALL_MAX - 1,
        _ => WATCHES_OF_ROOM_MAX - 1,
    };
    let ending = older.len().saturating_sub(kept);
    older
        .into_iter()
        .take(ending)
        .map(|(id, _)| id.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{LegReport, LegState};

    fn session(leg: u32, role: LegRole, site: &str) -> Session {
        let scope = MediaScope::Hall {
            site: site.parse().expect("a code"),
        };
        Session {
            leg: LegId(leg),
            role,
            owner: Grant {
                scope,
                conference: None,
            },
            since: Instant::now(),
            slots: Arc::new([]),
            ice: Arc::new(tokio::sync::Mutex::new(Ice {
                ufrag: format!("{leg:04}"),
                remote: IceCredentials::random(),
                tagged: Tagged {
                    name: "audio".into(),
                    mid: None,
                    bundle: Vec::new(),
                },
            })),
        }
    }

    #[test]
    fn the_second_publisher_of_a_hall_makes_the_first_forgotten_and_no_other() {
        let sessions = Sessions::default();
        assert!(
            sessions
                .insert("a".into(), session(1, LegRole::Publish, "A"))
                .is_empty()
        );
        assert!(
            sessions
                .insert("b".into(), session(2, LegRole::Publish, "B"))
                .is_empty()
        );
        assert!(
            sessions
                .insert("w".into(), session(3, LegRole::Watch, "A"))
                .is_empty()
        );
        sessions.insert("c".into(), session(4, LegRole::Publish, "A"));
        assert!(
            sessions.get("a").is_none()
                && sessions.get("b").is_some()
                && sessions.get("w").is_some()
        );
    }

    #[test]
    fn of_two_publishers_at_once_the_later_leg_stays_whichever_is_remembered_first() {
        for order in [[7, 8], [8, 7]] {
            let sessions = Sessions::default();
            for leg in order {
                let none = sessions.insert(format!("{leg}"), session(leg, LegRole::Publish, "A"));
                assert!(none.is_empty(), "the media thread has ended it");
            }
            assert!(sessions.get("8").is_some(), "{order:?}");
            assert!(sessions.get("7").is_none(), "{order:?}");
        }
    }

    #[test]
    fn a_hall_that_watches_too_often_loses_its_oldest_session() {
        let sessions = Sessions::default();
        for leg in 0..4 {
            assert!(
                sessions
                    .insert(format!("{leg}"), session(leg, LegRole::Watch, "A"))
                    .is_empty()
            );
        }
        assert_eq!(
            sessions.insert("new".into(), session(9, LegRole::Watch, "A")),
            [LegId(0)]
        );
    }

    #[test]
    fn what_the_control_room_watches_too_often_ends_too() {
        let sessions = Sessions::default();
        let watch = |leg: u32| Session {
            owner: Grant {
                scope: MediaScope::WatchProgram,
                conference: None,
            },
            ..session(leg, LegRole::Program, "A")
        };
        for leg in 0..32 {
            assert!(sessions.insert(format!("{leg}"), watch(leg)).is_empty());
        }
        assert_eq!(sessions.insert("new".into(), watch(99)), [LegId(0)]);
    }

    #[test]
    fn a_lost_leg_is_forgotten_but_not_one_just_opened() {
        let sessions = Sessions::default();
        for id in ["alive", "lost"] {
            sessions.insert(id.into(), session(1, LegRole::Watch, id));
        }
        let leg = LegReport {
            session: "alive".into(),
            site: None,
            role: LegRole::Watch,
            state: LegState::Connected,
            packets_sent: 0,
            packets_received: 0,
            fraction_lost: 0.0,
            rtt_ms: None,
        };
        let report = RelayReport {
            legs: vec![leg],
            ..RelayReport::default()
        };
        sessions.forget_lost(&report, Instant::now());
        assert!(sessions.get("lost").is_some());
        sessions.forget_lost(&report, Instant::now() + SETTLED_AFTER);
        assert!(sessions.get("lost").is_none() && sessions.get("alive").is_some());
    }
}
