//! Offers of real clients, and offers of nobody in his right mind.
//!
//! Golden answers lie beside the offers; `BLESS=1 cargo test -p relay --test relay` writes them anew.

use crate::support::{answer, parse};
use proptest::prelude::*;
use relay::media::{Codec, Layer, LegMedia, PublishedTrack, SlotPurpose};
use relay::sdp::{self, HALL_SLOTS, Offer, Reply, SINGLE_SLOTS};
use std::path::Path;

const CHROMIUM_WHIP: &str = include_str!("../offers/chromium_whip.sdp");
const CHROMIUM_WHEP: &str = include_str!("../offers/chromium_whep_four.sdp");
const CHROMIUM_SIMULCAST: &str = include_str!("../offers/chromium_simulcast.sdp");
const CHROMIUM_RED: &str = include_str!("../offers/chromium_red_first.sdp");
const AIORTC: &str = include_str!("../offers/aiortc_sendrecv.sdp");
const WEBRTC_CRATE: &str = include_str!("../offers/webrtc_crate_whip.sdp");
const PLAIN_AUDIO: &str = include_str!("../offers/plain_audio_recvonly.sdp");

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
    let offer = parse(CHROMIUM_WHIP);
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

fn tracks(text: &str) -> Vec<PublishedTrack> {
    let negotiated = sdp::publish(&parse(text)).expect("an offer to publish");
    match negotiated.media {
        LegMedia::Publish(tracks) => tracks,
        LegMedia::Watch(_) => panic!("a publish leg"),
    }
}

