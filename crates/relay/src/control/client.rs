//! Reaching the orchestrator: HTTPS and WSS that trust the configured authorities only.

use crate::config::Orchestrator;
use crate::disk;
use crate::plan::PLAN_BYTES_MAX;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config, tungstenite,
};
use url::Url;

/// One attempt to connect or register takes no longer.
const ATTEMPT_WITHIN: Duration = Duration::from_secs(10);

/// Nothing that the orchestrator says is larger than a plan.
const MESSAGE_BYTES_MAX: usize = PLAN_BYTES_MAX;

/// Buffers of the one web socket a relay has.
const BUFFER_BYTES: usize = 16 * 1024;

/// The web socket of the control link.
pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Why the orchestrator cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The file of authorities.
    #[error("orchestrator.ca: {0}")]
    Authorities(String),
    /// TLS cannot be set up.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// The registration request.
    #[error("cannot reach the orchestrator: {}", root_cause(.0))]
    Http(#[from] reqwest::Error),
    /// The web socket.
    #[error("web socket to the orchestrator: {0}")]
    Socket(#[from] Box<tungstenite::Error>),
    /// The URL cannot be extended.
    #[error("orchestrator.url has no host")]
    Url,
    /// Too slow.
    #[error("the orchestrator does not answer within {} s", ATTEMPT_WITHIN.as_secs())]
    TooSlow,
}

/// `reqwest` says "error sending request"; why stands at the end of the chain.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

/// Reaches one orchestrator.
#[derive(Clone)]
pub struct Client {
    base: Url,
    tls: Arc<ClientConfig>,
    http: reqwest::Client,
}

impl Client {
    /// For this `[orchestrator]` section. Reads the file of authorities.
    pub fn new(orchestrator: &Orchestrator) -> Result<Self, ClientError> {
        let tls = client_config(orchestrator)?;
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls.clone())
            .no_proxy()
            .timeout(ATTEMPT_WITHIN)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self {
            base: orchestrator.url.clone(),
            tls: Arc::new(tls),
            http,
        })
    }

    /// The HTTP client and the URL of a path on the orchestrator.
    pub fn post(&self, path: &str) -> Result<reqwest::RequestBuilder, ClientError> {
        Ok(self
            .http
            .post(self.base.join(path).map_err(|_| ClientError::Url)?))
    }

    /// Opens the web socket at `path`.
    pub async fn socket(&self, path: &str) -> Result<Socket, ClientError> {
        let mut url = self.base.join(path).map_err(|_| ClientError::Url)?;
        let scheme = if url.scheme() == "https" { "wss" } else { "ws" };
        url.set_scheme(scheme).map_err(|()| ClientError::Url)?;
        let config = WebSocketConfig::default()
            .read_buffer_size(BUFFER_BYTES)
            .write_buffer_size(BUFFER_BYTES)
            .max_write_buffer_size(MESSAGE_BYTES_MAX)
            .max_message_size(Some(MESSAGE_BYTES_MAX))
            .max_frame_size(Some(MESSAGE_BYTES_MAX));
        let connector = Connector::Rustls(self.tls.clone());
        let connecting =
            connect_async_tls_with_config(url.as_str(), Some(config), true, Some(connector));
        let connected = tokio::time::timeout(ATTEMPT_WITHIN, connecting)
            .await
            .map_err(|_| ClientError::TooSlow)?;
        Ok(connected.map_err(Box::new)?.0)
    }
}

fn client_config(orchestrator: &Orchestrator) -> Result<ClientConfig, ClientError> {
    let mut roots = RootCertStore::empty();
    if let Some(ca) = &orchestrator.ca {
        let bad = |what: String| ClientError::Authorities(format!("{}: {what}", ca.display()));
        let pem = disk::read(ca).map_err(|error| bad(error.source.to_string()))?;
        let pem = pem.ok_or_else(|| bad("no such file".to_owned()))?;
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let certificate = certificate.map_err(|error| bad(error.to_string()))?;
            roots
                .add(certificate)
                .map_err(|error| bad(error.to_string()))?;
        }
        if roots.is_empty() {
            return Err(bad(
                "holds no certificate, expected PEM with BEGIN CERTIFICATE".to_owned(),
            ));
        }
    }
    Ok(
        ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth(),
    )
}
