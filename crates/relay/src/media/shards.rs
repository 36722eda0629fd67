//! All sending halves behind one face: the core says what is to be done, each leg's own shard does it.

use super::LegId;
use super::departures::Totals;
use super::leg_map::LegMap;
use super::rtcp::{Block, Writer};
use super::shard::{
    Connection, FromWorker, LegOrder, Link, Order, Sending, Shard, StreamOrder, WireFigures, Wish,
    link,
};
use super::transmit::Transmit;
use super::worker::Worker;
use forwarding::limits::SUBSCRIPTIONS_MAX;
use forwarding::{
    Arrival, Layer, ReceptionReport, Refusal, SourceId, StreamId, StreamSpec, StreamStats,
};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// What a leg costs at the shard whose thread also takes in what all legs and publishers send, and what at another:
/// with 50 legs each, measured, the first thread was busy 58 to the other's 42.
const HERE: usize = 4;
const THERE: usize = 3;

/// The sending halves.
pub(super) struct Shards {
    /// The one in the core's own thread; its router is the one that asks for what is missing.
    here: Shard,
    /// To the workers.
    links: Vec<Link>,
    /// The shard of each leg that gets media: 0 is the one here, 1 the first worker's.
    placed: LegMap<usize>,
    /// Legs with media, by shard.
    loads: Vec<usize>,
    /// What their trunks are subscribed to.
    subscriptions: LegMap<BTreeSet<SourceId>>,
    cname: String,
    burst: Duration,
    /// Another datagram of the same batch follows: workers need not be woken for this one.
    more_follows: bool,
}

impl Shards {
    /// `burst`: how long a leg's rate may be sent at once.
    pub(super) fn new(
        cname: String,
        burst: Duration,
        transmit: Box<dyn Transmit>,
        now: Instant,
    ) -> Self {
        Self {
            here: Shard::new(cname.clone(), burst, transmit, now),
            burst,
            links: Vec::new(),
            placed: LegMap::default(),
            loads: vec![0],
            subscriptions: LegMap::default(),
            cname,
            more_follows: false,
        }
    }

    /// One more shard, to be run by a thread of its own. Before the first stream.
    pub(super) fn add_worker(&mut self, transmit: Box<dyn Transmit>, now: Instant) -> Worker {
        let (link, end) = link();
        self.links.push(link);
        self.loads.push(0);
        let shard = Shard::new(self.cname.clone(), self.burst, transmit, now);
        Worker::new(shard, end, now)
    }

    /// The CNAME of everything that is sent.
    pub(super) fn cname(&self) -> &str {
        &self.cname
    }

    /// Tells the time, before anything else.
    pub(super) fn set_now(&mut self, now: Instant) {
        self.here.set_now(now);
    }

    /// The time told, since the start.
    pub(super) fn clock(&self) -> Duration {
        self.here.clock()
    }

    /// Does what has become due.
    pub(super) fn handle_timeout(&mut self) {
        self.here.handle_timeout();
    }

    /// When [`Self::handle_timeout`] is due.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.here.next_timeout()
    }

    /// Sends a datagram as it is: STUN and DTLS.
    pub(super) fn push(&mut self, to: SocketAddr, bytes: impl AsRef<[u8]>) {
        self.here.wires.push(to, bytes);
    }

    /// Says whether more datagrams of the same batch follow.
    pub(super) fn expect_more(&mut self, more_follows: bool) {
        self.more_follows = more_follows;
    }

    /// Sends what has been collected, unless more of the batch may join it: a publisher's frame comes in one batch, and
    /// where few legs take it, it leaves as one burst.
    pub(super) fn flush(&mut self) {
        if !self.more_follows {
            self.here.wires.departures.flush();
            self.wake();
        }
    }

    fn wake(&mut self) {
        self.links.iter_mut().for_each(Link::wake);
    }

    /// Whether a worker has been told something and not been woken for it.
    #[cfg(test)]
    pub(super) fn owes_a_wake(&self) -> bool {
        self.links.iter().any(Link::owes_a_wake)
    }

    /// Whether a worker's thread has ended before this one.
    pub(super) fn has_lost_worker(&self) -> bool {
        self.links.iter().any(|link| link.is_ended)
    }

    /// Hears the workers; true when they want other streams than before.
    pub(super) fn hear(&mut self) -> bool {
        let mut wants_change = false;
        for index in 0..self.links.len() {
            while let Some(said) = self.links.get_mut(index).and_then(Link::take) {
                wants_change |= matches!(said, FromWorker::Wanted(..));
                self.heed(index, said);
            }
        }
        wants_change
    }

    fn heed(&mut self, worker: usize, said: FromWorker) {
        let Some(link) = self.links.get_mut(worker) else {
            return;
        };
        match said {
            FromWorker::Keyframe(ssrc) => {
                if let Some(stream) = self.here.router.stream_by_ssrc(ssrc) {
                    self.want_keyframe(stream);
                }
            }
            FromWorker::Wanted(ssrc, true) => drop(link.wanted.insert(ssrc)),
            FromWorker::Wanted(ssrc, false) => drop(link.wanted.remove(&ssrc)),
            FromWorker::Figures(figures) => link.figures = *figures,
        }
    }

    /// What the streams' origins are to be asked for.
    pub(super) fn take_wishes(&mut self) -> Vec<Wish> {
        std::mem::take(&mut self.here.wires.wishes)
    }
}

