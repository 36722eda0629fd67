//! Which relays there are: what the configuration allows, what has registered. Kept in the installation's
//! stream of the log.

use crate::config;
use crate::log::{Log, LogError, Stream};
use aws_lc_rs::{constant_time, digest};
use protocol::{RelayId, SiteCode};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};

/// A registered relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its id.
    pub id: RelayId,
    /// The site it stands at.
    pub site: SiteCode,
    /// Halls and child relays it can feed.
    pub capacity: u32,
    /// What it said of itself.
    pub about: About,
    /// Upper 16 bits of its SSRCs.
    pub ssrc_block: u16,
    /// Base URL of its WHIP and WHEP endpoints.
    pub http_url: String,
}

/// What a relay says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// Ed25519 public key, base64url.
    pub public_key: String,
    /// SHA-256 of its DTLS certificate.
    pub certificate_fingerprint: String,
    /// Addresses of its media port.
    pub media_addresses: Vec<SocketAddr>,
    /// Base URL of its WHIP and WHEP endpoints.
    pub http_url: String,
}

/// What happens to relays. Written to the log; a changed shape gets a new version in its tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", deny_unknown_fields)]
enum Event {
    /// A relay used its join key.
    #[serde(rename = "relay_registered.v1")]
    Registered {
        relay: RelayId,
        ssrc_block: u16,
        about: About,
    },
    /// A relay is reached elsewhere, or has a new certificate.
    #[serde(rename = "relay_moved.v1")]
    Moved { relay: RelayId, about: About },
}

/// Why a registration is refused.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// No relay of this id has this join key.
    #[error("no relay has this id and join key")]
    WrongKey,
    /// Another identity used the join key.
    #[error("the join key was used before, by another identity key")]
    KeyUsed,
    /// 65,535 relays have leases.
    #[error("all SSRC blocks are leased")]
    NoBlock,
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// All relays.
pub struct Registry {
    allowed: BTreeMap<RelayId, config::Relay>,
    log: Log,
    /// Held across the append: registrations are rare and must not lease one block twice.
    writing: tokio::sync::Mutex<u64>,
    known: RwLock<BTreeMap<RelayId, Arc<(About, u16)>>>,
}

impl Registry {
    /// What the log knows of relays.
    pub async fn load(log: Log, allowed: Vec<config::Relay>) -> Result<Self, LogError> {
        let mut known = BTreeMap::new();
        let mut seq = 0;
        for record in log.read(&Stream::installation(), 1).await? {
            seq = record.seq;
            fold(&mut known, record.event()?);
        }
        let allowed = allowed
            .into_iter()
            .map(|relay| (relay.id.clone(), relay))
            .collect();
        Ok(Self {
            allowed,
            log,
            writing: tokio::sync::Mutex::new(seq),
            known: RwLock::new(known),
        })
    }

    /// A registered relay that the configuration still allows.
    pub fn find(&self, relay: &RelayId) -> Option<Record> {
        let allowed = self.allowed.get(relay)?;
        let known = self
            .known
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(relay)
            .cloned()?;
        let (about, ssrc_block) = &*known;
        Some(Record {
            id: relay.clone(),
            site: allowed.site.clone(),
            capacity: allowed.capacity,
            http_url: about.http_url.clone(),
            about: about.clone(),
            ssrc_block: *ssrc_block,
        })
    }

    /// Every registered relay that the configuration still allows.
    pub fn all(&self) -> Vec<Record> {
        self.allowed
            .keys()
            .filter_map(|relay| self.find(relay))
            .collect()
    }

    /// Registers a relay. The same identity may register again, from elsewhere or with a new certificate.
    pub async fn register(
        &self,
        relay: &RelayId,
        join_key: &str,
        about: About,
    ) -> Result<Record, RegistryError> {
        let allowed = self
            .allowed
            .get(relay)
            .filter(|allowed| same_secret(&allowed.join_key, join_key));
        allowed.ok_or(RegistryError::WrongKey)?;
        let mut seq = self.writing.lock().await;
        let event = match self.find(relay) {
            Some(known) if known.about.public_key != about.public_key => {
                return Err(RegistryError::KeyUsed);
            }
            Some(known) if known.about == about => return Ok(known),
            Some(_) => Event::Moved {
                relay: relay.clone(),
                about,
            },
            None => Event::Registered {
                relay: relay.clone(),
                ssrc_block: self.free_block()?,
                about,
            },
        };
        self.write(&mut seq, event).await?;
        self.find(relay).ok_or(RegistryError::WrongKey)
    }

    /// A relay that proved its identity says where it is reached now. Answers its record.
    pub async fn moved(
        &self,
        relay: &RelayId,
        media_addresses: Vec<SocketAddr>,
        http_url: String,
    ) -> Result<Record, RegistryError> {
        let mut seq = self.writing.lock().await;
        let known = self.find(relay).ok_or(RegistryError::WrongKey)?;
        let about = About {
            media_addresses,
            http_url,
            ..known.about.clone()
        };
        if about == known.about {
            return Ok(known);
        }
        self.write(
            &mut seq,
            Event::Moved {
                relay: relay.clone(),
                about,
            },
        )
        .await?;
        self.find(relay).ok_or(RegistryError::WrongKey)
    }

    async fn write(&self, seq: &mut u64, event: Event) -> Result<(), LogError> {
        *seq = self
            .log
            .append(&Stream::installation(), *seq, std::slice::from_ref(&event))
            .await?
            .seq;
        fold(
            &mut self.known.write().unwrap_or_else(PoisonError::into_inner),
            event,
        );
        Ok(())
    }

    /// Block 0 stays free: an SSRC below 65,536 in a trace is then nobody's lease.
    fn free_block(&self) -> Result<u16, RegistryError> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let highest = known.values().map(|known| known.1).max().unwrap_or(0);
        highest.checked_add(1).ok_or(RegistryError::NoBlock)
    }
}

fn fold(known: &mut BTreeMap<RelayId, Arc<(About, u16)>>, event: Event) {
    match event {
        Event::Registered {
            relay,
            ssrc_block,
            about,
        } => {
            known.insert(relay, Arc::new((about, ssrc_block)));
        }
        Event::Moved { relay, about } => {
            if let Some(slot) = known.get_mut(&relay) {
                *slot = Arc::new((about, slot.1));
            }
        }
    }
}

/// Compares hashes of equal length, in constant time: neither content nor length leaks.
fn same_secret(kept: &str, given: &str) -> bool {
    let hash = |text: &str| digest::digest(&digest::SHA256, text.as_bytes());
    constant_time::verify_slices_are_equal(hash(kept).as_ref(), hash(given).as_ref()).is_ok()
}

#[cfg(test)]
#[path = "registry_tests.rs"]
mod tests;
