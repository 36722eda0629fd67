//! Connectivity checks (RFC 8445 §7) of the load: controlling, nominating, and answering a full agent's own checks.

use super::identity::crypto;
use anyhow::Result;
use rtc_stun::attributes::{
    ATTR_ICE_CONTROLLING, ATTR_PRIORITY, ATTR_USE_CANDIDATE, ATTR_USERNAME, RawAttribute,
};
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{BINDING_REQUEST, BINDING_SUCCESS, Message, Setter, TransactionId};
use rtc_stun::textattrs::Username;
use rtc_stun::xoraddr::XorMappedAddress;
use std::net::SocketAddr;

/// Host candidate, one component (RFC 8445 §5.1.2.1).
const PRIORITY: u32 = 0x7eff_ffff;

/// What a STUN datagram means to a leg.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Our check succeeded.
    Answered,
    /// The peer checks us: send this back.
    Asked(Vec<u8>),
    /// Not authentic, or of no use.
    Nothing,
}

/// A nominating check. `username` is `peer's ufrag:own ufrag`, `pwd` the peer's.
pub(super) fn check(username: &str, pwd: &str) -> Result<Vec<u8>> {
    let crypto = crypto();
    let raw = |typ, value: Vec<u8>| -> Box<dyn Setter> {
        let length = value.len() as u16;
        Box::new(RawAttribute { typ, length, value })
    };
    let mut message = Message::new();
    message.build(&[
        Box::new(BINDING_REQUEST),
        Box::new(TransactionId::new()),
        Box::new(Username::new(ATTR_USERNAME, username.to_owned())),
        raw(ATTR_PRIORITY, PRIORITY.to_be_bytes().to_vec()),
        // The highest tie-breaker: a server that offers, and so controls as well, gives way (RFC 8445 §7.3.1.1).
        raw(ATTR_ICE_CONTROLLING, u64::MAX.to_be_bytes().to_vec()),
        raw(ATTR_USE_CANDIDATE, Vec::new()),
        Box::new(MessageIntegrity::new_short_term_integrity_with_provider(
            pwd.to_owned(),
            crypto.crypto(),
        )),
        Box::new(FINGERPRINT),
    ])?;
    Ok(message.raw)
}

/// Takes a datagram from `from`; answers to our checks are signed with the peer's password, its checks with ours.
pub(super) fn hear(datagram: &[u8], from: SocketAddr, own_pwd: &str, peer_pwd: &str) -> Heard {
    let crypto = crypto();
    let mut message = Message::new();
    if message.unmarshal_binary(datagram).is_err() || FINGERPRINT.check(&message).is_err() {
        return Heard::Nothing;
    }
    let mut signed_with =
        |pwd: &str| MessageIntegrity::check(&mut message, pwd.as_bytes(), crypto.crypto()).is_ok();
    if signed_with(peer_pwd) && message.typ == BINDING_SUCCESS {
        return Heard::Answered;
    }
    let mut signed_with =
        |pwd: &str| MessageIntegrity::check(&mut message, pwd.as_bytes(), crypto.crypto()).is_ok();
    if signed_with(own_pwd) && message.typ == BINDING_REQUEST {
        return answer(message.transaction_id, from, own_pwd).map_or(Heard::Nothing, Heard::Asked);
    }
    Heard::Nothing
}

fn answer(transaction: TransactionId, from: SocketAddr, pwd: &str) -> Result<Vec<u8>> {
    let crypto = crypto();
    let mut message = Message::new();
    message.build(&[
        Box::new(BINDING_SUCCESS),
        Box::new(transaction),
        Box::new(XorMappedAddress {
            ip: from.ip(),
            port: from.port(),
        }),
        Box::new(MessageIntegrity::new_short_term_integrity_with_provider(
            pwd.to_owned(),
            crypto.crypto(),
        )),
        Box::new(FINGERPRINT),
    ])?;
    Ok(message.raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_sides_understand_each_other_and_nobody_else() {
        let from: SocketAddr = "127.0.0.1:4000".parse().expect("an address");
        let asked = check("peer:own", "password-of-the-peer").expect("a check");
        let Heard::Asked(answer) = hear(&asked, from, "password-of-the-peer", "own password")
        else {
            panic!("the peer answers");
        };
        assert_eq!(
            hear(&answer, from, "own password", "password-of-the-peer"),
            Heard::Answered
        );
        assert_eq!(
            hear(&answer, from, "own password", "another password"),
            Heard::Nothing
        );
        assert_eq!(hear(&asked[..30], from, "a", "b"), Heard::Nothing);
    }
}
