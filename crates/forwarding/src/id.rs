//! Names of the things the router owns.

/// Who publishes: one site, with its audio and its video. Chosen by the router's owner, stable
/// over a re-publish, which opens new streams under the same source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub u32);

/// A neighbour packets are sent to. Chosen by the router's owner; may be reused after
/// [`crate::Router::remove_leg`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LegId(pub u32);

/// One open RTP stream. Given by the router, never reused: a stale one names nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub(crate) crate::slab::Key);
