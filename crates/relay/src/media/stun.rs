//! STUN binding messages (RFC 8489) as ICE uses them (RFC 8445 §7): short-term credentials, FINGERPRINT last.

use aws_lc_rs::hmac;
use rtc_stun::fingerprint::fingerprint_value;
use std::net::{IpAddr, SocketAddr};

const MAGIC: u32 = 0x2112_A442;
const HEADER_LEN: usize = 20;
const INTEGRITY_LEN: usize = 20;

const BINDING_REQUEST: u16 = 0x0001;
const BINDING_SUCCESS: u16 = 0x0101;
const BINDING_ERROR: u16 = 0x0111;

const USERNAME: u16 = 0x0006;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const ERROR_CODE: u16 = 0x0009;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
const PRIORITY: u16 = 0x0024;
const USE_CANDIDATE: u16 = 0x0025;
const FINGERPRINT: u16 = 0x8028;
const ICE_CONTROLLED: u16 = 0x8029;
const ICE_CONTROLLING: u16 = 0x802a;

/// 96 bits that pair an answer with its request.
pub(super) type Transaction = [u8; 12];

/// The messages ICE exchanges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Request,
    Success,
    Error,
}

/// A parsed binding message. Nothing in it is to be believed before [`Message::is_authentic`].
#[derive(Debug)]
pub(super) struct Message<'a> {
    pub(super) class: Class,
    pub(super) transaction: Transaction,
    /// USERNAME: `receiver's ufrag:sender's ufrag`.
    pub(super) username: Option<&'a str>,
    /// The controlling side nominates this pair.
    pub(super) use_candidate: bool,
    /// The sender believes it is the controlled side.
    pub(super) claims_controlled: bool,
    /// Everything up to and without MESSAGE-INTEGRITY, and its value.
    integrity: Option<(&'a [u8], &'a [u8])>,
}

impl<'a> Message<'a> {
    /// Parses a datagram; `None` for anything but a well-formed binding message with a right FINGERPRINT.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let class = match u16_at(bytes, 0)? {
            BINDING_REQUEST => Class::Request,
            BINDING_SUCCESS => Class::Success,
            BINDING_ERROR => Class::Error,
            _ => return None,
        };
        let length = usize::from(u16_at(bytes, 2)?);
        let magic_matches = bytes.get(4..8)? == MAGIC.to_be_bytes();
        if !magic_matches || bytes.len() != HEADER_LEN + length || !length.is_multiple_of(4) {
            return None;
        }
        let transaction = bytes.get(8..HEADER_LEN)?.try_into().ok()?;
        let mut message = Self {
            class,
            transaction,
            username: None,
            use_candidate: false,
            claims_controlled: false,
            integrity: None,
        };
        message.read_attributes(bytes)?;
        Some(message)
    }

    fn read_attributes(&mut self, bytes: &'a [u8]) -> Option<()> {
        let mut at = HEADER_LEN;
        while at < bytes.len() {
            let kind = u16_at(bytes, at)?;
            let len = usize::from(u16_at(bytes, at + 2)?);
            let value = bytes.get(at + 4..at + 4 + len)?;
            if kind == FINGERPRINT {
                // Last by definition; a message without it, or with rubbish behind it, is not ICE.
                let right = fingerprint_value(&bytes[..at]).to_be_bytes();
                return (at + 8 == bytes.len() && value == right).then_some(());
            }
            // Only FINGERPRINT counts behind MESSAGE-INTEGRITY (RFC 8489 §14.5).
            if self.integrity.is_none() {
                match kind {
                    USERNAME => self.username = Some(std::str::from_utf8(value).ok()?),
                    USE_CANDIDATE => self.use_candidate = true,
                    ICE_CONTROLLED => self.claims_controlled = true,
                    MESSAGE_INTEGRITY if len == INTEGRITY_LEN => {
                        self.integrity = Some((&bytes[..at], value));
                    }
                    _ => {}
                }
            }
            at += 4 + len.next_multiple_of(4);
        }
        None
    }

    /// Does MESSAGE-INTEGRITY fit this password?
    pub(super) fn is_authentic(&self, pwd: &str) -> bool {
        use subtle::ConstantTimeEq;
        let Some((covered, value)) = self.integrity else {
            return false;
        };
        bool::from(integrity_of(covered, pwd).ct_eq(value))
    }
}

