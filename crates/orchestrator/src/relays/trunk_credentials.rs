//! ICE credentials of trunks: derived, so that a restarted orchestrator hands out the same ones and no
//! running trunk is disturbed.

use crate::auth::installation::Installation;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use protocol::{ConferenceId, RelayId};

/// The parent's ICE credentials for one child (RFC 8445 §5.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrunkCredentials {
    /// 8 characters, 48 bits.
    pub ufrag: String,
    /// 32 characters, 192 bits.
    pub pwd: String,
}

impl TrunkCredentials {
    /// The credentials of the trunk between these two.
    pub fn derive(
        keys: &Installation,
        conference: &ConferenceId,
        parent: &RelayId,
        child: &RelayId,
    ) -> Self {
        let words = [conference.as_str(), parent.as_str(), child.as_str()];
        let (ufrag, pwd) = (
            keys.derive("trunk ufrag", &words),
            keys.derive("trunk pwd", &words),
        );
        // Standard base 64: its + and / are ice-chars (RFC 8839 §5.4), - and _ are not.
        Self {
            ufrag: STANDARD_NO_PAD.encode(&ufrag[..6]),
            pwd: STANDARD_NO_PAD.encode(&pwd[..24]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_trunk_has_its_own_credentials_and_keeps_them() {
        let keys = Installation::for_a_test();
        let id = |text: &str| text.parse().expect("an id");
        let of = |parent: &str, child: &str| {
            TrunkCredentials::derive(
                &keys,
                &"thanh-hoa".parse().expect("an id"),
                &id(parent),
                &id(child),
            )
        };
        let down = of("province", "city");
        assert_eq!((down.ufrag.len(), down.pwd.len()), (8, 32));
        assert!(
            down.pwd
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '+' || c == '/')
        );
        assert_eq!(down, of("province", "city"));
        assert_ne!(down, of("city", "province"));
    }
}
