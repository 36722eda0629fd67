//! Who runs on which core.

use crate::case::{Place, Row};
use anyhow::{Result, ensure};

/// Cores of the processes of one row. The load stays on one core in all rows that are compared with each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cores {
    /// For the server; none: any.
    pub server: Vec<usize>,
    /// For each of the floors, which share the legs in equal parts; `None`: any.
    pub floors: Vec<Option<usize>>,
    /// For the load.
    pub load: Option<usize>,
}

impl Cores {
    /// On this machine.
    ///
    /// # Errors
    /// When it has fewer cores than the row has workers.
    pub fn of(row: &Row) -> Result<Self> {
        Self::among(here(), row)
    }

    /// On a machine with one core nobody is bound to it.
    fn among(cores: usize, row: &Row) -> Result<Self> {
        ensure!(
            row.workers <= cores,
            "{} workers need a core each, this machine has {cores}",
            row.workers
        );
        if cores == 1 {
            return Ok(Self {
                server: Vec::new(),
                floors: vec![None],
                load: None,
            });
        }
        let width = row.width();
        let load = if cores > width { width } else { 1 };
        let server: Vec<usize> = match row.place {
            Place::Apart => vec![0],
            Place::Beside => vec![load],
            Place::Spread => (0..width.min(cores)).collect(),
        };
        let floors = server.iter().copied().map(Some).collect();
        Ok(Self {
            server,
            floors,
            load: Some(load),
        })
    }
}

/// Which of so many workers has to share its core with the load here: none, or one.
pub fn beside_load(workers: usize) -> usize {
    usize::from(here() <= workers)
}

/// Cores of this machine.
fn here() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cores(cores: usize, row: &str) -> Result<(Vec<usize>, Option<usize>)> {
        let found = Cores::among(cores, &row.parse()?)?;
        let of_floors: Vec<usize> = found.floors.iter().flatten().copied().collect();
        assert_eq!(
            of_floors, found.server,
            "the floor sends from where the server does"
        );
        Ok((found.server, found.load))
    }

    #[test]
    fn on_two_cores_the_load_keeps_its_own_whoever_sends() -> Result<()> {
        for (row, server) in [
            ("paced:100", vec![0]),
            ("paced:100:1:beside", vec![1]),
            ("paced:100:1:spread", vec![0, 1]),
            ("paced:100:1:2workers", vec![0, 1]),
        ] {
            assert_eq!(cores(2, row)?, (server, Some(1)), "{row}");
        }
        Ok(())
    }

    #[test]
    fn with_a_core_to_spare_the_load_has_it() -> Result<()> {
        assert_eq!(cores(4, "paced:100:1:2workers")?, (vec![0, 1], Some(2)));
        assert_eq!(cores(4, "paced:100:1:3workers")?, (vec![0, 1, 2], Some(3)));
        assert_eq!(
            cores(4, "paced:100:1:4workers")?,
            (vec![0, 1, 2, 3], Some(1))
        );
        assert_eq!(cores(4, "paced:100")?, (vec![0], Some(1)));
        Ok(())
    }

    #[test]
    fn more_workers_than_cores_are_refused_and_one_core_binds_nobody() -> Result<()> {
        assert!(cores(2, "paced:100:1:3workers").is_err());
        assert_eq!(cores(1, "paced:100")?, (Vec::new(), None));
        Ok(())
    }
}
