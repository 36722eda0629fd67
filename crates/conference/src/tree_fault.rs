//! What can be wrong with how sites hang together.

use crate::{DEPTH_MAX, SITES_MAX};

/// A fault in how sites hang together. `row` is a position in the list checked, from 0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TreeFault {
    /// No sites at all, or more than [`SITES_MAX`].
    #[error("{found} sites, expected 1 to {SITES_MAX}")]
    Size {
        /// How many.
        found: usize,
    },
    /// Two sites with one code.
    #[error("code {code} is used twice")]
    DuplicateCode {
        /// The second one.
        row: usize,
        /// The first one.
        first: usize,
        /// The code.
        code: String,
    },
    /// An uplink that is no site.
    #[error("site {code} names the uplink {uplink}, which is no site")]
    UnknownUplink {
        /// Which.
        row: usize,
        /// Its code.
        code: String,
        /// What it names.
        uplink: String,
    },
    /// An uplink that is no hub.
    #[error("site {code} names the uplink {uplink}, which is not a hub")]
    UplinkNotHub {
        /// Which.
        row: usize,
        /// Its code.
        code: String,
        /// What it names.
        uplink: String,
    },
    /// No root.
    #[error("no site is without an uplink; exactly one has to be: the root")]
    NoRoot,
    /// Several roots: one fault for each of them, all naming the same ones.
    #[error("site {code} is without an uplink, but only one may be; without are {roots}")]
    SecondRoot {
        /// Which.
        row: usize,
        /// Its code.
        code: String,
        /// All roots, code and name, shortened after five.
        roots: String,
    },
    /// The root is not a hub.
    #[error("the root {code} is not a hub")]
    RootNotHub {
        /// Which.
        row: usize,
        /// Its code.
        code: String,
    },
    /// Uplinks that lead in a circle.
    #[error("uplinks form a circle: {circle}")]
    Cycle {
        /// The first of them in the list.
        row: usize,
        /// Code and name of each, in order, shortened after ten.
        circle: String,
    },
    /// Deeper than [`DEPTH_MAX`].
    #[error("site {code} stands more than {DEPTH_MAX} levels deep")]
    TooDeep {
        /// Which.
        row: usize,
        /// Its code.
        code: String,
    },
}
