//! RTCP (RFC 3550 §6, RFC 4585 §6, RFC 5104 §4.3, transport-wide feedback): reading hostile compounds, writing our own.

use forwarding::ReceptionReport;
use forwarding::bandwidth::Feedback;

const SR: u8 = 200;
const RR: u8 = 201;
const SDES: u8 = 202;
const BYE: u8 = 203;
const APP: u8 = 204;
const RTPFB: u8 = 205;
const PSFB: u8 = 206;

const CNAME: u8 = 1;
const NACK: u8 = 1;
const TRANSPORT_CC: u8 = 15;
const PLI: u8 = 1;
const FIR: u8 = 4;

/// Packets read of one compound; the rest is ignored. A trunk's largest has one APP for each feed.
const PACKETS_MAX: usize = 256;
/// Sequence numbers read of the NACKs of one compound: as many as the resend ring holds.
const SEQUENCES_MAX: usize = 512;
/// Report blocks in one RR (RFC 3550 §6.4.2: five bits).
pub(super) const BLOCKS_MAX: usize = 31;

/// One thing a compound says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Item<'a> {
    /// A stream's sender report.
    SenderReport { ssrc: u32, ntp: u64, rtp: u32 },
    /// How a receiver gets one of our streams.
    Block(Block),
    /// Please resend.
    Nack { ssrc: u32, sequences: Vec<u16> },
    /// Please send a keyframe (PLI or FIR).
    KeyframeRequest { ssrc: u32 },
    /// Transport-wide feedback, for [`Feedback::read`].
    TransportFeedback(&'a [u8]),
    /// A stream ended.
    Bye { ssrc: u32 },
    /// Application-defined.
    App {
        ssrc: u32,
        subtype: u8,
        name: [u8; 4],
        data: &'a [u8],
    },
}

/// A report block, as far as it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) ssrc: u32,
    pub(super) fraction_lost: u8,
    pub(super) last_sender_report: u32,
    pub(super) delay_since_last: u32,
}

