//! Names of streams.

/// One hash chain: a conference or the installation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Stream(String);

const CONFERENCE: &str = "conference/";

impl Stream {
    /// Registrations, users, plan epochs: what concerns no single conference.
    pub fn installation() -> Self {
        Self("installation".to_owned())
    }

    /// A conference, by its id.
    pub fn conference(id: &str) -> Self {
        Self(format!("{CONFERENCE}{id}"))
    }

    /// The id of the conference, when the stream is one.
    pub fn conference_id(&self) -> Option<&str> {
        self.0.strip_prefix(CONFERENCE)
    }

    /// The name as stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A name read back from the store.
    pub(super) fn stored(name: String) -> Self {
        Self(name)
    }
}

impl std::fmt::Display for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
