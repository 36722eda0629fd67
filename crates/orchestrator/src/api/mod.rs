//! Handlers of the REST routes: HTTP in, a question to whoever owns the answer, HTTP out.

pub mod conferences;
pub mod docs;
pub mod join;
pub mod live;
pub mod relay;
pub mod session;
pub mod sites;
pub mod watch;
