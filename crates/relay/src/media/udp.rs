//! The thread around the core: one socket, one loop.

use super::core::Core;
use super::handle::{COMMANDS_MAX, Command, MediaHandle};
use super::intake::Intake;
use super::sibling::sibling;
use super::threads::Threads;
use super::transmit::SocketTransmit;
use super::{Bursts, Drops, Lines, MediaConfig};
use arc_swap::ArcSwap;
use mio::{Events, Interest, Poll, Token, Waker};
use protocol::RelayReport;
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::time::{Duration, Instant};
use tokio::sync::watch;

const SOCKET: Token = Token(0);
const WAKER: Token = Token(1);
/// Socket buffers: 4 MiB hold the bursts of a few hundred legs; the kernel may grant less (net.core.rmem_max).
const SOCKET_BUFFER_BYTES: usize = 4 << 20;
/// Reads before timers and commands get their turn.
const READS_MAX: usize = 16;
const REPORT_INTERVAL: Duration = Duration::from_millis(500);
/// A change is published at once, but not more often than this.
const CHANGE_INTERVAL: Duration = Duration::from_millis(20);

/// Binds the socket and starts the thread.
pub(super) fn start(config: MediaConfig) -> io::Result<MediaHandle> {
    let now = Instant::now();
    let socket = bind(config.listen)?;
    let local_addr = socket.local_addr()?;
    let sending = socket.try_clone()?;
    let transmit = Box::new(SocketTransmit::new(socket.try_clone()?)?);
    let threads = Threads::of(&config);
    let mut core =
        Core::new(config, transmit, now).map_err(|error| io::Error::other(error.to_string()))?;
    let mut intake = Intake::new(socket)?;
    let poll = Poll::new()?;
    poll.registry()
        .register(&mut intake.socket, SOCKET, Interest::READABLE)?;
    let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
    for number in 1..threads.count {
        let transmit = Box::new(SocketTransmit::new(sending_socket(&sending)?)?);
        let worker = core.add_worker(transmit, now);
        let waker = waker.clone();
        threads.spawn(number, move || worker.run(&waker))?;
    }
    let (commands, inbox) = sync_channel(COMMANDS_MAX);
    let report = Arc::new(ArcSwap::from_pointee(RelayReport::default()));
    let drops = Arc::new(ArcSwap::from_pointee(Drops::default()));
    let lines = Arc::new(ArcSwap::from_pointee(Lines::default()));
    let bursts = Arc::new(ArcSwap::from_pointee(Bursts::default()));
    let (version, changed) = watch::channel(0);
    let media = Thread {
        core,
        intake,
        poll,
        inbox,
        report: report.clone(),
        drops: drops.clone(),
        lines: lines.clone(),
        bursts: bursts.clone(),
        version,
        report_due: now,
        reported_at: now,
        published: 0,
    };
    threads.spawn(0, move || media.run())?;
    Ok(MediaHandle {
        commands,
        waker,
        report,
        drops,
        lines,
        bursts,
        changed,
        local_addr,
    })
}

/// A sending thread's socket: one of its own on the same port, or the same one where the kernel refuses that, which is
/// only slower.
fn sending_socket(receiving: &UdpSocket) -> io::Result<UdpSocket> {
    sibling(receiving, SOCKET_BUFFER_BYTES).or_else(|error| {
        tracing::warn!(%error, "sending threads share one socket: {error}");
        receiving.try_clone()
    })
}

fn bind(listen: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(
        Domain::for_address(listen),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    // Less than asked for is fine; the kernel's limit is the administrator's.
    let _ = socket.set_recv_buffer_size(SOCKET_BUFFER_BYTES);
    let _ = socket.set_send_buffer_size(SOCKET_BUFFER_BYTES);
    socket.set_nonblocking(true)?;
    socket.bind(&listen.into())?;
    Ok(socket.into())
}

struct Thread {
    core: Core,
    intake: Intake,
    poll: Poll,
    inbox: Receiver<Command>,
    report: Arc<ArcSwap<RelayReport>>,
    drops: Arc<ArcSwap<Drops>>,
    lines: Arc<ArcSwap<Lines>>,
    bursts: Arc<ArcSwap<Bursts>>,
    version: watch::Sender<u64>,
    report_due: Instant,
    reported_at: Instant,
    /// The version last told.
    published: u64,
}

impl Thread {
    fn run(mut self) {
        let mut events = Events::with_capacity(8);
        let mut more_to_read = false;
        loop {
            let wait = if more_to_read {
                Duration::ZERO
            } else {
                self.wait()
            };
            if let Err(error) = self.poll.poll(&mut events, Some(wait))
                && error.kind() != ErrorKind::Interrupted
            {
                tracing::error!(%error, "media thread: poll failed, ending");
                return;
            }
            // Edge-triggered: what is not read now must be read before the next wait.
            more_to_read = self.read_batch();
            let goes_on = self.take_commands();
            let now = Instant::now();
            self.core.hear_workers(now);
            if self.core.next_timeout() <= now {
                self.core.handle_timeout(now);
            }
            self.publish(now);
            if !goes_on {
                return;
            }
            if self.core.has_lost_worker() {
                tracing::error!("media thread: a sending thread has ended, ending");
                self.core.close(now);
                return;
            }
        }
    }

    /// Until the next timer; never a busy loop, even when the router's next moment has passed.
    fn wait(&self) -> Duration {
        let until = self.core.next_timeout().min(self.report_due);
        until
            .saturating_duration_since(Instant::now())
            .max(Duration::from_millis(1))
    }

    /// Reads up to a batch; `true` when there may be more.
    fn read_batch(&mut self) -> bool {
        let core = &mut self.core;
        for _ in 0..READS_MAX {
            let mut now = None;
            let may_be_more = self.intake.read(|from, datagram, more_follow| {
                let now = *now.get_or_insert_with(Instant::now);
                core.expect_more(more_follow);
                core.handle_datagram(now, from, datagram);
            });
            if !may_be_more {
                return false;
            }
        }
        true
    }

    /// `false` when told to stop, or when every handle is gone.
    fn take_commands(&mut self) -> bool {
        loop {
            match self.inbox.try_recv() {
                Ok(command) => {
                    if !self.core.handle_command(command, Instant::now()) {
                        return false;
                    }
                }
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => {
                    self.core.close(Instant::now());
                    return false;
                }
            }
        }
    }

    fn publish(&mut self, now: Instant) {
        let changed = self.core.version() != self.published;
        let may_publish = now.saturating_duration_since(self.reported_at) >= CHANGE_INTERVAL;
        if now >= self.report_due || (changed && may_publish) {
            self.report.store(Arc::new(self.core.report(now)));
            self.drops.store(Arc::new(self.core.drops()));
            self.lines.store(Arc::new(self.core.lines()));
            self.bursts.store(Arc::new(self.core.bursts()));
            self.report_due = now + REPORT_INTERVAL;
            self.reported_at = now;
            if changed {
                self.published = self.core.version();
                self.version.send_replace(self.published);
            }
        } else if changed {
            self.report_due = self.reported_at + CHANGE_INTERVAL;
        }
    }
}
