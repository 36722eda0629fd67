//! Random values for the wire: ICE credentials, transaction ids, the CNAME.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};

/// Random bytes. Falls back to nothing: a machine without randomness cannot speak DTLS either.
pub(super) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if SystemRandom::new().fill(&mut bytes).is_err() {
        // The operating system's generator does not fail once booted; going on with zeros would be guessable.
        std::process::abort();
    }
    bytes
}

/// `N` characters out of the 64 ice-chars (RFC 8445 §5.3), 6 bits each.
pub(super) fn ice_chars<const N: usize>() -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let drawn = bytes::<N>().into_iter();
    drawn
        .map(|byte| char::from(ALPHABET[usize::from(byte & 63)]))
        .collect()
}
