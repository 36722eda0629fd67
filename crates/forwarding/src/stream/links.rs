//! Who gets a stream.

use super::Stream;
use crate::slab::Key;

/// A trunk a stream goes to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TrunkLink {
    pub(crate) leg: Key,
    /// Where the trunk keeps what it sent of this SSRC, once it has sent some.
    pub(crate) sending: Option<usize>,
    /// Its source is subscribed.
    pub(crate) is_subscribed: bool,
    /// The child wants it now.
    pub(crate) is_wanted: bool,
}

impl TrunkLink {
    /// Otherwise paused and only kept alive.
    pub(crate) fn is_active(&self) -> bool {
        self.is_subscribed && self.is_wanted
    }
}

/// A slot that plays a stream or waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SlotLink {
    pub(crate) leg: Key,
    pub(crate) slot: usize,
}

impl Stream {
    /// Makes sure that packets find the slot.
    pub(crate) fn link_slot(&mut self, link: SlotLink) {
        if !self.slots.contains(&link) {
            self.slots.push(link);
        }
    }

    /// Makes sure that packets find the trunk.
    pub(crate) fn link_trunk(&mut self, leg: Key) {
        match self.trunks.iter_mut().find(|link| link.leg == leg) {
            Some(link) => link.is_subscribed = true,
            None => self.trunks.push(TrunkLink {
                leg,
                sending: None,
                is_subscribed: true,
                is_wanted: true,
            }),
        }
    }
}
