//! TLS of the public listener: read from files, read again when they change.

use crate::config;
use axum_server::tls_rustls::RustlsConfig;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio_util::sync::CancellationToken;

/// A new certificate counts at most this much later; certificates are renewed days before they end.
const CHECK_EVERY: Duration = Duration::from_secs(5);

/// Why the certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file does not hold what it should.
    #[error("{file}: {reason}")]
    File {
        /// Which file.
        file: String,
        /// Why.
        reason: String,
    },
    /// Certificate and key do not go together, or are of a kind we do not take.
    #[error("tls.cert and tls.key: {0}")]
    Pair(#[from] rustls::Error),
}

/// Reads the files.
pub fn load(tls: &config::Tls) -> Result<ServerConfig, TlsError> {
    let faulty = |file: &Path, error: rustls::pki_types::pem::Error| TlsError::File {
        file: file.display().to_string(),
        reason: error.to_string(),
    };
    let chain = CertificateDer::pem_file_iter(&tls.cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| faulty(&tls.cert, error))?;
    let key = PrivateKeyDer::from_pem_file(&tls.key).map_err(|error| faulty(&tls.key, error))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(server)
}

/// Looks after the files until `stop`. Files that cannot be used leave the old certificate in force.
pub async fn reload_on_change(tls: config::Tls, live: RustlsConfig, stop: CancellationToken) {
    let mut seen = changed_at(&tls);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(CHECK_EVERY) => {}
        }
        let now = changed_at(&tls);
        if now == seen {
            continue;
        }
        seen = now;
        match load(&tls) {
            Ok(server) => {
                live.reload_from_config(Arc::new(server));
                tracing::info!("the certificate was read again");
            }
            Err(error) => tracing::error!(%error, "the old certificate stays in force: {error}"),
        }
    }
}

fn changed_at(tls: &config::Tls) -> [Option<SystemTime>; 2] {
    [&tls.cert, &tls.key].map(|file| {
        std::fs::metadata(file)
            .and_then(|meta| meta.modified())
            .ok()
    })
}
