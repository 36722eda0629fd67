//! Looking into handshake records without believing them: their frame, and what a ClientHello lists.

/// A DTLS record's frame (RFC 6347 §4.1).
#[derive(Clone, Copy)]
pub(super) struct Record<'a> {
    pub(super) kind: u8,
    pub(super) epoch: u16,
    pub(super) body: &'a [u8],
}

pub(super) const CHANGE_CIPHER_SPEC: u8 = 20;
pub(super) const ALERT: u8 = 21;
pub(super) const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SUPPORTED_GROUPS: u16 = 10;
const X25519: u16 = 0x001d;
const USE_SRTP: u16 = 14;
const AEAD_AES_128_GCM: u16 = 0x0007;

/// The records of a datagram; `None` when they do not fill it exactly.
pub(super) fn records(mut datagram: &[u8]) -> Option<Vec<Record<'_>>> {
    let mut found = Vec::new();
    while !datagram.is_empty() {
        let header = datagram.get(..13)?;
        let len = usize::from(u16::from_be_bytes([header[11], header[12]]));
        let body = datagram.get(13..13 + len)?;
        found.push(Record {
            kind: header[0],
            epoch: u16::from_be_bytes([header[3], header[4]]),
            body,
        });
        datagram = &datagram[13 + len..];
    }
    Some(found)
}

/// A handshake message fragment's frame (RFC 6347 §4.2.2).
pub(super) struct Fragment<'a> {
    pub(super) kind: u8,
    pub(super) length: usize,
    pub(super) offset: usize,
    pub(super) body: &'a [u8],
}

/// The fragments of a plaintext handshake record; `None` when one reaches beyond the record or its message, or when
/// something follows a part of a message: the endpoint steps on by the message's length, not the part's, and would find
/// headers where there are none.
pub(super) fn fragments(mut record: &[u8]) -> Option<Vec<Fragment<'_>>> {
    let u24 = |b: &[u8]| usize::from(b[0]) << 16 | usize::from(b[1]) << 8 | usize::from(b[2]);
    let mut found = Vec::new();
    while !record.is_empty() {
        let header = record.get(..12)?;
        let (length, offset, len) = (u24(&header[1..4]), u24(&header[6..9]), u24(&header[9..12]));
        let body = record.get(12..12 + len)?;
        let is_last = record.len() == 12 + len;
        if offset + len > length || (len < length && !is_last) {
            return None;
        }
        found.push(Fragment {
            kind: header[0],
            length,
            offset,
            body,
        });
        record = &record[12 + len..];
    }
    Some(found)
}

/// Collects a first ClientHello that may come in fragments and in any order.
#[derive(Default)]
pub(super) struct HelloCollector {
    message: Vec<u8>,
    present: Vec<bool>,
}

impl HelloCollector {
    /// Adds a fragment; the whole ClientHello once nothing is missing.
    pub(super) fn add(&mut self, fragment: &Fragment<'_>) -> Option<&[u8]> {
        if fragment.kind != CLIENT_HELLO {
            return None;
        }
        if self.message.len() != fragment.length {
            self.message = vec![0; fragment.length];
            self.present = vec![false; fragment.length];
        }
        let range = fragment.offset..fragment.offset + fragment.body.len();
        self.message
            .get_mut(range.clone())?
            .copy_from_slice(fragment.body);
        self.present.get_mut(range)?.fill(true);
        self.present
            .iter()
            .all(|present| *present)
            .then_some(&self.message)
    }
}

/// The better of what a ClientHello may list, as far as the choice is the server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Listed {
    /// SRTP_AEAD_AES_128_GCM, in use_srtp (RFC 5764 §4.1.1).
    pub(super) gcm: bool,
    /// The group x25519, in supported_groups (RFC 8422 §5.1.1).
    pub(super) x25519: bool,
}

impl Listed {
    pub(super) fn of(hello: &[u8]) -> Self {
        Self {
            gcm: lists(hello, USE_SRTP, AEAD_AES_128_GCM),
            x25519: lists(hello, SUPPORTED_GROUPS, X25519),
        }
    }
}

/// Whether an extension, which begins with a vector of 16-bit numbers, has this one.
fn lists(hello: &[u8], extension: u16, number: u16) -> bool {
    value(hello, extension)
        .and_then(|value| prefixed(value, 2))
        .is_some_and(|(list, _)| {
            list.chunks_exact(2)
                .any(|pair| pair == number.to_be_bytes())
        })
}

/// What an extension of a ClientHello says.
fn value(hello: &[u8], extension: u16) -> Option<&[u8]> {
    // client_version, random, session_id, cookie, cipher_suites, compression_methods (RFC 6347 §4.2.1).
    let rest = hello.get(34..)?;
    let (_, rest) = prefixed(rest, 1)?;
    let (_, rest) = prefixed(rest, 1)?;
    let (_, rest) = prefixed(rest, 2)?;
    let (_, rest) = prefixed(rest, 1)?;
    let (mut extensions, _) = prefixed(rest, 2)?;
    while !extensions.is_empty() {
        let kind = u16::from_be_bytes([*extensions.first()?, *extensions.get(1)?]);
        let (value, after) = prefixed(extensions.get(2..)?, 2)?;
        if kind == extension {
            return Some(value);
        }
        extensions = after;
    }
    None
}

/// Splits off a vector with a length of `width` bytes in front.
fn prefixed(bytes: &[u8], width: usize) -> Option<(&[u8], &[u8])> {
    let len = bytes
        .get(..width)?
        .iter()
        .fold(0, |len, byte| len << 8 | usize::from(*byte));
    Some((bytes.get(width..width + len)?, &bytes[width + len..]))
}
