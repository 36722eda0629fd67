//! A hall behind a line that becomes narrow, loses, jitters and recovers, in simulated time.
//!
//! Every story runs in many worlds, each from its own seed; a failure names the seed.

mod hall;
mod hostile;
mod line;
mod stories;
