//! The picture an agent publishes: drawn here, so that whoever watches sees at once which hall it
//! is and that it moves.

mod canvas;
mod scene;
mod text;

pub(crate) use scene::{Caption, Moment, Scene};
