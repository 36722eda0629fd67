//! `POST /api/relays`: the join key once, for a place in the tree.

use super::{ClientError, Control, LinkError};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use protocol::{Problem, RelayRegistration, RelayWelcome};

/// Largest answer read; a welcome has about 100 bytes, a refusal about 1 KiB.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

impl Control {
    /// Registers, and judges the answer.
    pub(super) async fn register(&self) -> Result<RelayWelcome, LinkError> {
        let join_key = self.join_key.as_ref().ok_or(LinkError::NoJoinKey)?;
        let registration = RelayRegistration {
            join_key: join_key.reveal().to_owned(),
            relay: self.about.relay.clone(),
            public_key: self.identity.public_key(),
            certificate_fingerprint: self.about.certificate_fingerprint.clone(),
            media_addresses: self.about.media_addresses.clone(),
            http_url: self.about.http_url.clone(),
        };
        let answer = self
            .client
            .post("/api/relays")?
            .json(&registration)
            .send()
            .await
            .map_err(ClientError::Http)?;
        let status = answer.status();
        let body = short_body(answer).await?;
        if !status.is_success() {
            let detail = serde_json::from_slice::<Problem>(&body)
                .map_or_else(|_| "no reason given".to_owned(), |p| p.detail);
            return Err(LinkError::Registration {
                status: status.as_u16(),
                detail,
            });
        }
        let welcome: RelayWelcome = serde_json::from_slice(&body)
            .map_err(|_| LinkError::BadWelcome("it is not a RelayWelcome"))?;
        check(&welcome)?;
        Ok(welcome)
    }
}

async fn short_body(mut answer: reqwest::Response) -> Result<Vec<u8>, LinkError> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(ClientError::Http)? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(LinkError::BadWelcome("it is too long"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn check(welcome: &RelayWelcome) -> Result<(), LinkError> {
    let key = URL_SAFE_NO_PAD.decode(&welcome.orchestrator_key);
    if key.map_or(0, |key| key.len()) != 32 {
        return Err(LinkError::BadWelcome(
            "orchestrator_key is not 32 bytes in base64url",
        ));
    }
    Ok(())
}
