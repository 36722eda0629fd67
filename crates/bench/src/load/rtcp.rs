//! The little RTCP a browser would exchange here: receiver reports, sender reports, keyframe requests.

/// Payload-specific feedback (RFC 4585 §6.3): 1 is PLI, 4 is FIR (RFC 5104 §4.3.1).
const PSFB: u8 = 206;
const SR: u8 = 200;
const RR: u8 = 201;

/// What a compound packet says that matters here.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Heard {
    /// PLI or FIR.
    pub(super) keyframe_wanted: bool,
    /// Sender reports: SSRC and the middle 32 bits of their NTP time.
    pub(super) reports: Vec<(u32, u32)>,
}

/// Reads a compound packet; stops at the first length that lies.
pub(super) fn read(mut compound: &[u8]) -> Heard {
    let mut heard = Heard::default();
    while let Some((&[first, kind, l0, l1], _)) = compound.split_first_chunk() {
        let len = 4 * (usize::from(u16::from_be_bytes([l0, l1])) + 1);
        let Some((packet, rest)) = compound.split_at_checked(len) else {
            break;
        };
        match (kind, first & 0x1f) {
            (PSFB, 1 | 4) => heard.keyframe_wanted = true,
            (SR, _) => heard.reports.extend(sender_report(packet)),
            _ => {}
        }
        compound = rest;
    }
    heard
}

fn sender_report(packet: &[u8]) -> Option<(u32, u32)> {
    let word = |at: usize| Some(u32::from_be_bytes(packet.get(at..at + 4)?.try_into().ok()?));
    Some((word(4)?, word(8)? << 16 | word(12)? >> 16))
}

/// One report block: what came of `ssrc`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    pub(super) ssrc: u32,
    pub(super) highest: u32,
    /// Middle 32 bits of the last sender report's NTP time; 0 before the first.
    pub(super) last_report: u32,
    /// Since then, in units of 1/65,536 s.
    pub(super) since: u32,
}

/// RFC 3550 §6.4.2, followed by an SDES with a CNAME as every compound must (§6.1).
pub(super) fn receiver_report(own_ssrc: u32, blocks: &[Block]) -> Vec<u8> {
    let mut out = vec![0x80 | (blocks.len() as u8 & 0x1f), RR];
    out.extend_from_slice(&((1 + 6 * blocks.len()) as u16).to_be_bytes());
    out.extend_from_slice(&own_ssrc.to_be_bytes());
    for block in blocks {
        for word in [
            block.ssrc,
            0,
            block.highest,
            0,
            block.last_report,
            block.since,
        ] {
            out.extend_from_slice(&word.to_be_bytes());
        }
    }
    sdes(&mut out, own_ssrc);
    out
}

/// RFC 3550 §6.4.1 without report blocks. `ntp` is 64 bits of seconds and fraction.
pub(super) fn sender_report_of(
    ssrc: u32,
    ntp: u64,
    timestamp: u32,
    packets: u32,
    bytes: u32,
) -> Vec<u8> {
    let mut out = vec![0x80, SR, 0, 6];
    out.extend_from_slice(&ssrc.to_be_bytes());
    out.extend_from_slice(&ntp.to_be_bytes());
    for word in [timestamp, packets, bytes] {
        out.extend_from_slice(&word.to_be_bytes());
    }
    sdes(&mut out, ssrc);
    out
}

/// RFC 4585 §6.3.1, behind an empty receiver report.
pub(super) fn picture_loss(own_ssrc: u32, ssrc: u32) -> Vec<u8> {
    let mut out = receiver_report(own_ssrc, &[]);
    out.extend_from_slice(&[0x81, PSFB, 0, 2]);
    out.extend_from_slice(&own_ssrc.to_be_bytes());
    out.extend_from_slice(&ssrc.to_be_bytes());
    out
}

fn sdes(out: &mut Vec<u8>, ssrc: u32) {
    out.extend_from_slice(&[0x81, 202, 0, 4]);
    out.extend_from_slice(&ssrc.to_be_bytes());
    // CNAME of five characters, end of list, padding to a word.
    out.extend_from_slice(&[1, 5, b'b', b'e', b'n', b'c', b'h', 0, 0, 0, 0, 0]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let ntp = 0x1122_3344_5566_7788;
        assert_eq!(
            read(&sender_report_of(9, ntp, 1, 2, 3)).reports,
            vec![(9, 0x3344_5566)]
        );
        assert!(read(&picture_loss(1, 2)).keyframe_wanted);
        let block = Block {
            ssrc: 9,
            highest: 70_000,
            last_report: 1,
            since: 2,
        };
        assert_eq!(read(&receiver_report(1, &[block])), Heard::default());
        assert_eq!(receiver_report(1, &[block]).len() % 4, 0);
    }

    #[test]
    fn a_length_that_lies_ends_the_reading() {
        assert_eq!(read(&[0x81, PSFB, 0, 9, 0, 0]), Heard::default());
    }
}
