//! What a child wants on a trunk: RTCP APP packets named `WANT` (RFC 3550 §6.7) that list SSRCs.
//!
//! Subtype 1: those it wants; subtype 0: those it does not. Data: SSRCs, 4 bytes each. What a child says nothing of, it
//! gets: so does one that knows no such packet.

use super::rtcp::Writer;

pub(super) const NAME: [u8; 4] = *b"WANT";
const WANTED: u8 = 1;
const UNWANTED: u8 = 0;
/// SSRCs in one packet: below every path MTU with SRTCP around it.
const SSRCS_MAX: usize = 250;

/// The SSRCs a packet lists, and whether they are wanted; `None` for a subtype of the future.
pub(super) fn read(subtype: u8, data: &[u8]) -> Option<(bool, impl Iterator<Item = u32> + '_)> {
    let wanted = match subtype {
        WANTED => true,
        UNWANTED => false,
        _ => return None,
    };
    let ssrcs = data.chunks_exact(4).filter_map(|word| word.try_into().ok());
    Some((wanted, ssrcs.map(u32::from_be_bytes)))
}

/// Says of all these whether they are wanted; as many compounds as it takes.
pub(super) fn write(
    own_ssrc: u32,
    list: &[(u32, bool)],
    begin: impl Fn() -> Writer,
    mut send: impl FnMut(Writer),
) {
    for part in list.chunks(SSRCS_MAX) {
        let mut compound = begin();
        for (subtype, wanted) in [(WANTED, true), (UNWANTED, false)] {
            let those = part.iter().filter(|(_, is)| *is == wanted);
            let data: Vec<u8> = those.flat_map(|(ssrc, _)| ssrc.to_be_bytes()).collect();
            if !data.is_empty() {
                compound.app(own_ssrc, subtype, NAME, &data);
            }
        }
        send(compound);
    }
}

/// Adds to a compound that one stream is wanted.
pub(super) fn write_wanted(own_ssrc: u32, ssrc: u32, compound: &mut Writer) {
    compound.app(own_ssrc, WANTED, NAME, &ssrc.to_be_bytes());
}
