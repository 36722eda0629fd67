//! Offers of real clients, and the answers they get.
//!
//! Golden answers lie beside the offers; `BLESS=1 cargo test -p relay --test relay` writes them anew.

use crate::support::{
    AIORTC, CHROMIUM_SIMULCAST, MAX_BUNDLE, PLAIN_AUDIO, WEBRTC_CRATE, WHEP_OFFER, WHIP_OFFER,
    answer, parse,
};
use relay::media::{Codec, Layer, LegMedia, SlotPurpose};
use relay::sdp::{self, HALL_SLOTS, Reply, SINGLE_SLOTS};
use std::path::Path;

/// Compares with the golden file; a difference is shown whole.
fn is_golden(name: &str, answer: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/offers")
        .join(name);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, answer).expect("written");
    }
    let golden =
        std::fs::read_to_string(&path).unwrap_or_else(|_| panic!("{} is missing", path.display()));
    assert!(
        golden == answer,
        "{name} expected:\n{golden}\nfound:\n{answer}"
    );
}

#[test]
fn chromium_publishes_h264_and_opus() {
    let offer = parse(WHIP_OFFER);
    let negotiated = sdp::publish(&offer).expect("an offer to publish");
    let LegMedia::Publish(tracks) = &negotiated.media else {
        panic!("a publish leg")
    };
    let codecs: Vec<_> = tracks.iter().map(|t| (t.mid.as_str(), t.codec)).collect();
    assert_eq!(codecs, [("0", Codec::Opus), ("1", Codec::H264)]);
    assert_eq!(tracks[0].payload_type, 111);
    assert_eq!(
        (tracks[0].extensions.audio_level, tracks[0].extensions.mid),
        (Some(1), Some(4))
    );
    assert_eq!(tracks[0].ssrcs, [2_301_016_562]);
    assert_eq!(negotiated.transport.credentials.ufrag, "WL3r");
    is_golden("chromium_whip.answer.sdp", &answer(&offer, &negotiated));
}

#[test]
fn the_hall_page_gets_four_slots_in_m_line_order() {
    let offer = parse(WHEP_OFFER);
    let negotiated = sdp::watch(&offer, HALL_SLOTS, Layer::BEST).expect("an offer to watch");
    let LegMedia::Watch(slots) = &negotiated.media else {
        panic!("a watch leg")
    };
    let purposes: Vec<_> = slots.iter().map(|s| (s.mid.as_str(), s.purpose)).collect();
    let (program, floor) = (SlotPurpose::Program, SlotPurpose::Floor);
    assert_eq!(
        purposes,
        [("0", program), ("1", floor), ("2", program), ("3", floor)]
    );
    let codecs: Vec<_> = slots[0]
        .payload_types
        .iter()
        .map(|(codec, _)| *codec)
        .collect();
    assert_eq!(codecs, [Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1]);
    is_golden(
        "chromium_whep_four.answer.sdp",
        &answer(&offer, &negotiated),
    );
}

#[test]
fn three_layers_are_taken_in_words_that_chromium_has_accepted() {
    let offer = parse(CHROMIUM_SIMULCAST);
    let negotiated = sdp::publish(&offer).expect("an offer to publish");
    is_golden(
        "chromium_simulcast.answer.sdp",
        &answer(&offer, &negotiated),
    );
}

#[test]
fn the_control_room_gets_one_picture_and_one_sound_and_the_rest_is_rejected() {
    let offer = parse(WHEP_OFFER);
    let negotiated = sdp::watch(&offer, SINGLE_SLOTS, Layer::BEST).expect("an offer to watch");
    let rejected: Vec<_> = negotiated
        .replies
        .iter()
        .map(|reply| *reply == Reply::Rejected)
        .collect();
    assert_eq!(rejected, [false, true, false, true]);
    let text = answer(&offer, &negotiated);
    assert!(text.contains("a=group:BUNDLE 0 2\r\n"), "{text}");
    assert_eq!(text.matches("\r\nm=video 0 ").count(), 1, "{text}");
    assert_eq!(text.matches("\r\nm=").count(), 4, "{text}");
}

#[test]
fn aiortc_publishes_and_watches_with_one_offer_shape() {
    let offer = parse(AIORTC);
    let published = sdp::publish(&offer).expect("sendrecv publishes");
    is_golden("aiortc_publish.answer.sdp", &answer(&offer, &published));
    let watched = sdp::watch(&offer, HALL_SLOTS, Layer::BEST).expect("sendrecv watches");
    let LegMedia::Watch(slots) = &watched.media else {
        panic!("a watch leg")
    };
    assert_eq!(slots.len(), 2);
    is_golden("aiortc_watch.answer.sdp", &answer(&offer, &watched));
}

#[test]
fn the_webrtc_crate_has_its_fingerprint_at_session_level() {
    let offer = parse(WEBRTC_CRATE);
    let negotiated = sdp::publish(&offer).expect("an offer to publish");
    assert!(
        negotiated.transport.fingerprints[0]
            .to_string()
            .starts_with("A5:8D:2C")
    );
    is_golden("webrtc_crate_whip.answer.sdp", &answer(&offer, &negotiated));
}

#[test]
fn an_m_line_for_the_bundle_only_leaves_its_transport_to_the_tagged_one() {
    let offer = parse(MAX_BUNDLE);
    let negotiated = sdp::publish(&offer).expect("an offer to publish");
    assert_eq!(negotiated.transport.credentials.ufrag, "ATEn");
    is_golden("max_bundle_whip.answer.sdp", &answer(&offer, &negotiated));
    // What is no such m-line has to say it itself, and so has the one that carries the transport.
    for (text, place) in [
        (
            MAX_BUNDLE.replace("m=video 0 ", "m=video 9 "),
            "m-line 2 (video): found no a=rtcp-mux",
        ),
        (
            MAX_BUNDLE
                .replace("a=rtcp-mux\r\n", "")
                .replace("a=rtcp-mux-only\r\n", ""),
            "m-line 1 (audio): found no a=rtcp-mux",
        ),
    ] {
        let fault = sdp::publish(&parse(&text)).expect_err(place).to_string();
        assert!(fault.starts_with(place), "{fault}");
    }
}

#[test]
fn one_m_line_needs_neither_mid_nor_bundle() {
    let offer = parse(PLAIN_AUDIO);
    let negotiated = sdp::watch(&offer, HALL_SLOTS, Layer::BEST).expect("an offer to watch");
    is_golden(
        "plain_audio_recvonly.answer.sdp",
        &answer(&offer, &negotiated),
    );
}

#[test]
fn an_answer_is_sdp_that_describes_every_m_line() {
    for (text, watch) in [
        (WHIP_OFFER, false),
        (WHEP_OFFER, true),
        (AIORTC, true),
        (WEBRTC_CRATE, false),
    ] {
        let offer = parse(text);
        let negotiated = if watch {
            sdp::watch(&offer, HALL_SLOTS, Layer::BEST)
        } else {
            sdp::publish(&offer)
        }
        .expect("good");
        let text = answer(&offer, &negotiated);
        let again =
            rtc_sdp::SessionDescription::unmarshal(&mut std::io::Cursor::new(text.as_bytes()))
                .expect("SDP");
        assert_eq!(again.media_descriptions.len(), offer.sections.len());
        assert_eq!(text.matches("a=end-of-candidates").count(), 1, "{text}");
        assert!(
            text.contains("a=candidate:1 1 udp 2130706431 203.0.113.7 5004 typ host\r\n"),
            "{text}"
        );
        assert!(text.contains(" 2001:db8::7 5004 typ host\r\n"), "{text}");
    }
}
