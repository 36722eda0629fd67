//! Stories about the log.
