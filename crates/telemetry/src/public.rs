//! The public listener of a process: HTTPS whose certificate can change under way, or plain HTTP, with
//! patience limited and an orderly end.

mod certificate;
mod idle;

use axum::Router;
use axum_server::Handle;
use certificate::Certificate;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use idle::WatchSilence;
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
        let mut server = axum_server::from_tcp(listener)?
            .handle(handle)
            .map(WatchSilence);
        patience(server.http_builder());
        return server.serve(service).await;
    };
    let mut server = axum_server::from_tcp_rustls(listener, certificate.live())?
        .handle(handle)
        .map(WatchSilence);
    patience(server.http_builder());
    tokio::spawn(certificate.keep_fresh(stop));
    server.serve(service).await
}

/// A client that dawdles over its request's head does not keep the connection. HTTP/1.1 alone: while
/// the version is still open this timer would not run.
fn patience(http: &mut Builder<TokioExecutor>) {
    *http = Builder::new(TokioExecutor::new()).http1_only();
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME_MAX);
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

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    /// Far beyond the patience tested.
    const DEADLINE: Duration = Duration::from_mins(1);

    fn listening(stop: &CancellationToken) -> SocketAddr {
        let public = Public::open(SocketAddr::from(([127, 0, 0, 1], 0)), None).expect("a port");
        let address = public.address();
        let router = Router::new().route("/", get(async || "here"));
        tokio::spawn(public.serve(router, stop.clone()));
        address
    }

    #[tokio::test]
    async fn who_says_nothing_or_half_a_word_is_hung_up_on() {
        let stop = CancellationToken::new();
        let address = listening(&stop);
        let hung_up = async |said: &str| {
            let mut client = TcpStream::connect(address).await.expect("connected");
            client.write_all(said.as_bytes()).await.expect("sent");
            let mut rest = Vec::new();
            let ended = tokio::time::timeout(DEADLINE, client.read_to_end(&mut rest)).await;
            ended.unwrap_or_else(|_| panic!("after {said:?} the connection stays open"))
        };
        // Closed or reset: either way it is gone.
        let ends = tokio::join!(hung_up(""), hung_up("GET / HT"));
        println!("{ends:?}");
        stop.cancel();
    }

    #[tokio::test]
    async fn a_request_is_answered() {
        let stop = CancellationToken::new();
        let mut client = TcpStream::connect(listening(&stop))
            .await
            .expect("connected");
        let request = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        client.write_all(request).await.expect("sent");
        let mut answer = String::new();
        let ended = tokio::time::timeout(DEADLINE, client.read_to_string(&mut answer)).await;
        ended.expect("an end").expect("text");
        assert!(
            answer.starts_with("HTTP/1.1 200") && answer.ends_with("here"),
            "{answer}"
        );
        stop.cancel();
    }
}
