//! Opening what one peer sends: index estimate, authentication, then replay protection.

use super::cipher::Cipher;
use super::keys::MasterKeys;
use super::replay::Replay;
use super::{Profile, Rejected, rtp_header_len, rtp_seq_ssrc};
use std::collections::HashMap;

/// SSRCs remembered per peer. A hall sends two; a trunk carries hundreds. State is made only after a
/// packet is authentic, so only the peer itself can fill it; beyond the bound its new streams are rejected.
const SSRCS_MAX: usize = 4096;
/// How many rollover periods a stream may have skipped while it was paused: 16 are 70 minutes at 250 packets/s.
const SKIPPED_PERIODS_MAX: u64 = 16;
/// Failures in a row after which a skipped period is considered at all; a stray forgery costs one try only.
const FAILURES_BEFORE_SEARCH: u32 = 4;
/// From then on one failure in so many is searched: a flood of forgeries costs three tries each, not seventeen, and a
/// stream among them is still found.
const FAILURES_PER_SEARCH: u32 = 8;
/// SRTP has 48 bits of index; a further one would be an old one's nonce.
const RTP_INDEX_MAX: u64 = (1 << 48) - 1;

/// Opens packets of one peer.
pub(crate) struct Receiver {
    cipher: Cipher,
    rtp: HashMap<u32, Replay>,
    rtcp: HashMap<u32, Replay>,
    /// The packet as it came, kept for further tries: a failed open leaves rubbish behind.
    original: Vec<u8>,
}

impl Receiver {
    pub(crate) fn new(profile: Profile, master: &MasterKeys) -> Result<Self, Rejected> {
        Ok(Self {
            cipher: Cipher::new(profile, master)?,
            rtp: HashMap::new(),
            rtcp: HashMap::new(),
            // Most peers send nothing but reports, and need it for nothing.
            original: Vec::new(),
        })
    }

    /// Has the peer used as many SSRCs as are remembered? Then only a new session takes new ones.
    pub(crate) fn is_full(&self) -> bool {
        self.rtp.len().max(self.rtcp.len()) >= SSRCS_MAX
    }

    /// Opens an RTP packet in place; returns the plaintext's length.
    pub(crate) fn open_rtp(&mut self, packet: &mut [u8]) -> Result<usize, Rejected> {
        let (seq, ssrc) = rtp_seq_ssrc(packet).ok_or(Rejected)?;
        let header_len = rtp_header_len(packet).ok_or(Rejected)?;
        let is_full = self.rtp.len() >= SSRCS_MAX;
        let (first_guess, periods) = match self.rtp.get_mut(&ssrc) {
            Some(replay) => guess(replay, seq)?,
            None if is_full => return Err(Rejected),
            // The counter is 1 when the first packets were lost across a wrap.
            None => (u64::from(seq), u64::from(seq < 1 << 15)),
        };
        match self.try_periods(packet, header_len, ssrc, first_guess, periods) {
            Ok((len, index)) => {
                self.rtp.entry(ssrc).or_default().accept(index);
                Ok(len)
            }
            Err(rejected) => {
                if let Some(replay) = self.rtp.get_mut(&ssrc) {
                    replay.failures = replay.failures.wrapping_add(1);
                }
                Err(rejected)
            }
        }
    }

    /// Opens a compound RTCP packet in place; returns the plaintext's length.
    pub(crate) fn open_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, Rejected> {
        let ssrc = packet
            .get(4..8)
            .and_then(|b| b.try_into().ok())
            .map(u32::from_be_bytes)
            .ok_or(Rejected)?;
        let index = u64::from(self.cipher.rtcp_index(packet)?);
        match self.rtcp.get(&ssrc) {
            Some(replay) => replay.check(index)?,
            None if self.rtcp.len() >= SSRCS_MAX => return Err(Rejected),
            None => {}
        }
        let len = self.cipher.open_rtcp(packet)?;
        self.rtcp.entry(ssrc).or_default().accept(index);
        Ok(len)
    }

    fn try_periods(
        &mut self,
        packet: &mut [u8],
        header_len: usize,
        ssrc: u32,
        guess: u64,
        periods: u64,
    ) -> Result<(usize, u64), Rejected> {
        self.original.clear();
        if periods > 0 {
            self.original.extend_from_slice(packet);
        }
        for period in 0..=periods {
            if period > 0 {
                packet.copy_from_slice(&self.original);
            }
            let index = guess + (period << 16);
            if index > RTP_INDEX_MAX {
                break;
            }
            if let Ok(len) = self.cipher.open_rtp(packet, header_len, ssrc, index) {
                return Ok((len, index));
            }
        }
        Err(Rejected)
    }
}

/// The likeliest index, and how many periods after it may be tried.
fn guess(replay: &mut Replay, seq: u16) -> Result<(u64, u64), Rejected> {
    let searches = replay
        .failures
        .checked_sub(FAILURES_BEFORE_SEARCH)
        .is_some_and(|more| more % FAILURES_PER_SEARCH == 0);
    match replay.estimate(seq).filter(|near| !replay.is_behind(*near)) {
        Some(near) => {
            replay.check(near)?;
            Ok((near, if searches { SKIPPED_PERIODS_MAX } else { 0 }))
        }
        // A straggler; or the stream was paused over more than half a period, and what seems behind lies ahead.
        None if searches => Ok((replay.next(seq), SKIPPED_PERIODS_MAX - 1)),
        None => {
            replay.failures = replay.failures.wrapping_add(1);
            Err(Rejected)
        }
    }
}
