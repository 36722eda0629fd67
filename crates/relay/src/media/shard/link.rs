//! Between the core and a worker: two bounded queues without locks, and packet buffers that go round.

use super::{Order, StreamOrder, WireFigures};
use crate::media::departures::Totals;
use crate::media::leg_map::LegMap;
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;

/// Orders on their way to a worker: eight seconds of a 500 packets/s conference. A worker that far behind is lost.
/// Overflow: packets and feedback are dropped, counted; all else waits in order for its place.
const ORDERS_MAX: usize = 4096;
/// Buffers on their way back; beyond that they are freed.
const SPARE_MAX: usize = 1024;
/// Wishes on their way to the core; what finds no room is kept by the worker and sent later.
const WISHES_MAX: usize = 1024;

/// The core's end.
pub(in crate::media) struct Link {
    orders: Sender<Order>,
    spare: Receiver<Vec<u8>>,
    wishes: Receiver<FromWorker>,
    /// Orders that must not be dropped and found no room: a few a second for each leg and stream while the worker is behind.
    waiting: VecDeque<Order>,
    worker: Arc<OnceLock<Thread>>,
    /// Something was put in since the worker was last woken.
    is_told: bool,
    /// The worker is gone: a thread that has panicked. What it is told goes nowhere.
    pub(in crate::media) is_ended: bool,
    /// Orders dropped.
    pub(in crate::media) dropped: u64,
    /// What the worker has last told about itself.
    pub(in crate::media) figures: Figures,
    /// Streams that a leg there wants.
    pub(in crate::media) wanted: BTreeSet<u32>,
}

/// The worker's end.
pub(in crate::media) struct WorkerEnd {
    pub(in crate::media) orders: Receiver<Order>,
    spare: Sender<Vec<u8>>,
    wishes: Sender<FromWorker>,
    /// Not sent yet, because the core is behind. Overflow: not taken, for all of it is said again: what is wanted at the next
    /// telling, figures twice a second, a keyframe when the leg asks again.
    unsent: VecDeque<FromWorker>,
    pub(in crate::media) thread: Arc<OnceLock<Thread>>,
}

/// What a worker says.
#[derive(Debug)]
pub(in crate::media) enum FromWorker {
    /// A leg waits for a keyframe of this stream.
    Keyframe(u32),
    /// Whether any leg there plays, awaits or demands this stream.
    Wanted(u32, bool),
    Figures(Box<Figures>),
}

/// A worker's figures.
#[derive(Debug, Default)]
pub(in crate::media) struct Figures {
    pub(in crate::media) totals: Totals,
    pub(in crate::media) legs: LegMap<WireFigures>,
    /// Legs that each stream goes to.
    pub(in crate::media) watchers: BTreeMap<u32, u32>,
}

/// Both ends.
pub(in crate::media) fn link() -> (Link, WorkerEnd) {
    let (orders, orders_end) = bounded(ORDERS_MAX);
    let (spare_end, spare) = bounded(SPARE_MAX);
    let (wishes_end, wishes) = bounded(WISHES_MAX);
    let worker = Arc::new(OnceLock::new());
    let thread = worker.clone();
    let link = Link {
        orders,
        spare,
        wishes,
        waiting: VecDeque::new(),
        worker,
        is_told: false,
        is_ended: false,
        dropped: 0,
        figures: Figures::default(),
        wanted: BTreeSet::new(),
    };
    let end = WorkerEnd {
        orders: orders_end,
        spare: spare_end,
        wishes: wishes_end,
        unsent: VecDeque::new(),
        thread,
    };
    (link, end)
}

impl Link {
    /// Queues a packet in a used buffer.
    pub(in crate::media) fn put_rtp(&mut self, ssrc: u32, packet: &[u8]) {
        let mut buffer = self.spare.try_recv().unwrap_or_default();
        buffer.clear();
        buffer.extend_from_slice(packet);
        self.put(Order::Stream(ssrc, StreamOrder::Rtp(buffer)));
    }

    /// Queues an order.
    pub(in crate::media) fn put(&mut self, order: Order) {
        self.is_told = true;
        let left = if self.retry() {
            self.try_send(order)
        } else {
            Some(order)
        };
        match left {
            None => {}
            Some(order) if order.is_droppable() => self.dropped += 1,
            Some(order) => self.waiting.push_back(order),
        }
    }

    /// Queues what waits; `true` when nothing does any more.
    fn retry(&mut self) -> bool {
        while let Some(order) = self.waiting.pop_front() {
            if let Some(order) = self.try_send(order) {
                self.waiting.push_front(order);
                return false;
            }
        }
        true
    }

