//! Sequence numbers that do not wrap.

use std::time::Duration;

/// Added to a stream's first number, so that packets reordered before it stay above zero.
const FIRST_CYCLE: u64 = 1 << 16;

/// The unwrapped number of a stream's first packet.
pub(crate) fn first(sequence: u16) -> u64 {
    FIRST_CYCLE | u64::from(sequence)
}

/// The unwrapped number with these low 16 bits that lies nearest to `reference` (RFC 3550 A.1).
pub(crate) fn nearest(reference: u64, sequence: u16) -> Option<u64> {
    let distance = sequence.wrapping_sub(reference as u16).cast_signed();
    reference.checked_add_signed(i64::from(distance))
}

/// RFC 3550's extended number: cycles counted from the first packet.
pub(crate) fn extended(unwrapped: u64) -> u32 {
    unwrapped.wrapping_sub(FIRST_CYCLE) as u32
}

/// A time in ticks of a media clock, wrapping as RTP timestamps do.
pub(crate) fn ticks(time: Duration, clock_rate_hz: u32) -> u32 {
    let rate = u64::from(clock_rate_hz);
    let whole = time.as_secs().wrapping_mul(rate);
    whole.wrapping_add(u64::from(time.subsec_nanos()) * rate / 1_000_000_000) as u32
}

/// Whether RTP timestamp `a` comes after `b`, over the wrap.
pub(crate) fn timestamp_after(a: u32, b: u32) -> bool {
    a.wrapping_sub(b).cast_signed() > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_number_wins_over_the_wrap() {
        assert_eq!(nearest(0x1_ffff, 0), Some(0x2_0000));
        assert_eq!(nearest(0x2_0000, 0xffff), Some(0x1_ffff));
        assert_eq!(nearest(0x1_0005, 5), Some(0x1_0005));
        assert_eq!(nearest(3, 0xffff), None, "there is nothing before zero");
    }

    #[test]
    fn timestamps_compare_over_the_wrap() {
        assert!(timestamp_after(5, u32::MAX - 5));
        assert!(!timestamp_after(u32::MAX - 5, 5));
        assert!(!timestamp_after(7, 7));
    }

    #[test]
    fn ticks_wrap_with_the_media_clock() {
        assert_eq!(ticks(Duration::from_millis(20), 48_000), 960);
        let thirteen_hours = Duration::from_secs(13 * 3600 + 1);
        let expected = (13_u64 * 3600 + 1) * 90_000;
        assert_eq!(ticks(thirteen_hours, 90_000), expected as u32);
    }
}
