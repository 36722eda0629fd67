//! Which layer each slot of a leg is shown, given what its line carries.

use crate::limits::{LAYERS_MAX, SLOTS_MAX};
use crate::{Layer, StreamId};

/// A layer nobody has measured is taken for this many times the one below it.
const RATE_STEP: u64 = 3;

/// A lowest layer nobody has measured, bit/s.
const LOWEST_BPS: u64 = 150_000;

/// A better layer is taken when the leg's sum with it is at most this share of the estimate, a
/// current one kept up to all of it: measured rates wobble.
const RISE_SHARE: (u64, u64) = (9, 10);

/// One quality of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rung {
    pub(crate) stream: StreamId,
    pub(crate) layer: Layer,
    /// What it takes, bit/s; 0: never measured.
    pub(crate) bps: u64,
    /// Whether it would come if it were wanted.
    pub(crate) is_alive: bool,
}

/// A source's layers, the lowest first. Overflow: the highest are left out.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ladder {
    rungs: [Option<Rung>; LAYERS_MAX],
}

impl Ladder {
    /// Puts a rung in its place; one of the same layer is replaced.
    pub(crate) fn insert(&mut self, rung: Rung) {
        let mut carried = Some(rung);
        for place in &mut self.rungs {
            match (*place, carried) {
                (_, None) => return,
                (None, Some(_)) => {
                    *place = carried;
                    return;
                }
                (Some(is), Some(new)) if is.layer == new.layer => {
                    *place = carried;
                    return;
                }
                (Some(is), Some(new)) if is.layer > new.layer => {
                    *place = carried;
                    carried = Some(is);
                }
                (Some(_), Some(_)) => {}
            }
        }
    }

    /// Guesses what nobody has measured.
    pub(crate) fn guess_rates(&mut self) {
        let mut below = LOWEST_BPS / RATE_STEP;
        for rung in self.rungs.iter_mut().flatten() {
            if rung.bps == 0 {
                rung.bps = below.saturating_mul(RATE_STEP);
            }
            below = rung.bps;
        }
    }

    fn rungs(&self) -> impl DoubleEndedIterator<Item = &Rung> {
        self.rungs.iter().flatten()
    }

    pub(crate) fn find(&self, stream: StreamId) -> Option<&Rung> {
        self.rungs().find(|rung| rung.stream == stream)
    }

    /// The least that can be shown: the lowest layer that lives, else what is shown, else the best
    /// there ever was.
    fn base(&self, layer_max: Layer, current: Option<Layer>) -> Option<&Rung> {
        let mut alive = self.rungs().filter(|rung| rung.is_alive);
        alive
            .next()
            .or_else(|| self.rungs().find(|rung| Some(rung.layer) == current))
            .or_else(|| self.rungs().rfind(|rung| rung.layer <= layer_max))
            .or_else(|| self.rungs().next())
    }

    /// What may be shown, the best first.
    fn best_first(&self, layer_max: Layer) -> impl Iterator<Item = &Rung> {
        let fits = move |rung: &&Rung| rung.is_alive && rung.layer <= layer_max;
        self.rungs().rev().filter(fits)
    }
}

/// What a slot could show and now shows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    /// Of the leg.
    pub(crate) slot: usize,
    pub(crate) ladder: Ladder,
    pub(crate) layer_max: Layer,
    /// What it shows, or is about to.
    pub(crate) current: Option<Layer>,
    /// What it is sent meanwhile.
    pub(crate) playing: Option<Layer>,
    /// Not so soon after the line forced it down.
    pub(crate) may_rise: bool,
    pub(crate) choice: Option<Rung>,
}

/// A leg's wishes, in slot order, and what else it is sent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Allocation {
    pub(crate) wishes: [Option<Wish>; SLOTS_MAX],
    /// Sound and whatever else goes to it anyway, bit/s.
    pub(crate) fixed_bps: u64,
    /// What goes to it now, sound included, bit/s.
    pub(crate) flowing_bps: u64,
}

