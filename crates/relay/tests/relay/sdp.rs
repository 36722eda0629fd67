//! Offers of real clients, and offers of nobody in his right mind.
//!
//! Golden answers lie beside the offers; `BLESS=1 cargo test -p relay --test relay` writes them anew.

use proptest::prelude::*;
use relay::media::{
    Codec, Fingerprint, IceCredentials, LegId, LegMedia, LegOpened, SlotPurpose, SlotSsrcs,
};
use relay::sdp::{self, HALL_SLOTS, Local, Negotiated, Offer, Reply, SINGLE_SLOTS};
use std::path::Path;

const CHROMIUM_WHIP: &str = include_str!("../offers/chromium_whip.sdp");
const CHROMIUM_WHEP: &str = include_str!("../offers/chromium_whep_four.sdp");
const AIORTC: &str = include_str!("../offers/aiortc_sendrecv.sdp");
const WEBRTC_CRATE: &str = include_str!("../offers/webrtc_crate_whip.sdp");
const PLAIN_AUDIO: &str = include_str!("../offers/plain_audio_recvonly.sdp");

fn parse(text: &str) -> Offer {
    Offer::parse(text.as_bytes()).unwrap_or_else(|fault| panic!("{fault}"))
}

fn answer(offer: &Offer, negotiated: &Negotiated) -> String {
    let credentials = IceCredentials {
        ufrag: "relayufr".into(),
        pwd: "relaypwdrelaypwdrelaypwdrelaypwd".into(),
    };
    let local = Local {
        session_number: 7,
        credentials: &credentials,
        fingerprint: Fingerprint([0xAB; 32]),
        candidates: &[
            "203.0.113.7:5004".parse().expect("v4"),
            "[2001:db8::7]:5004".parse().expect("v6"),
        ],
    };
    let ssrcs = |slot: u32| SlotSsrcs {
        ssrc: (1 << 16) + slot,
        rtx: None,
    };
    let opened = LegOpened {
        leg: LegId(1),
        slots: (0..4).map(ssrcs).collect(),
        cname: "relay-cname".into(),
    };
    offer.answer(&local, &negotiated.replies, &opened)
}

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

#[test]
fn the_hall_page_gets_four_slots_in_m_line_order() {
    let offer = parse(CHROMIUM_WHEP);
    let negotiated = sdp::watch(&offer, HALL_SLOTS).expect("an offer to watch");
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
    assert_eq!(codecs, [Codec::Vp8, Codec::H264]);
    is_golden(
        "chromium_whep_four.answer.sdp",
        &answer(&offer, &negotiated),
    );
}

#[test]
fn the_control_room_gets_one_picture_and_one_sound_and_the_rest_is_rejected() {
    let offer = parse(CHROMIUM_WHEP);
    let negotiated = sdp::watch(&offer, SINGLE_SLOTS).expect("an offer to watch");
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
    let watched = sdp::watch(&offer, HALL_SLOTS).expect("sendrecv watches");
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
    let negotiated = sdp::watch(&offer, HALL_SLOTS).expect("an offer to watch");
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
            sdp::watch(&offer, HALL_SLOTS)
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
    let line = "[amcbkovst]=[ -~]{0,40}|a=(mid|group|rtpmap|fmtp|extmap|ssrc|setup|ice-ufrag|rtcp-fb):[ -~\u{e9}]{0,30}|m=(audio|video|application) [0-9/]{0,8} [A-Z/]{0,20}( [0-9]{1,12}){0,4}";
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
        sdp::watch(&offer, HALL_SLOTS),
        sdp::watch(&offer, SINGLE_SLOTS),
    ];
    for negotiated in results.into_iter().flatten() {
        assert_eq!(negotiated.replies.len(), offer.sections.len());
        let text = answer(&offer, &negotiated);
        let again =
            rtc_sdp::SessionDescription::unmarshal(&mut std::io::Cursor::new(text.as_bytes()));
        let again = again.unwrap_or_else(|error| panic!("{error}: the answer is no SDP:\n{text}"));
        assert_eq!(again.media_descriptions.len(), offer.sections.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn a_spoiled_offer_is_refused_or_answered_but_never_panics(
        which in 0..5_usize,
        spoils in spoils(),
    ) {
        let mut text = [CHROMIUM_WHIP, CHROMIUM_WHEP, AIORTC, WEBRTC_CRATE, PLAIN_AUDIO][which].as_bytes().to_vec();
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
