//! Which letters the bytes stand for.

use super::Fault;
use encoding_rs::{Encoding, WINDOWS_1258};

/// Byte order marks decide; else what is valid UTF-8 is UTF-8, and the rest is Windows-1258, the code page of
/// Vietnamese Windows, unless it looks like UTF-8 that was damaged: then the names would come out garbled.
pub(super) fn text(bytes: &[u8]) -> Result<String, Fault> {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        let rest = bytes.get(mark..).unwrap_or_default();
        return Ok(encoding.decode_without_bom_handling(rest).0.into_owned());
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(error) if looks_like_utf_8(bytes) => Err(damaged(bytes, error.valid_up_to())),
        Err(_) => Ok(WINDOWS_1258
            .decode_without_bom_handling(bytes)
            .0
            .into_owned()),
    }
}

/// UTF-8 writes most Vietnamese vowels as E1 BA .. or E1 BB ..; in Windows-1258 that would be `áº` or `á»`,
/// which nobody writes.
fn looks_like_utf_8(bytes: &[u8]) -> bool {
    bytes
        .windows(2)
        .any(|pair| matches!(pair, [0xE1, 0xBA | 0xBB]))
}

fn damaged(bytes: &[u8], at: usize) -> Fault {
    let before = bytes.iter().take(at).filter(|&&byte| byte == b'\n').count();
    Fault {
        line: u32::try_from(before + 1).ok(),
        column: "file".to_owned(),
        found: format!(
            "a byte that is not UTF-8, {:#04X}",
            bytes.get(at).copied().unwrap_or_default()
        ),
        expected: "UTF-8 or Windows-1258 throughout".to_owned(),
    }
}
