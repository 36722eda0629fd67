//! The load: one process, one thread, that publishes a feed and is all the halls that watch it.
//!
//! Every leg has a UDP socket of its own, answers and sends connectivity checks, makes its DTLS handshake and opens
//! every packet it counts. What it does is told over standard input, [`crate::wire`].

mod floor_leg;
mod http;
mod identity;
mod joining;
mod packets;
mod publisher;
mod rtcp;
mod sdp;
mod signalling;
mod srtp;
mod stun;
mod tally;
mod transport;
mod watcher;
mod world;

pub use http::{Request, Response, send};
pub use identity::Srtp;
pub use packets::{AUDIO_PACKET_BYTES, VIDEO_PACKET_BYTES};
pub use sdp::{Direction, Local, MediaLine, Remote};
pub use signalling::{Endpoint, Session, Signalling, Target, Whep};

pub(crate) use packets::Maker;
pub(crate) use srtp::{GcmKeys, gcm_nonce};

use crate::wire::{Command, Reply};
use anyhow::{Context, Result};
use mio::{Poll, Token, Waker};
use std::io::{BufRead, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use world::World;

/// Wakes the loop for commands and for answers of the server.
const WAKER: Token = Token(usize::MAX);

/// Runs the load until standard input ends.
///
/// # Errors
/// When it cannot go on; what the server refuses is a reply instead.
pub fn run() -> Result<()> {
    let poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
    let commands = commands(waker.clone());
    let mut world = World::new(poll, waker);
    loop {
        match commands.try_recv() {
            Ok(command) => {
                let reply = world
                    .execute(command)
                    .unwrap_or_else(|error| Reply::Failed {
                        why: format!("{error:#}"),
                    });
                say(&reply)?;
            }
            Err(std::sync::mpsc::TryRecvError::Disconnected) => return Ok(()),
            Err(std::sync::mpsc::TryRecvError::Empty) => world.turn()?,
        }
    }
}

fn say(reply: &Reply) -> Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, reply)?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}

/// Commands, read on a thread of its own: the loop must not wait for them.
fn commands(waker: Arc<Waker>) -> Receiver<Command> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let read = || -> Result<()> {
            for line in std::io::stdin().lock().lines() {
                let command = serde_json::from_str(&line?).context("a command")?;
                sender.send(command)?;
                waker.wake()?;
            }
            Ok(())
        };
        if let Err(error) = read() {
            eprintln!("bench load: {error:#}");
        }
        drop(sender);
        // The loop sees that nobody is there any more.
        let _ = waker.wake();
    });
    receiver
}
