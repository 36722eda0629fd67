//! The public listener: plain or TLS, with patience limited.

use crate::app::App;
use crate::orchestrator::StartError;
use crate::{config, router, tls};
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Requests under way may take so long to end; web sockets end at once.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(5);
/// A request's head is a few KiB; who needs longer for it is not sending one.
const HEADER_TIME_MAX: Duration = Duration::from_secs(10);

/// Opens the listener.
pub fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    let refused = |source| StartError::Listen {
        listen: address,
        source,
    };
    let listener = TcpListener::bind(address).map_err(refused)?;
    listener.set_nonblocking(true).map_err(refused)?;
    Ok(listener)
}

/// Serves until the service stops.
pub fn serve(
    app: &Arc<App>,
    listener: TcpListener,
    tls: Option<&config::Tls>,
) -> Result<JoinHandle<()>, StartError> {
    let service = router::service(app).into_make_service_with_connect_info::<SocketAddr>();
    let handle = Handle::new();
    tokio::spawn(stop_gracefully(app.stop.clone(), handle.clone()));
    let listen = listener
        .local_addr()
        .unwrap_or_else(|_| SocketAddr::from(([0, 0, 0, 0], 0)));
    let refused = |source| StartError::Listen { listen, source };
    Ok(match tls {
        None => {
            let mut server = axum_server::from_tcp(listener)
                .map_err(refused)?
                .handle(handle);
            patience(server.http_builder());
            tokio::spawn(async move { report(server.serve(service).await) })
        }
        Some(files) => {
            let live = RustlsConfig::from_config(Arc::new(tls::load(files)?));
            tokio::spawn(tls::reload_on_change(
                files.clone(),
                live.clone(),
                app.stop.clone(),
            ));
            let mut server = axum_server::from_tcp_rustls(listener, live)
                .map_err(refused)?
                .handle(handle);
            patience(server.http_builder());
            tokio::spawn(async move { report(server.serve(service).await) })
        }
    })
}

/// A client that opens a connection and says nothing does not keep it.
fn patience(http: &mut Builder<TokioExecutor>) {
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME_MAX);
    http.http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(HEADER_TIME_MAX)
        .keep_alive_timeout(HEADER_TIME_MAX);
}

async fn stop_gracefully(stop: CancellationToken, handle: Handle<SocketAddr>) {
    stop.cancelled().await;
    handle.graceful_shutdown(Some(DRAIN_TIME_MAX));
}

fn report(ended: std::io::Result<()>) {
    if let Err(error) = ended {
        tracing::error!(%error, "the public listener ended: {error}");
    }
}