/// What a leg's slots take, bit/s of RTP, sound included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LegDemand {
    /// What they play, or will when the keyframe that they wait for is there.
    pub playing_bps: u64,
    /// The least they would take with one better layer somewhere; `None` when all play the best
    /// they ask for.
    pub next_bps: Option<u64>,
    /// With the best everywhere.
    pub best_bps: u64,
}

impl Allocation {
    pub(crate) fn add(&mut self, wish: Wish) {
        if let Some(place) = self.wishes.iter_mut().find(|place| place.is_none()) {
            *place = Some(wish);
        }
    }

    /// Everybody gets the least there is, then each slot in turn the best that still fits.
    pub(crate) fn decide(&mut self, rate_bps: Option<u64>) {
        let mut total = self.fixed_bps;
        for wish in self.wishes.iter_mut().flatten() {
            wish.choice = wish.ladder.base(wish.layer_max, wish.current).copied();
            total += wish.choice.map_or(0, |rung| rung.bps);
        }
        for wish in self.wishes.iter_mut().flatten() {
            let Some(base) = wish.choice else {
                continue;
            };
            let others = total - base.bps;
            let mut better = wish.ladder.best_first(wish.layer_max);
            let better = better.find(|rung| wish.affords(rung, others + rung.bps, rate_bps));
            if let Some(better) = better.filter(|better| better.layer > base.layer) {
                wish.choice = Some(*better);
                total = others + better.bps;
            }
        }
    }

    /// Whether so much more flows than the line carries that the keyframe of a lower layer would wait behind it.
    pub(crate) fn is_jammed(&self, rate_bps: Option<u64>) -> bool {
        rate_bps.is_some_and(|rate| rate.saturating_mul(2) < self.flowing_bps)
    }

    /// What the slots take, now and if they could.
    pub(crate) fn demand(&self) -> LegDemand {
        let wishes = || self.wishes.iter().flatten();
        let now = |wish: &Wish| wish.current_rung().map_or(0, |rung| rung.bps);
        let best = |wish: &Wish| {
            let best = wish.ladder.best_first(wish.layer_max).next();
            best.map_or(0, |rung| rung.bps).max(now(wish))
        };
        let step = |wish: &Wish| {
            let now = wish.current_rung();
            let better = wish.ladder.best_first(wish.layer_max);
            let better = better.filter(|rung| now.is_none_or(|now| rung.layer > now.layer));
            let next = better.last()?;
            Some(next.bps.saturating_sub(now.map_or(0, |now| now.bps)))
        };
        let playing_bps = self.fixed_bps + wishes().map(now).sum::<u64>();
        LegDemand {
            playing_bps,
            next_bps: wishes()
                .filter_map(step)
                .min()
                .map(|step| playing_bps + step),
            best_bps: self.fixed_bps + wishes().map(best).sum::<u64>(),
        }
    }
}

impl Wish {
    /// Whether the line takes a layer away: not the subscriber, who may want it back at once, nor the layer's own silence.
    pub(crate) fn is_forced_down(&self) -> bool {
        let best = self.ladder.best_first(self.layer_max).next();
        self.choice.is_some_and(|choice| {
            Some(choice.layer) < self.current && best.is_some_and(|best| best.layer > choice.layer)
        })
    }

    /// Whether a lower layer is to follow what it is sent.
    pub(crate) fn goes_down(&self) -> bool {
        self.choice
            .is_some_and(|rung| Some(rung.layer) < self.playing)
    }

    fn current_rung(&self) -> Option<&Rung> {
        self.ladder
            .rungs()
            .find(|rung| Some(rung.layer) == self.current)
    }

