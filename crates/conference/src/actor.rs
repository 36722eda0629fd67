//! Who did it, without a name.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A person as the log knows them: a random id. Names lie elsewhere and can be erased there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PersonId(pub Uuid);

/// Who caused an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "as", rename_all = "snake_case")]
pub enum Actor {
    /// The installation itself, such as an import named in its configuration.
    System,
    /// The hall concerned, by its token.
    Hall,
    /// A signed-in person.
    Person {
        /// Who.
        person: PersonId,
    },
}