    /// Gives the order back when there is no room now.
    fn try_send(&mut self, order: Order) -> Option<Order> {
        match self.orders.try_send(order) {
            Ok(()) => None,
            Err(TrySendError::Full(order)) => Some(order),
            Err(TrySendError::Disconnected(_)) => {
                self.is_ended = true;
                None
            }
        }
    }

    /// Wakes the worker if there is something new for it. Costs a system call only when it sleeps.
    pub(in crate::media) fn wake(&mut self) {
        self.retry();
        if std::mem::take(&mut self.is_told)
            && let Some(thread) = self.worker.get()
        {
            thread.unpark();
        }
    }

    /// Whether the worker has been told something and not been woken for it.
    #[cfg(test)]
    pub(in crate::media) fn owes_a_wake(&self) -> bool {
        self.is_told
    }

    /// The next thing the worker said.
    pub(in crate::media) fn take(&mut self) -> Option<FromWorker> {
        self.wishes.try_recv().ok()
    }
}

impl WorkerEnd {
    /// Gives a packet's buffer back.
    pub(in crate::media) fn give_back(&self, buffer: Vec<u8>) {
        // Full: there are enough.
        let _ = self.spare.try_send(buffer);
    }

    /// Queues something for the core, after what has waited; `false` when too much waits already.
    pub(in crate::media) fn say(&mut self, wish: FromWorker) -> bool {
        let has_room = self.unsent.len() < WISHES_MAX;
        if has_room {
            self.unsent.push_back(wish);
        }
        has_room
    }

    /// Sends what is queued; `true` when the core has something new.
    pub(in crate::media) fn send(&mut self) -> bool {
        let mut sent = false;
        while let Some(wish) = self.unsent.pop_front() {
            if let Err(TrySendError::Full(wish)) = self.wishes.try_send(wish) {
                self.unsent.push_front(wish);
                break;
            }
            sent = true;
        }
        sent
    }
}

#[cfg(test)]
mod tests {
    use super::super::LegOrder;
    use super::*;
    use crate::media::LegId;

    fn remove(leg: u32) -> Order {
        Order::Leg(LegId(leg), LegOrder::Remove)
    }

    #[test]
    fn a_worker_that_is_behind_loses_packets_and_no_order() {
        let (mut link, end) = link();
        for leg in 0..ORDERS_MAX as u32 + 2 {
            link.put(remove(leg));
        }
        link.put_rtp(7, b"late");
        link.put(remove(u32::MAX));
        assert_eq!(link.dropped, 1, "the packet");

        let mut removed = Vec::new();
        while removed.last() != Some(&u32::MAX) {
            match end.orders.try_recv() {
                Ok(Order::Leg(leg, LegOrder::Remove)) => removed.push(leg.0),
                Ok(_) => panic!("a packet before what waited"),
                // What waited goes when the core wakes the worker next.
                Err(_) => link.wake(),
            }
        }
        let all = (0..ORDERS_MAX as u32 + 2).chain([u32::MAX]);
        assert!(removed.into_iter().eq(all), "every order, in order");
        link.put_rtp(7, b"in time");
        assert!(matches!(
            end.orders.try_recv(),
            Ok(Order::Stream(7, StreamOrder::Rtp(_)))
        ));
    }

    #[test]
    fn a_worker_that_is_gone_is_noticed_and_nothing_waits_for_it() {
        let (mut link, end) = link();
        for leg in 0..ORDERS_MAX as u32 + 2 {
            link.put(remove(leg));
        }
        assert!(!link.is_ended, "only behind");
        drop(end);
        link.put(remove(u32::MAX));
        assert!(link.is_ended && link.waiting.is_empty());
    }

    #[test]
    fn buffers_go_round() {
        let (mut link, end) = link();
        link.put_rtp(7, &[1; 1200]);
        let Ok(Order::Stream(_, StreamOrder::Rtp(buffer))) = end.orders.try_recv() else {
            panic!("no packet");
        };
        let place = buffer.as_ptr();
        end.give_back(buffer);
        link.put_rtp(7, &[2; 1100]);
        let Ok(Order::Stream(_, StreamOrder::Rtp(buffer))) = end.orders.try_recv() else {
            panic!("no packet");
        };
        assert_eq!((buffer.as_ptr(), buffer), (place, vec![2; 1100]));
    }

    #[test]
    fn a_core_that_is_behind_hears_it_later() {
        let (mut link, mut end) = link();
        let count = WISHES_MAX as u32 + 5;
        for ssrc in 0..count {
            end.say(FromWorker::Keyframe(ssrc));
            end.send();
        }
        let mut heard = 0;
        loop {
            while let Some(FromWorker::Keyframe(ssrc)) = link.take() {
                assert_eq!(ssrc, heard);
                heard += 1;
            }
            if !end.send() {
                break;
            }
        }
        assert_eq!(heard, count);
    }
}
