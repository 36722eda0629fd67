//! What the core knows of a stream's way here.

use super::Router;
use crate::StreamId;

impl Router {
    /// Whether a packet of this number would be new to a stream that has begun: redundancy that carries it is worth
    /// handing in.
    pub fn misses(&self, stream: StreamId, sequence: u16) -> bool {
        let stream = self.streams.get(stream.0);
        stream.is_some_and(|stream| stream.misses(sequence))
    }

    /// What is added to the NTP times of a stream's sender reports for slots, in units of 2^-32 s, wrapping: from the
    /// publisher's clock to ours, the same for all streams of a source. Trunks carry the publisher's.
    pub fn set_clock_offset(&mut self, stream: StreamId, offset: i64) {
        if let Some(stream) = self.streams.get_mut(stream.0) {
            stream.clock_offset = offset;
        }
    }

    /// Whether the origin has been told that nobody here wants the stream, and at what rate, bit/s, it would come (0:
    /// it is silent there too). While it is so, and for the first packet after, numbers that do not come are not
    /// missing.
    pub fn set_paused(&mut self, stream: StreamId, paused: Option<u64>) {
        if let Some(stream) = self.streams.get_mut(stream.0) {
            stream.set_paused(paused, self.now);
        }
    }
}
