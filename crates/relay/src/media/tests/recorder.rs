//! A way out that keeps what was sent.

use crate::media::transmit::{Outcome, SEGMENTS_MAX, Transmit};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

/// Everything sent, until it is taken. Clones see the same.
#[derive(Clone, Default)]
pub(crate) struct Recorder(Arc<Mutex<Record>>);

#[derive(Default)]
struct Record {
    calls: Vec<Sent>,
    /// Datagrams that were only counted.
    counted: usize,
    only_counts: bool,
}

/// One call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) to: SocketAddr,
    pub(crate) bytes: Vec<u8>,
    pub(crate) segment_size: Option<usize>,
}

impl Recorder {
    /// The datagrams, as they would arrive.
    pub(crate) fn take(&self) -> Vec<(SocketAddr, Vec<u8>)> {
        let datagrams = |sent: Sent| {
            let size = sent.segment_size.unwrap_or(sent.bytes.len()).max(1);
            let cut = sent.bytes.chunks(size).map(<[u8]>::to_vec);
            cut.map(|bytes| (sent.to, bytes)).collect::<Vec<_>>()
        };
        self.take_calls().into_iter().flat_map(datagrams).collect()
    }

    /// The calls, as they were made.
    pub(crate) fn take_calls(&self) -> Vec<Sent> {
        std::mem::take(&mut self.lock().calls)
    }

    /// From now on datagrams are counted and forgotten, or kept again; gives the number counted so far.
    pub(crate) fn only_count(&self, only_counts: bool) -> usize {
        let mut record = self.lock();
        record.only_counts = only_counts;
        std::mem::take(&mut record.counted)
    }

    fn lock(&self) -> MutexGuard<'_, Record> {
        self.0.lock().expect("no test has panicked with it")
    }
}

impl Transmit for Recorder {
    fn send(&mut self, to: SocketAddr, bytes: &[u8], segment_size: Option<usize>) -> Outcome {
        let mut record = self.lock();
        if record.only_counts {
            record.counted += bytes.chunks(segment_size.unwrap_or(bytes.len())).len();
        } else {
            record.calls.push(Sent {
                to,
                bytes: bytes.to_vec(),
                segment_size,
            });
        }
        Outcome::default()
    }

    fn segments_max(&self) -> usize {
        SEGMENTS_MAX
    }
}
