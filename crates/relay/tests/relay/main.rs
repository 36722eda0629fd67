//! A relay as its neighbours see it: SDP, WHIP and WHEP, TLS, and the control link.

mod control;
mod http;
mod orchestrator;
mod sdp;
mod support;
mod tls;