    /// Whether the leg's line carries `total` with this rung.
    fn affords(&self, rung: &Rung, total: u64, rate_bps: Option<u64>) -> bool {
        let Some(rate) = rate_bps else {
            return true;
        };
        let rises = self.current.is_some_and(|current| rung.layer > current);
        let (share, of) = RISE_SHARE;
        if rises {
            self.may_rise && total <= rate / of * share
        } else {
            total <= rate
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slab::Slab;

    fn ladder(rates: &[u64]) -> Ladder {
        let mut slab = Slab::new(8);
        let mut ladder = Ladder::default();
        for (layer, bps) in rates.iter().enumerate().rev() {
            let key = slab.insert_with(|key| key).unwrap();
            ladder.insert(Rung {
                stream: StreamId(key),
                layer: Layer(layer as u8),
                bps: *bps,
                is_alive: true,
            });
        }
        ladder.guess_rates();
        ladder
    }

    fn wish(slot: usize, rates: &[u64], current: Option<u8>) -> Wish {
        Wish {
            slot,
            ladder: ladder(rates),
            layer_max: Layer::BEST,
            current: current.map(Layer),
            playing: current.map(Layer),
            may_rise: true,
            choice: None,
        }
    }

    fn decided(wishes: &[Wish], rate: Option<u64>) -> Vec<u8> {
        let mut allocation = Allocation {
            fixed_bps: 50,
            ..Allocation::default()
        };
        for wish in wishes {
            allocation.add(*wish);
        }
        allocation.decide(rate);
        let wishes = allocation.wishes.iter().flatten();
        wishes.map(|wish| wish.choice.unwrap().layer.0).collect()
    }

    const RATES: [u64; 3] = [200, 700, 2_500];

    #[test]
    fn the_first_slot_rises_first_and_nobody_starves_the_lowest() {
        let two = [wish(0, &RATES, None), wish(1, &RATES, None)];
        assert_eq!(decided(&two, None), [2, 2]);
        assert_eq!(decided(&two, Some(5_050)), [2, 2]);
        assert_eq!(decided(&two, Some(5_049)), [2, 1]);
        assert_eq!(decided(&two, Some(2_750)), [2, 0]);
        assert_eq!(decided(&two, Some(2_749)), [1, 1]);
        assert_eq!(decided(&two, Some(10)), [0, 0], "the least is always there");
    }

    #[test]
    fn a_better_layer_needs_room_and_a_current_one_is_kept() {
        let at = |current, rate| decided(&[wish(0, &RATES, Some(current))], Some(rate))[0];
        assert_eq!(at(2, 2_550), 2);
        assert_eq!(at(2, 2_549), 1);
        assert_eq!(at(1, 2_830), 1);
        assert_eq!(at(1, 2_840), 2);
        let patient = Wish {
            may_rise: false,
            ..wish(0, &RATES, Some(1))
        };
        assert_eq!(decided(&[patient], Some(9_000)), [1]);
    }

    #[test]
    fn a_dead_layer_is_left_for_the_next_that_lives() {
        let mut wish = wish(0, &RATES, Some(2));
        for rung in wish.ladder.rungs.iter_mut().flatten() {
            rung.is_alive = rung.layer == Layer(0);
        }
        assert_eq!(decided(&[wish], None), [0]);
        for rung in wish.ladder.rungs.iter_mut().flatten() {
            rung.is_alive = false;
        }
        assert_eq!(decided(&[wish], None), [2], "what is shown stays");
        wish.current = None;
        wish.layer_max = Layer(1);
        assert_eq!(decided(&[wish], None), [1]);
    }

    #[test]
    fn nobody_is_shown_more_than_asked_for_and_the_unmeasured_is_guessed() {
        let capped = Wish {
            layer_max: Layer(1),
            ..wish(0, &[200, 0, 0], None)
        };
        assert_eq!(decided(&[capped], None), [1]);
        let rates: Vec<_> = capped.ladder.rungs().map(|rung| rung.bps).collect();
        assert_eq!(rates, [200, 600, 1_800]);
    }

    #[test]
    fn the_demand_says_what_the_next_step_takes() {
        let mut allocation = Allocation {
            fixed_bps: 50,
            ..Allocation::default()
        };
        allocation.add(wish(0, &RATES, Some(1)));
        allocation.add(wish(1, &[100, 300], Some(0)));
        let expected = LegDemand {
            playing_bps: 850,
            next_bps: Some(1_050),
            best_bps: 2_850,
        };
        assert_eq!(allocation.demand(), expected);
    }
}
