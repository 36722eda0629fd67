//! Figures for reports.

use super::Router;
use crate::stream::{SlotLink, Stream};
use crate::{LegId, LegStats, ReceptionReport, RouterStats, StreamId, StreamStats};
use std::time::Duration;

impl Router {
    /// A stream's figures.
    pub fn stream_stats(&self, stream: StreamId, now: Duration) -> Option<StreamStats> {
        let stream = self.streams.get(stream.0)?;
        Some(StreamStats {
            watchers: self.watchers(stream),
            ..stream.stats(now)
        })
    }

    fn watchers(&self, stream: &Stream) -> u32 {
        let trunks = stream.trunks.iter().filter(|link| link.is_active()).count();
        let plays = |link: &&SlotLink| {
            let slot = self.legs.slot(**link);
            slot.is_some_and(|slot| slot.playing == Some(stream.id))
        };
        (trunks + stream.slots.iter().filter(plays).count()) as u32
    }

    /// The reception report block about a stream; its fraction lost counts from the last call.
    /// `None` before the first packet.
    pub fn reception_report(&mut self, stream: StreamId, now: Duration) -> Option<ReceptionReport> {
        let stream = self.streams.get_mut(stream.0)?;
        let highest = stream.highest()?;
        stream.reception.report(stream.spec.ssrc, highest, now)
    }

    /// A leg's figures.
    pub fn leg_stats(&self, leg: LegId) -> Option<LegStats> {
        Some(self.leg(leg)?.stats)
    }

    /// The router's own figures.
    pub fn stats(&self) -> RouterStats {
        RouterStats {
            streams: self.streams.len() as u32,
            legs: self.legs.len() as u32,
            unsent: self.unsent,
            unknown_stream: self.unknown_stream,
            unknown_feedback: self.unknown_feedback,
        }
    }
}
