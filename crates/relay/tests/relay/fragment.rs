//! `application/trickle-ice-sdpfrag`: what is taken, and what is refused in words.

use crate::support::candidates;
use proptest::prelude::*;
use relay::media::IceCredentials;
use relay::sdp::{FRAGMENT_BYTES_MAX, Fragment, Tagged};

const CHROMIUM: &str = "a=ice-options:trickle ice2\r\na=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n\
    a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n\
    a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw network-id 1\r\n\
    a=candidate:3 1 udp 41885439 d2a4f1c0-0c6e-4b7a-9c5e-2f2c11f1ab3f.local 0 typ host\r\n\
    a=candidate:471106 1 tcp 1518280447 2001:db8::2 9 typ host tcptype active\r\na=end-of-candidates\r\n";

#[test]
fn candidates_are_read_and_counted() {
    let fragment = Fragment::parse(CHROMIUM.as_bytes()).expect("a fragment");
    assert_eq!(fragment.candidates, 3);
    let credentials = fragment.credentials.expect("credentials");
    assert_eq!(credentials.ufrag, "EsAw");
    assert_eq!(credentials.pwd, "P2uYro0UCOQ4zxjKXaWCBui1");
}

#[test]
fn credentials_may_stand_before_the_m_lines_or_be_left_out() {
    let session =
        "a=ice-ufrag:EsAw\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\nm=audio 9 RTP 0\na=mid:0\n";
    assert!(
        Fragment::parse(session.as_bytes())
            .expect("a fragment")
            .credentials
            .is_some()
    );
    let none = "m=audio 9 RTP 0\r\na=mid:0\r\na=end-of-candidates\r\n";
    assert_eq!(
        Fragment::parse(none.as_bytes())
            .expect("a fragment")
            .credentials,
        None
    );
    assert_eq!(Fragment::parse(b"").expect("nothing new").candidates, 0);
}

#[test]
fn every_refusal_says_what_and_where() {
    for (text, said) in [
        (
            CHROMIUM.replace("a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n", ""),
            "a=ice-ufrag without a=ice-pwd",
        ),
        (
            CHROMIUM.replace("a=ice-ufrag:EsAw\r\n", ""),
            "a=ice-pwd without a=ice-ufrag",
        ),
        (
            CHROMIUM.replace("a=ice-ufrag:EsAw", "a=ice-ufrag:E"),
            "line 5: found a=ice-ufrag of 1 characters",
        ),
        (
            format!("{CHROMIUM}m=video 9 RTP 0\r\na=ice-ufrag:Other\r\n"),
            "line 12: found a second pair",
        ),
        (
            CHROMIUM.replace(" 61764 ", " 70000 "),
            "line 7: found a=candidate:",
        ),
        (
            CHROMIUM.replace("1 udp 2122260223", "1 udp 0"),
            "line 7: found a=candidate:",
        ),
        (
            CHROMIUM.replace("1 udp 2122260223", "257 udp 2122260223"),
            "line 7: found a=candidate:",
        ),
        (
            CHROMIUM.replace("192.0.2.1 61764 typ", "192.0.2.1 61764 type"),
            "line 7: found a=candidate:",
        ),
        (
            CHROMIUM.replace("1387637174", "138763\u{20ac}"),
            "line 7: found a=candidate:",
        ),
        (
            format!("a=candidate:1 1 udp 1 ::1 1 typ host\n{CHROMIUM}"),
            "line 1: found a=candidate:",
        ),
        (
            format!("v=0\r\n{CHROMIUM}"),
            "line 1: found \"v=0\", expected a= and m= lines only",
        ),
        (
            "m=audio\n".repeat(17),
            "line 17: found 17 m-lines, expected at most 16",
        ),
        (
            "a".repeat(FRAGMENT_BYTES_MAX + 1),
            "found 16385 bytes, expected at most 16384",
        ),
    ] {
        let fault = Fragment::parse(text.as_bytes())
            .expect_err(said)
            .to_string();
        assert!(fault.contains(said), "{fault}\nshould say {said}");
    }
    let fault = Fragment::parse(b"a=mid:\xFF")
        .expect_err("not UTF-8")
        .to_string();
    assert!(
        fault.starts_with("byte 6: found bytes that are not UTF-8"),
        "{fault}"
    );
}

#[test]
fn a_password_is_never_repeated() {
    let secret = "P2uYro0UCOQ4zxjKXaWCBui1 x";
    let text = CHROMIUM.replace("P2uYro0UCOQ4zxjKXaWCBui1", secret);
    let fault = Fragment::parse(text.as_bytes())
        .expect_err("a space")
        .to_string();
    assert!(!fault.contains("P2uYro0U"), "{fault}");
}

#[test]
fn the_answer_to_a_restart_is_a_fragment_itself() {
    let tagged = Tagged {
        name: "video".into(),
        mid: Some("v".into()),
        bundle: vec!["v".into(), "a".into()],
    };
    let local = IceCredentials {
        ufrag: "relayufr".into(),
        pwd: "relaypwdrelaypwdrelaypwdrelaypwd".into(),
    };
    let text = tagged.restarted(&local, &candidates());
    assert!(
        text.starts_with(
            "a=ice-lite\r\na=group:BUNDLE v a\r\nm=video 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:v\r\n"
        ),
        "{text}"
    );
    assert!(
        text.ends_with("typ host\r\na=end-of-candidates\r\n"),
        "{text}"
    );
    let again = Fragment::parse(text.as_bytes()).expect("a fragment");
    assert_eq!((again.credentials, again.candidates), (Some(local), 2));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = Fragment::parse(&bytes);
    }

    #[test]
    fn a_spoiled_fragment_is_read_or_refused(at in 0..CHROMIUM.len(), byte in any::<u8>(), cut in 0..CHROMIUM.len()) {
        let mut text = CHROMIUM.as_bytes().to_vec();
        text[at] = byte;
        let _ = Fragment::parse(&text);
        text.truncate(cut);
        if let Ok(fragment) = Fragment::parse(&text) {
            prop_assert!(fragment.candidates <= 3);
        }
    }
}
