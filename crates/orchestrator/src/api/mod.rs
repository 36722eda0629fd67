//! Handlers of the REST routes: HTTP in, a question to whoever owns the answer, HTTP out.

pub mod conferences;
pub mod docs;
pub mod join;
pub mod live;
pub mod relay;
pub mod session;
pub mod sites;
pub mod watch;

use crate::problem::{ApiError, ApiResult};

/// Runs what changes something to its end, also when who asked does not wait for it: given up half-way, the
/// log and the memory would tell different stories.
async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = ApiResult<T>> + Send + 'static,
) -> ApiResult<T> {
    tokio::spawn(work)
        .await
        .map_err(|error| ApiError::fault(&error))?
}

/// Lets a request begin and gives it up, as a caller does who hangs up.
#[cfg(test)]
async fn begin_and_drop(request: impl Future) {
    tokio::select! {
        biased;
        _ = request => panic!("it was to be given up"),
        () = std::future::ready(()) => {}
    }
}