/// Reads a decrypted compound; stops at the first packet that is not well-formed.
pub(super) fn read(mut compound: &[u8], visit: &mut dyn FnMut(Item<'_>)) {
    let mut sequences_left = SEQUENCES_MAX;
    for _ in 0..PACKETS_MAX {
        let Some((count, kind, body, rest)) = split_packet(compound) else {
            return;
        };
        if (kind, count) == (RTPFB, NACK) {
            let Some((ssrc, sequences)) = read_nack(body, sequences_left) else {
                return;
            };
            sequences_left -= sequences.len();
            visit(Item::Nack { ssrc, sequences });
        } else if read_packet(count, kind, body, visit).is_none() {
            return;
        }
        compound = rest;
    }
}

/// The first packet: its 5-bit count, its type, what follows the header, and what follows it.
fn split_packet(compound: &[u8]) -> Option<(u8, u8, &[u8], &[u8])> {
    let header = compound.get(..4)?;
    if header[0] >> 6 != 2 {
        return None;
    }
    let len = 4 + 4 * usize::from(u16::from_be_bytes([header[2], header[3]]));
    let packet = compound.get(..len)?;
    let padding = if header[0] & 0x20 == 0 {
        0
    } else {
        usize::from(*packet.last()?)
    };
    let end = len.checked_sub(padding).filter(|end| *end >= 4)?;
    Some((
        header[0] & 0x1f,
        header[1],
        &packet[4..end],
        &compound[len..],
    ))
}

fn read_packet(count: u8, kind: u8, body: &[u8], visit: &mut dyn FnMut(Item<'_>)) -> Option<()> {
    match (kind, count) {
        (SR, _) => {
            let ntp = u64::from(word(body, 4)?) << 32 | u64::from(word(body, 8)?);
            visit(Item::SenderReport {
                ssrc: word(body, 0)?,
                ntp,
                rtp: word(body, 12)?,
            });
            read_blocks(body.get(24..)?, count, visit)?;
        }
        (RR, _) => read_blocks(body.get(4..)?, count, visit)?,
        (RTPFB, TRANSPORT_CC) => visit(Item::TransportFeedback(body.get(8..)?)),
        (PSFB, PLI) => visit(Item::KeyframeRequest {
            ssrc: word(body, 4)?,
        }),
        (PSFB, FIR) => {
            for entry in body.get(8..)?.chunks_exact(8) {
                visit(Item::KeyframeRequest {
                    ssrc: word(entry, 0)?,
                });
            }
        }
        (BYE, _) => {
            for index in 0..usize::from(count) {
                visit(Item::Bye {
                    ssrc: word(body, 4 * index)?,
                });
            }
        }
        (APP, _) => {
            let name = body.get(4..8)?.try_into().ok()?;
            visit(Item::App {
                ssrc: word(body, 0)?,
                subtype: count,
                name,
                data: &body[8..],
            });
        }
        _ => {}
    }
    Some(())
}

fn read_blocks(blocks: &[u8], count: u8, visit: &mut dyn FnMut(Item<'_>)) -> Option<()> {
    for block in blocks.chunks_exact(24).take(usize::from(count)) {
        visit(Item::Block(Block {
            ssrc: word(block, 0)?,
            fraction_lost: block[4],
            last_sender_report: word(block, 16)?,
            delay_since_last: word(block, 20)?,
        }));
    }
    Some(())
}

/// Generic NACK: pairs of a sequence number and a mask of the 16 after it (RFC 4585 §6.2.1).
fn read_nack(body: &[u8], sequences_max: usize) -> Option<(u32, Vec<u16>)> {
    let pairs = body.get(8..)?.chunks_exact(4);
    let sequences = pairs
        .flat_map(|pair| {
            let first = u16::from_be_bytes([pair[0], pair[1]]);
            let mask = u16::from_be_bytes([pair[2], pair[3]]);
            let followers = (0..16)
                .filter(move |bit| mask >> bit & 1 == 1)
                .map(move |bit| first.wrapping_add(bit + 1));
            std::iter::once(first).chain(followers)
        })
        .take(sequences_max)
        .collect();
    Some((word(body, 4)?, sequences))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// A compound under construction.
#[derive(Default)]
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    /// A sender report without blocks.
    pub(super) fn sender_report(&mut self, report: &forwarding::SenderReport) {
        let start = self.begin(SR, 0, report.ssrc);
        self.0.extend_from_slice(&report.ntp.to_be_bytes());
        self.words(&[report.rtp, report.packets, report.octets]);
        self.end(start);
    }

    /// A receiver report; blocks beyond 31 start another one.
    pub(super) fn receiver_report(&mut self, own_ssrc: u32, blocks: &[ReceptionReport]) {
        let mut chunks = blocks.chunks(BLOCKS_MAX);
        let first = chunks.next().unwrap_or_default();
        for chunk in std::iter::once(first).chain(chunks) {
            let start = self.begin(RR, chunk.len() as u8, own_ssrc);
            for block in chunk {
                let lost = block.cumulative_lost.cast_unsigned() & 0x00ff_ffff;
                let words = [
                    block.ssrc,
                    u32::from(block.fraction_lost) << 24 | lost,
                    block.highest_sequence,
                    block.jitter,
                    block.last_sender_report,
                    block.delay_since_last,
                ];
                self.words(&words);
            }
            self.end(start);
        }
    }

    /// SDES with the one mandatory item (RFC 3550 §6.5.1); the name is cut at 255 bytes.
    pub(super) fn cname(&mut self, ssrc: u32, cname: &str) {
        let name = &cname.as_bytes()[..cname.len().min(255)];
        let start = self.begin(SDES, 1, ssrc);
        self.0.extend_from_slice(&[CNAME, name.len() as u8]);
        self.0.extend_from_slice(name);
        // At least one zero ends the chunk.
        self.0.push(0);
        self.end(start);
    }

    /// A generic NACK.
    pub(super) fn nack(&mut self, own_ssrc: u32, ssrc: u32, sequences: &[u16]) {
        let start = self.begin(RTPFB, NACK, own_ssrc);
        self.words(&[ssrc]);
        let mut rest = sequences.iter().copied().peekable();
        while let Some(first) = rest.next() {
            let mut mask = 0u16;
            while let Some(bit) = rest
                .peek()
                .map(|next| next.wrapping_sub(first))
                .filter(|d| (1..=16).contains(d))
            {
                mask |= 1 << (bit - 1);
                rest.next();
            }
            self.words(&[u32::from(first) << 16 | u32::from(mask)]);
        }
        self.end(start);
    }

    /// Transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1); `ssrc` is any stream of the
    /// leg.
    pub(super) fn transport_feedback(&mut self, own_ssrc: u32, ssrc: u32, feedback: &Feedback) {
        let start = self.begin(RTPFB, TRANSPORT_CC, own_ssrc);
        self.words(&[ssrc]);
        feedback.write(&mut self.0);
        self.end(start);
    }

    /// A picture loss indication.
    pub(super) fn pli(&mut self, own_ssrc: u32, ssrc: u32) {
        let start = self.begin(PSFB, PLI, own_ssrc);
        self.words(&[ssrc]);
        self.end(start);
    }

    /// An application-defined packet; `data` is padded with zeros.
    pub(super) fn app(&mut self, ssrc: u32, subtype: u8, name: [u8; 4], data: &[u8]) {
        let start = self.begin(APP, subtype, ssrc);
        self.0.extend_from_slice(&name);
        self.0.extend_from_slice(data);
        self.end(start);
    }

    fn begin(&mut self, kind: u8, count: u8, ssrc: u32) -> usize {
        let start = self.0.len();
        self.0.extend_from_slice(&[0x80 | count, kind, 0, 0]);
        self.words(&[ssrc]);
        start
    }

    fn words(&mut self, words: &[u32]) {
        for word in words {
            self.0.extend_from_slice(&word.to_be_bytes());
        }
    }

    fn end(&mut self, start: usize) {
        self.0
            .resize(start + (self.0.len() - start).next_multiple_of(4), 0);
        let length = ((self.0.len() - start) / 4 - 1) as u16;
        self.0[start + 2..start + 4].copy_from_slice(&length.to_be_bytes());
    }
}
