//! The cases that are measured, and rows of them as they are written on the command line.

use crate::load::{MediaLine, Srtp};
use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Packets a second of a video feed of about 2.4 Mbit/s.
pub const VIDEO_PPS: u32 = 250;
/// Packets a second of Opus in 20 ms frames.
pub const AUDIO_PPS: u32 = 50;
/// Most packets of a frame that is no keyframe.
const FRAME_PACKETS_MAX: u32 = 8;
/// Frames come at most so often; a slow stream has smaller ones.
const FRAMES_PER_S_MAX: u32 = 31;
/// What a thousand halls get each: a tile's rate.
const SLOW_PPS: u32 = 20;
/// From here on a row is slow unless it says otherwise.
const SLOW_FROM_LEGS: usize = 500;
/// Most halls one relay is asked to take.
const LEGS_MAX: usize = 1_000;
/// Longest chain of relays.
const HOPS_MAX: usize = 4;
/// A relay takes no more.
const WORKERS_MAX: usize = 16;

/// How the packets of a feed follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Case {
    /// Video of 1,182-byte packets at even distances, as a browser's pacer sends them.
    Paced,
    /// The same packets, a frame of 8 at once, as most encoders and trunks send them.
    Burst,
    /// Sound only: 100-byte packets, 50 a second.
    Audio,
    /// Video in bursts and sound beside it: what a hall gets.
    Hall,
}

/// Which cores a server sends from. The load stays on one core throughout: a thread on another core wakes it across
/// cores, one on its own core does not, and that is a good part of what sending costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// A core that is not the load's.
    #[default]
    Apart,
    /// The load's own.
    Beside,
    /// Several: a worker on each, or whatever a server without workers makes of them.
    Spread,
}

/// A feed: how its packets follow each other, and how many a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feed {
    /// How they follow each other.
    pub case: Case,
    /// Of video, or of sound when there is no video.
    pub pps: u32,
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// What is sent.
    pub feed: Feed,
    /// How many halls watch.
    pub legs: usize,
    /// How many relays the feed passes.
    pub hops: usize,
    /// What the clients list.
    pub srtp: Srtp,
    /// Sending threads of each relay.
    pub workers: usize,
    /// The cores they send from.
    pub place: Place,
}

impl Case {
    /// As written in rows and results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Paced => "paced",
            Self::Burst => "burst",
            Self::Audio => "audio",
            Self::Hall => "hall",
        }
    }

    /// The m-lines of publisher and halls.
    pub fn lines(self) -> Vec<MediaLine> {
        match self {
            Self::Paced | Self::Burst => vec![MediaLine::H264],
            Self::Audio => vec![MediaLine::Opus],
            Self::Hall => vec![MediaLine::H264, MediaLine::Opus],
        }
    }
}

impl Feed {
    /// Packets of a frame of video that is no keyframe.
    pub fn frame_packets(self) -> u16 {
        (self.pps / FRAMES_PER_S_MAX).clamp(1, FRAME_PACKETS_MAX) as u16
    }

    /// Packets that a track sends in one go, unless it sends a keyframe: publisher and floor alike.
    pub fn packets_at_once(self, line: MediaLine) -> u16 {
        let bursts = matches!(self.case, Case::Burst | Case::Hall);
        if bursts && line.kind() == "video" {
            self.frame_packets()
        } else {
            1
        }
    }

    /// Between two packets of a track, on average.
    pub fn interval(self, line: MediaLine) -> Duration {
        let pps = match self.case {
            Case::Hall if line.kind() == "audio" => AUDIO_PPS,
            _ => self.pps,
        };
        Duration::from_secs(1) / pps.max(1)
    }
}

impl Row {
    /// A row with everything else as usual.
    pub fn new(case: Case, legs: usize, hops: usize) -> Self {
        let pps = match case {
            Case::Audio => AUDIO_PPS,
            _ if legs >= SLOW_FROM_LEGS => SLOW_PPS,
            _ => VIDEO_PPS,
        };
        Self {
            feed: Feed { case, pps },
            legs,
            hops,
            srtp: Srtp::Chromium,
            workers: 1,
            place: Place::Apart,
        }
    }

    /// How many cores its server sends from.
    pub fn width(&self) -> usize {
        match self.place {
            Place::Apart | Place::Beside => 1,
            Place::Spread => self.workers.max(2),
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.feed.case.name(), self.legs, self.hops)?;
        if self.feed.pps != Self::new(self.feed.case, self.legs, self.hops).feed.pps {
            write!(f, ":{}pps", self.feed.pps)?;
        }
        if self.srtp == Srtp::Sha1Only {
            f.write_str(":sha1")?;
        }
        if self.workers > 1 {
            return write!(f, ":{}workers", self.workers);
        }
        match self.place {
            Place::Apart => Ok(()),
            Place::Beside => f.write_str(":beside"),
            Place::Spread => f.write_str(":spread"),
        }
    }
}

