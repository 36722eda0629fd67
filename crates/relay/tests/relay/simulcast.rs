//! Several layers of one picture in one offer.

use crate::support::{CHROMIUM_SIMULCAST as CHROMIUM, answer, parse};
use relay::media::{LegMedia, PublishedTrack};
use relay::sdp;

/// The offer with other layers than Chromium's q, h and f.
fn offer(rids: &[&str], simulcast: &str) -> String {
    let lines = rids
        .iter()
        .fold(String::new(), |lines, rid| lines + "a=rid:" + rid + "\r\n");
    let theirs = "a=rid:q send\r\na=rid:h send\r\na=rid:f send\r\na=simulcast:send q;h;f\r\n";
    assert!(CHROMIUM.contains(theirs));
    CHROMIUM.replace(theirs, &format!("{lines}a=simulcast:{simulcast}\r\n"))
}

/// The picture's track, and the lines of the answer that name layers.
fn taken(text: &str) -> (PublishedTrack, Vec<String>) {
    let offer = parse(text);
    let negotiated = sdp::publish(&offer).expect("an offer to publish");
    let LegMedia::Publish(tracks) = &negotiated.media else {
        panic!("a publish leg")
    };
    let answer = answer(&offer, &negotiated);
    let named = |line: &&str| line.starts_with("a=rid:") || line.starts_with("a=simulcast:");
    let lines = answer.lines().filter(named).map(str::to_owned).collect();
    (tracks[1].clone(), lines)
}

fn rids(text: &str) -> Vec<String> {
    taken(text).0.rids
}

#[test]
fn chromiums_three_layers_are_taken_the_lowest_first() {
    let (track, lines) = taken(CHROMIUM);
    assert_eq!(track.rids, ["q", "h", "f"]);
    assert_eq!(
        lines,
        [
            "a=rid:q recv",
            "a=rid:h recv",
            "a=rid:f recv",
            "a=simulcast:recv q;h;f"
        ]
    );
    let extensions = track.extensions;
    assert_eq!(
        (extensions.rid, extensions.repaired_rid),
        (Some(10), Some(11))
    );
    assert_eq!(extensions.dependency_descriptor, Some(12));
    assert!(track.ssrcs.is_empty() && track.rtx_payload_type == Some(109));
}

#[test]
fn restrictions_tell_the_order_of_quality_and_come_back_in_the_answer() {
    let text = offer(
        &[
            "hi send max-width=1280;max-height=720;max-fps=25",
            "mid send max-width=640;max-height=360",
            "lo send max-width=320;max-height=180",
        ],
        "send hi;mid;lo",
    );
    let (track, lines) = taken(&text);
    assert_eq!(track.rids, ["lo", "mid", "hi"]);
    assert_eq!(
        lines[0],
        "a=rid:hi recv max-width=1280;max-height=720;max-fps=25"
    );
    assert_eq!(lines[3], "a=simulcast:recv hi;mid;lo");
    let by_rate = ["a send max-br=900000", "b send max-br=90000"];
    assert_eq!(rids(&offer(&by_rate, "send a;b")), ["b", "a"]);
    // Restrictions of one alone, or the same for both, tell nothing.
    let half = ["a send max-br=900000", "b send"];
    assert_eq!(rids(&offer(&half, "send a;b")), ["a", "b"]);
    let same = [
        "a send max-br=5;max-height=9",
        "b send max-br=5;max-height=9",
    ];
    assert_eq!(rids(&offer(&same, "send a;b")), ["a", "b"]);
}

#[test]
fn three_layers_at_most_of_which_each_has_one_alternative() {
    let five: Vec<String> = (1..=5).map(|n| format!("{n} send")).collect();
    let five: Vec<&str> = five.iter().map(String::as_str).collect();
    let (track, lines) = taken(&offer(&five, "send 1;2;3;4;5"));
    assert_eq!(track.rids, ["1", "2", "3"]);
    assert_eq!(lines.last().expect("a line"), "a=simulcast:recv 1;2;3");
    assert_eq!(
        rids(&offer(&five, "send 1,2;~3,4;2 recv 5")),
        ["1", "3", "2"]
    );
    assert_eq!(rids(&offer(&five, "recv 5 send 1;~2")), ["1", "2"]);
    assert_eq!(rids(&offer(&five, "send 9;1;1;1")), ["1"]);
}

#[test]
fn a_rid_counts_only_with_the_payload_type_of_the_answer() {
    let vp8_only = [
        "q send pt=96",
        "h send pt=96,108",
        "f send pt=108;max-br=800000",
    ];
    let (track, lines) = taken(&offer(&vp8_only, "send q;h;f"));
    assert_eq!(
        (track.payload_type, track.rids),
        (108, vec!["h".to_owned(), "f".to_owned()])
    );
    assert_eq!(lines[0], "a=rid:h recv pt=108");
    assert_eq!(lines[1], "a=rid:f recv pt=108;max-br=800000");
}

#[test]
fn what_is_no_simulcast_is_answered_as_one_stream() {
    let long = format!("{} send", "x".repeat(17));
    for text in [
        offer(&["q send", "h send"], "recv q;h"),
        offer(&["q recv", "h recv"], "send q;h"),
        offer(&["q! send"], "send q!"),
        offer(&[&long], &format!("send {}", "x".repeat(17))),
        offer(&["q send depend=h"], "send q"),
        offer(&["q send max-br=1e9"], "send q"),
        offer(&["q send"], "send"),
        offer(&["q send"], "send ;;,,~"),
        CHROMIUM.replace(
            "a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n",
            "",
        ),
    ] {
        let (track, lines) = taken(&text);
        assert!(track.rids.is_empty() && lines.is_empty(), "{lines:?}");
        assert_eq!(
            (track.extensions.rid, track.extensions.repaired_rid),
            (None, None)
        );
    }
}

#[test]
fn sound_has_no_layers() {
    let rid = "a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\na=rid:q send\r\na=simulcast:send q\r\n";
    let text = CHROMIUM.replace("a=mid:0\r\n", &format!("a=mid:0\r\n{rid}"));
    let negotiated = sdp::publish(&parse(&text)).expect("an offer to publish");
    let LegMedia::Publish(tracks) = &negotiated.media else {
        panic!("a publish leg")
    };
    assert!(tracks[0].rids.is_empty() && tracks[1].rids.len() == 3);
}

#[test]
fn hostile_lists_are_bounded() {
    let names: Vec<String> = (0..2000).map(|n: u32| n.to_string()).collect();
    let rids_offered: Vec<String> = names.iter().map(|name| format!("{name} send")).collect();
    let lines: Vec<&str> = rids_offered.iter().map(String::as_str).collect();
    let many = offer(&lines, &format!("send {}", names.join(";")));
    assert_eq!(rids(&many), ["0", "1", "2"]);
    // What stands behind the first sixteen is not looked at: of the RIDs, of the streams, of the alternatives.
    assert_eq!(rids(&offer(&lines, "send 13;14;15")), ["13", "14", "15"]);
    assert!(rids(&offer(&lines, "send 16;17;18")).is_empty());
    let unknown: Vec<String> = (0..16).map(|n| format!("x{n}")).collect();
    for between in [";", ","] {
        let behind = |unknown: &[String]| {
            let list = unknown.join(between);
            rids(&offer(&lines, &format!("send {list}{between}7")))
        };
        assert_eq!(behind(&unknown[..15]), ["7"]);
        assert!(behind(&unknown).is_empty());
    }
}
