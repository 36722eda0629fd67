//! Identifiers: short printable codes, checked once.

use serde::{Deserialize, Serialize};

/// Why a text is not an identifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("found {found:?}, expected {EXPECTED}")]
pub struct IdError {
    found: String,
}

/// What a code looks like, for messages.
pub(crate) const EXPECTED: &str = "1 to 32 characters out of A-Z a-z 0-9 . _ -";

const LENGTH_MAX: usize = 32;

/// Safe in a URL, a file name and a metric label; `.` and `..` are path segments and therefore no codes.
fn is_code(text: &str) -> bool {
    (1..=LENGTH_MAX).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        && !text.bytes().all(|b| b == b'.')
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// 1 to 32 characters out of `A-Z a-z 0-9 . _ -`.
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The code as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                if is_code(&text) {
                    Ok(Self(text))
                } else {
                    Err(IdError { found: text.chars().take(LENGTH_MAX + 1).collect() })
                }
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::try_from(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id! {
    /// A conference (hội nghị) within the installation.
    ConferenceId
}
id! {
    /// A site (điểm cầu) within its conference.
    SiteCode
}