/// `paced:100:1`, and behind it in any order `20pps`, `sha1`, `2workers` or else `beside` or `spread`.
impl FromStr for Row {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let expected = "expected CASE:LEGS[:HOPS][:…pps][:sha1][:…workers|:beside|:spread], such as paced:100:1";
        let mut words = text.trim().split(':');
        let case = match words.next().unwrap_or_default() {
            "paced" => Case::Paced,
            "burst" => Case::Burst,
            "audio" => Case::Audio,
            "hall" => Case::Hall,
            other => bail!("row {text:?}: no case {other:?}; {expected}"),
        };
        let number = |word: &str| {
            word.parse::<usize>()
                .with_context(|| format!("row {text:?}: {word:?}; {expected}"))
        };
        let legs = number(words.next().unwrap_or_default())?;
        let mut row = Self::new(case, legs, 1);
        for word in words {
            if let Some(pps) = word.strip_suffix("pps") {
                row.feed.pps = u32::try_from(number(pps)?)?;
            } else if let Some(workers) = word.strip_suffix("workers") {
                row.workers = number(workers)?;
            } else if word == "beside" {
                row.place = Place::Beside;
            } else if word == "spread" {
                row.place = Place::Spread;
            } else if word == "sha1" {
                row.srtp = Srtp::Sha1Only;
            } else {
                row.hops = number(word)?;
            }
        }
        ensure!(
            (1..=LEGS_MAX).contains(&row.legs),
            "row {text:?}: 1 to {LEGS_MAX} legs"
        );
        ensure!(
            (1..=HOPS_MAX).contains(&row.hops),
            "row {text:?}: 1 to {HOPS_MAX} hops"
        );
        ensure!(
            (1..=2_000).contains(&row.feed.pps),
            "row {text:?}: 1 to 2000 packets a second"
        );
        ensure!(
            (1..=WORKERS_MAX).contains(&row.workers),
            "row {text:?}: 1 to {WORKERS_MAX} workers"
        );
        ensure!(
            row.workers == 1 || row.place != Place::Beside,
            "row {text:?}: several workers have a core each"
        );
        if row.workers > 1 {
            row.place = Place::Spread;
        }
        Ok(row)
    }
}

/// What is measured when nothing is asked for.
pub fn default_rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for case in [Case::Paced, Case::Burst, Case::Audio] {
        rows.extend([20, 100, 300].map(|legs| Row::new(case, legs, 1)));
    }
    // As slow as the thousand, so that nothing but the legs makes the difference in memory.
    let slow = Row::new(Case::Paced, LEGS_MAX, 1);
    rows.extend([100, LEGS_MAX].map(|legs| Row { legs, ..slow }));
    rows.extend((2..=HOPS_MAX).map(|hops| Row::new(Case::Paced, 100, hops)));
    rows.push(Row {
        srtp: Srtp::Sha1Only,
        ..Row::new(Case::Paced, 100, 1)
    });
    rows.extend([Case::Paced, Case::Burst].map(|case| Row {
        workers: 2,
        place: Place::Spread,
        ..Row::new(case, 100, 1)
    }));
    rows
}

/// A minute's worth: the rows that count.
pub fn quick_rows() -> Vec<Row> {
    [Case::Paced, Case::Burst]
        .map(|case| Row::new(case, 100, 1))
        .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_written_as_they_are_read() {
        for text in [
            "paced:100:1",
            "burst:20:3",
            "paced:1000:1",
            "audio:5:1",
            "hall:7:1",
            "paced:100:1:sha1",
            "burst:100:1:40pps:2workers",
            "paced:100:1:beside",
            "paced:100:1:sha1:spread",
        ] {
            let row: Row = text.parse().expect(text);
            assert_eq!(row.to_string(), text);
        }
        assert_eq!(
            "paced:1000".parse::<Row>().expect("a row").feed.pps,
            SLOW_PPS
        );
    }

    #[test]
    fn several_workers_are_spread_whether_said_or_not() {
        for text in ["paced:100:1:2workers", "paced:100:1:spread:2workers"] {
            let row: Row = text.parse().expect(text);
            assert_eq!((row.place, row.width()), (Place::Spread, 2));
            assert!(default_rows().contains(&row), "{row}");
        }
    }

    #[test]
    fn what_is_no_row_is_refused_with_an_example() {
        for text in [
            "",
            "paced",
            "paced:x",
            "paced:0",
            "paced:5000",
            "paced:5:9",
            "slow:5",
            "paced:5:1:0pps",
            "paced:5:1:0workers",
            "paced:5:1:17workers",
            "paced:5:1:2workers:beside",
        ] {
            let error = text.parse::<Row>().expect_err(text).to_string();
            assert!(error.contains("row"), "{error}");
        }
    }

    #[test]
    fn the_usual_rows_hold_those_that_count() {
        let rows = default_rows();
        assert_eq!(rows.len(), 17);
        for row in quick_rows() {
            assert!(rows.contains(&row), "{row}");
        }
    }
}
