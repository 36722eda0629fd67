//! What is taken out of an offer, and what is left out.

use crate::support::{CHROMIUM_RED, WHEP_OFFER, WHIP_OFFER, answer, parse};
use relay::media::{Codec, Layer, LegMedia, PublishedTrack};
use relay::sdp::{self, HALL_SLOTS};

fn tracks(text: &str) -> Vec<PublishedTrack> {
    let negotiated = sdp::publish(&parse(text)).expect("an offer to publish");
    match negotiated.media {
        LegMedia::Publish(tracks) => tracks,
        LegMedia::Watch(_) => panic!("a publish leg"),
    }
}

/// The WHIP offer with one more m-line: the picture's, under another mid.
fn with_one_more(changed: impl Fn(&str) -> String) -> String {
    let video = WHIP_OFFER.find("m=video").expect("a picture");
    let more = WHIP_OFFER[video..].replace("a=mid:1", "a=mid:2");
    WHIP_OFFER.replace("BUNDLE 0 1", "BUNDLE 0 1 2") + &changed(&more)
}

#[test]
fn a_publication_is_taken_whole_or_refused_with_the_place_that_is_not_taken() {
    let outside = "a=group:BUNDLE 0\r\n";
    for (text, said) in [
        (
            with_one_more(str::to_owned),
            "m-line 3 (video): found a second m=video on which the client sends",
        ),
        (
            WHIP_OFFER.replace("a=group:BUNDLE 0 1\r\n", outside),
            "m-line 2 (video): found a=mid:1 outside a=group:BUNDLE",
        ),
        (
            WHIP_OFFER.replace("opus/48000/2", "speex/16000"),
            "m-line 1 (audio): found no codec the relay carries, expected opus/48000/2",
        ),
        (
            with_one_more(|more| more.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP")),
            "m-line 3 (video): found protocol \"RTP/AVP\", expected UDP/TLS/RTP/SAVPF",
        ),
    ] {
        let fault = sdp::publish(&parse(&text)).expect_err(said).to_string();
        assert!(fault.starts_with(said), "{fault}\nshould say {said}");
    }
}

#[test]
fn what_sends_no_sound_or_picture_is_answered_with_port_0() {
    for text in [
        with_one_more(|more| more.replace("a=sendonly", "a=recvonly")),
        with_one_more(|more| more.replace("a=sendonly", "a=inactive")),
        with_one_more(|more| more.replace("m=video 9 ", "m=video 0 ")),
        with_one_more(|_| {
            "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:2\r\n".to_owned()
        }),
    ] {
        let offer = parse(&text);
        let negotiated = sdp::publish(&offer).expect("the rest is good");
        let answer = answer(&offer, &negotiated);
        let last = answer.rsplit("\r\nm=").next().expect("an m-line");
        let port = last.split(' ').nth(1);
        assert_eq!(port, Some("0"), "{answer}");
        assert_eq!(tracks(&text).len(), 2);
    }
}

#[test]
fn what_repairs_a_publication_is_taken_as_offered() {
    let [audio, video] = &tracks(WHIP_OFFER)[..] else {
        panic!("two tracks")
    };
    assert_eq!(
        (video.payload_type, video.rtx_payload_type),
        (108, Some(109))
    );
    assert!(video.feedback_nack && video.extensions.transport_sequence == Some(3));
    // Chromium offers both for audio too; there they would cost packets and repair nothing in time.
    assert!(!audio.feedback_nack && audio.extensions.transport_sequence.is_none());
    assert_eq!(
        (audio.rtx_payload_type, audio.red_payload_type),
        (None, Some(63))
    );
}

#[test]
fn transport_wide_feedback_needs_retransmissions_and_its_own_line_and_extension() {
    let agreed = |text: &str| {
        let offer = parse(text);
        let negotiated = sdp::publish(&offer).expect("an offer to publish");
        let LegMedia::Publish(tracks) = &negotiated.media else {
            panic!("a publish leg")
        };
        let (line, id) = (
            answer(&offer, &negotiated).contains(" transport-cc\r\n"),
            tracks[1].extensions.transport_sequence.is_some(),
        );
        assert_eq!(line, id, "{text}");
        line
    };
    assert!(agreed(WHIP_OFFER));
    for missing in [
        "a=fmtp:109 apt=108\r\n",
        "a=rtcp-fb:108 transport-cc\r\n",
        "a=rtcp-fb:108 nack\r\n",
        "a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n",
    ] {
        assert!(WHIP_OFFER.contains(missing), "{missing}");
        assert!(
            !agreed(&WHIP_OFFER.replace(missing, "")),
            "without {missing}"
        );
    }
}

#[test]
fn redundancy_stands_where_the_publisher_put_it() {
    for (text, m_line) in [
        (WHIP_OFFER, "\r\nm=audio 5004 UDP/TLS/RTP/SAVPF 111 63\r\n"),
        (
            CHROMIUM_RED,
            "\r\nm=audio 5004 UDP/TLS/RTP/SAVPF 63 111\r\n",
        ),
    ] {
        let offer = parse(text);
        let answer = answer(&offer, &sdp::publish(&offer).expect("good"));
        assert!(answer.contains(m_line), "{answer}");
        assert!(
            answer.contains("a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n"),
            "{answer}"
        );
    }
    // Redundancy of two codecs at once is nothing that can be unwrapped here.
    let mixed = WHIP_OFFER.replace("a=fmtp:63 111/111", "a=fmtp:63 111/0");
    assert_eq!(tracks(&mixed)[0].red_payload_type, None);
}

#[test]
fn the_codec_is_h264_then_vp8_then_vp9_then_av1() {
    let mut text = WHIP_OFFER.to_owned();
    for (codec, payload_type) in [
        (Codec::H264, 108),
        (Codec::Vp8, 96),
        (Codec::Vp9, 98),
        (Codec::Av1, 45),
    ] {
        let track = &tracks(&text)[1];
        assert_eq!((track.codec, track.payload_type), (codec, payload_type));
        text = text.replace(&format!(" {}/90000", codec.name()), " other/90000");
    }
}

#[test]
fn an_h264_profile_is_one_of_the_offer_and_the_best_known_one() {
    let with = |profiles: &[&str]| {
        let mut text = WHIP_OFFER.to_owned();
        for (old, new) in [
            "profile-level-id=42001f",
            "profile-level-id=42e01f",
            "profile-level-id=4d001f",
        ]
        .iter()
        .zip(profiles)
        {
            text = text.replace(old, &format!("Profile-Level-Id={new}"));
        }
        let offer = parse(&text);
        let answer = answer(&offer, &sdp::publish(&offer).expect("good"));
        let line = answer
            .lines()
            .find(|line| line.contains("profile-level-id"));
        line.and_then(|line| line.rsplit('=').next())
            .expect("a profile")
            .to_owned()
    };
    assert_eq!(with(&["640c1f", "42E01F", "4d001f"]), "42e01f");
    assert_eq!(
        with(&["640c1f", "4d801f", "42001f"]),
        "4d801f",
        "constrained baseline by another name"
    );
    assert_eq!(with(&["640c1f", "4d001f", "42001f"]), "42001f");
    assert_eq!(with(&["640c1f", "zz001f", "+42e01"]), "640c1f");
}

#[test]
fn opus_is_answered_with_what_the_publisher_proposes() {
    for (offered, answered) in [
        ("minptime=10;useinbandfec=1", "minptime=10;useinbandfec=1"),
        (
            "minptime=20; useinbandfec=0;usedtx=1",
            "minptime=20;useinbandfec=0;usedtx=1",
        ),
        (
            "stereo=1;sprop-stereo=1;x=\u{9}",
            "minptime=10;useinbandfec=1;stereo=1",
        ),
        ("minptime=99999;usedtx=yes", "minptime=10;useinbandfec=1"),
    ] {
        let text = WHIP_OFFER.replace("minptime=10;useinbandfec=1", offered);
        let offer = parse(&text);
        let answer = answer(&offer, &sdp::publish(&offer).expect("good"));
        assert!(
            answer.contains(&format!("a=fmtp:111 {answered}\r\n")),
            "{offered}: {answer}"
        );
    }
}

#[test]
fn an_extension_has_an_id_of_its_own_in_both_directions_that_fits_one_byte() {
    let with = |line: &str| {
        let mid = "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid";
        tracks(&WHIP_OFFER.replace(mid, line))[0].extensions
    };
    assert_eq!(
        with("a=extmap:4/sendrecv urn:ietf:params:rtp-hdrext:sdes:mid").mid,
        Some(4)
    );
    for none in [
        "a=extmap:4/recvonly urn:ietf:params:rtp-hdrext:sdes:mid",
        "a=extmap:15 urn:ietf:params:rtp-hdrext:sdes:mid",
        "a=extmap:0 urn:ietf:params:rtp-hdrext:sdes:mid",
        "a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid",
        "a=extmap:4",
    ] {
        let found = with(none);
        assert_eq!((found.mid, found.audio_level), (None, Some(1)), "{none}");
    }
}

#[test]
fn what_contradicts_another_m_line_of_the_group_is_left_out_or_refused() {
    let video_mid = "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=extmap:10 ";
    assert!(WHIP_OFFER.contains(video_mid));
    for clash in [
        "a=extmap:9 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=extmap:10 ",
        "a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=extmap:10 ",
    ] {
        let tracks = tracks(&WHIP_OFFER.replace(video_mid, clash));
        let mids: Vec<_> = tracks.iter().map(|track| track.extensions.mid).collect();
        assert_eq!(mids, [Some(4), None], "{clash}");
    }
    let twice = WHIP_OFFER
        .replace(" 111 63 ", " 108 63 ")
        .replace(":111 ", ":108 ");
    let fault = sdp::publish(&parse(&twice)).expect_err("one number for two things");
    assert!(
        fault
            .to_string()
            .starts_with("m-line 2 (video): found payload type 108 of another m-line"),
        "{fault}"
    );
}

#[test]
fn a_dependency_descriptor_is_sent_only_where_both_forms_of_extensions_are_allowed() {
    let uri =
        "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";
    let orientation = "urn:3gpp:video-orientation";
    let asking = WHEP_OFFER.replace(orientation, uri);
    assert_ne!(asking, WHEP_OFFER);
    for (text, sent) in [
        (asking.clone(), true),
        (asking.replace("a=extmap-allow-mixed\r\n", ""), false),
        (
            asking
                .replacen("a=extmap-allow-mixed\r\n", "", 1)
                .replace("a=mid:0\r\n", "a=mid:0\r\na=extmap-allow-mixed\r\n"),
            true,
        ),
        (WHEP_OFFER.to_owned(), false),
    ] {
        let offer = parse(&text);
        let negotiated = sdp::watch(&offer, HALL_SLOTS, Layer::BEST).expect("an offer to watch");
        let LegMedia::Watch(slots) = &negotiated.media else {
            panic!("a watch leg")
        };
        assert_eq!(slots[0].extensions.dependency_descriptor.is_some(), sent);
        assert_eq!(answer(&offer, &negotiated).contains(uri), sent);
    }
}

#[test]
fn a_watcher_gets_retransmissions_of_every_codec_and_no_redundancy() {
    let offer = parse(WHEP_OFFER);
    let negotiated = sdp::watch(&offer, HALL_SLOTS, Layer::LOWEST).expect("an offer to watch");
    let LegMedia::Watch(slots) = &negotiated.media else {
        panic!("a watch leg")
    };
    for slot in slots.iter().take(2) {
        let codecs = |of: &[(Codec, u8)]| of.iter().map(|(codec, _)| *codec).collect::<Vec<_>>();
        assert_eq!(codecs(&slot.rtx_payload_types), codecs(&slot.payload_types));
        assert!(slot.extensions.transport_sequence.is_some() && slot.extensions.mid.is_some());
        assert_eq!(slot.layer_max, Layer::LOWEST);
    }
    assert!(
        slots[2].rtx_payload_types.is_empty() && slots[2].extensions.transport_sequence.is_none()
    );
    let text = answer(&offer, &negotiated);
    assert!(text.contains("a=ssrc-group:FID 65536 131072\r\n"), "{text}");
    assert!(
        text.contains("a=ssrc:131072 cname:relay-cname\r\n"),
        "{text}"
    );
    assert!(!text.contains(" red/"), "{text}");
    // One codec without retransmissions: none of the packets may then carry a number that changes with each sending.
    let lacking = WHEP_OFFER.replace("apt=96\r\n", "apt=120\r\n");
    assert_ne!(lacking, WHEP_OFFER);
    let offer = parse(&lacking);
    let negotiated = sdp::watch(&offer, HALL_SLOTS, Layer::BEST).expect("an offer to watch");
    assert!(!answer(&offer, &negotiated).contains("transport"));
}