/// Streams: every shard has all of them.
impl Shards {
    pub(super) fn open_stream(&mut self, spec: StreamSpec) -> Result<StreamId, Refusal> {
        let clock = self.here.clock();
        let stream = self.here.router.open_stream(spec, clock)?;
        self.put_everywhere(spec.ssrc, || StreamOrder::Open(spec));
        Ok(stream)
    }

    pub(super) fn close_stream(&mut self, stream: StreamId) {
        let Some(spec) = self.stream_spec(stream) else {
            return;
        };
        self.here.router.close_stream(stream);
        self.put_everywhere(spec.ssrc, || StreamOrder::Close);
        for link in &mut self.links {
            link.wanted.remove(&spec.ssrc);
        }
    }

    /// Takes a decrypted packet in canonical form. The workers get it first, so that they send while this thread does.
    pub(super) fn handle_rtp(&mut self, stream: StreamId, packet: &[u8]) -> Arrival {
        if !self.links.is_empty()
            && let Some(spec) = self.stream_spec(stream)
        {
            for link in &mut self.links {
                link.put_rtp(spec.ssrc, packet);
            }
            if !self.more_follows {
                self.wake();
            }
        }
        self.here.handle_rtp(stream, packet)
    }

    /// Whether a packet of this number would be new to a stream that has begun.
    pub(super) fn misses(&self, stream: StreamId, sequence: u16) -> bool {
        self.here.router.misses(stream, sequence)
    }

    pub(super) fn handle_sender_report(&mut self, stream: StreamId, ntp: u64, rtp: u32) {
        self.here.handle_sender_report(stream, ntp, rtp);
        if let Some(spec) = self.stream_spec(stream) {
            self.put_everywhere(spec.ssrc, || StreamOrder::SenderReport { ntp, rtp });
        }
    }

    fn put_everywhere(&mut self, ssrc: u32, order: impl Fn() -> StreamOrder) {
        for link in &mut self.links {
            link.put(Order::Stream(ssrc, order()));
        }
    }

    pub(super) fn set_round_trip(&mut self, stream: StreamId, round_trip: Duration) {
        self.here.router.set_round_trip(stream, round_trip);
    }

    pub(super) fn stream_by_ssrc(&self, ssrc: u32) -> Option<StreamId> {
        self.here.router.stream_by_ssrc(ssrc)
    }

    pub(super) fn stream_spec(&self, stream: StreamId) -> Option<StreamSpec> {
        self.here.router.stream_spec(stream)
    }

    pub(super) fn streams(&self) -> impl Iterator<Item = (StreamId, StreamSpec)> {
        self.here.router.streams()
    }

    pub(super) fn stream_stats(&self, stream: StreamId, now: Instant) -> Option<StreamStats> {
        let stats = self.here.stream_stats(stream, now)?;
        let ssrc = self.stream_spec(stream)?.ssrc;
        let there = |link: &Link| link.figures.watchers.get(&ssrc).copied();
        let watchers: u32 = self.links.iter().filter_map(there).sum();
        Some(StreamStats {
            watchers: stats.watchers + watchers,
            ..stats
        })
    }

