//! Copies that nobody asked for: of what a leg has told to be lost, and ahead of that on lines that lose a lot.

use super::Router;
use crate::leg::Leg;
use crate::limits::{REPEAT_AGE_MAX, REPEAT_DELAY, REPEATS_MAX};
use crate::outlet::Why;
use crate::slot::Slot;
use crate::stream::SlotLink;
use crate::{Kind, LegId, Sink};
use std::collections::VecDeque;
use std::time::Duration;

/// Copies that wait for their time, the earliest first: all wait equally long.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    waiting: VecDeque<Repeat>,
}

#[derive(Clone, Copy, Debug)]
struct Repeat {
    link: SlotLink,
    index: u64,
    due: Duration,
    cause: Cause,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// Nothing may follow it for a while, so that its loss would show only with the next picture.
    Newest,
    /// It was lost once, and so may be its repetition.
    Lost,
}

impl Repeats {
    /// The slot of a leg that loses packets has sent what is new since `newest_before`.
    pub(super) fn follow(
        &mut self,
        link: SlotLink,
        slot: &Slot,
        newest_before: u64,
        now: Duration,
    ) {
        let index = slot.newest();
        if slot.spec.kind == Kind::Video && index > newest_before {
            self.wait(link, index, Cause::Newest, now);
        }
    }

    /// A packet of a slot was sent again.
    pub(super) fn second(&mut self, link: SlotLink, index: u64, now: Duration) {
        self.wait(link, index, Cause::Lost, now);
    }

    fn wait(&mut self, link: SlotLink, index: u64, cause: Cause, now: Duration) {
        if self.waiting.len() < REPEATS_MAX {
            self.waiting.push_back(Repeat {
                link,
                index,
                due: now + REPEAT_DELAY,
                cause,
            });
        }
    }

    fn next(&mut self, now: Duration) -> Option<Repeat> {
        self.waiting.pop_front_if(|repeat| repeat.due <= now)
    }

    pub(super) fn due(&self) -> Option<Duration> {
        Some(self.waiting.front()?.due)
    }
}

impl Router {
    /// Takes in what part of the packets a leg misses, in 1/256, as its receiver reports say (RFC 3550 §6.4.1). Where
    /// it stays above [`crate::limits::LOSSY_FROM`] every retransmission leaves twice, and the last packet of a picture
    /// once more as a retransmission, as long as no limit of its rate is known.
    pub fn note_leg_loss(&mut self, leg: LegId, fraction_lost: u8) {
        let key = self.leg_keys.get(&leg);
        if let Some(leg) = key.and_then(|key| self.legs.get_mut(*key)) {
            leg.loss.note(fraction_lost);
        }
    }

    /// A leg has told, by transport-wide feedback, that a packet did not arrive: the one it was sent under `ssrc` as
    /// `number`, or a retransmission of that number. It is sent again, unless another copy is under way. The leg may
    /// ask for it too, but its request may be lost, and it repeats that only after a tenth of a second.
    pub fn handle_loss(
        &mut self,
        leg: LegId,
        ssrc: u32,
        number: u16,
        now: Duration,
        sink: &mut impl Sink,
    ) {
        let now = self.advance(now);
        if let Some((link, index)) = self.find_lost(leg, ssrc, number)
            && self.repeat(link, index, Why::Again, now, sink)
            && self.legs.get(link.leg).is_some_and(Leg::repeats_ahead)
        {
            self.repeats.second(link, index, now);
        }
    }

    /// The packet that a leg tells as lost, if nothing under way repairs that.
    fn find_lost(&mut self, leg: LegId, ssrc: u32, number: u16) -> Option<(SlotLink, u64)> {
        let key = *self.leg_keys.get(&leg)?;
        let mut slots = self.legs.get_mut(key)?.slots_mut().iter_mut().enumerate();
        let (position, slot) = slots.find(|(_, slot)| slot.sends(ssrc))?;
        let index = slot.find(number)?.index;
        let is_open = if ssrc == slot.spec.ssrc {
            slot.repairs.note_lost(index)
        } else {
            slot.repairs.note_copy_lost(index)
        };
        let link = SlotLink {
            leg: key,
            slot: position,
        };
        is_open.then_some((link, index))
    }

    /// Sends the copies whose time has come.
    pub(super) fn send_repeats(&mut self, now: Duration, sink: &mut impl Sink) {
        while let Some(Repeat {
            link, index, cause, ..
        }) = self.repeats.next(now)
        {
            let slot = self.legs.slot(link);
            let is_newest = slot.is_some_and(|slot| slot.newest() == index);
            if cause == Cause::Lost || is_newest {
                self.repeat(link, index, Why::Ahead, now, sink);
            }
        }
    }

    /// Sends a retransmission of a slot's packet; `false`: it has none, it is too old, or the leg had enough of them.
    fn repeat(
        &mut self,
        link: SlotLink,
        index: u64,
        why: Why,
        now: Duration,
        sink: &mut impl Sink,
    ) -> bool {
        let Some(leg) = self.legs.get_mut(link.leg) else {
            return false;
        };
        let slot = leg.slots().get(link.slot);
        let sent = slot
            .filter(|slot| slot.can_repeat(index))
            .and_then(|slot| slot.at(index));
        let stream = sent.and_then(|sent| self.streams.get(sent.stream.0));
        let stored = sent
            .zip(stream)
            .and_then(|(sent, stream)| stream.ring.get(sent.unwrapped));
        let Some(stored) = stored.filter(|it| now <= it.received_at + REPEAT_AGE_MAX) else {
            return false;
        };
        if !leg.may_resend(stored.len(), now) {
            return false;
        }
        if let Some((slot, mut out)) = leg.slot_out(link.slot, sink) {
            slot.repeat(stored, index, why, &mut out);
        }
        true
    }
}
