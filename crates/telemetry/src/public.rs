//! The public listener of a process: HTTPS whose certificate can change under way, or plain HTTP, with
//! patience limited and an orderly end.

mod certificate;

use axum::Router;
use axum_server::Handle;
use certificate::Certificate;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use serde::Deserialize;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

pub use certificate::TlsError;

/// Requests under way at the end of the process get this long; web sockets end by themselves.
const GRACE: Duration = Duration::from_secs(5);
/// A request's head is a few KiB; who needs longer for it is not sending one.
const HEADER_TIME_MAX: Duration = Duration::from_secs(10);

/// `[tls]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// PEM: the certificate chain, the server's own first. Read again when it changes, and on SIGHUP.
    pub cert: PathBuf,
    /// PEM: its private key.
    pub key: PathBuf,
}

/// Why the public listener cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Certificate or key.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The address.
    #[error("http.listen: cannot listen on {listen}")]
    Listen {
        /// The address asked for.
        listen: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
}

/// An open listener that does not serve yet: connections wait in the kernel's queue.
pub struct Public {
    listener: TcpListener,
    address: SocketAddr,
    certificate: Option<Certificate>,
}

impl Public {
    /// Binds the address (port 0 takes any free one) and reads the certificate. Without `tls`: plain HTTP.
    pub fn open(listen: SocketAddr, tls: Option<&Tls>) -> Result<Self, OpenError> {
        let certificate = tls.map(Certificate::open).transpose()?;
        let refused = |source| OpenError::Listen { listen, source };
        let listener = TcpListener::bind(listen).map_err(refused)?;
        listener.set_nonblocking(true).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        Ok(Self {
            listener,
            address,
            certificate,
        })
    }

    /// The address bound.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop`, then lets requests under way end. Handlers find the peer's address in
    /// [`axum::extract::ConnectInfo`].
    pub async fn serve(self, router: Router, stop: CancellationToken) {
        let handle = Handle::new();
        let watcher = stop_gracefully(stop.clone(), handle.clone());
        let ended = tokio::select! {
            ended = serve(self.listener, self.certificate, router, handle, stop) => ended,
            never = watcher => match never {},
        };
        if let Err(error) = ended {
            tracing::error!(%error, "the public listener ended: {error}");
        }
    }
}

async fn serve(
    listener: TcpListener,
    certificate: Option<Certificate>,
    router: Router,
    handle: Handle<SocketAddr>,
    stop: CancellationToken,
) -> io::Result<()> {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let Some(certificate) = certificate else {
        let mut server = axum_server::from_tcp(listener)?.handle(handle);
        patience(server.http_builder());
        return server.serve(service).await;
    };
    let mut server = axum_server::from_tcp_rustls(listener, certificate.live())?.handle(handle);
    patience(server.http_builder());
    tokio::spawn(certificate.keep_fresh(stop));
    server.serve(service).await
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

/// Tells the server to end; how it ends is the server's answer.
async fn stop_gracefully(
    stop: CancellationToken,
    handle: Handle<SocketAddr>,
) -> std::convert::Infallible {
    stop.cancelled().await;
    handle.graceful_shutdown(Some(GRACE));
    std::future::pending().await
}
