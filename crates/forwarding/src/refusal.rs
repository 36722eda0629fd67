//! Why the router does not do what it was asked.

/// An answer, not a fault: nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// [`crate::limits::STREAMS_MAX`] reached.
    #[error("too many streams")]
    TooManyStreams,
    /// [`crate::limits::LEGS_MAX`] reached.
    #[error("too many legs")]
    TooManyLegs,
    /// More than [`crate::limits::SLOTS_MAX`].
    #[error("too many slots on one leg")]
    TooManySlots,
    /// [`crate::limits::SUBSCRIPTIONS_MAX`] reached.
    #[error("too many subscriptions on one trunk")]
    TooManySubscriptions,
    /// Another stream, of another source, codec or layer, has this SSRC.
    #[error("the SSRC belongs to another stream")]
    SsrcTaken,
    /// There is a leg of this id.
    #[error("the leg exists")]
    LegTaken,
    /// There is no leg of this id.
    #[error("no such leg")]
    UnknownLeg,
    /// The leg has no slot of this number, or has no slots at all.
    #[error("no such slot")]
    UnknownSlot,
    /// Only trunks subscribe.
    #[error("the leg is not a trunk")]
    NotATrunk,
}
