//! One watching leg.

use super::packets::Stamp;
use super::rtcp::{self, Block};
use super::tally::Tally;
use super::transport::{Event, Transport};
use crate::statistics::Histogram;
use anyhow::{Result, bail};
use std::time::{Duration, Instant};

/// As browsers do.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// A browser that has media and no keyframe asks for one, and again after this long.
const ASK_FOR_KEYFRAME_EVERY: Duration = Duration::from_millis(300);
/// The load's own SSRC in RTCP.
const OWN_SSRC: u32 = 1;

/// What the server sends under one SSRC.
struct Source {
    ssrc: u32,
    highest: u64,
    last_report: Option<(u32, Instant)>,
}

/// One watching leg.
pub(super) struct Watcher {
    pub(super) transport: Transport,
    pub(super) tally: Tally,
    /// When its POST began.
    pub(super) asked_at: Instant,
    pub(super) connected_at: Option<Instant>,
    has_video: bool,
    sources: Vec<Source>,
    report_due: Option<Instant>,
    ask_due: Option<Instant>,
}

impl Watcher {
    pub(super) fn new(transport: Transport, has_video: bool, now: Instant) -> Self {
        Self {
            transport,
            tally: Tally::default(),
            asked_at: now,
            connected_at: None,
            has_video,
            sources: Vec::new(),
            report_due: None,
            ask_due: None,
        }
    }

    /// Whether it has all it needs to show something.
    pub(super) fn has_picture(&self) -> bool {
        !self.has_video || self.tally.keyframe_at().is_some()
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let dues = [self.transport.next_timeout(), self.report_due, self.ask_due];
        dues.into_iter().flatten().min()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) -> Result<()> {
        self.transport.handle_timeout(now)?;
        if self.report_due.is_some_and(|due| due <= now) {
            self.report_due = Some(now + REPORT_EVERY);
            let report = rtcp::receiver_report(OWN_SSRC, &self.blocks(now));
            self.transport.send_rtcp(&report)?;
        }
        if self.ask_due.is_some_and(|due| due <= now) {
            self.ask_due = (!self.has_picture()).then_some(now + ASK_FOR_KEYFRAME_EVERY);
            let source = self.sources.first().map(|source| source.ssrc);
            if let Some(ssrc) = source.filter(|_| self.ask_due.is_some()) {
                self.transport
                    .send_rtcp(&rtcp::picture_loss(OWN_SSRC, ssrc))?;
            }
        }
        Ok(())
    }

    fn blocks(&self, now: Instant) -> Vec<Block> {
        let block = |source: &Source| {
            let (last_report, since) = source.last_report.map_or((0, 0), |(middle, at)| {
                (middle, ((now - at).as_micros() * 65_536 / 1_000_000) as u32)
            });
            Block {
                ssrc: source.ssrc,
                highest: source.highest as u32,
                last_report,
                since,
            }
        };
        self.sources.iter().map(block).collect()
    }

    /// Takes a datagram that came at `now`, `now_us` on the clock of the stamps.
    pub(super) fn handle(
        &mut self,
        datagram: &mut [u8],
        now: Instant,
        now_us: u64,
        delays: &mut Histogram,
    ) -> Result<()> {
        match self.transport.handle(datagram, now)? {
            Event::None => {}
            Event::Connected => {
                self.connected_at = Some(now);
                self.report_due = Some(now + REPORT_EVERY);
                self.ask_due = self.has_video.then_some(now + ASK_FOR_KEYFRAME_EVERY);
            }
            Event::Rtp(opened) => {
                match self
                    .sources
                    .iter_mut()
                    .find(|source| source.ssrc == opened.ssrc)
                {
                    Some(source) => source.highest = source.highest.max(opened.index),
                    None => self.sources.push(Source {
                        ssrc: opened.ssrc,
                        highest: opened.index,
                        last_report: None,
                    }),
                }
                // What carries no stamp is none of the publisher's: probing, keep-alives.
                if let Some(stamp) = datagram.get(opened.payload).and_then(Stamp::read) {
                    self.tally.take(stamp, now, now_us, delays);
                }
            }
            Event::Unauthentic => self.tally.auth_failures += 1,
            Event::Rtcp(compound) => {
                for (ssrc, middle) in rtcp::read(&compound).reports {
                    if let Some(source) = self.sources.iter_mut().find(|source| source.ssrc == ssrc)
                    {
                        source.last_report = Some((middle, now));
                    }
                }
            }
            Event::Closed => bail!("the server has ended its leg"),
        }
        Ok(())
    }
}