#[test]
fn what_repairs_a_publication_is_taken_as_offered() {
    let [audio, video] = &tracks(CHROMIUM_WHIP)[..] else {
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
    assert!(agreed(CHROMIUM_WHIP));
    for missing in [
        "a=fmtp:109 apt=108\r\n",
        "a=rtcp-fb:108 transport-cc\r\n",
        "a=rtcp-fb:108 nack\r\n",
        "a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n",
    ] {
        assert!(CHROMIUM_WHIP.contains(missing), "{missing}");
        assert!(
            !agreed(&CHROMIUM_WHIP.replace(missing, "")),
            "without {missing}"
        );
    }
}

#[test]
fn redundancy_stands_where_the_publisher_put_it() {
    for (text, m_line) in [
        (
            CHROMIUM_WHIP,
            "\r\nm=audio 5004 UDP/TLS/RTP/SAVPF 111 63\r\n",
        ),
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
    let mixed = CHROMIUM_WHIP.replace("a=fmtp:63 111/111", "a=fmtp:63 111/0");
    assert_eq!(tracks(&mixed)[0].red_payload_type, None);
}

#[test]
fn the_codec_is_h264_then_vp8_then_vp9_then_av1() {
    let mut text = CHROMIUM_WHIP.to_owned();
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
        let mut text = CHROMIUM_WHIP.to_owned();
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
        let text = CHROMIUM_WHIP.replace("minptime=10;useinbandfec=1", offered);
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
        tracks(&CHROMIUM_WHIP.replace(mid, line))[0].extensions
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
    assert!(CHROMIUM_WHIP.contains(video_mid));
    for clash in [
        "a=extmap:9 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=extmap:10 ",
        "a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=extmap:10 ",
    ] {
        let tracks = tracks(&CHROMIUM_WHIP.replace(video_mid, clash));
        let mids: Vec<_> = tracks.iter().map(|track| track.extensions.mid).collect();
        assert_eq!(mids, [Some(4), None], "{clash}");
    }
    let twice = CHROMIUM_WHIP
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
    let asking = CHROMIUM_WHEP.replace(orientation, uri);
    assert_ne!(asking, CHROMIUM_WHEP);
    for (text, sent) in [
        (asking.clone(), true),
        (asking.replace("a=extmap-allow-mixed\r\n", ""), false),
        (
            asking
                .replacen("a=extmap-allow-mixed\r\n", "", 1)
                .replace("a=mid:0\r\n", "a=mid:0\r\na=extmap-allow-mixed\r\n"),
            true,
        ),
        (CHROMIUM_WHEP.to_owned(), false),
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
    let offer = parse(CHROMIUM_WHEP);
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
    let lacking = CHROMIUM_WHEP.replace("apt=96\r\n", "apt=120\r\n");
    assert_ne!(lacking, CHROMIUM_WHEP);
    let offer = parse(&lacking);
    let negotiated = sdp::watch(&offer, HALL_SLOTS, Layer::BEST).expect("an offer to watch");
    assert!(!answer(&offer, &negotiated).contains("transport"));
}

#[test]
fn the_hall_page_gets_four_slots_in_m_line_order() {
    let offer = parse(CHROMIUM_WHEP);
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
fn the_control_room_gets_one_picture_and_one_sound_and_the_rest_is_rejected() {
    let offer = parse(CHROMIUM_WHEP);
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
        (CHROMIUM_WHIP, false),
        (CHROMIUM_WHEP, true),
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

#[test]
fn every_refusal_says_what_and_where() {
    let without = |line: &str| {
        let kept: Vec<_> = CHROMIUM_WHIP
            .lines()
            .filter(|l| !l.starts_with(line))
            .collect();
        kept.join("\r\n") + "\r\n"
    };
    for (text, said) in [
        (
            without("a=ice-ufrag"),
            "m-line 1 (audio): found no a=ice-ufrag",
        ),
        (without("a=ice-pwd"), "m-line 1 (audio): found no a=ice-pwd"),
        (
            without("a=fingerprint"),
            "m-line 1 (audio): found no a=fingerprint",
        ),
        (without("a=setup"), "m-line 1 (audio): found no a=setup"),
        (
            without("a=rtcp-mux"),
            "m-line 1 (audio): found no a=rtcp-mux",
        ),
        (without("a=mid"), "m-line 1 (audio): found no a=mid"),
        (without("a=group"), "session level: found no a=group:BUNDLE"),
        (
            without("a=rtpmap"),
            "without a codec the relay carries, expected opus",
        ),
        (
            "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n".to_owned(),
            "offer: found no m-line",
        ),
        (
            CHROMIUM_WHIP.replace("a=sendonly", "a=recvonly"),
            "found no m-line on which the client sends",
        ),
        (
            CHROMIUM_WHIP.replace("setup:actpass", "setup:passive"),
            "found a=setup:\"passive\"",
        ),
        (
            CHROMIUM_WHIP.replace("a=mid:1", "a=mid:0"),
            "m-line 2 (video): found a=mid:0 a second time",
        ),
        (
            CHROMIUM_WHIP.replace("sha-256 ", "sha-256 ZZ"),
            "m-line 1 (audio): found a=fingerprint:",
        ),
        (
            CHROMIUM_WHIP.replace("a=ice-ufrag:WL3r", "a=ice-ufrag:x"),
            "found a=ice-ufrag of 1 characters",
        ),
        (
            CHROMIUM_WHIP.replace("s=-", "s=-\r\na=ice-lite"),
            "line 4: found \"a=ice-lite\"",
        ),
        (
            CHROMIUM_WHIP.replace("t=0 0", "t=0 0\r\na=ice-lite"),
            "session level: found a=ice-lite",
        ),
        (
            CHROMIUM_WHIP.replace("t=0 0", "t=now"),
            "line 4: found \"t=now\", expected SDP",
        ),
        (
            format!(
                "v=0\r\n{}",
                "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n".repeat(1500)
            ),
            "offer: found 1500 m-lines, expected at most 16",
        ),
        (
            "a".repeat(65_537),
            "offer: found 65537 bytes, expected at most 65536",
        ),
        (String::new(), "line 1: found the end of the text"),
    ] {
        let fault = Offer::parse(text.as_bytes())
            .and_then(|offer| sdp::publish(&offer))
            .expect_err(said);
        assert!(
            fault.to_string().contains(said),
            "{fault}\nshould say {said}"
        );
    }
    let fault = Offer::parse(b"v=0\r\ns=\xFF\r\n").expect_err("not UTF-8");
    assert!(
        fault
            .to_string()
            .starts_with("byte 7: found bytes that are not UTF-8"),
        "{fault}"
    );
}

#[test]
fn ten_thousand_m_lines_are_counted_and_refused() {
    // As short as an m-line can be, so that they fit.
    let fault = Offer::parse("m=\n".repeat(10_000).as_bytes()).expect_err("too many");
    assert_eq!(
        fault.to_string(),
        "offer: found 10000 m-lines, expected at most 16"
    );
}

/// One way to spoil an offer.
#[derive(Clone, Debug)]
enum Spoil {
    Byte(usize, u8),
    DropLine(usize),
    DoubleLine(usize),
    SwapLines(usize, usize),
    CutAt(usize),
    Insert(usize, String),
}

fn spoil(text: &mut Vec<u8>, how: &Spoil) {
    let mut lines: Vec<Vec<u8>> = text
        .split_inclusive(|b| *b == b'\n')
        .map(<[u8]>::to_vec)
        .collect();
    let count = lines.len().max(1);
    match how {
        Spoil::Byte(at, byte) => {
            let length = text.len().max(1);
            if let Some(b) = text.get_mut(at % length) {
                *b = *byte;
            }
            return;
        }
        Spoil::CutAt(at) => return text.truncate(at % (text.len() + 1)),
        Spoil::DropLine(n) if !lines.is_empty() => drop(lines.remove(n % count)),
        Spoil::DoubleLine(n) if !lines.is_empty() => {
            lines.insert(n % count, lines[n % count].clone());
        }
        Spoil::SwapLines(a, b) if !lines.is_empty() => lines.swap(a % count, b % count),
        Spoil::Insert(n, line) => lines.insert(n % count, format!("{line}\r\n").into_bytes()),
        _ => {}
    }
    *text = lines.concat();
}

fn spoils() -> impl Strategy<Value = Vec<Spoil>> {
    let line = "[amcbkovst]=[ -~]{0,40}|a=(mid|group|rtpmap|fmtp|extmap|ssrc|setup|ice-ufrag|rtcp-fb|rid|simulcast):[ -~\u{e9}]{0,30}|m=(audio|video|application) [0-9/]{0,8} [A-Z/]{0,20}( [0-9]{1,12}){0,4}";
    let one = prop_oneof![
        (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Spoil::Byte(at, byte)),
        any::<usize>().prop_map(Spoil::DropLine),
        any::<usize>().prop_map(Spoil::DoubleLine),
        (any::<usize>(), any::<usize>()).prop_map(|(a, b)| Spoil::SwapLines(a, b)),
        any::<usize>().prop_map(Spoil::CutAt),
        (any::<usize>(), line).prop_map(|(n, line)| Spoil::Insert(n, line)),
    ];
    prop::collection::vec(one, 1..12)
}

fn survives(bytes: &[u8]) {
    let Ok(offer) = Offer::parse(bytes) else {
        return;
    };
    let results = [
        sdp::publish(&offer),
        sdp::watch(&offer, HALL_SLOTS, Layer::BEST),
        sdp::watch(&offer, SINGLE_SLOTS, Layer::BEST),
    ];
    for negotiated in results.into_iter().flatten() {
        assert_eq!(negotiated.replies.len(), offer.sections.len());
        let text = answer(&offer, &negotiated);
        let again =
            rtc_sdp::SessionDescription::unmarshal(&mut std::io::Cursor::new(text.as_bytes()));
        let again = again.unwrap_or_else(|error| panic!("{error}: the answer is no SDP:\n{text}"));
        assert_eq!(again.media_descriptions.len(), offer.sections.len());
        sound(&negotiated);
    }
}

/// What the media thread relies on.
fn sound(negotiated: &sdp::Negotiated) {
    let ids = |ids: &[Option<u8>]| {
        let mut ids: Vec<u8> = ids.iter().flatten().copied().collect();
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert!(
            ids.len() == count && ids.iter().all(|id| (1..=14).contains(id)),
            "{ids:?}"
        );
    };
    match &negotiated.media {
        LegMedia::Publish(tracks) => {
            let of = |track: &PublishedTrack| {
                let (own, rtx) = (Some(track.payload_type), track.rtx_payload_type);
                [own, rtx, track.red_payload_type]
            };
            let mut numbers: Vec<u8> = tracks.iter().flat_map(of).flatten().collect();
            let count = numbers.len();
            numbers.sort_unstable();
            numbers.dedup();
            assert_eq!(numbers.len(), count, "{tracks:?}");
            for track in tracks {
                let e = &track.extensions;
                ids(&[
                    e.mid,
                    e.rid,
                    e.repaired_rid,
                    e.audio_level,
                    e.transport_sequence,
                    e.dependency_descriptor,
                ]);
                let mut rids = track.rids.clone();
                rids.sort_unstable();
                rids.dedup();
                assert!(
                    rids.len() == track.rids.len() && rids.len() <= 3,
                    "{:?}",
                    track.rids
                );
                assert!(rids.is_empty() || e.rid.is_some());
                let others = [track.rtx_payload_type, track.red_payload_type];
                assert!(!others.contains(&Some(track.payload_type)));
                assert!(e.transport_sequence.is_none() || track.rtx_payload_type.is_some());
            }
        }
        LegMedia::Watch(slots) => {
            for slot in slots {
                let e = &slot.extensions;
                ids(&[
                    e.mid,
                    e.audio_level,
                    e.transport_sequence,
                    e.dependency_descriptor,
                ]);
                let all_repaired = slot.rtx_payload_types.len() == slot.payload_types.len();
                assert!(e.transport_sequence.is_none() || all_repaired);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn a_spoiled_offer_is_refused_or_answered_but_never_panics(
        which in 0..7_usize,
        spoils in spoils(),
    ) {
        let mut text = [CHROMIUM_WHIP, CHROMIUM_WHEP, CHROMIUM_SIMULCAST, CHROMIUM_RED, AIORTC, WEBRTC_CRATE, PLAIN_AUDIO][which].as_bytes().to_vec();
        for how in &spoils {
            spoil(&mut text, how);
        }
        survives(&text);
    }

    #[test]
    fn any_bytes_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        survives(&bytes);
    }
}
