//! Reception statistics of a stream, by the book: RFC 3550 appendices A.1, A.3 and A.8.

use crate::ReceptionReport;
use crate::limits::SENDER_REPORT_INTERVAL;
use crate::sequence::{extended, ticks};
use std::time::Duration;

/// A mapping this old, on a stream that was paused, is not carried on: clocks drift by 100 ppm, and a viewer notices
/// 40 ms between sound and picture.
const MAPPING_AGE_MAX: Duration = Duration::from_mins(2);

/// Counts every accepted sequence number once: a copy from a second parent is no reception.
#[derive(Debug)]
pub(crate) struct Reception {
    clock_rate_hz: u32,
    /// Unwrapped number of the earliest packet.
    base: u64,
    received: u64,
    /// Numbers that were never to come.
    skipped: u64,
    expected_prior: u64,
    received_prior: u64,
    /// Arrival minus timestamp of the last packet, in ticks.
    transit: u32,
    /// Scaled by 16.
    jitter: u32,
    sender_report: Option<SenderInfo>,
    /// When one was last passed on.
    report_passed_at: Option<Duration>,
}

/// The origin's last sender report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SenderInfo {
    pub(crate) ntp: u64,
    pub(crate) rtp: u32,
    pub(crate) at: Duration,
}

impl Reception {
    pub(crate) fn new(clock_rate_hz: u32) -> Self {
        Self {
            clock_rate_hz,
            base: 0,
            received: 0,
            skipped: 0,
            expected_prior: 0,
            received_prior: 0,
            transit: 0,
            jitter: 0,
            sender_report: None,
            report_passed_at: None,
        }
    }

    /// Counts a packet. Only one newer than all before it tells jitter: a resent one comes late by
    /// its round trip, which is no property of the path.
    pub(crate) fn count(&mut self, sequence: u64, timestamp: u32, is_newest: bool, now: Duration) {
        let transit = ticks(now, self.clock_rate_hz).wrapping_sub(timestamp);
        if self.received == 0 {
            self.base = sequence;
            self.transit = transit;
        } else if is_newest {
            let difference = transit.wrapping_sub(self.transit).cast_signed();
            let magnitude = difference.unsigned_abs();
            self.jitter = self
                .jitter
                .saturating_add(magnitude)
                .saturating_sub((self.jitter + 8) >> 4);
            self.transit = transit;
        }
        self.base = self.base.min(sequence);
        self.received += 1;
    }

    /// So many numbers are not expected.
    pub(crate) fn skip(&mut self, numbers: u64) {
        self.skipped += numbers;
    }

    /// Number of the earliest packet; `None` before any.
    pub(crate) fn base(&self) -> Option<u64> {
        (self.received > 0).then_some(self.base)
    }

    pub(crate) fn jitter(&self) -> Duration {
        let ticks = f64::from(self.jitter >> 4);
        Duration::from_secs_f64(ticks / f64::from(self.clock_rate_hz))
    }

    pub(crate) fn set_sender_report(&mut self, info: SenderInfo) {
        self.sender_report = Some(info);
    }

    /// Whether another report may be passed on now; then it counts as passed on.
    pub(crate) fn may_pass_report(&mut self, now: Duration) -> bool {
        let is_due = self
            .report_passed_at
            .is_none_or(|at| now.saturating_sub(at) >= SENDER_REPORT_INTERVAL);
        if is_due {
            self.report_passed_at = Some(now);
        }
        is_due
    }

    /// The origin's NTP–RTP mapping, carried on to `now` by its media clock; `None` when none is known, or only one of
    /// long ago.
    pub(crate) fn mapping_at(&self, now: Duration) -> Option<(u64, u32)> {
        let SenderInfo { ntp, rtp, at } = self.sender_report?;
        let passed = now.saturating_sub(at);
        if passed > MAPPING_AGE_MAX {
            return None;
        }
        let fraction = (u64::from(passed.subsec_nanos()) << 32) / 1_000_000_000;
        let passed_ntp = passed.as_secs() << 32 | fraction;
        Some((
            ntp.wrapping_add(passed_ntp),
            rtp.wrapping_add(ticks(passed, self.clock_rate_hz)),
        ))
    }

    /// The report block; `None` before the first packet.
    pub(crate) fn report(
        &mut self,
        ssrc: u32,
        highest: u64,
        now: Duration,
    ) -> Option<ReceptionReport> {
        if self.received == 0 {
            return None;
        }
        let expected = (highest.saturating_sub(self.base) + 1).saturating_sub(self.skipped);
        let expected_interval = expected - self.expected_prior.min(expected);
        let received_interval = self.received - self.received_prior;
        let lost_interval = expected_interval.saturating_sub(received_interval);
        self.expected_prior = expected;
        self.received_prior = self.received;
        let lost = expected.cast_signed() - self.received.cast_signed();
        let origin = self.sender_report;
        Some(ReceptionReport {
            ssrc,
            fraction_lost: (lost_interval * 256)
                .checked_div(expected_interval)
                .map_or(0, |fraction| fraction.min(255) as u8),
            cumulative_lost: lost.clamp(-0x80_0000, 0x7f_ffff) as i32,
            highest_sequence: extended(highest),
            jitter: self.jitter >> 4,
            last_sender_report: origin.map_or(0, |info| (info.ntp >> 16) as u32),
            delay_since_last: origin.map_or(0, |info| ticks(now.saturating_sub(info.at), 65_536)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn loss_is_counted_per_interval_and_in_total() {
        let mut reception = Reception::new(90_000);
        for sequence in (65_530..65_550).filter(|sequence| sequence % 4 != 0) {
            reception.count(sequence, 0, true, MS);
        }
        let report = reception.report(7, 65_549, MS).unwrap();
        assert_eq!(report.cumulative_lost, 5);
        assert_eq!(report.fraction_lost, 64, "a quarter");
        let quiet = reception.report(7, 65_549, MS).unwrap();
        assert_eq!((quiet.fraction_lost, quiet.cumulative_lost), (0, 5));
    }

    #[test]
    fn an_even_stream_has_no_jitter_and_an_uneven_one_has() {
        let mut even = Reception::new(48_000);
        let mut uneven = Reception::new(48_000);
        for n in 0..200_u32 {
            let due = MS * 20 * n;
            even.count(u64::from(n), n * 960, true, due);
            uneven.count(u64::from(n), n * 960, true, due + MS * 10 * (n % 2));
        }
        assert_eq!(even.jitter(), Duration::ZERO);
        let ms = uneven.jitter().as_secs_f64() * 1e3;
        assert!((9.0..=10.1).contains(&ms), "converges to 10 ms: {ms}");
    }

    #[test]
    fn the_last_sender_report_comes_back_with_its_delay() {
        let mut reception = Reception::new(90_000);
        reception.count(1, 0, true, MS);
        reception.set_sender_report(SenderInfo {
            ntp: 0x1122_3344_5566_7788,
            rtp: 1_000,
            at: MS,
        });
        let report = reception.report(7, 1, MS * 501).unwrap();
        assert_eq!(report.last_sender_report, 0x3344_5566);
        assert_eq!(report.delay_since_last, 32_768);
        let (ntp, rtp) = reception.mapping_at(MS * 501).unwrap();
        assert_eq!(rtp, 46_000);
        assert_eq!(ntp - 0x1122_3344_5566_7788, 1 << 31, "half a second");
    }
}
