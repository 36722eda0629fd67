//! Counts the program where it comes out of SRTP, in the driver's own loop.
//!
//! An agent shows nothing, so a packet need not travel on to a track: it is counted here, after the
//! NACK generator has seen it, and ends. No queue lies in between that could drop it; what this
//! machine drops is dropped by the socket, and counted there ([`super::SocketDrops`]).

use crate::packets::{
    H264_PAYLOAD_TYPE, VP8_PAYLOAD_TYPE, h264_starts_keyframe, vp8_starts_keyframe,
};
use crate::reception::Arrival;
use crate::status::Record;
use rtc::interceptor::{AttributedPacket, Interceptor, Packet, StreamInfo, TaggedPacket};
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::sansio::Protocol;
use rtc::shared::TransportContext;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};
use webrtc::error::Error;

/// How often missing packets are judged while nothing arrives.
const JUDGE_EVERY: Duration = Duration::from_millis(100);

/// The place after everything that has to see the packets (NACK generator, receiver reports).
pub(crate) const LISTENER_SLOT: usize = 20_000;

/// The last interceptor of a watching session.
pub(crate) struct Listener {
    record: Arc<Record>,
    judge_at: Option<Instant>,
    control: VecDeque<TaggedPacket>,
    outgoing: VecDeque<TaggedPacket>,
}

impl Listener {
    pub(crate) fn new(record: Arc<Record>) -> Self {
        Self {
            record,
            judge_at: None,
            control: VecDeque::new(),
            outgoing: VecDeque::new(),
        }
    }

    fn request_keyframes(&mut self, now: Instant) {
        let at = self.record.time_of(now);
        let Some(media_ssrc) = self.record.reception().poll_keyframe_request(at) else {
            return;
        };
        let request = PictureLossIndication {
            sender_ssrc: 0,
            media_ssrc,
        };
        self.outgoing.push_back(TaggedPacket {
            now,
            transport: TransportContext::default(),
            message: AttributedPacket::new(Packet::Rtcp(vec![Box::new(request)])),
        });
    }
}

fn arrival(packet: &rtc::rtp::Packet) -> Arrival {
    let header = &packet.header;
    let starts_keyframe = match header.payload_type {
        H264_PAYLOAD_TYPE => h264_starts_keyframe(&packet.payload),
        VP8_PAYLOAD_TYPE => vp8_starts_keyframe(&packet.payload),
        _ => false,
    };
    Arrival {
        ssrc: header.ssrc,
        sequence: header.sequence_number,
        timestamp: header.timestamp,
        marker: header.marker,
        video: matches!(header.payload_type, H264_PAYLOAD_TYPE | VP8_PAYLOAD_TYPE),
        starts_keyframe,
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for Listener {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, message: TaggedPacket) -> Result<(), Error> {
        if let Packet::Rtp(packet) = &message.message.packet {
            let at = self.record.time_of(message.now);
            self.record.reception().handle_packet(arrival(packet), at);
            self.judge_at.get_or_insert(message.now + JUDGE_EVERY);
        } else {
            self.control.push_back(message);
        }
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.control.pop_front()
    }

    fn handle_write(&mut self, message: TaggedPacket) -> Result<(), Error> {
        self.outgoing.push_back(message);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.outgoing.pop_front()
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        if self.judge_at.is_some_and(|at| now >= at) {
            self.judge_at = Some(now + JUDGE_EVERY);
            self.record
                .reception()
                .handle_timeout(self.record.time_of(now));
            self.request_keyframes(now);
        }
        Ok(())
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        self.judge_at
    }
}

impl Interceptor for Listener {
    fn bind_local_stream(&mut self, _info: &StreamInfo) {}
    fn unbind_local_stream(&mut self, _info: &StreamInfo) {}
    fn bind_remote_stream(&mut self, _info: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _info: &StreamInfo) {}
}
