//! What the packets of a fifth of a second have seen.

use super::sent::Fate;

/// Long enough to hold several frames, so that the smallest delay in it is that of a standing queue and not of a
/// frame behind its own packets; short enough to notice a narrow link within half a second.
const SPAN_US: i64 = 200_000;
/// Fewer packets say little.
const PACKETS_MIN: u32 = 5;
/// A trickle closes a span too, in the end.
const SPAN_MAX_US: i64 = 1_000_000;

/// A closed span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) received: u32,
    pub(super) lost: u32,
    pub(super) bytes_received: u64,
    pub(super) bytes_lost: u64,
    /// From the last arrival of the span before.
    pub(super) arrival_us: i64,
    pub(super) sending_us: i64,
    /// The smallest and the mean queueing delay.
    pub(super) queue_us: i64,
    pub(super) queue_mean_us: i64,
}

impl Span {
    /// Delivered, bits per second.
    pub(super) fn delivered_bps(&self) -> u64 {
        bps(self.bytes_received, self.arrival_us)
    }

    /// Sent, bits per second.
    pub(super) fn sent_bps(&self) -> u64 {
        bps(self.bytes_received + self.bytes_lost, self.sending_us)
    }

    /// What several spans saw together.
    pub(super) fn sum(spans: impl Iterator<Item = Self>) -> Self {
        let mut sum = Self {
            queue_us: i64::MAX,
            ..Self::default()
        };
        for span in spans {
            sum.received += span.received;
            sum.lost += span.lost;
            sum.bytes_received += span.bytes_received;
            sum.bytes_lost += span.bytes_lost;
            sum.arrival_us += span.arrival_us;
            sum.sending_us += span.sending_us;
            sum.queue_us = sum.queue_us.min(span.queue_us);
            sum.queue_mean_us = sum.queue_mean_us.max(span.queue_mean_us);
        }
        sum
    }

    /// Lost packets of all, 0 to 1.
    pub(super) fn loss(&self) -> f64 {
        let all = self.received + self.lost;
        if all == 0 {
            return 0.0;
        }
        f64::from(self.lost) / f64::from(all)
    }

    pub(super) fn packets(&self) -> u32 {
        self.received + self.lost
    }
}

pub(super) fn bps(bytes: u64, us: i64) -> u64 {
    let us = us.max(1).unsigned_abs();
    bytes.saturating_mul(8_000_000) / us
}

/// The span that is being filled.
#[derive(Debug, Default)]
pub(super) struct OpenSpan {
    span: Span,
    queue_sum_us: i64,
    /// Where the span before ended, on the receiver's clock and on ours.
    began: Option<(i64, i64)>,
    newest_arrival_us: i64,
    newest_sent_us: i64,
}

impl OpenSpan {
    /// Takes a packet's fate; its queueing delay if it arrived. Returns the span that this packet closes.
    pub(super) fn add(&mut self, fate: &Fate, queue_us: i64) -> Option<Span> {
        let bytes = u64::from(fate.bytes);
        let Some(arrived_us) = fate.arrived_us else {
            self.span.lost += 1;
            self.span.bytes_lost += bytes;
            self.newest_sent_us = self.newest_sent_us.max(fate.sent_us);
            return self.close_if_full();
        };
        let Some(_) = self.began else {
            // The first packet only starts the clock: its bytes came before it.
            self.began = Some((arrived_us, fate.sent_us));
            self.newest_arrival_us = arrived_us;
            self.newest_sent_us = fate.sent_us;
            return None;
        };
        if fate.was_missing && self.span.lost > 0 {
            self.span.lost -= 1;
            self.span.bytes_lost = self.span.bytes_lost.saturating_sub(bytes);
        }
        self.span.queue_us = match self.span.received {
            0 => queue_us,
            _ => self.span.queue_us.min(queue_us),
        };
        self.queue_sum_us = self.queue_sum_us.saturating_add(queue_us);
        self.span.received += 1;
        self.span.bytes_received += bytes;
        self.newest_arrival_us = self.newest_arrival_us.max(arrived_us);
        self.newest_sent_us = self.newest_sent_us.max(fate.sent_us);
        self.close_if_full()
    }

    fn close_if_full(&mut self) -> Option<Span> {
        let (arrival, sent) = self.began?;
        let arrival_us = self.newest_arrival_us.saturating_sub(arrival);
        let sending_us = self.newest_sent_us.saturating_sub(sent);
        // By arrival: what a stalled radio lets go at once, and what comes after it, belong together.
        let is_full = arrival_us >= SPAN_US && self.span.packets() >= PACKETS_MIN;
        if !is_full && arrival_us.max(sending_us) < SPAN_MAX_US {
            return None;
        }
        let received = i64::from(self.span.received);
        let closed = Span {
            arrival_us,
            sending_us,
            queue_mean_us: self.queue_sum_us.checked_div(received).unwrap_or(0),
            ..self.span
        };
        self.span = Span::default();
        self.queue_sum_us = 0;
        self.began = Some((self.newest_arrival_us, self.newest_sent_us));
        Some(closed)
    }
}
