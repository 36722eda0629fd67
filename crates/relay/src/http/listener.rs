//! The public listener: TLS whose certificate can change under way, or plain HTTP on loopback.

use crate::config::Tls;
use axum::Router;
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How often the certificate files are looked at. A renewed certificate is valid long before the old one ends.
const RELOAD_EVERY: Duration = Duration::from_secs(10);

/// Requests under way at the end of the process get this long.
const GRACE: Duration = Duration::from_secs(2);

/// A certificate that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file that is missing, or is no PEM.
    #[error("{}: {detail}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        detail: String,
    },
    /// Certificate and key do not fit.
    #[error("tls.cert and tls.key: {0}")]
    Unfit(#[from] rustls::Error),
    /// The system gives no signals.
    #[error("cannot listen for SIGHUP")]
    Signal(#[from] io::Error),
}

/// The certificate in use and the files it came from.
#[derive(Clone)]
pub struct Certificate {
    files: Tls,
    config: RustlsConfig,
    in_use: Vec<u8>,
}

impl Certificate {
    /// Reads the files.
    pub fn open(files: &Tls) -> Result<Self, TlsError> {
        let pem = read(files)?;
        let config = RustlsConfig::from_config(server_config(files, &pem)?);
        Ok(Self {
            files: files.clone(),
            config,
            in_use: pem.concat(),
        })
    }

    /// Reads the files again; connections made from now on see what changed. Answers whether anything did.
    /// A bad new file leaves the old certificate in use.
    pub fn reload(&mut self) -> Result<bool, TlsError> {
        let pem = read(&self.files)?;
        let content = pem.concat();
        if content == self.in_use {
            return Ok(false);
        }
        self.config
            .reload_from_config(server_config(&self.files, &pem)?);
        self.in_use = content;
        Ok(true)
    }

    /// Reloads at every hangup and every ten seconds, until `stop`.
    pub async fn keep_fresh(mut self, mut hangups: Signal, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = hangups.recv() => {}
                () = tokio::time::sleep(RELOAD_EVERY) => {}
            }
            match self.reload() {
                Ok(true) => tracing::info!("the TLS certificate has been read again"),
                Ok(false) => {}
                Err(error) => {
                    tracing::error!(%error, "the TLS certificate in use is kept: {error}");
                }
            }
        }
    }
}

/// SIGHUPs from now on; before this call one ends the process.
pub fn hangups() -> io::Result<Signal> {
    signal(SignalKind::hangup())
}

fn read(files: &Tls) -> Result<[Vec<u8>; 2], TlsError> {
    let file = |path: &PathBuf| {
        std::fs::read(path).map_err(|error| TlsError::File {
            path: path.clone(),
            detail: error.to_string(),
        })
    };
    Ok([file(&files.cert)?, file(&files.key)?])
}

fn server_config(files: &Tls, [cert, key]: &[Vec<u8>; 2]) -> Result<Arc<ServerConfig>, TlsError> {
    let bad = |path: &PathBuf, detail: String| TlsError::File {
        path: path.clone(),
        detail,
    };
    let chain = CertificateDer::pem_slice_iter(cert)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| bad(&files.cert, error.to_string()))?;
    if chain.is_empty() {
        return Err(bad(
            &files.cert,
            "holds no certificate, expected PEM with BEGIN CERTIFICATE".to_owned(),
        ));
    }
    let key =
        PrivateKeyDer::from_pem_slice(key).map_err(|error| bad(&files.key, error.to_string()))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Binds the listener; port 0 takes any free one.
pub fn bind(listen: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(listen)?;
    listener.set_nonblocking(true)?;
    let bound = listener.local_addr()?;
    Ok((listener, bound))
}

/// Serves until `stop`, then lets requests under way end.
pub async fn serve(
    listener: TcpListener,
    certificate: Option<Certificate>,
    router: Router,
    stop: CancellationToken,
) {
    let handle = Handle::new();
    let stopping = handle.clone();
    let watcher = async move {
        stop.cancelled().await;
        stopping.graceful_shutdown(Some(GRACE));
        std::future::pending::<()>().await;
    };
    let service = router.into_make_service();
    let serving = async move {
        match certificate {
            Some(certificate) => {
                axum_server::from_tcp_rustls(listener, certificate.config)?
                    .handle(handle)
                    .serve(service)
                    .await
            }
            None => {
                axum_server::from_tcp(listener)?
                    .handle(handle)
                    .serve(service)
                    .await
            }
        }
    };
    tokio::select! {
        () = watcher => {}
        ended = serving => if let Err(error) = ended {
            tracing::error!(%error, "HTTP listener ended: {error}");
        },
    }
}
