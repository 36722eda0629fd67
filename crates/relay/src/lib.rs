//! The data plane: one UDP loop that carries, WHIP and WHEP in front of it, a control link behind it.
//!
//! **Invariant:** media never waits for the orchestrator.

pub mod media;
