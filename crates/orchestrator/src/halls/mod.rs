//! Halls: the web socket over which a hall is told its state and tells its health.

pub mod link;
mod pace;
