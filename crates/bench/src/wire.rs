//! What the parent process tells the load, and what it hears back: JSON, one object a line.

use crate::case::Feed;
use crate::load::{MediaLine, Srtp, Target};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};

/// To the load.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Command {
    /// Where everything happens; the first command.
    Begin {
        /// Address of all sockets of the load.
        ip: IpAddr,
        /// What the clients list.
        srtp: Srtp,
        /// The server.
        target: Target,
        /// What is published and watched.
        feed: Feed,
        /// The m-lines of every leg.
        lines: Vec<MediaLine>,
    },
    /// Opens the publisher's leg. It sends nothing yet.
    Publish,
    /// Starts or stops the publisher.
    Send {
        /// Whether it sends.
        sending: bool,
        /// Times the feed's rate.
        speed: f64,
    },
    /// Opens this many watching legs, numbered on from those there are.
    Join {
        /// How many.
        legs: usize,
        /// So many of them at once.
        at_once: usize,
        /// Wait until each has its first keyframe, not only its keys.
        to_first_keyframe: bool,
    },
    /// Ends all watching legs as their clients would.
    Leave,
    /// From now on the kernel drops what comes for all watching legs but some, spread evenly among them: a server
    /// that serves its legs in turn reaches the first sooner than the last.
    Sample {
        /// Of so many legs the last stays verified.
        every: usize,
    },
    /// Opens this many sockets for the floor.
    Floor {
        /// How many.
        legs: usize,
    },
    /// Tells what has been received, and forgets the delays.
    Mark {
        /// Nothing is under way any more: a missing end is a hole.
        at_rest: bool,
    },
}

/// From the load.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "said", rename_all = "snake_case")]
pub enum Reply {
    /// Done as told.
    Done,
    /// After [`Command::Join`].
    Joined(Joined),
    /// After [`Command::Floor`].
    Floor {
        /// Where the floor sends to, and with which key.
        legs: Vec<FloorLeg>,
    },
    /// After [`Command::Mark`].
    Marked(Marked),
    /// It cannot be done.
    Failed {
        /// Why.
        why: String,
    },
}

/// What came of a join.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Joined {
    /// Legs with keys.
    pub connected: usize,
    /// Of those, legs whose server chose AEAD_AES_128_GCM.
    pub gcm: usize,
    /// From the start of a leg's POST to the last packet of its first keyframe, milliseconds.
    pub first_keyframe_ms: Vec<f64>,
    /// The first thing that failed.
    pub trouble: Option<String>,
}

impl Joined {
    /// Adds another group.
    pub fn add(&mut self, other: Self) {
        self.connected += other.connected;
        self.gcm += other.gcm;
        self.first_keyframe_ms.extend(other.first_keyframe_ms);
        self.trouble = self.trouble.take().or(other.trouble);
    }
}

/// One socket of the floor.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct FloorLeg {
    /// Where it is.
    pub to: SocketAddr,
    /// AES-128-GCM session key.
    pub key: [u8; 16],
    /// And salt.
    pub salt: [u8; 12],
}

/// What has been received since the start, and how late since the last mark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Marked {
    /// Authentic packets of the feed, each once, on all watching legs.
    pub delivered: u64,
    /// Missing ones.
    pub holes: u64,
    /// Packets that did not authenticate.
    pub auth_failures: u64,
    /// Authentic packets of the floor.
    pub floor_delivered: u64,
    /// Missing ones of the floor.
    pub floor_holes: u64,
    /// From the publisher's socket to the watcher, milliseconds.
    pub delay_ms: Delay,
}

/// A distribution of delays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Delay {
    /// Half of all are below.
    pub p50: f64,
    /// 99 of 100 are below.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}
