//! What an agent sounds like: a soft chord that swells and fades, so that a listener hears that the
//! line is alive and a level meter moves.
//!
//! Composed and encoded once per process, then played in a loop: the loop begins and ends in
//! silence, where the seam cannot be heard, and 56 halls cost no encoder each.

use bytes::Bytes;
use opus_rs::{Application, OpusEncoder};
use std::f32::consts::TAU;
use std::sync::OnceLock;

/// Samples per second (RFC 7587 §4.1: the RTP clock is always this).
pub(crate) const SAMPLE_RATE_HZ: u32 = 48_000;

/// One packet, milliseconds.
pub(crate) const FRAME_MS: u32 = 20;

/// RTP ticks per packet.
pub(crate) const FRAME_TICKS: u32 = SAMPLE_RATE_HZ / 1000 * FRAME_MS;

/// Length of the loop, packets: 8 s.
const LOOP_FRAMES: usize = 400;

/// Of one mono voice; a room full of agents stays far below a video stream.
const BITRATE_BPS: i32 = 24_000;

/// Loudest moment: about -20 dBov, a quiet background.
const PEAK: f32 = 0.1;

/// 20 ms of sound.
#[derive(Clone, Debug)]
pub(crate) struct SoundFrame {
    /// An Opus packet (RFC 6716 §3).
    pub(crate) opus: Bytes,
    /// Its loudness, -dBov from 0 to 127 (RFC 6464 §3).
    pub(crate) level: u8,
}

/// The loop.
pub(crate) fn murmur() -> Result<&'static [SoundFrame], SoundError> {
    static LOOP: OnceLock<Result<Vec<SoundFrame>, SoundError>> = OnceLock::new();
    LOOP.get_or_init(|| encode(&compose()))
        .as_deref()
        .map_err(Clone::clone)
}

/// The Opus encoder refused.
#[derive(Clone, Debug, thiserror::Error)]
#[error("Opus encoder: {0}")]
pub(crate) struct SoundError(&'static str);

fn compose() -> Vec<f32> {
    let chord = [220.0, 277.18, 329.63, 440.0];
    let samples = LOOP_FRAMES * FRAME_TICKS as usize;
    (0..samples)
        .map(|index| {
            let seconds = index as f32 / SAMPLE_RATE_HZ as f32;
            let swell = (index as f32 / samples as f32 * TAU / 2.0).sin().powi(2);
            let voices: f32 = chord
                .iter()
                .zip([0.4, 0.25, 0.2, 0.15])
                .map(|(pitch, weight)| {
                    let waver = 1.0 + 0.25 * (seconds * TAU * (0.5 + weight)).sin();
                    weight * waver * (seconds * TAU * pitch).sin()
                })
                .sum();
            PEAK * swell * voices
        })
        .collect()
}

fn encode(samples: &[f32]) -> Result<Vec<SoundFrame>, SoundError> {
    let mut encoder = OpusEncoder::new(SAMPLE_RATE_HZ.cast_signed(), 1, Application::Audio)
        .map_err(SoundError)?;
    encoder.bitrate_bps = BITRATE_BPS;
    encoder.complexity = 5;
    let mut packet = [0_u8; 1275];
    samples
        .chunks_exact(FRAME_TICKS as usize)
        .map(|frame| {
            let length = encoder
                .encode(frame, FRAME_TICKS as usize, &mut packet)
                .map_err(SoundError)?;
            let opus = packet
                .get(..length)
                .ok_or(SoundError("answered with an impossible length"))?;
            Ok(SoundFrame {
                opus: Bytes::copy_from_slice(opus),
                level: level(frame),
            })
        })
        .collect()
}

fn level(frame: &[f32]) -> u8 {
    let power = frame.iter().map(|sample| sample * sample).sum::<f32>() / frame.len().max(1) as f32;
    (-10.0 * power.max(1e-13).log10()).round().clamp(0.0, 127.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use opus_rs::OpusDecoder;

    #[test]
    fn it_decodes_to_the_chord_that_was_composed() {
        let frames = murmur().expect("encodes");
        assert_eq!(frames.len(), LOOP_FRAMES);
        let mut decoder = OpusDecoder::new(SAMPLE_RATE_HZ.cast_signed(), 1).expect("decoder");
        let mut heard = Vec::new();
        for frame in frames {
            let mut samples = vec![0.0; FRAME_TICKS as usize];
            let count = decoder
                .decode(&frame.opus, FRAME_TICKS as usize, &mut samples)
                .expect("decodes");
            assert_eq!(count, FRAME_TICKS as usize);
            heard.extend(samples);
        }
        let middle = &heard[heard.len() / 2 - 9600..heard.len() / 2 + 9600];
        let at = |pitch: f32| strength(middle, pitch);
        for pitch in [220.0, 277.18, 329.63] {
            assert!(
                at(pitch) > 20.0 * at(1_500.0),
                "{pitch} Hz: {} against {}",
                at(pitch),
                at(1_500.0)
            );
        }
    }

    /// How much of a pitch is in there (one bin of a Fourier transform).
    fn strength(samples: &[f32], pitch: f32) -> f32 {
        let (mut real, mut imaginary) = (0.0, 0.0);
        for (index, sample) in samples.iter().enumerate() {
            let angle = index as f32 / SAMPLE_RATE_HZ as f32 * TAU * pitch;
            real += sample * angle.cos();
            imaginary += sample * angle.sin();
        }
        real.hypot(imaginary) / samples.len() as f32
    }

    #[test]
    fn the_level_swells_and_the_seam_is_silent() {
        let frames = murmur().expect("encodes");
        assert!(frames[0].level > 60 && frames[LOOP_FRAMES - 1].level > 60);
        let loudest = frames
            .iter()
            .map(|frame| frame.level)
            .min()
            .expect("frames");
        assert!((20..40).contains(&loudest), "{loudest}");
        assert_eq!(level(&[0.0; 960]), 127);
        assert_eq!(level(&[1.0; 960]), 0);
    }

    #[test]
    fn it_is_small() {
        let bytes: usize = murmur()
            .expect("encodes")
            .iter()
            .map(|frame| frame.opus.len())
            .sum();
        assert!(bytes * 8 / 8 < 40_000, "{bytes} bytes in 8 s");
    }
}
