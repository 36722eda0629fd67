//! The agent's camera and microphone: from scene to RTP packets.

use crate::backoff::random_u32;
use crate::config::Picture;
use crate::encoder::H264Encoder;
use crate::packets::{H264_PAYLOAD_TYPE, H264Packetizer, Numbering, OPUS_PAYLOAD_TYPE};
use crate::picture::{Caption, Moment, Scene};
use crate::sound::{FRAME_TICKS, SoundFrame, murmur};
use rtc::rtp::Packet;
use rtc::rtp::extension::audio_level_extension::AudioLevelExtension;
use std::time::Instant;

/// Louder than this, -dBov, is called voice (RFC 6464 §3 leaves the rule to the sender).
const VOICE_LEVEL: u8 = 50;

/// Draws, encodes and cuts. Drawing and encoding take a few milliseconds at 640×360, well within a
/// worker's turn.
pub(crate) struct Camera {
    picture: Picture,
    scene: Option<Scene>,
    encoder: Option<H264Encoder>,
    packetizer: H264Packetizer,
    began: Instant,
}

impl Camera {
    pub(crate) fn new(picture: Picture, ssrc: u32) -> Self {
        let numbering = Numbering::new(ssrc, H264_PAYLOAD_TYPE, random_u32());
        let packetizer = H264Packetizer::new(numbering);
        Self {
            picture,
            scene: None,
            encoder: None,
            packetizer,
            began: Instant::now(),
        }
    }

    /// The packets of the picture now; none when the encoder gives none.
    pub(crate) fn shoot(&mut self, caption: &Caption, keyframe: bool) -> Vec<Packet> {
        let elapsed = self.began.elapsed();
        if self
            .scene
            .as_ref()
            .is_none_or(|scene| scene.caption() != caption)
        {
            let (width, height) = (self.picture.width as usize, self.picture.height as usize);
            self.scene = Some(Scene::new(width, height, caption.clone()));
        }
        if self.encoder.is_none() {
            self.encoder = H264Encoder::new(&self.picture).inspect_err(log_once).ok();
        }
        let (Some(scene), Some(encoder)) = (&mut self.scene, &mut self.encoder) else {
            return Vec::new();
        };
        let now = jiff::Zoned::now();
        let moment = Moment {
            elapsed_s: elapsed.as_secs_f32(),
            clock: now.strftime("%H:%M:%S").to_string(),
            date: now.strftime("%-d/%-m/%Y").to_string(),
        };
        match encoder.encode(scene.draw(&moment), elapsed, keyframe) {
            // 90 kHz (RFC 6184 §8.2.1), wrapping as RTP timestamps do.
            Ok(frame) => self
                .packetizer
                .packets(frame.annex_b, (elapsed.as_millis() * 90) as u32),
            Err(error) => {
                log_once(&error);
                self.encoder = None;
                Vec::new()
            }
        }
    }
}

fn log_once(error: &crate::encoder::EncodeError) {
    let source = std::error::Error::source(error)
        .map(ToString::to_string)
        .unwrap_or_default();
    tracing::warn!("{error}: {source}");
}

/// Plays the murmur.
pub(crate) struct Microphone {
    frames: &'static [SoundFrame],
    played: usize,
    numbering: Numbering,
}

impl Microphone {
    /// Begins somewhere in the loop, so that halls do not swell in step.
    pub(crate) fn new(ssrc: u32) -> Self {
        let frames = murmur().unwrap_or_else(|error| {
            tracing::warn!("no sound: {error}");
            &[]
        });
        let numbering = Numbering::new(ssrc, OPUS_PAYLOAD_TYPE, random_u32());
        Self {
            frames,
            played: ssrc as usize % frames.len().max(1),
            numbering,
        }
    }

    /// The next 20 ms.
    pub(crate) fn next(&mut self) -> Option<(Packet, AudioLevelExtension)> {
        let frame = self.frames.get(self.played % self.frames.len().max(1))?;
        let ticks = (self.played as u32).wrapping_mul(FRAME_TICKS);
        self.played += 1;
        let level = AudioLevelExtension {
            level: frame.level,
            voice: frame.level < VOICE_LEVEL,
        };
        Some((
            self.numbering.packet(ticks, false, frame.opus.clone()),
            level,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packets::h264_starts_keyframe;

    #[test]
    fn the_first_frame_and_a_wanted_one_are_keyframes() {
        let mut camera = Camera::new(Picture::hall(), 5);
        let caption = Caption {
            name: "Phường Đông Thọ".to_owned(),
            ..Caption::default()
        };
        let mut key = |wanted| {
            let packets = camera.shoot(&caption, wanted);
            assert!(
                packets
                    .last()
                    .is_some_and(|packet| packet.header.marker && packet.header.ssrc == 5)
            );
            h264_starts_keyframe(&packets[0].payload)
        };
        assert_eq!(
            [key(false), key(false), key(true), key(false)],
            [true, false, true, false]
        );
    }

    #[test]
    fn sound_goes_on_by_20_ms_a_packet_over_the_end_of_the_loop() {
        let mut microphone = Microphone::new(u32::MAX);
        let packets: Vec<Packet> = (0..900)
            .filter_map(|_| microphone.next())
            .map(|(packet, _)| packet)
            .collect();
        assert_eq!(packets.len(), 900);
        for pair in packets.windows(2) {
            assert_eq!(
                pair[1]
                    .header
                    .timestamp
                    .wrapping_sub(pair[0].header.timestamp),
                960
            );
            assert_eq!(
                pair[1]
                    .header
                    .sequence_number
                    .wrapping_sub(pair[0].header.sequence_number),
                1
            );
        }
    }
}
