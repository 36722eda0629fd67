//! What may reach the DTLS endpoint.
//!
//! The endpoint reassembles by walking all fragments on every record, recursively: 104 KB of 1-byte fragments cost it
//! 18 s of CPU, which would stall every leg, and deep enough a chain its stack. It also holds early encrypted records
//! without bound and goes on collecting fragments after completion, plaintext and encrypted. So every datagram passes
//! here first.

use super::hello::{
    ALERT, CHANGE_CIPHER_SPEC, HANDSHAKE, HelloCollector, Listed, Record, fragments, records,
};
use std::collections::HashSet;

/// Per handshake. Chromium needs 4 to 8, with every flight repeated twice still under 30.
const DATAGRAMS_MAX: u32 = 64;
/// Per handshake, bytes of UDP payload.
const BYTES_MAX: usize = 64 * 1024;
/// A certificate chain fits; ours and browsers' are below 1 KiB.
const MESSAGE_LEN_MAX: usize = 16 * 1024;
/// Per handshake, over all messages and repeats: reassembly costs their square. 128 of a single byte cost 0.4 ms, as
/// the test that drives them through the endpoint prints. Not a least size: OpenSSL without a known path MTU (aiortc)
/// sends at most 228 bytes a datagram and fills what an earlier message left of one with a fragment of a few bytes.
const FRAGMENTS_MAX: usize = 128;
/// Per handshake, of any kind: what was let through is remembered. A flight has six.
const RECORDS_MAX: usize = 256;
/// Encrypted records ahead of the handshake; a peer's Finished and its repeats.
const EARLY_RECORDS_MAX: u32 = 16;
/// Body of an encrypted record. The longest that a peer has to send is a Finished under AES-256-CBC, 80 bytes; nobody
/// negotiated data channels. What it holds cannot be seen from here: this bounds the fragments in it.
const ENCRYPTED_LEN_MAX: usize = 128;
/// In a datagram after completion: a whole flight has six. Looking at more would cost more than its sender pays.
const LATE_RECORDS_MAX: usize = 16;
/// Repeats of the last flight answered per session. Enough for 10 s of lost answers at doubling intervals.
const REPEATS_MAX: u32 = 16;

/// What to do with a datagram.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Hand it on.
    Pass,
    /// Hand it on: all that can be read of it has come before.
    Repeat,
    /// Keep it until the ClientHello is whole.
    Hold,
    /// The ClientHello is whole: choose out of what it lists, then hand on what was held and this one.
    Choose(Listed),
    /// Ignore it.
    Drop,
    /// A limit is passed: end the handshake.
    Fail,
}

/// The gate of one session.
pub(super) struct Gate {
    hello: Option<HelloCollector>,
    datagrams: u32,
    bytes: usize,
    records: usize,
    fragments: usize,
    early_records: u32,
    /// Encrypted handshake records after completion.
    finished: u32,
    /// SHA-256 of plaintext record bodies let through, to recognise repeats.
    passed: HashSet<[u8; 32]>,
    complete: bool,
    repeats: u32,
}

impl Gate {
    /// A passive session waits for a ClientHello; an active one only for what answers it.
    pub(super) fn new(passive: bool) -> Self {
        Self {
            hello: passive.then(HelloCollector::default),
            datagrams: 0,
            bytes: 0,
            records: 0,
            fragments: 0,
            early_records: 0,
            finished: 0,
            passed: HashSet::new(),
            complete: false,
            repeats: 0,
        }
    }

    pub(super) fn completed(&mut self) {
        self.complete = true;
    }

    pub(super) fn judge(&mut self, datagram: &[u8]) -> Verdict {
        let Some(records) = records(datagram).filter(|records| records.iter().all(is_ours)) else {
            return Verdict::Drop;
        };
        if self.complete {
            self.judge_late(&records)
        } else {
            self.judge_handshake(datagram.len(), &records)
        }
    }

    fn judge_handshake(&mut self, len: usize, records: &[Record<'_>]) -> Verdict {
        self.datagrams += 1;
        self.bytes += len;
        self.records += records.len();
        let is_long = self.datagrams > DATAGRAMS_MAX || self.records > RECORDS_MAX;
        if is_long || self.bytes > BYTES_MAX {
            return Verdict::Fail;
        }
        let mut verdict = if self.hello.is_some() {
            Verdict::Hold
        } else if self.is_repeat(records) {
            Verdict::Repeat
        } else {
            Verdict::Pass
        };
        for record in records {
            if record.epoch > 0 {
                self.early_records += 1;
                if self.early_records > EARLY_RECORDS_MAX {
                    return Verdict::Fail;
                }
            } else if record.kind == HANDSHAKE {
                match self.judge_fragments(record.body) {
                    Some(Verdict::Choose(listed)) => verdict = Verdict::Choose(listed),
                    Some(_) => {}
                    None => return Verdict::Drop,
                }
            }
        }
        if matches!(verdict, Verdict::Choose(_)) {
            self.hello = None;
        }
        for record in records.iter().filter(|record| record.epoch == 0) {
            self.passed.insert(digest(record.body));
        }
        verdict
    }

    /// Whether a datagram has plaintext records, and all of them were let through before.
    fn is_repeat(&self, records: &[Record<'_>]) -> bool {
        let mut plaintext = records.iter().filter(|record| record.epoch == 0).peekable();
        plaintext.peek().is_some()
            && plaintext.all(|record| self.passed.contains(&digest(record.body)))
    }

    /// `None` when a fragment breaks a limit.
    fn judge_fragments(&mut self, body: &[u8]) -> Option<Verdict> {
        let mut verdict = Verdict::Pass;
        for fragment in fragments(body)? {
            self.fragments += 1;
            if fragment.length > MESSAGE_LEN_MAX || self.fragments > FRAGMENTS_MAX {
                return None;
            }
            if let Some(hello) = self.hello.as_mut().and_then(|hello| hello.add(&fragment)) {
                verdict = Verdict::Choose(Listed::of(hello));
            }
        }
        Some(verdict)
    }

    /// After completion plaintext may only repeat the peer's flight, byte for byte under fresh record numbers;
    /// encrypted records are the endpoint's to authenticate. Either way the answers are bounded.
    fn judge_late(&mut self, records: &[Record<'_>]) -> Verdict {
        let has_plain = records.iter().any(|record| record.epoch == 0);
        let repeats = u32::from(has_plain);
        let is_finished = |record: &&Record<'_>| record.epoch > 0 && record.kind == HANDSHAKE;
        let finished = records.iter().filter(is_finished).count() as u32;
        if records.len() > LATE_RECORDS_MAX
            || self.repeats + repeats > REPEATS_MAX
            || self.finished + finished > REPEATS_MAX
        {
            return Verdict::Drop;
        }
        if has_plain && !self.is_repeat(records) {
            return Verdict::Drop;
        }
        self.repeats += repeats;
        self.finished += finished;
        if has_plain {
            Verdict::Repeat
        } else {
            Verdict::Pass
        }
    }
}

/// Something a peer has to send, at any time: its flights in epoch 0, and its Finished and alerts in epoch 1. Anything
/// else the endpoint would queue, answer or fall over.
fn is_ours(record: &Record<'_>) -> bool {
    match record.epoch {
        0 => matches!(record.kind, CHANGE_CIPHER_SPEC | ALERT | HANDSHAKE),
        1 => matches!(record.kind, ALERT | HANDSHAKE) && record.body.len() <= ENCRYPTED_LEN_MAX,
        _ => false,
    }
}

fn digest(body: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, body).as_ref());
    out
}
