//! Offers of nobody in his right mind: refused in words, or answered in SDP, and never a panic.

use crate::support::{
    AIORTC, CHROMIUM_RED, CHROMIUM_SIMULCAST, MAX_BUNDLE, PLAIN_AUDIO, WEBRTC_CRATE, WHEP_OFFER,
    WHIP_OFFER, answer,
};
use proptest::prelude::*;
use protocol::MediaKind;
use relay::media::{Layer, LegMedia, PublishedTrack};
use relay::sdp::{self, HALL_SLOTS, Offer, SINGLE_SLOTS};

#[test]
fn every_refusal_says_what_and_where() {
    let without = |line: &str| {
        let kept: Vec<_> = WHIP_OFFER
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
            WHIP_OFFER.replace("a=sendonly", "a=recvonly"),
            "found no m-line on which the client sends",
        ),
        (
            WHIP_OFFER.replace("setup:actpass", "setup:passive"),
            "found a=setup:\"passive\"",
        ),
        (
            WHIP_OFFER.replace("a=mid:1", "a=mid:0"),
            "m-line 2 (video): found a=mid:0 a second time",
        ),
        (
            WHIP_OFFER.replace("sha-256 ", "sha-256 ZZ"),
            "m-line 1 (audio): found a=fingerprint:",
        ),
        (
            WHIP_OFFER.replace("a=ice-ufrag:WL3r", "a=ice-ufrag:x"),
            "found a=ice-ufrag of 1 characters",
        ),
        (
            WHIP_OFFER.replace("s=-", "s=-\r\na=ice-lite"),
            "line 4: found \"a=ice-lite\"",
        ),
        (
            WHIP_OFFER.replace("t=0 0", "t=0 0\r\na=ice-lite"),
            "session level: found a=ice-lite",
        ),
        (
            WHIP_OFFER.replace("t=0 0", "t=now"),
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
    // As short as an m-line can be, so that they fit; parsers skip a CR that ends no line.
    for line in ["m=\n", "\rm=\n", "\r\rm=\n", "m=\r"] {
        let fault = Offer::parse(line.repeat(10_000).as_bytes()).expect_err("too many");
        assert_eq!(
            fault.to_string(),
            "offer: found 10000 m-lines, expected at most 16",
            "{line:?}"
        );
    }
}

#[test]
fn seventeen_m_lines_are_refused_however_their_lines_begin() {
    let picture = WHIP_OFFER.find("m=video").expect("a picture");
    for begin in ["", "\r", "\r\r"] {
        let more = format!("{begin}m=video 0 UDP/TLS/RTP/SAVPF 96\r\n");
        let text = WHIP_OFFER[..picture].to_owned() + &more.repeat(16);
        let fault = Offer::parse(text.as_bytes()).expect_err("too many");
        assert_eq!(
            fault.to_string(),
            "offer: found 17 m-lines, expected at most 16"
        );
    }
}

#[test]
fn repair_of_the_other_kind_is_left_out() {
    // Retransmissions around opus, redundancy around H264.
    let sound = "a=rtpmap:110 telephone-event/48000\r\n";
    let picture = "a=rtpmap:117 rtx/90000\r\na=fmtp:117 apt=116\r\n";
    assert!(WHIP_OFFER.contains(sound) && WHIP_OFFER.contains(picture));
    let text = WHIP_OFFER
        .replace(
            sound,
            "a=rtpmap:110 rtx/90000\r\na=fmtp:110 apt=111\r\na=rtcp-fb:111 nack\r\n",
        )
        .replace(
            picture,
            "a=rtpmap:117 red/48000/2\r\na=fmtp:117 108/108\r\n",
        );
    let offer = Offer::parse(text.as_bytes()).expect("an offer");
    let answer = answer(&offer, &sdp::publish(&offer).expect("the rest is good"));
    let m_lines: Vec<_> = answer.lines().filter(|l| l.starts_with("m=")).collect();
    assert_eq!(
        m_lines,
        [
            "m=audio 5004 UDP/TLS/RTP/SAVPF 111 63",
            "m=video 5004 UDP/TLS/RTP/SAVPF 108 109"
        ]
    );
    survives(text.as_bytes());
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
                let of_the_other_kind = match track.codec.kind() {
                    MediaKind::Audio => track.rtx_payload_type,
                    MediaKind::Video => track.red_payload_type,
                };
                assert_eq!(of_the_other_kind, None);
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
        which in 0..8_usize,
        spoils in spoils(),
    ) {
        let mut text = [WHIP_OFFER, WHEP_OFFER, CHROMIUM_SIMULCAST, CHROMIUM_RED, AIORTC, WEBRTC_CRATE, PLAIN_AUDIO, MAX_BUNDLE][which].as_bytes().to_vec();
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
