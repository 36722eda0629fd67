//! What has been received so far.

use super::World;
use crate::load::publisher::Publisher;
use crate::load::tally::Tally;
use crate::wire::{Delay, Marked};
use anyhow::{Result, bail};

impl World {
    /// `at_rest`: nothing is under way any more. Then whoever has received nothing at all of what was sent is an error:
    /// without a first packet there is no hole after it either.
    pub(super) fn mark(&mut self, at_rest: bool) -> Result<Marked> {
        let sent = self
            .publisher
            .as_ref()
            .map_or((None, None), Publisher::sent);
        let (video, audio) = if at_rest { sent } else { (None, None) };
        let watched = || self.verified().map(|(_, watcher)| &watcher.tally);
        if at_rest {
            self.nobody_is_left_out(sent)?;
        }
        let floor = || self.floor.iter().map(|leg| &leg.tally);
        let marked = Marked {
            delivered: watched().map(Tally::delivered).sum(),
            holes: watched().map(|tally| tally.holes(video, audio)).sum(),
            auth_failures: watched()
                .chain(floor())
                .map(|tally| tally.auth_failures)
                .sum(),
            floor_delivered: floor().map(Tally::delivered).sum(),
            floor_holes: floor().map(|tally| tally.holes(None, None)).sum(),
            delay_ms: Delay {
                p50: self.delays.percentile_ms(0.5),
                p99: self.delays.percentile_ms(0.99),
                max: self.delays.max_ms(),
            },
        };
        self.delays.clear();
        Ok(marked)
    }

    fn nobody_is_left_out(&self, sent: (Option<u32>, Option<u32>)) -> Result<()> {
        let mut verified = self.verified();
        let missing = verified.find_map(|(number, watcher)| {
            watcher.connected_at?;
            let missing = watcher.tally.missing(sent.0, sent.1)?;
            Some(format!("hall {} got no {missing}", number + 1))
        });
        if let Some(missing) = missing {
            bail!(missing);
        }
        Ok(())
    }
}
