//! Media of a hall: one peer connection publishes, one watches, and neither needs the orchestrator.

mod feedback;
mod listener;
mod publish;
mod session;
mod socket_drops;
mod watch;

pub(crate) use publish::{Publisher, publish};
pub(crate) use socket_drops::SocketDrops;
pub(crate) use watch::{Watcher, watch};

use std::time::Duration;
use tokio::sync::watch as state;

/// A session that is not connected by then is made anew.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(8);

/// Where media goes and by what token, as told last. Kept while the orchestrator is away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Situation {
    pub(crate) token: String,
    pub(crate) whip_url: Option<url::Url>,
    pub(crate) whep_url: Option<url::Url>,
    pub(crate) watched: bool,
    /// Head counts are taken in the sitting's state, as told last; until then there is no reason to ask.
    pub(crate) counts_taken: bool,
    pub(crate) caption: crate::picture::Caption,
}

/// Waits until the situation names an endpoint of this kind; `None` when the hall is over.
pub(crate) async fn endpoint(
    situation: &mut state::Receiver<Situation>,
    which: fn(&Situation) -> Option<&url::Url>,
) -> Option<(url::Url, String)> {
    // A closed channel still has its last value; it must not begin another session.
    situation.has_changed().ok()?;
    let situation = situation.wait_for(|now| which(now).is_some()).await.ok()?;
    which(&situation).map(|url| (url.clone(), situation.token.clone()))
}

/// Returns when the situation names another endpoint than this one, or the hall is over. An endpoint
/// that vanishes is no reason to stop: media runs on until there is a better place.
pub(crate) async fn moved(
    situation: &mut state::Receiver<Situation>,
    which: fn(&Situation) -> Option<&url::Url>,
    from: &url::Url,
) {
    let _ = situation
        .wait_for(|now| which(now).is_some_and(|url| url != from))
        .await;
}
