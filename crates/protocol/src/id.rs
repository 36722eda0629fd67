//! Identifiers: short printable codes, checked once at the edge.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Why a text is not an identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdError {
    found: String,
}

impl std::fmt::Display for IdError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "found {:?}, expected 1 to 32 characters out of A-Z a-z 0-9 . _ -",
            self.found
        )
    }
}

impl std::error::Error for IdError {}

const LENGTH_MAX: usize = 32;

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
        /// 1 to 32 characters out of `A-Z a-z 0-9 . _ -`: safe in a URL, a file name, a metric label.
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, TS, utoipa::ToSchema)]
        #[serde(try_from = "String", into = "String")]
        #[ts(type = "string")]
        #[schema(value_type = String, example = "DT-01")]
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

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id! {
    /// A site (điểm cầu) within its conference.
    SiteCode
}
id! {
    /// A relay within the installation.
    RelayId
}
id! {
    /// A conference (hội nghị) within the installation.
    ConferenceId
}
