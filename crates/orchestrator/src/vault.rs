//! Secrets in the log's vault, as JSON: keys, password hashes, sessions. Streams never hold them: those may be
//! handed to an auditor.

use crate::log::{Log, LogError};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why a secret is not to be had.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// What is kept under this name is not what this program keeps there.
    #[error("the vault's {0} is damaged")]
    Damaged(&'static str),
    /// The system makes no keys.
    #[error("no key could be made")]
    NoKey,
    /// A password could not be hashed.
    #[error("a password could not be hashed")]
    NoHash,
}

/// What is kept under `name`; `None` when nothing is yet.
pub async fn get<T: DeserializeOwned>(
    log: &Log,
    name: &'static str,
) -> Result<Option<T>, VaultError> {
    let kept = log.get(name).await?;
    kept.map(|kept| serde_json::from_slice(&kept).map_err(|_| VaultError::Damaged(name)))
        .transpose()
}

/// Keeps a value under `name`; answers after the commit.
pub async fn put<T: Serialize>(log: &Log, name: &'static str, value: &T) -> Result<(), VaultError> {
    let value = serde_json::to_vec(value).map_err(LogError::Body)?;
    Ok(log.put(name, &value).await?)
}
