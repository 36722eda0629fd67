//! The figures a demo ends with.

use super::api::{self, Operator};
use super::layout::{CHAIR, Layout, WARD};
use anyhow::Result;
use protocol::Totals;
use serde::Serialize;
use std::fmt;

/// Everything the last table shows.
#[derive(Serialize)]
pub struct Summary {
    /// Halls that were to join.
    halls: usize,
    /// Halls that have joined.
    joined: usize,
    /// Levels of relays the halls hang under.
    relay_levels: u32,
    /// Joined halls that received no program picture, by code.
    without_program: Vec<String>,
    /// Program packets received, all halls.
    packets: u64,
    /// Program frames completely received, all halls.
    frames: u64,
    /// Sequence holes left after repair, all halls.
    holes: u64,
    /// Packets the halls' own queues dropped.
    dropped_locally: u64,
    /// Head count of the conference.
    count: Totals,
    /// Head count of the ward and its streets.
    ward: Option<Totals>,
}

impl Summary {
    /// Asks the orchestrator and the halls.
    pub async fn collect(layout: &Layout, operator: &Operator) -> Result<Self> {
        let view = operator.conference().await?;
        let halls: Vec<_> = api::halls(layout)
            .await?
            .into_iter()
            .filter(|hall| hall.site.as_deref() != Some(CHAIR))
            .collect();
        let joined = halls.iter().filter(|hall| hall.joined).count();
        let blind = halls.iter().filter(|hall| hall.frames == 0);
        Ok(Self {
            halls: layout.halls(),
            joined,
            relay_levels: view
                .relays
                .iter()
                .filter(|relay| relay.halls > 0)
                .map(|relay| relay.level)
                .max()
                .unwrap_or(0),
            without_program: blind
                .map(|hall| {
                    hall.site
                        .clone()
                        .unwrap_or_else(|| "(not joined)".to_owned())
                })
                .collect(),
            packets: halls.iter().map(|hall| hall.packets).sum(),
            frames: halls.iter().map(|hall| hall.frames).sum(),
            holes: halls.iter().map(|hall| hall.holes).sum(),
            dropped_locally: halls.iter().map(|hall| hall.dropped_locally).sum(),
            count: view.totals,
            ward: view
                .sites
                .iter()
                .find(|site| site.code.as_str() == WARD)
                .map(|site| site.subtree),
        })
    }

    /// Every hall joined and saw the program.
    pub fn is_good(&self) -> bool {
        self.joined == self.halls && self.without_program.is_empty()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\n  halls joined           {}/{} through {} relay levels",
            self.joined, self.halls, self.relay_levels
        )?;
        writeln!(f, "  halls without program  {}", self.without_program.len())?;
        for code in &self.without_program {
            writeln!(f, "                         {code}")?;
        }
        writeln!(
            f,
            "  program received       {} packets, {} whole frames",
            self.packets, self.frames
        )?;
        writeln!(f, "  holes after repair     {}", self.holes)?;
        writeln!(f, "  dropped by halls       {}", self.dropped_locally)?;
        writeln!(f, "  head count             {}", sentence(&self.count))?;
        if let Some(ward) = &self.ward {
            writeln!(f, "  Đông Thọ               {}", sentence(ward))?;
        }
        Ok(())
    }
}

/// "3.962/4.054 (55/55)".
fn sentence(totals: &Totals) -> String {
    use conference::vietnamese::number;
    format!(
        "{}/{} ({}/{})",
        number(totals.present.into()),
        number(totals.expected.into()),
        totals.sites_reported,
        totals.sites
    )
}
