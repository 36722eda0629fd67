//! A certificate from files, read again when they change.

use super::Tls;
use axum_server::tls_rustls::RustlsConfig;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How often the files are looked at. A renewed certificate is valid long before the old one ends.
const RELOAD_EVERY: Duration = Duration::from_secs(5);

/// A certificate that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file that is missing, or is not the PEM it should be.
    #[error("{}: {detail}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        detail: String,
    },
    /// Certificate and key do not fit, or are of a kind that is not taken.
    #[error("tls.cert and tls.key: {0}")]
    Unfit(#[from] rustls::Error),
    /// The system gives no signals.
    #[error("cannot listen for SIGHUP")]
    Signal(#[from] std::io::Error),
}

/// The certificate in use and the files it came from.
pub(super) struct Certificate {
    files: Tls,
    live: RustlsConfig,
    in_use: [Vec<u8>; 2],
    /// From now on a SIGHUP reads the files again; before, one ended the process.
    hangups: Signal,
}

impl Certificate {
    /// Reads the files.
    pub(super) fn open(files: &Tls) -> Result<Self, TlsError> {
        let in_use = read(files)?;
        Ok(Self {
            files: files.clone(),
            live: RustlsConfig::from_config(server_config(files, &in_use)?),
            in_use,
            hangups: signal(SignalKind::hangup())?,
        })
    }

    /// What a server answers with; follows every reload.
    pub(super) fn live(&self) -> RustlsConfig {
        self.live.clone()
    }

    /// Reads the files again at every hangup and every few seconds, until `stop`.
    pub(super) async fn keep_fresh(mut self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = self.hangups.recv() => {}
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

    /// Connections made from now on see what changed. Answers whether anything did.
    fn reload(&mut self) -> Result<bool, TlsError> {
        let pem = read(&self.files)?;
        if pem == self.in_use {
            return Ok(false);
        }
        self.live
            .reload_from_config(server_config(&self.files, &pem)?);
        self.in_use = pem;
        Ok(true)
    }
}

fn read(files: &Tls) -> Result<[Vec<u8>; 2], TlsError> {
    let file = |path: &Path| std::fs::read(path).map_err(|error| bad(path, error.to_string()));
    Ok([file(&files.cert)?, file(&files.key)?])
}

fn server_config(files: &Tls, [cert, key]: &[Vec<u8>; 2]) -> Result<Arc<ServerConfig>, TlsError> {
    let chain = CertificateDer::pem_slice_iter(cert)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| bad(&files.cert, error.to_string()))?;
    if chain.is_empty() {
        let detail = "holds no certificate, expected PEM with BEGIN CERTIFICATE";
        return Err(bad(&files.cert, detail.to_owned()));
    }
    let key =
        PrivateKeyDer::from_pem_slice(key).map_err(|error| bad(&files.key, error.to_string()))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn bad(path: &Path, detail: String) -> TlsError {
    TlsError::File {
        path: path.to_owned(),
        detail,
    }
}
