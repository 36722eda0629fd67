//! A server that can be measured.

use crate::case::Row;
use crate::load::Target;
use anyhow::Result;
use std::net::IpAddr;
use std::path::Path;

/// What a server is started for.
#[derive(Clone, Copy, Debug)]
pub struct Setup<'a> {
    /// The row.
    pub row: &'a Row,
    /// A fresh folder of its own.
    pub folder: &'a Path,
    /// Address of its media sockets, and of the load's.
    pub ip: IpAddr,
    /// The cores it is bound to; none: any.
    pub cores: &'a [usize],
}

/// A kind of server.
pub trait Engine {
    /// As it stands in results.
    fn name(&self) -> &str;

    /// Starts one, fresh, and waits until it takes legs.
    ///
    /// # Errors
    /// When it does not start.
    fn start(&self, setup: &Setup<'_>) -> Result<Box<dyn Server>>;
}

/// A running server. Dropped, it ends.
pub trait Server {
    /// How the load reaches it.
    fn target(&self) -> Target;

    /// Its processes, in the order in which a packet passes them: what halls are attached to is the last.
    fn processes(&self) -> Vec<u32>;

    /// Ports whose sockets lose packets when the server cannot keep up.
    fn media_ports(&self) -> Vec<u16>;
}
