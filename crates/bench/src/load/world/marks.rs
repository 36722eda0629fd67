//! What has been received so far.

use super::World;
use crate::load::publisher::Publisher;
use crate::load::tally::Tally;
use crate::load::{AUDIO_PACKET_BYTES, VIDEO_PACKET_BYTES};
use crate::wire::{Delay, Marked};

impl World {
    pub(super) fn mark(&mut self, at_rest: bool) -> Marked {
        let sent = self
            .publisher
            .as_ref()
            .map_or((None, None), Publisher::sent);
        let (video, audio) = if at_rest { sent } else { (None, None) };
        let watched = || self.verified().map(|watcher| &watcher.tally);
        let floor = || self.floor.iter().map(|leg| &leg.tally);
        let marked = Marked {
            delivered: watched().map(Tally::delivered).sum(),
            bytes: watched()
                .map(|tally| {
                    tally.video.unique() * VIDEO_PACKET_BYTES as u64
                        + tally.audio.unique() * AUDIO_PACKET_BYTES as u64
                })
                .sum(),
            holes: watched().map(|tally| tally.holes(video, audio)).sum(),
            duplicates: watched().map(Tally::duplicates).sum(),
            auth_failures: watched()
                .chain(floor())
                .map(|tally| tally.auth_failures)
                .sum(),
            foreign: watched().map(|tally| tally.foreign).sum(),
            floor_delivered: floor().map(Tally::delivered).sum(),
            floor_holes: floor().map(|tally| tally.holes(None, None)).sum(),
            published: u64::from(sent.0.unwrap_or(0)) + u64::from(sent.1.unwrap_or(0)),
            publisher_nacks: self
                .publisher
                .as_ref()
                .map_or(0, |publisher| publisher.nacks),
            keyframes: self
                .publisher
                .as_ref()
                .map_or(0, |publisher| publisher.keyframes),
            delay_ms: Delay {
                p50: self.delays.percentile_ms(0.5),
                p99: self.delays.percentile_ms(0.99),
                max: self.delays.max_ms(),
            },
        };
        self.delays.clear();
        marked
    }
}
