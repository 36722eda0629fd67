//! Meeting the server on behalf of many legs at once: blocking requests on threads, so that the loop goes on.

use super::sdp::Local;
use super::signalling::{Session, Signalling};
use anyhow::Result;
use mio::Waker;
use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// What became of one leg's request.
pub(super) struct Answer {
    /// The leg's number.
    pub(super) number: usize,
    /// When its request began.
    pub(super) asked_at: Instant,
    pub(super) outcome: Result<Session>,
}

/// Requests under way.
pub(super) struct Joining {
    pub(super) answers: Receiver<Answer>,
}

impl Joining {
    /// Asks for these legs, `at_once` of them at a time.
    pub(super) fn start(
        server: &Arc<dyn Signalling>,
        waker: &Arc<Waker>,
        legs: Vec<(usize, Local)>,
        at_once: usize,
    ) -> Self {
        let (sender, answers) = channel();
        let threads = at_once.clamp(1, legs.len().max(1));
        let queue = Arc::new(Mutex::new(VecDeque::from(legs)));
        for _ in 0..threads {
            let (server, waker, queue, sender) =
                (server.clone(), waker.clone(), queue.clone(), sender.clone());
            std::thread::spawn(move || ask(&*server, &waker, &queue, &sender));
        }
        Self { answers }
    }
}

fn ask(
    server: &dyn Signalling,
    waker: &Waker,
    queue: &Mutex<VecDeque<(usize, Local)>>,
    sender: &Sender<Answer>,
) {
    let next = || {
        queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front()
    };
    while let Some((number, local)) = next() {
        let asked_at = Instant::now();
        let outcome = server.watch(number, &local);
        let answer = Answer {
            number,
            asked_at,
            outcome,
        };
        if sender.send(answer).is_err() || waker.wake().is_err() {
            return;
        }
    }
}
