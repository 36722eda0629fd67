//! One hall publishes, another watches in one slot.

use crate::publisher::Publisher;
use crate::recorder::{Recorder, Sent, ms};
use forwarding::{Kind, LegId, Router, SlotSpec, SourceId, StreamId};

pub const HALL: LegId = LegId(1);
/// The slot's SSRC.
pub const SLOT: u32 = 5;

pub struct Stage {
    pub router: Router,
    pub out: Recorder,
    /// Who publishes.
    pub hall: Publisher,
    pub id: StreamId,
}

impl Stage {
    pub fn new(spec: SlotSpec) -> Self {
        let hall = match spec.kind {
            Kind::Video => Publisher::video(1, 11),
            Kind::Audio => Publisher::audio(1, 11),
        };
        let (mut router, mut out) = (Router::new(), Recorder::default());
        let id = router.open_stream(hall.spec, ms(0)).unwrap();
        router.add_slot_leg(HALL, &[spec]).unwrap();
        let site = Some(SourceId(1));
        router.point(HALL, 0, site, ms(0), &mut out).unwrap();
        Self {
            router,
            out,
            hall,
            id,
        }
    }

    /// A frame of so many packets comes in; gives what goes out.
    pub fn frame(&mut self, is_key: bool, pieces: usize, at: u64) -> Vec<Sent> {
        for n in self.hall.frame(is_key, pieces, at) {
            let packet = &self.hall.sent[n];
            self.router
                .handle_rtp(self.id, packet, ms(at), &mut self.out);
        }
        self.out.take_sent()
    }

    /// What the passing of time brings.
    pub fn at(&mut self, at: u64) -> Vec<Sent> {
        self.router.handle_timeout(ms(at), &mut self.out);
        self.out.take_sent()
    }

    /// The hall asks for packets again; gives what goes out.
    pub fn nack(&mut self, numbers: &[u16], at: u64) -> Vec<Sent> {
        self.router
            .handle_nack(HALL, SLOT, numbers, ms(at), &mut self.out);
        self.out.take_sent()
    }

    /// The hall tells that a packet did not arrive; gives what goes out.
    pub fn lost(&mut self, sent: &Sent, at: u64) -> Vec<Sent> {
        let number = sent.osn.unwrap_or(sent.index as u16);
        self.router
            .handle_loss(HALL, sent.ssrc, number, ms(at), &mut self.out);
        self.out.take_sent()
    }
}
