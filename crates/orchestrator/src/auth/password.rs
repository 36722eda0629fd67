//! Passwords: Argon2id (RFC 9106) with the library's parameters (19 MiB, 2 passes).

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};

/// Sign-ins under way at once. Each takes 19 MiB and about 30 ms of a core; more would only queue for
/// the same cores, and memory would be the caller's to fill.
pub const SIGN_INS_AT_ONCE_MAX: usize = 2;

/// No password is longer; a longer one is refused before it costs anything.
pub const PASSWORD_BYTES_MAX: usize = 1024;

/// The PHC string to keep.
pub fn hash(password: &str) -> Result<String, argon2::password_hash::Error> {
    Ok(Argon2::default()
        .hash_password(password.as_bytes())?
        .to_string())
}

/// Whether the password is the one hashed. A hash that does not parse matches nothing.
pub fn matches(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| {
        Argon2::default()
            .verify_password(password.as_bytes(), &hash)
            .is_ok()
    })
}

/// A hash of a password nobody has: checking against it takes as long as checking a real user's, so
/// that the time of an answer does not tell which users exist.
pub fn decoy() -> &'static str {
    static DECOY: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
        hash(&super::base64url(&super::random::<32>())).unwrap_or_default()
    });
    &DECOY
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_matches_its_own_hash_only() {
        let kept = hash("mật khẩu dài").expect("hashed");
        assert!(
            kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{kept}"
        );
        assert!(matches("mật khẩu dài", &kept));
        assert!(!matches("mat khau dai", &kept));
        assert!(!matches("", "not a hash"));
        assert!(!matches("", decoy()));
    }
}
