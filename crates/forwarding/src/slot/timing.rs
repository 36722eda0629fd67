//! A slot's timestamps over its switches.

use super::Slot;
use crate::SourceId;
use crate::ring::Stored;
use crate::sequence::{ticks, timestamp_after};
use crate::stream::Stream;
use std::time::Duration;

/// Least distance between the last picture of one source and the first of the next: two frames
/// with one timestamp would be taken for one frame.
const SWITCH_GAP: Duration = Duration::from_millis(20);

/// A slot empty for longer goes on as if it had been empty this long: a timestamp may not move by
/// half its range or it seems to go back (6.6 hours at 90 kHz).
const SWITCH_GAP_MAX: Duration = Duration::from_hours(1);

/// The same between two layers of one source, whose frames were taken at one instant.
const LAYER_GAP: Duration = Duration::from_millis(1);

/// Sender reports that put a packet farther than this from where its arrival puts it are not believed.
const CLOCK_ERROR_MAX: Duration = Duration::from_secs(2);

/// The publisher's clock in the slot's timestamps.
#[derive(Debug, Default)]
pub(super) struct Timing {
    /// Whose, an NTP time of his, and the timestamp of that instant.
    clock: Option<(SourceId, u64, u32)>,
    /// How much later than that clock says the timestamps now are, so that none came twice.
    lag: u32,
}

impl Timing {
    /// Follows a sender report of what plays, given in the slot's timestamps.
    pub(super) fn follow(&mut self, source: SourceId, ntp: u64, rtp: u32) {
        self.clock = Some((source, ntp, rtp.wrapping_sub(self.lag)));
    }

    /// The timestamp of an instant of a source's clock.
    fn timestamp_at(&self, source: SourceId, ntp: u64, clock_rate_hz: u32) -> Option<u32> {
        let (_, known_ntp, rtp) = self.clock.filter(|(known, ..)| *known == source)?;
        let distance = i128::from(ntp.wrapping_sub(known_ntp).cast_signed());
        let ticks = (distance * i128::from(clock_rate_hz)) >> 32;
        Some(rtp.wrapping_add(ticks as u32))
    }
}

impl Slot {
    /// The timestamp a stream begins with: where the clock that two layers share puts it, else as
    /// much later than the last picture as it came later.
    pub(super) fn first_timestamp(
        &mut self,
        stream: &Stream,
        stored: &Stored,
        now: Duration,
    ) -> u32 {
        let rate = stream.spec.codec.clock_rate_hz();
        let source = stream.spec.source;
        self.timing.lag = 0;
        let Some(last_sent_at) = self.last_sent_at else {
            return stored.header.timestamp;
        };
        let passed = stored.received_at.saturating_sub(last_sent_at);
        let gap = passed.clamp(SWITCH_GAP, SWITCH_GAP_MAX);
        let by_arrival = self.last_timestamp.wrapping_add(ticks(gap, rate));
        let ntp = ntp_of(stream, stored, now).filter(|_| self.shown == Some(source));
        let by_clock = ntp.and_then(|ntp| self.timing.timestamp_at(source, ntp, rate));
        let error_max = ticks(CLOCK_ERROR_MAX, rate);
        let is_likely =
            |at: &u32| at.wrapping_sub(by_arrival).cast_signed().unsigned_abs() < error_max;
        let Some(by_clock) = by_clock.filter(is_likely) else {
            return by_arrival;
        };
        let earliest = self.last_timestamp.wrapping_add(ticks(LAYER_GAP, rate));
        if timestamp_after(earliest, by_clock) {
            self.timing.lag = earliest.wrapping_sub(by_clock);
            return earliest;
        }
        by_clock
    }
}

/// When a packet was taken, by its publisher's clock.
fn ntp_of(stream: &Stream, stored: &Stored, now: Duration) -> Option<u64> {
    let (ntp, rtp) = stream.reception.mapping_at(now)?;
    let rate = i64::from(stream.spec.codec.clock_rate_hz());
    let distance = i64::from(stored.header.timestamp.wrapping_sub(rtp).cast_signed());
    Some(ntp.wrapping_add_signed((distance << 32) / rate))
}
