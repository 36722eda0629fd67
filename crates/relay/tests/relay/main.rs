//! A relay as its neighbours see it: SDP, WHIP and WHEP, TLS, and the control link.

mod control;
mod fragment;
mod http;
mod orchestrator;
mod sdp;
mod sessions;
mod simulcast;
mod stun;
mod support;
mod tls;
