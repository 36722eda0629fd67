//! Who is calling, and what they may do.
//!
//! People sign in with a password and carry a cookie; halls carry a token that the installation's key
//! signs; relays prove their identity key inside the control link.

pub mod accounts;
pub mod caller;
pub mod guard;
pub mod installation;
pub mod join_codes;
pub mod origin;
pub mod password;
pub mod rate_limit;
pub mod tokens;

pub use caller::Caller;
pub use guard::Least;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Base64url without padding (RFC 4648 §5), as everywhere on the wire.
pub fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The bytes of a base64url text; `None` when it is none.
pub fn from_base64url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Random bytes from the system.
///
/// # Panics
/// When the system has no randomness: nothing that follows could be trusted.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system gives random bytes");
    bytes
}
