//! The orchestrator this relay belongs to: met once, at registration, and never changed by a message.

use crate::disk::{self, DiskError};
use crate::media::MediaHandle;
use crate::token::Tokens;
use protocol::RelayWelcome;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The pinned orchestrator key and SSRC lease, on disk.
#[derive(Clone)]
pub struct Pin {
    file: PathBuf,
    welcome: Arc<Mutex<Option<RelayWelcome>>>,
    tokens: Tokens,
    media: MediaHandle,
}

impl Pin {
    /// What an earlier registration left in `folder`; tokens and SSRCs follow it at once.
    pub fn open(folder: &Path, tokens: Tokens, media: MediaHandle) -> Result<Self, DiskError> {
        let file = folder.join("orchestrator.json");
        let kept = disk::read_json::<RelayWelcome>(&file)?;
        let pin = Self {
            file,
            welcome: Arc::new(Mutex::new(kept.clone())),
            tokens,
            media,
        };
        if let Some(welcome) = &kept {
            pin.follow(welcome);
        }
        Ok(pin)
    }

    /// The orchestrator, once registered.
    pub fn now(&self) -> Option<RelayWelcome> {
        self.welcome
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Pins it: on disk first, since the join key that led here does not work twice.
    pub async fn set(&self, welcome: RelayWelcome) -> Result<(), DiskError> {
        let (file, kept) = (self.file.clone(), welcome.clone());
        let written = tokio::task::spawn_blocking(move || disk::replace_json(&file, &kept)).await;
        written.unwrap_or_else(|panic| {
            Err(DiskError {
                path: self.file.clone(),
                what: "cannot write",
                source: std::io::Error::other(panic),
            })
        })?;
        self.follow(&welcome);
        *self.welcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(welcome);
        Ok(())
    }

    fn follow(&self, welcome: &RelayWelcome) {
        if !self.tokens.trust(&welcome.orchestrator_key) {
            tracing::error!(
                "the pinned orchestrator key is no Ed25519 key: no token will be accepted"
            );
        }
        if let Err(error) = self.media.set_ssrc_block(welcome.ssrc_block) {
            tracing::error!(%error, "the SSRC lease is not followed: {error}");
        }
    }
}
