//! How often one address may try: a bucket of tries for each, in a bounded table.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Overflow: addresses whose bucket is full again are forgotten first; while there are none, new
/// addresses share one bucket, so a flood from many addresses slows newcomers and grows nothing.
const ADDRESSES_MAX: usize = 4096;

/// A limit of tries per address.
pub struct RateLimit {
    tries_max: f64,
    refill_per_s: f64,
    buckets: Mutex<HashMap<IpAddr, Bucket>>,
}

#[derive(Clone, Copy)]
struct Bucket {
    tries: f64,
    filled_at: Instant,
}

impl RateLimit {
    /// `tries_max` at once, `refill_per_s` more each second.
    pub fn new(tries_max: u32, refill_per_s: f64) -> Self {
        Self {
            tries_max: f64::from(tries_max),
            refill_per_s,
            buckets: Mutex::new(HashMap::new()),
        }
    }

    /// Takes one try; or says how long until there is one.
    pub fn take(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let key = self.key(&mut buckets, address, now);
        let bucket = buckets.entry(key).or_insert(Bucket {
            tries: self.tries_max,
            filled_at: now,
        });
        bucket.tries = self.level(bucket, now);
        bucket.filled_at = now;
        if bucket.tries >= 1.0 {
            bucket.tries -= 1.0;
            return Ok(());
        }
        Err(Duration::from_secs_f64(
            (1.0 - bucket.tries) / self.refill_per_s,
        ))
    }

    /// Gives a try back: it was no guess.
    pub fn give_back(&self, address: IpAddr) {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = buckets.get_mut(&network(address)) {
            bucket.tries = (bucket.tries + 1.0).min(self.tries_max);
        }
    }

    fn level(&self, bucket: &Bucket, now: Instant) -> f64 {
        let waited = now
            .saturating_duration_since(bucket.filled_at)
            .as_secs_f64();
        (bucket.tries + waited * self.refill_per_s).min(self.tries_max)
    }

    fn key(&self, buckets: &mut HashMap<IpAddr, Bucket>, address: IpAddr, now: Instant) -> IpAddr {
        let key = network(address);
        if buckets.len() >= ADDRESSES_MAX && !buckets.contains_key(&key) {
            buckets.retain(|_, bucket| self.level(bucket, now) < self.tries_max);
            if buckets.len() >= ADDRESSES_MAX {
                return IpAddr::V6(Ipv6Addr::UNSPECIFIED);
            }
        }
        key
    }
}

/// One subscriber of IPv6 has a whole /64 to try from.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn address(n: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from_bits(0x0A00_0000 + n))
    }

    #[test]
    fn tries_run_out_and_come_back_and_neighbours_do_not_notice() {
        let limit = RateLimit::new(3, 0.5);
        let start = Instant::now();
        for _ in 0..3 {
            assert_eq!(limit.take(address(1), start), Ok(()));
        }
        assert_eq!(limit.take(address(1), start), Err(Duration::from_secs(2)));
        assert_eq!(limit.take(address(2), start), Ok(()));
        limit.give_back(address(1));
        assert_eq!(limit.take(address(1), start), Ok(()));
        assert_eq!(
            limit.take(address(1), start + Duration::from_secs(2)),
            Ok(())
        );
    }

    #[test]
    fn one_v6_network_is_one_address() {
        let limit = RateLimit::new(1, 0.5);
        let now = Instant::now();
        assert!(limit.take("2001:db8::1".parse().expect("v6"), now).is_ok());
        assert!(limit.take("2001:db8::2".parse().expect("v6"), now).is_err());
        assert!(
            limit
                .take("2001:db8:0:1::2".parse().expect("v6"), now)
                .is_ok()
        );
        assert!(
            limit
                .take("::ffff:10.0.0.1".parse().expect("v6"), now)
                .is_ok()
        );
        assert!(
            limit.take(address(1), now).is_err(),
            "the same host, by its v4 address"
        );
    }

    #[test]
    fn the_table_stays_bounded_and_still_answers() {
        let limit = RateLimit::new(2, 0.001);
        let now = Instant::now();
        for n in 0..20_000 {
            let _ = limit.take(address(n), now);
        }
        assert!(limit.buckets.lock().expect("ours").len() <= ADDRESSES_MAX + 1);
        assert!(
            limit.take(address(30_000), now).is_err(),
            "newcomers share what is left"
        );
        let later = now + Duration::from_secs(10_000);
        assert!(limit.take(address(30_000), later).is_ok());
    }
}
