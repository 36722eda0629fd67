//! H.264 out of pictures: Constrained Baseline, as every browser and relay takes it.

use crate::config::Picture;
use openh264::encoder::{
    BitRate, Complexity, Encoder, EncoderConfig, FrameRate, FrameType, IntraFramePeriod, Profile,
    RateControlMode, SpsPpsStrategy, UsageType, VuiConfig,
};
use openh264::formats::YUVSource;
use openh264::{OpenH264API, Timestamp};
use std::time::Duration;

/// A keyframe at least this often while frames flow, so that a lost keyframe request costs no more.
const KEYFRAME_EVERY_S: f32 = 10.0;

/// One encoded frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EncodedFrame {
    /// Annex B byte stream (ITU-T H.264 Annex B); empty when the encoder skipped the frame.
    pub(crate) annex_b: Vec<u8>,
    /// Needs no frame before it, and brings its parameter sets.
    pub(crate) keyframe: bool,
}

/// The encoder of one hall.
pub(crate) struct H264Encoder {
    encoder: Encoder,
}

/// The encoder refused; what it says is for the log.
#[derive(Debug, thiserror::Error)]
#[error("H.264 encoder")]
pub(crate) struct EncodeError(#[from] openh264::Error);

impl H264Encoder {
    /// For pictures of this size and rate.
    pub(crate) fn new(picture: &Picture) -> Result<Self, EncodeError> {
        let config = EncoderConfig::new()
            .profile(Profile::Baseline)
            .bitrate(BitRate::from_bps(picture.bitrate_kbps.saturating_mul(1000)))
            .max_frame_rate(FrameRate::from_hz(picture.frame_rate))
            .rate_control_mode(RateControlMode::Bitrate)
            // Without leave to skip, the encoder cannot hold a bitrate; at the rates used here it skips none.
            .skip_frames(true)
            .usage_type(UsageType::CameraVideoRealTime)
            .complexity(Complexity::Low)
            .sps_pps_strategy(SpsPpsStrategy::ConstantId)
            .intra_frame_period(IntraFramePeriod::from_num_frames(
                (picture.frame_rate * KEYFRAME_EVERY_S) as u32,
            ))
            .scene_change_detect(false)
            .background_detection(false)
            .vui(VuiConfig::bt601())
            // Threads of its own would fight with the workers; a frame takes a few milliseconds.
            .num_threads(1);
        Ok(Self {
            encoder: Encoder::with_api_config(OpenH264API::from_source(), config)?,
        })
    }

    /// Encodes a picture taken at this time since the first one.
    pub(crate) fn encode(
        &mut self,
        picture: &impl YUVSource,
        at: Duration,
        keyframe: bool,
    ) -> Result<EncodedFrame, EncodeError> {
        if keyframe {
            self.encoder.force_intra_frame();
        }
        let stamp = Timestamp::from_millis(u64::try_from(at.as_millis()).unwrap_or(u64::MAX >> 1));
        let stream = self.encoder.encode_at(picture, stamp)?;
        Ok(EncodedFrame {
            keyframe: stream.frame_type() == FrameType::IDR,
            annex_b: stream.to_vec(),
        })
    }
}

#[cfg(test)]
#[path = "encoder_tests.rs"]
mod tests;
