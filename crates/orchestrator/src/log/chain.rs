//! The hash chain: each row seals the one before it.

use sha2::{Digest, Sha256};

/// A SHA-256 (FIPS 180-4).
pub(super) type Hash = [u8; 32];

/// What the first row of a stream stands on.
pub(super) const GENESIS: Hash = [0; 32];

/// Hash of one row. Lengths go before texts, so no two rows spell the same bytes.
pub(super) fn link(previous: &Hash, stream: &str, seq: u64, at_us: i64, body: &[u8]) -> Hash {
    let mut hash = Sha256::new();
    hash.update(b"diemcau log v1\0");
    hash.update(previous);
    hash.update((stream.len() as u64).to_be_bytes());
    hash.update(stream.as_bytes());
    hash.update(seq.to_be_bytes());
    hash.update(at_us.to_be_bytes());
    hash.update((body.len() as u64).to_be_bytes());
    hash.update(body);
    hash.finalize().into()
}

/// A hash as people write it down: 64 hexadecimal digits.
pub(super) fn hex(hash: &Hash) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or_default();
    hash.iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes that are hashed are a promise: a log must verify under every later version.
    #[test]
    fn the_first_link_of_a_chain_never_changes() {
        let first = link(&GENESIS, "installation", 1, 1_616_800_000_000_000, b"{}");
        assert_eq!(
            hex(&first),
            "69a0da0fd7383e36181bbeb881e521563915f9c6deba74e88dbef8d3c747b16d"
        );
    }
}