    /// Whether the origin sends only what keeps the stream alive, and the rate it would come at.
    pub(super) fn set_paused(&mut self, stream: StreamId, paused: Option<u64>) {
        self.here.router.set_paused(stream, paused);
        if let Some(spec) = self.stream_spec(stream) {
            self.put_everywhere(spec.ssrc, || StreamOrder::Paused(paused));
        }
    }

    /// From the publisher's clock to ours.
    pub(super) fn set_clock_offset(&mut self, stream: StreamId, offset: i64) {
        self.here.router.set_clock_offset(stream, offset);
        if let Some(spec) = self.stream_spec(stream) {
            self.put_everywhere(spec.ssrc, || StreamOrder::ClockOffset(offset));
        }
    }

    /// Does any leg play, await or demand it?
    pub(super) fn is_wanted(&self, stream: StreamId) -> bool {
        self.here.router.is_wanted(stream)
            || self.stream_spec(stream).is_some_and(|spec| {
                self.links
                    .iter()
                    .any(|link| link.wanted.contains(&spec.ssrc))
            })
    }

    /// Asks the stream's origin for a keyframe, unless that has just been done.
    pub(super) fn want_keyframe(&mut self, stream: StreamId) {
        self.here.want_keyframe(stream);
    }

    pub(super) fn reception_report(&mut self, stream: StreamId) -> Option<ReceptionReport> {
        let clock = self.here.clock();
        self.here.router.reception_report(stream, clock)
    }
}

/// Legs: each is one shard's.
impl Shards {
    /// A leg can be sent to from now on.
    pub(super) fn connect(&mut self, leg: LegId, connection: Connection) -> Result<(), Refusal> {
        self.place(leg, &connection.sending);
        self.tell(leg, LegOrder::Connect(Box::new(connection)))
    }

    /// Chooses a shard for a leg. Who is only sent reports stays here, where those are written.
    fn place(&mut self, leg: LegId, sending: &Sending) {
        if !matches!(sending, Sending::Reports)
            && let Some(shard) = lightest(&self.loads)
            && let Some(load) = self.loads.get_mut(shard)
        {
            *load += 1;
            self.placed.insert(leg, shard);
        }
    }

    /// The worker of a leg; `None`: it is served here.
    fn worker_of(&self, leg: LegId) -> Option<usize> {
        self.placed.get(&leg)?.checked_sub(1)
    }

    pub(super) fn is_connected(&self, leg: LegId) -> bool {
        self.worker_of(leg).is_some() || self.here.wires.figures(leg).is_some()
    }

    /// How a leg is served; `None` for one that is not connected, or that its worker has not told of yet.
    pub(super) fn figures(&self, leg: LegId) -> Option<WireFigures> {
        match self.worker_of(leg) {
            Some(worker) => self.links.get(worker)?.figures.legs.get(&leg).copied(),
            None => self.here.wires.figures(leg),
        }
    }

    /// What left by all shards.
    pub(super) fn totals(&self) -> Totals {
        let mut totals = self.here.wires.departures.totals;
        for link in &self.links {
            totals += link.figures.totals;
        }
        totals
    }

    /// Orders that a worker was too far behind to take.
    pub(super) fn orders_dropped(&self) -> u64 {
        self.links.iter().map(|link| link.dropped).sum()
    }

    pub(super) fn move_to(&mut self, leg: LegId, to: SocketAddr) {
        self.say(leg, LegOrder::MoveTo(to));
    }

    pub(super) fn remove_leg(&mut self, leg: LegId) {
        self.say(leg, LegOrder::Remove);
        self.subscriptions.remove(&leg);
        let shard = self.placed.remove(&leg);
        if let Some(load) = shard.and_then(|shard| self.loads.get_mut(shard)) {
            *load -= 1;
        }
    }

    /// Sends every stream of a source, present and future, to a trunk.
    pub(super) fn subscribe(&mut self, trunk: LegId, source: SourceId) -> Result<(), Refusal> {
        let sources = self.subscriptions.entry(trunk).or_default();
        if sources.len() >= SUBSCRIPTIONS_MAX && !sources.contains(&source) {
            return Err(Refusal::TooManySubscriptions);
        }
        sources.insert(source);
        self.tell(trunk, LegOrder::Subscribe(source))
    }

