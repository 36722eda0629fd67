//! Retransmissions under way.

use crate::limits::REPAIRS_MAX;
use std::collections::VecDeque;

/// Copies under way, by the index of the packet they repeat.
#[derive(Debug, Default)]
pub(crate) struct Repairs {
    /// At most [`REPAIRS_MAX`]; overflow: the oldest is forgotten, and its receiver has to ask.
    open: VecDeque<Repair>,
}

#[derive(Debug)]
struct Repair {
    index: u64,
    copies: u8,
    /// The packet did not arrive; otherwise a lost copy matters to nobody.
    is_lost: bool,
}

impl Repairs {
    /// A copy leaves, because the packet `is_lost` or only in case it is.
    pub(super) fn note_sent(&mut self, index: u64, is_lost: bool) {
        let repair = self.find_or_begin(index);
        repair.copies = repair.copies.saturating_add(1);
        repair.is_lost |= is_lost;
    }

    /// The packet was told as lost; `true` when no copy is under way.
    pub(crate) fn note_lost(&mut self, index: u64) -> bool {
        let repair = self.find_or_begin(index);
        repair.is_lost = true;
        repair.copies == 0
    }

    /// A copy was told as lost; `true` when the packet is too, and no other copy is under way.
    pub(crate) fn note_copy_lost(&mut self, index: u64) -> bool {
        let Some(repair) = self.open.iter_mut().rev().find(|it| it.index == index) else {
            return false;
        };
        repair.copies = repair.copies.saturating_sub(1);
        repair.is_lost && repair.copies == 0
    }

    fn find_or_begin(&mut self, index: u64) -> &mut Repair {
        let found = self.open.iter().rposition(|it| it.index == index);
        let position = found.unwrap_or_else(|| {
            if self.open.len() == REPAIRS_MAX {
                self.open.pop_front();
            }
            self.open.push_back(Repair {
                index,
                copies: 0,
                is_lost: false,
            });
            self.open.len() - 1
        });
        &mut self.open[position]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_sent_again_when_all_its_copies_are_lost() {
        let mut repairs = Repairs::default();
        assert!(repairs.note_lost(7));
        repairs.note_sent(7, true);
        repairs.note_sent(7, false);
        assert!(!repairs.note_lost(7), "told after it was repaired");
        assert!(!repairs.note_copy_lost(7), "one of two");
        assert!(repairs.note_copy_lost(7), "the other one");
    }

    #[test]
    fn a_lost_copy_of_what_arrived_matters_to_nobody() {
        let mut repairs = Repairs::default();
        repairs.note_sent(7, false);
        assert!(!repairs.note_copy_lost(7));
        repairs.note_sent(8, false);
        assert!(!repairs.note_lost(8), "the copy may arrive");
        assert!(repairs.note_copy_lost(8));
        assert!(!repairs.note_copy_lost(9), "padding");
    }

    #[test]
    fn what_is_watched_is_bounded() {
        let mut repairs = Repairs::default();
        (0..2 * REPAIRS_MAX as u64).for_each(|index| repairs.note_sent(index, true));
        assert_eq!(repairs.open.len(), REPAIRS_MAX);
        assert!(!repairs.note_copy_lost(0), "forgotten");
        assert!(repairs.note_copy_lost(2 * REPAIRS_MAX as u64 - 1));
    }
}
