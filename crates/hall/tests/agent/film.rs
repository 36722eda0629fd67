//! A program to send, and a screen that decodes what comes back.

use crate::relay::track;
use openh264::decoder::Decoder;
use openh264::encoder::Encoder;
use openh264::formats::{YUVBuffer, YUVSource};
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_H264, MIME_TYPE_OPUS};
use rtc::rtp::codec::h264::{H264Packet, H264Payloader};
use rtc::rtp::packetizer::{Depacketizer, Payloader};
use rtc::rtp::{Header, Packet};
use rtc::rtp_transceiver::rtp_sender::{RTCRtpCodec, RtpCodecKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;

const WIDTH: usize = 320;
const HEIGHT: usize = 180;

fn codec(mime_type: &str, clock_rate: u32, channels: u16, fmtp: &str) -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: mime_type.to_owned(),
        clock_rate,
        channels,
        sdp_fmtp_line: fmtp.to_owned(),
        rtcp_feedback: vec![],
    }
}

/// 25 frames a second of stripes that wander, and an audio packet with each.
pub struct Film {
    video: Arc<TrackLocalStaticRTP>,
    audio: Arc<TrackLocalStaticRTP>,
    ssrcs: (u32, u32),
}

impl Film {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1000);
        let ssrc = NEXT.fetch_add(2, Ordering::Relaxed);
        let h264 = codec(
            MIME_TYPE_H264,
            90_000,
            0,
            "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
        );
        let opus = codec(MIME_TYPE_OPUS, 48_000, 2, "minptime=10;useinbandfec=1");
        Self {
            video: Arc::new(track(RtpCodecKind::Video, ssrc, h264)),
            audio: Arc::new(track(RtpCodecKind::Audio, ssrc + 1, opus)),
            ssrcs: (ssrc, ssrc + 1),
        }
    }

    pub fn tracks(&self) -> [(&Arc<TrackLocalStaticRTP>, u32); 2] {
        [(&self.video, self.ssrcs.0), (&self.audio, self.ssrcs.1)]
    }

    /// Sends until the session is over.
    pub async fn play(self) {
        let mut encoder = Encoder::new().expect("encoder");
        let mut payloader = H264Payloader::default();
        let mut tick = tokio::time::interval(Duration::from_millis(40));
        let (mut sequence, mut sound) = (65_000_u16, 0_u16);
        for index in 0_u32.. {
            tick.tick().await;
            if index % 50 == 0 {
                encoder.force_intra_frame();
            }
            let annex_b = encoder.encode(&stripes(index)).expect("a frame").to_vec();
            let payloads = payloader.payload(700, &annex_b.into()).expect("payloads");
            let count = payloads.len();
            for (place, payload) in payloads.into_iter().enumerate() {
                let header = header(
                    102,
                    self.ssrcs.0,
                    sequence,
                    index.wrapping_mul(3600),
                    place + 1 == count,
                );
                sequence = sequence.wrapping_add(1);
                if self
                    .video
                    .write_rtp(Packet { header, payload })
                    .await
                    .is_err()
                {
                    return;
                }
            }
            let header = header(111, self.ssrcs.1, sound, index.wrapping_mul(1920), false);
            sound = sound.wrapping_add(1);
            if self
                .audio
                .write_rtp(Packet {
                    header,
                    payload: vec![0xf8, 0xff, 0xfe].into(),
                })
                .await
                .is_err()
            {
                return;
            }
        }
    }
}

fn header(
    payload_type: u8,
    ssrc: u32,
    sequence_number: u16,
    timestamp: u32,
    marker: bool,
) -> Header {
    Header {
        version: 2,
        payload_type,
        ssrc,
        sequence_number,
        timestamp,
        marker,
        ..Header::default()
    }
}

fn stripes(index: u32) -> YUVBuffer {
    let luma = (0..WIDTH * HEIGHT)
        .map(|pixel| (((pixel % WIDTH) * 3 + index as usize * 5) % 220) as u8 + 16);
    let chroma = std::iter::repeat_n(128, WIDTH * HEIGHT / 2);
    YUVBuffer::from_vec(luma.chain(chroma).collect(), WIDTH, HEIGHT)
}

/// What one more frame showed.
pub struct Shown {
    pub changed: bool,
    pub keyframe: bool,
    pub size: (usize, usize),
}

/// Puts frames together and decodes them.
pub struct Screen {
    depacketizer: H264Packet,
    decoder: Decoder,
    frame: Vec<u8>,
    last: Vec<u8>,
}

impl Screen {
    pub fn new() -> Self {
        Self {
            depacketizer: H264Packet::default(),
            decoder: Decoder::new().expect("decoder"),
            frame: Vec::new(),
            last: Vec::new(),
        }
    }

    /// Takes a packet; answers when it ended a frame that decoded.
    pub fn take(&mut self, packet: &Packet) -> Option<Shown> {
        self.frame
            .extend(self.depacketizer.depacketize(&packet.payload).ok()?);
        if !packet.header.marker {
            return None;
        }
        let frame = std::mem::take(&mut self.frame);
        let keyframe = frame.get(4).is_some_and(|first| first & 0x1f == 7);
        let image = self.decoder.decode(&frame).ok()??;
        let luma = image.y().to_vec();
        let changed = luma != self.last;
        self.last = luma;
        Some(Shown {
            changed,
            keyframe,
            size: image.dimensions(),
        })
    }
}
