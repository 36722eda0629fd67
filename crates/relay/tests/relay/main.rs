//! A relay as its neighbours see it: SDP, WHIP and WHEP, TLS, and the control link.

mod control;
mod fragment;
mod hostile_sdp;
mod http;
mod negotiation;
mod orchestrator;
mod sdp;
mod sessions;
mod simulcast;
mod stun;
mod support;
mod tls;
