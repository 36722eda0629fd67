//! The one connectivity check that a test needs (RFC 8489, RFC 8445 §7.2), written by hand so that it shares no code
//! with the relay's.

use aws_lc_rs::hmac;
use relay::media::IceCredentials;

/// A check by the peer `remote` of the relay's `local` credentials.
pub fn check(local: &IceCredentials, remote: &IceCredentials) -> Vec<u8> {
    let mut message = vec![0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42];
    message.extend_from_slice(&[7; 12]);
    let username = format!("{}:{}", local.ufrag, remote.ufrag);
    add(&mut message, 0x0006, username.as_bytes());
    add(&mut message, 0x802A, &[1; 8]);
    add(&mut message, 0x0025, &[]);
    add(&mut message, 0x0024, &[0x6E, 0, 1, 0xFF]);
    announce(&mut message, 24);
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, local.pwd.as_bytes());
    let tag = hmac::sign(&key, &message);
    add(&mut message, 0x0008, tag.as_ref());
    announce(&mut message, 8);
    let sum = rtc_stun::fingerprint::fingerprint_value(&message);
    add(&mut message, 0x8028, &sum.to_be_bytes());
    message
}

/// Writes an attribute, padded to 32 bits.
fn add(message: &mut Vec<u8>, kind: u16, value: &[u8]) {
    message.extend_from_slice(&kind.to_be_bytes());
    message.extend_from_slice(&u16::try_from(value.len()).expect("short").to_be_bytes());
    message.extend_from_slice(value);
    message.resize(message.len().next_multiple_of(4), 0);
}

/// Writes the length as it will be once `more` bytes have been added.
fn announce(message: &mut [u8], more: usize) {
    let length = u16::try_from(message.len() - 20 + more).expect("short");
    message[2..4].copy_from_slice(&length.to_be_bytes());
}

/// Whether this is the answer that the check hoped for.
pub fn is_success(datagram: &[u8]) -> bool {
    datagram.starts_with(&[1, 1]) && datagram.get(8..20) == Some(&[7; 12])
}
