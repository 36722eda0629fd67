//! Tokens: EdDSA JWTs (RFC 7519, RFC 8037) with [`MediaClaims`], signed here, verified here and at relays.

use super::installation::Installation;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use protocol::{ConferenceId, MediaClaims, MediaScope};

const AUDIENCE: &str = "diemcau";
/// A hall joins once on the day before and stays in until the evening after.
pub const HALL_TOKEN_S: u64 = 36 * 3600;
/// A watch token is used at once; the session it opens stays.
pub const WATCH_TOKEN_S: u64 = 60;

/// Signs and verifies tokens.
pub struct Tokens {
    signing: EncodingKey,
    verifying: DecodingKey,
    validation: Validation,
}

/// Why a token does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It was good once.
    Expired,
    /// It was never good here.
    Wrong,
}

impl Tokens {
    /// Tokens of this installation.
    pub fn new(keys: &Installation) -> Self {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_audience(&[AUDIENCE]);
        validation.leeway = 0;
        Self {
            signing: EncodingKey::from_ed_der(keys.pkcs8()),
            verifying: DecodingKey::from_ed_der(keys.public_key()),
            validation,
        }
    }

    /// Signs a token; answers it with its claims.
    pub fn grant(
        &self,
        conference: ConferenceId,
        scope: MediaScope,
        now_s: u64,
        for_s: u64,
    ) -> Result<(String, MediaClaims), jsonwebtoken::errors::Error> {
        let claims = MediaClaims {
            aud: AUDIENCE.to_owned(),
            conference,
            scope,
            exp: now_s + for_s,
            jti: uuid::Uuid::now_v7().to_string(),
        };
        let token = jsonwebtoken::encode(&Header::new(Algorithm::EdDSA), &claims, &self.signing)?;
        Ok((token, claims))
    }

    /// The claims of a token that is signed by this installation and has not expired.
    pub fn verify(&self, token: &str) -> Result<MediaClaims, Refused> {
        jsonwebtoken::decode::<MediaClaims>(token, &self.verifying, &self.validation)
            .map(|decoded| decoded.claims)
            .map_err(|error| match error.kind() {
                jsonwebtoken::errors::ErrorKind::ExpiredSignature => Refused::Expired,
                _ => Refused::Wrong,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hall() -> MediaScope {
        MediaScope::Hall {
            site: "DT-01".parse().expect("a code"),
        }
    }

    #[test]
    fn a_token_says_who_and_a_changed_or_foreign_one_nothing() {
        let tokens = Tokens::new(&Installation::for_a_test());
        let foreign = Tokens::new(&Installation::for_a_test());
        let now_s = crate::clock::now_s();
        let conference: ConferenceId = "thanh-hoa".parse().expect("an id");

        let (token, claims) = tokens
            .grant(conference.clone(), hall(), now_s, 60)
            .expect("signed");
        assert_eq!(tokens.verify(&token), Ok(claims));
        assert_eq!(foreign.verify(&token), Err(Refused::Wrong));
        for wrong in [
            "",
            "a.b.c",
            &token[..token.len() - 2],
            &token.replace('.', ""),
        ] {
            assert_eq!(tokens.verify(wrong), Err(Refused::Wrong), "{wrong}");
        }
        let (old, _) = tokens
            .grant(conference, hall(), now_s - 120, 60)
            .expect("signed");
        assert_eq!(tokens.verify(&old), Err(Refused::Expired));
    }

    #[test]
    fn a_token_without_signature_is_wrong() {
        let tokens = Tokens::new(&Installation::for_a_test());
        let (token, _) = tokens
            .grant(
                "thanh-hoa".parse().expect("an id"),
                hall(),
                crate::clock::now_s(),
                60,
            )
            .expect("signed");
        let claims = token.split('.').nth(1).expect("three parts");
        let header = super::super::base64url(br#"{"alg":"none","typ":"JWT"}"#);
        assert_eq!(
            tokens.verify(&format!("{header}.{claims}.")),
            Err(Refused::Wrong)
        );
    }
}