    pub(super) fn unsubscribe(&mut self, trunk: LegId, source: SourceId) {
        if let Some(sources) = self.subscriptions.get_mut(&trunk) {
            sources.remove(&source);
        }
        self.say(trunk, LegOrder::Unsubscribe(source));
    }

    /// The streams a trunk carries now.
    pub(super) fn trunk_streams(
        &self,
        trunk: LegId,
    ) -> impl Iterator<Item = (StreamId, StreamSpec)> {
        let sources = self.subscriptions.get(&trunk);
        self.streams()
            .filter(move |(_, spec)| sources.is_some_and(|sources| sources.contains(&spec.source)))
    }

    /// Points a slot at a source, or at nothing.
    pub(super) fn point(
        &mut self,
        leg: LegId,
        slot: usize,
        source: Option<SourceId>,
    ) -> Result<(), Refusal> {
        self.tell(leg, LegOrder::Point { slot, source })
    }

    pub(super) fn set_layer_max(&mut self, leg: LegId, slot: usize, layer: Layer) {
        self.say(leg, LegOrder::LayerMax { slot, layer });
    }

    /// Whether a child wants this stream now.
    pub(super) fn set_trunk_demand(&mut self, trunk: LegId, ssrc: u32, wanted: bool) {
        self.say(trunk, LegOrder::Demand { ssrc, wanted });
    }

    pub(super) fn handle_nack(&mut self, leg: LegId, ssrc: u32, sequences: Vec<u16>) {
        self.say(leg, LegOrder::Nack { ssrc, sequences });
    }

    pub(super) fn handle_keyframe_request(&mut self, leg: LegId, ssrc: u32) {
        self.say(leg, LegOrder::KeyframeRequest { ssrc });
    }

    /// A leg told what became of its packets.
    pub(super) fn handle_feedback(&mut self, leg: LegId, message: Vec<u8>) {
        self.say(leg, LegOrder::Feedback(message));
    }

    /// Notes how a peer receives us.
    pub(super) fn note_block(&mut self, leg: LegId, block: Block) {
        self.say(leg, LegOrder::Block(block));
    }

    pub(super) fn note_round_trip(&mut self, leg: LegId, round_trip: Duration) {
        self.say(leg, LegOrder::RoundTrip(round_trip));
    }

    /// Seals and sends a compound.
    pub(super) fn send_rtcp(&mut self, leg: LegId, compound: Writer) {
        self.say(leg, LegOrder::Rtcp(compound));
    }

    /// An order whose refusal changes nothing: the leg is gone, or the figure is for nobody.
    fn say(&mut self, leg: LegId, order: LegOrder) {
        let _ = self.tell(leg, order);
    }

    /// A worker refuses nothing: the core holds the same bounds.
    fn tell(&mut self, leg: LegId, order: LegOrder) -> Result<(), Refusal> {
        match self
            .worker_of(leg)
            .and_then(|worker| self.links.get_mut(worker))
        {
            Some(link) => {
                link.put(Order::Leg(leg, order));
                Ok(())
            }
            None => self.here.apply_to_leg(leg, order),
        }
    }
}

/// The shard that has the least to do, of equals the last: the first one's thread receives besides.
fn lightest(loads: &[usize]) -> Option<usize> {
    let weight = |(shard, legs): &(usize, &usize)| **legs * if *shard == 0 { HERE } else { THERE };
    let shards = loads.iter().enumerate().rev();
    shards.min_by_key(weight).map(|(shard, _)| shard)
}

#[cfg(test)]
mod tests {
    use super::lightest;

    #[test]
    fn legs_are_dealt_out_so_that_all_threads_have_as_much_to_do() {
        for (workers, expected) in [(1, vec![120]), (2, vec![51, 69]), (3, vec![33, 43, 44])] {
            let mut loads = vec![0; workers];
            for _ in 0..120 {
                let shard = lightest(&loads).expect("a shard");
                loads[shard] += 1;
            }
            assert_eq!(loads, expected);
        }
    }
}
