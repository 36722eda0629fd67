//! Every reader of foreign bytes, driven from bytes alone: for the fuzz targets under `tests/fuzz` and the test that
//! replays their corpus. No part of the product calls it.
//!
//! A target returns when the bytes did no harm and panics when they did: a panic in a reader, an invariant that broke.
//! Where a target takes several datagrams, each is preceded by a control byte and its length, 16 bits, little-endian.

use crate::media::fuzzing as media;
use crate::media::{Fingerprint, IceCredentials, Layer, LegId, LegMedia, LegOpened, SlotSsrcs};
use crate::sdp::{self, Fragment, HALL_SLOTS, Local, Negotiated, Offer, SINGLE_SLOTS};
use crate::token::Tokens;
use rtc_sdp::SessionDescription;
use std::io::Cursor;
use std::net::SocketAddr;

/// A target's name, and its run.
pub type Target = (&'static str, fn(&[u8]));

/// All targets. A folder of this name under `tests/fuzz/corpus` holds what each begins with.
pub const TARGETS: [Target; 8] = [
    ("stun", media::stun),
    ("sdp", offer),
    ("rtp", media::rtp),
    ("rtcp", media::rtcp),
    ("srtp", media::srtp),
    ("dtls", media::dtls),
    ("core", media::core),
    ("whip", request),
];

/// The largest input worth a run.
pub const INPUT_BYTES_MAX: usize = 64 * 1024;

/// An offer, taken as every role takes one.
fn offer(bytes: &[u8]) {
    let Ok(offer) = Offer::parse(bytes) else {
        return;
    };
    let results = [
        sdp::publish(&offer),
        sdp::watch(&offer, HALL_SLOTS, Layer::BEST),
        sdp::watch(&offer, SINGLE_SLOTS, Layer::LOWEST),
    ];
    // A refusal is an answer.
    for negotiated in results.into_iter().flatten() {
        answered(&offer, &negotiated);
    }
}

/// The answer, and what answers a restart of its ICE, are such that a client can read them.
fn answered(offer: &Offer, negotiated: &Negotiated) {
    let credentials = IceCredentials {
        ufrag: "relayufr".to_owned(),
        pwd: "relaypwdrelaypwdrelaypwd".to_owned(),
    };
    let candidates = [SocketAddr::from(([192, 0, 2, 1], 5004))];
    let local = Local {
        session_number: 1,
        credentials: &credentials,
        fingerprint: Fingerprint([0; 32]),
        candidates: &candidates,
    };
    let answer = offer.answer(&local, &negotiated.replies, &opened(&negotiated.media));
    let read = SessionDescription::unmarshal(&mut Cursor::new(answer.as_bytes()));
    let read = read.unwrap_or_else(|error| panic!("{error}: no SDP:\n{answer}"));
    assert_eq!(
        read.media_descriptions.len(),
        offer.sections.len(),
        "{answer}"
    );
    let tagged = offer.transport_line(&negotiated.replies);
    let restarted = tagged.restarted(&credentials, &candidates);
    let read = Fragment::parse(restarted.as_bytes());
    let read = read.unwrap_or_else(|fault| panic!("{fault}: no fragment:\n{restarted}"));
    assert_eq!(
        (read.credentials, read.candidates),
        (Some(credentials), candidates.len())
    );
}

/// A leg with what is sent in each of its slots.
fn opened(media: &LegMedia) -> LegOpened {
    let slots = match media {
        LegMedia::Publish(_) => 0,
        LegMedia::Watch(slots) => slots.len(),
    };
    let numbers = (1..).step_by(2).take(slots);
    LegOpened {
        leg: LegId(0),
        slots: numbers
            .map(|ssrc| SlotSsrcs {
                ssrc,
                rtx: Some(ssrc + 1),
            })
            .collect(),
        cname: "relay".to_owned(),
    }
}

/// A URI, header lines up to an empty one, then a body: what comes with PATCH, and with the choice of a layer.
fn request(bytes: &[u8]) {
    let tokens = Tokens::signed();
    // RFC 8032 §7.1, test 1.
    assert!(tokens.trust("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"));
    let blank = bytes.windows(2).position(|two| two == b"\n\n");
    let (head, body) = bytes.split_at(blank.unwrap_or(bytes.len()));
    crate::http::fuzzing::head(&tokens, head);
    let body = body.get(2..).unwrap_or_default();
    crate::http::fuzzing::choice(body);
    if let Ok(fragment) = Fragment::parse(body) {
        assert!(fragment.candidates <= body.len() / "a=candidate:".len());
    }
}
