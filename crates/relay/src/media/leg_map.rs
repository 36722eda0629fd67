//! Maps by leg that cost a multiplication: the numbers are ours, so nobody can choose them to collide.

use super::LegId;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map keyed by leg, looked into for every packet that comes or goes.
pub(super) type LegMap<T> = HashMap<LegId, T, BuildHasherDefault<LegHasher>>;

/// Fibonacci hashing.
#[derive(Default)]
pub(super) struct LegHasher(u64);

/// 2^64 divided by the golden ratio: consecutive numbers fall far apart.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

impl Hasher for LegHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, number: u32) {
        self.0 = (self.0 ^ u64::from(number)).wrapping_mul(SPREAD);
    }
}
