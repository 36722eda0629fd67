//! What a plan is made from, and why there may be none.

/// Sites and relays, and where the program comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Input {
    /// All sites; others refer to them by position.
    pub sites: Vec<Site>,
    /// All relays.
    pub relays: Vec<Relay>,
    /// Position of the site that publishes the program.
    pub program_source: usize,
}

/// A site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Its code, for messages.
    pub code: String,
    /// Position of the hub above; `None` for the root.
    pub uplink: Option<usize>,
    /// Sends as well as receives.
    pub two_way: bool,
}

/// A relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relay {
    /// Its id, for messages.
    pub id: String,
    /// Position of the site whose hub it stands at.
    pub site: usize,
    /// Most halls and child relays, together.
    pub capacity: u32,
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No relay at all.
    #[error("no relay is there to serve {sites} sites")]
    NoRelay {
        /// Sites without one.
        sites: usize,
    },
    /// A relay that can serve nobody.
    #[error("relay {relay} has capacity 0, at least 1 is needed")]
    NoCapacity {
        /// Which.
        relay: String,
    },
    /// All relays together are too small.
    #[error(
        "relays have room for {room} halls and child relays together, {needed} are needed: {missing} are missing"
    )]
    NotEnoughRoom {
        /// Sum of capacities.
        room: u64,
        /// Sites, and every relay but the top one.
        needed: u64,
        /// The difference.
        missing: u64,
    },
    /// Every relay has capacity 1, so that the program cannot enter by one and leave it for another.
    #[error(
        "no relay has room for both the program source {site} and a child relay: one of capacity 2 is missing"
    )]
    NoRoomAtTop {
        /// The source.
        site: String,
    },
    /// A relay or an uplink refers to no site.
    #[error("{what} refers to site number {position}, but there are {sites} sites")]
    NoSuchSite {
        /// Who refers.
        what: String,
        /// To what.
        position: usize,
        /// How many there are.
        sites: usize,
    },
    /// Uplinks that never reach a root.
    #[error("the uplinks of site {site} lead in a circle")]
    Cycle {
        /// One of the sites.
        site: String,
    },
    /// The program cannot come from a site that only receives.
    #[error("site {site} only receives and cannot be the source of the program")]
    SourceOnlyReceives {
        /// Which.
        site: String,
    },
}

impl Refusal {
    /// A stable name, such as `not_enough_room`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NoRelay { .. } => "no_relay",
            Self::NoCapacity { .. } => "no_capacity",
            Self::NotEnoughRoom { .. } => "not_enough_room",
            Self::NoRoomAtTop { .. } => "no_room_at_top",
            Self::NoSuchSite { .. } => "no_such_site",
            Self::Cycle { .. } => "cycle",
            Self::SourceOnlyReceives { .. } => "source_only_receives",
        }
    }
}
