//! What the encoder makes can be decoded, shows the picture, and obeys the bitrate.

use super::*;
use crate::picture::{Caption, Moment, Scene};
use openh264::decoder::Decoder;

fn scene(picture: &Picture) -> Scene {
    let caption = Caption {
        title: "Hội nghị trực tuyến toàn tỉnh".to_owned(),
        name: "Phường Đông Thọ".to_owned(),
        code: "TPTH-04".to_owned(),
    };
    Scene::new(picture.width as usize, picture.height as usize, caption)
}

fn moment(at: Duration) -> Moment {
    let seconds = at.as_secs();
    Moment {
        elapsed_s: at.as_secs_f32(),
        clock: format!("08:{:02}:{:02}", seconds / 60, seconds % 60),
        date: "27/3/2021".to_owned(),
    }
}

/// Mean difference of two luma planes.
fn difference(one: &[u8], other: &[u8]) -> f64 {
    let sum: u64 = one
        .iter()
        .zip(other)
        .map(|(a, b)| u64::from(a.abs_diff(*b)))
        .sum();
    sum as f64 / one.len().max(1) as f64
}

fn luma(image: &impl YUVSource) -> Vec<u8> {
    let (width, height) = image.dimensions();
    let stride = image.strides().0;
    (0..height)
        .flat_map(|row| image.y()[row * stride..row * stride + width].to_vec())
        .collect()
}

#[test]
fn what_is_encoded_decodes_to_what_was_drawn_and_changes() {
    for picture in [Picture::hall(), Picture::chair()] {
        let mut scene = scene(&picture);
        let mut encoder = H264Encoder::new(&picture).expect("encoder");
        let mut decoder = Decoder::new().expect("decoder");
        let mut shown: Vec<Vec<u8>> = Vec::new();
        for index in 0..10_u32 {
            let at = Duration::from_secs_f32(index as f32 / picture.frame_rate);
            let drawn = scene.draw(&moment(at));
            let frame = encoder.encode(drawn, at, false).expect("a frame");
            assert_eq!(frame.keyframe, index == 0);
            let drawn = luma(drawn);
            let shown_now = decoder
                .decode(&frame.annex_b)
                .expect("decodes")
                .map(|image| luma(&image));
            let shown_now = shown_now.expect("every frame shows at once");
            assert!(
                difference(&drawn, &shown_now) < 6.0,
                "frame {index}: {}",
                difference(&drawn, &shown_now)
            );
            shown.push(shown_now);
        }
        assert!(shown.windows(2).all(|pair| pair[0] != pair[1]), "it moves");
    }
}

#[test]
fn it_is_constrained_baseline_and_a_keyframe_comes_when_asked() {
    let picture = Picture::hall();
    let mut scene = scene(&picture);
    let mut encoder = H264Encoder::new(&picture).expect("encoder");
    let mut frame = |index: u64, keyframe| {
        let at = Duration::from_millis(index * 200);
        encoder
            .encode(scene.draw(&moment(at)), at, keyframe)
            .expect("a frame")
    };
    let first = frame(0, false);
    assert_eq!(
        &first.annex_b[..5],
        &[0, 0, 0, 1, 0x67],
        "a sequence parameter set comes first"
    );
    assert_eq!(first.annex_b[5], 66, "profile_idc");
    assert_eq!(
        first.annex_b[6] & 0x40,
        0x40,
        "constraint_set1: Constrained Baseline"
    );
    assert!(!frame(1, false).keyframe);
    assert!(frame(2, true).keyframe);
    assert!(!frame(3, false).keyframe);
}

#[test]
fn the_chair_stays_under_its_bitrate() {
    let picture = Picture::chair();
    let mut scene = scene(&picture);
    let mut encoder = H264Encoder::new(&picture).expect("encoder");
    let frames = (picture.frame_rate * 8.0) as u32;
    let bytes: usize = (0..frames)
        .map(|index| {
            let at = Duration::from_secs_f32(index as f32 / picture.frame_rate);
            encoder
                .encode(scene.draw(&moment(at)), at, index == 60)
                .expect("a frame")
                .annex_b
                .len()
        })
        .sum();
    let kbps = bytes * 8 / 8 / 1000;
    assert!(kbps < 600, "{kbps} kbit/s");
    assert!(kbps > 5, "{kbps} kbit/s");
}