/// A check from the controlling side of a trunk (RFC 8445 §7.2.2): nominating at once, as it has one pair only.
pub(super) fn request(
    transaction: Transaction,
    username: &str,
    pwd: &str,
    tie_breaker: u64,
) -> Vec<u8> {
    let mut out = Builder::new(BINDING_REQUEST, transaction);
    out.attribute(USERNAME, username.as_bytes());
    // Host candidate, one component (RFC 8445 §5.1.2.1).
    out.attribute(PRIORITY, &0x7eff_ffffu32.to_be_bytes());
    out.attribute(ICE_CONTROLLING, &tie_breaker.to_be_bytes());
    out.attribute(USE_CANDIDATE, &[]);
    out.finish(pwd)
}

/// A check of a peer that takes itself for the controlled side.
#[cfg(test)]
pub(super) fn controlled_request(transaction: Transaction, username: &str, pwd: &str) -> Vec<u8> {
    let mut out = Builder::new(BINDING_REQUEST, transaction);
    out.attribute(USERNAME, username.as_bytes());
    out.attribute(ICE_CONTROLLED, &7u64.to_be_bytes());
    out.finish(pwd)
}

/// The answer to an authentic check.
pub(super) fn success(transaction: Transaction, mapped: SocketAddr, pwd: &str) -> Vec<u8> {
    let mut out = Builder::new(BINDING_SUCCESS, transaction);
    out.attribute(XOR_MAPPED_ADDRESS, &xor_address(mapped, &transaction));
    out.finish(pwd)
}

/// 487 Role Conflict: an ICE-lite side is always the controlled one and cannot switch (RFC 8445 §7.3.1.1).
pub(super) fn role_conflict(transaction: Transaction, pwd: &str) -> Vec<u8> {
    let mut out = Builder::new(BINDING_ERROR, transaction);
    out.attribute(ERROR_CODE, &[0, 0, 4, 87]);
    out.finish(pwd)
}

struct Builder(Vec<u8>);

impl Builder {
    fn new(kind: u16, transaction: Transaction) -> Self {
        let mut bytes = Vec::with_capacity(128);
        bytes.extend_from_slice(&kind.to_be_bytes());
        bytes.extend_from_slice(&[0, 0]);
        bytes.extend_from_slice(&MAGIC.to_be_bytes());
        bytes.extend_from_slice(&transaction);
        Self(bytes)
    }

    fn attribute(&mut self, kind: u16, value: &[u8]) {
        self.0.extend_from_slice(&kind.to_be_bytes());
        self.0
            .extend_from_slice(&(value.len() as u16).to_be_bytes());
        self.0.extend_from_slice(value);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        let length = (self.0.len() - HEADER_LEN) as u16;
        self.0[2..4].copy_from_slice(&length.to_be_bytes());
    }

    fn finish(mut self, pwd: &str) -> Vec<u8> {
        let integrity = integrity_of(&self.0, pwd);
        self.attribute(MESSAGE_INTEGRITY, &integrity);
        // FINGERPRINT covers a length that already counts it.
        let at = self.0.len();
        self.attribute(FINGERPRINT, &[0; 4]);
        let crc = fingerprint_value(&self.0[..at]).to_be_bytes();
        self.0[at + 4..].copy_from_slice(&crc);
        self.0
    }
}

/// HMAC-SHA1 over the message before the attribute, its length field counting the attribute itself (RFC 8489 §14.5).
fn integrity_of(covered: &[u8], pwd: &str) -> [u8; INTEGRITY_LEN] {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, pwd.as_bytes());
    let mut context = hmac::Context::with_key(&key);
    let length = (covered.len() - HEADER_LEN + 4 + INTEGRITY_LEN) as u16;
    context.update(&covered[..2]);
    context.update(&length.to_be_bytes());
    context.update(&covered[4..]);
    let mut value = [0; INTEGRITY_LEN];
    value.copy_from_slice(context.sign().as_ref());
    value
}

fn xor_address(address: SocketAddr, transaction: &Transaction) -> Vec<u8> {
    let port = address.port() ^ (MAGIC >> 16) as u16;
    let mut mask = MAGIC.to_be_bytes().to_vec();
    mask.extend_from_slice(transaction);
    let (family, ip) = match address.ip().to_canonical() {
        IpAddr::V4(ip) => (1, ip.octets().to_vec()),
        IpAddr::V6(ip) => (2, ip.octets().to_vec()),
    };
    let mut value = vec![0, family];
    value.extend_from_slice(&port.to_be_bytes());
    value.extend(ip.iter().zip(&mask).map(|(octet, mask)| octet ^ mask));
    value
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}
