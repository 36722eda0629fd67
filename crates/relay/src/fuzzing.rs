//! Every reader of foreign bytes, driven from bytes alone: for the fuzz targets under `tests/fuzz` and the test that
//! replays their corpus. No part of the product calls it.
//!
//! A target returns when the bytes did no harm and panics when they did: a panic in a reader, an invariant that broke.
//! Where a target takes several datagrams, each is preceded by a control byte and its length, 16 bits, little-endian.

use crate::media::Layer;
use crate::media::fuzzing as media;
use crate::sdp::{self, Fragment, HALL_SLOTS, Offer, SINGLE_SLOTS};
use crate::token::Tokens;

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
    // A refusal is an answer.
    let _ = sdp::publish(&offer);
    for (purposes, layer) in [(HALL_SLOTS, Layer::BEST), (SINGLE_SLOTS, Layer::LOWEST)] {
        let _ = sdp::watch(&offer, purposes, layer);
    }
}

/// A URI, header lines up to an empty one, then a body: what comes with PATCH.
fn request(bytes: &[u8]) {
    let tokens = Tokens::signed();
    // RFC 8032 §7.1, test 1.
    assert!(tokens.trust("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"));
    let blank = bytes.windows(2).position(|two| two == b"\n\n");
    let (head, body) = bytes.split_at(blank.unwrap_or(bytes.len()));
    crate::http::fuzzing::head(&tokens, head);
    if let Ok(fragment) = Fragment::parse(body.get(2..).unwrap_or_default()) {
        assert!(fragment.candidates <= body.len() / "a=candidate:".len());
    }
}
