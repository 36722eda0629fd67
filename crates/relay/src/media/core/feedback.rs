//! RTCP both ways.

use super::Core;
use super::allowance::Verdict;
use super::leg::Purpose;
use crate::media::LegId;
use crate::media::rtcp::{self, Item, Writer};
use crate::media::shard::Wish;
use crate::media::{announce, want};
use forwarding::{ReceptionReport, StreamId};
use std::time::Instant;

impl Core {
    /// A peer's compound, decrypted. What is beyond a session's allowance is left out.
    pub(super) fn handle_rtcp(&mut self, id: LegId, compound: &[u8], now: Instant) {
        let mut is_flood = !self.may_report(id, 1, now);
        if !is_flood {
            rtcp::read(compound, &mut |item| {
                if self.may_report(id, cost(&item), now) {
                    self.handle_rtcp_item(id, &item, now);
                } else {
                    is_flood = true;
                }
            });
        }
        self.counters.flood += u64::from(is_flood);
    }

    fn may_report(&mut self, id: LegId, cost: u64, now: Instant) -> bool {
        let Some(leg) = self.legs.get_mut(&id) else {
            return false;
        };
        if leg.relay().is_some() {
            return true;
        }
        match leg.reports.spend(cost, now) {
            Verdict::Within => true,
            Verdict::Over { warn } => {
                if warn {
                    tracing::warn!(leg = id.0, "session floods with RTCP, it is left out");
                }
                false
            }
        }
    }

    fn handle_rtcp_item(&mut self, id: LegId, item: &Item<'_>, now: Instant) {
        match item {
            Item::SenderReport { ssrc, ntp, rtp } => {
                if let Some(stream) = self.stream_from(id, *ssrc) {
                    self.note_clock(stream, *ntp, now);
                    self.shards.handle_sender_report(stream, *ntp, *rtp);
                }
            }
            Item::TransportFeedback(message) => {
                self.shards.handle_feedback(id, message.to_vec());
            }
            Item::Block(block) => self.shards.note_block(id, *block),
            Item::Nack { ssrc, sequences } => {
                self.shards.handle_nack(id, *ssrc, sequences.clone());
            }
            Item::KeyframeRequest { ssrc } => {
                self.shards.handle_keyframe_request(id, *ssrc);
            }
            Item::App {
                ssrc,
                subtype,
                name,
                data,
            } if *name == announce::NAME => {
                if let Some(announcement) = announce::Announcement::read(*subtype, data) {
                    self.handle_announcement(id, *ssrc, announcement, now);
                }
            }
            Item::App {
                subtype,
                name,
                data,
                ..
            } if *name == want::NAME => self.handle_want(id, *subtype, data),
            // A publisher that says BYE for one stream goes on with another or closes the leg; both show by themselves.
            Item::Bye { .. } | Item::App { .. } => {}
        }
    }

    /// The stream a peer means by its own SSRC.
    fn stream_from(&self, id: LegId, ssrc: u32) -> Option<StreamId> {
        match &self.legs.get(&id)?.purpose {
            Purpose::Publish(publisher) => publisher
                .incoming()
                .find(|current| current.ssrc == ssrc)
                .map(|current| current.stream),
            Purpose::TrunkUp(dialler) => {
                dialler.streams.get(&ssrc).map(|announced| announced.stream)
            }
            Purpose::Watch(_) | Purpose::TrunkDown(_) => None,
        }
    }

    /// Passes the router's wishes on to where the streams come from.
    pub(super) fn flush_requests(&mut self) {
        for wish in self.shards.take_wishes() {
            match wish {
                Wish::Keyframe(stream) => {
                    let on_trunk = self
                        .origins
                        .get(&stream)
                        .is_some_and(|o| o.demand.is_some());
                    self.ask_origin(stream, |own, ssrc, compound| {
                        // Asked for, it is wanted, whatever became of the message that said so.
                        if on_trunk {
                            want::write_wanted(own, ssrc, compound);
                        }
                        compound.pli(own, ssrc);
                    });
                }
                Wish::Resend(stream, sequences) => {
                    self.ask_origin(stream, |own, ssrc, compound| {
                        compound.nack(own, ssrc, &sequences);
                    });
                }
            }
        }
    }

    fn ask_origin(&mut self, stream: StreamId, write: impl FnOnce(u32, u32, &mut Writer)) {
        let Some(origin) = self.origins.get(&stream).copied() else {
            return;
        };
        let mut compound = self.begin_compound(&[]);
        write(self.numbers.own_ssrc, origin.ssrc, &mut compound);
        self.shards.send_rtcp(origin.leg, compound);
    }

    /// Tells publishers what has come since they were last told, so that they find out what their lines carry: without,
    /// a browser stays at the rate it starts with.
    pub(super) fn send_transport_feedback(&mut self) {
        let (clock, own) = (self.shards.clock(), self.numbers.own_ssrc);
        let opening = self.begin_compound(&[]).0;
        for (id, leg) in &mut self.legs {
            let Purpose::Publish(publisher) = &mut leg.purpose else {
                continue;
            };
            let Some(arrivals) = &mut publisher.arrivals else {
                continue;
            };
            while let Some(feedback) = arrivals.log.poll_feedback(clock) {
                let mut compound = Writer(opening.clone());
                compound.transport_feedback(own, arrivals.ssrc, feedback);
                self.shards.send_rtcp(*id, compound);
            }
        }
    }

    /// A compound starts with a report and names its sender (RFC 3550 §6.1).
    pub(super) fn begin_compound(&self, blocks: &[ReceptionReport]) -> Writer {
        let mut compound = Writer::default();
        compound.receiver_report(self.numbers.own_ssrc, blocks);
        compound.cname(self.numbers.own_ssrc, self.shards.cname());
        compound
    }

    /// Receiver reports to everybody whose streams come to us.
    pub(super) fn report_reception(&mut self) {
        let mut blocks: std::collections::HashMap<LegId, Vec<ReceptionReport>> =
            std::collections::HashMap::new();
        for (stream, origin) in &self.origins {
            if origin.orphan_since.is_some() {
                continue;
            }
            if let Some(mut report) = self.shards.reception_report(*stream) {
                report.ssrc = origin.ssrc;
                blocks.entry(origin.leg).or_default().push(report);
            }
        }
        for (leg, blocks) in blocks {
            // One report's worth is below every path MTU.
            for blocks in blocks.chunks(rtcp::BLOCKS_MAX) {
                let compound = self.begin_compound(blocks);
                self.shards.send_rtcp(leg, compound);
            }
        }
    }
}

/// What an item costs a session's allowance: a NACK as much as the pairs of number and mask it takes.
fn cost(item: &Item<'_>) -> u64 {
    match item {
        Item::Nack { sequences, .. } => 1 + sequences.len() as u64 / 17,
        _ => 1,
    }
}
