//! The floor: copies, seals and sends the same packets to the same number of sockets, and does nothing else. No relay
//! that encrypts for each hall can cost less on this kernel and processor.

use crate::case::Feed;
use crate::load::{AUDIO_PACKET_BYTES, GcmKeys, Maker, MediaLine, VIDEO_PACKET_BYTES, gcm_nonce};
use crate::wire::FloorLeg;
use anyhow::{Context, Result, anyhow};
use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use quinn_udp::{Transmit, UdpSockRef, UdpSocketState};
use serde::{Deserialize, Serialize};
use std::io::BufRead;
use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

const HEADER_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
const SEND_BUFFER_BYTES: usize = 4 << 20;

/// To the floor.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Command {
    /// What to send, and where to.
    Begin {
        /// The sockets and their keys.
        legs: Vec<FloorLeg>,
        /// What is sent.
        feed: Feed,
    },
    /// Starts or stops.
    Send {
        /// Whether it sends.
        sending: bool,
    },
}

struct Leg {
    to: SocketAddr,
    key: LessSafeKey,
    salt: [u8; 12],
}

/// One RTP stream to all legs.
struct Track {
    maker: Maker,
    every: Duration,
    due: Instant,
    packets_at_once: u16,
    index: u64,
}

struct Floor {
    socket: UdpSocket,
    offload: UdpSocketState,
    legs: Vec<Leg>,
    tracks: Vec<Track>,
    burst: Vec<u8>,
}

/// Runs the floor until standard input ends.
///
/// # Errors
/// When a packet cannot be sent.
pub fn run() -> Result<()> {
    let commands = commands();
    let mut floor = None;
    let mut sending = false;
    loop {
        let wait = match &floor {
            Some(floor) if sending => {
                Floor::next_due(floor).saturating_duration_since(Instant::now())
            }
            _ => Duration::from_hours(1),
        };
        match commands.recv_timeout(wait) {
            Ok(Command::Begin { legs, feed }) => {
                floor = Some(Floor::new(&legs, feed)?);
                println!("{{\"said\":\"done\"}}");
            }
            Ok(Command::Send { sending: now }) => {
                sending = now;
                if let Some(floor) = &mut floor {
                    floor
                        .tracks
                        .iter_mut()
                        .for_each(|track| track.due = Instant::now());
                }
                println!("{{\"said\":\"done\"}}");
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
        if let Some(floor) = floor.as_mut().filter(|_| sending) {
            floor.send_due()?;
        }
    }
}

fn commands() -> Receiver<Command> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            let Ok(command) = serde_json::from_str(&line) else {
                return;
            };
            if sender.send(command).is_err() {
                return;
            }
        }
    });
    receiver
}

impl Floor {
    fn new(legs: &[FloorLeg], feed: Feed) -> Result<Self> {
        let first = legs.first().context("a floor without legs")?;
        let socket = UdpSocket::bind(SocketAddr::new(first.to.ip(), 0))?;
        let _ = socket2::SockRef::from(&socket).set_send_buffer_size(SEND_BUFFER_BYTES);
        let offload = UdpSocketState::new(UdpSockRef::from(&socket))?;
        // The loop waits by itself; a full buffer is waited for.
        socket.set_nonblocking(false)?;
        let legs = legs
            .iter()
            .map(|leg| Leg::new(*leg))
            .collect::<Result<_>>()?;
        Ok(Self {
            socket,
            offload,
            legs,
            tracks: tracks(feed),
            burst: Vec::new(),
        })
    }

    fn next_due(&self) -> Instant {
        let dues = self.tracks.iter().map(|track| track.due);
        dues.min().unwrap_or_else(Instant::now)
    }

    fn send_due(&mut self) -> Result<()> {
        let now = Instant::now();
        for at in 0..self.tracks.len() {
            while self.tracks[at].due <= now {
                self.round(at)?;
            }
        }
        Ok(())
    }

    /// One packet, or one frame, to every leg.
    fn round(&mut self, at: usize) -> Result<()> {
        let Self {
            socket,
            offload,
            legs,
            tracks,
            burst,
        } = self;
        let track = &mut tracks[at];
        let count = track.packets_at_once;
        let packets: Vec<Vec<u8>> = (0..count)
            .map(|place| track.maker.make(place, false, place + 1 == count, 0, 0))
            .collect();
        for leg in legs {
            burst.clear();
            for (place, packet) in packets.iter().enumerate() {
                leg.seal(packet, track.index + place as u64, burst)?;
            }
            let segment = burst.len() / usize::from(count);
            if count == 1 {
                socket.send_to(burst, leg.to)?;
            } else {
                let transmit = Transmit {
                    destination: leg.to,
                    ecn: None,
                    contents: burst,
                    segment_size: Some(segment),
                    src_ip: None,
                };
                offload.try_send(UdpSockRef::from(&*socket), &transmit)?;
            }
        }
        track.index += u64::from(count);
        track.due += track.every * u32::from(count);
        Ok(())
    }
}

impl Leg {
    fn new(told: FloorLeg) -> Result<Self> {
        let keys = GcmKeys {
            key: told.key,
            salt: told.salt,
        };
        let key = UnboundKey::new(&AES_128_GCM, &keys.key).map_err(|_| anyhow!("no AES key"))?;
        Ok(Self {
            to: told.to,
            key: LessSafeKey::new(key),
            salt: keys.salt,
        })
    }

    /// Copies a packet behind what is in `out`, gives it its number, and seals it there.
    fn seal(&self, packet: &[u8], index: u64, out: &mut Vec<u8>) -> Result<()> {
        let start = out.len();
        out.extend_from_slice(packet);
        let packet = &mut out[start..];
        packet[2..4].copy_from_slice(&(index as u16).to_be_bytes());
        let ssrc = u32::from_be_bytes([packet[8], packet[9], packet[10], packet[11]]);
        let (header, payload) = packet.split_at_mut(HEADER_BYTES);
        let nonce = Nonce::assume_unique_for_key(gcm_nonce(self.salt, ssrc, index));
        let tag = self
            .key
            .seal_in_place_separate_tag(nonce, Aad::from(&*header), payload)
            .map_err(|_| anyhow!("a packet is not sealed"))?;
        debug_assert_eq!(tag.as_ref().len(), TAG_BYTES);
        out.extend_from_slice(tag.as_ref());
        Ok(())
    }
}

fn tracks(feed: Feed) -> Vec<Track> {
    let track = |(line, ssrc): (MediaLine, u32)| {
        let bytes = match line.kind() {
            "video" => VIDEO_PACKET_BYTES,
            _ => AUDIO_PACKET_BYTES,
        };
        Track {
            maker: Maker::new(line, ssrc, bytes),
            every: feed.interval(line),
            due: Instant::now(),
            packets_at_once: feed.packets_at_once(line),
            index: 0,
        }
    };
    feed.case.lines().into_iter().zip(1..).map(track).collect()
}

/// How each track sends: packets at once, and the time between two.
#[cfg(test)]
pub(crate) fn rhythm(feed: Feed) -> Vec<(u16, Duration)> {
    let tracks = tracks(feed).into_iter();
    tracks
        .map(|track| (track.packets_at_once, track.every))
        .collect()
}
