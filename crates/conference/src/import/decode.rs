//! Which letters the bytes stand for.

use super::Fault;
use encoding_rs::{Encoding, UTF_8, WINDOWS_1258};

/// Byte order marks decide; else what is valid UTF-8 is UTF-8, and the rest is Windows-1258, the code page of
/// Vietnamese Windows, unless it looks like UTF-8 that was damaged: then the names would come out garbled.
pub(super) fn text(bytes: &[u8]) -> Result<String, Fault> {
    let (marked, rest) = match Encoding::for_bom(bytes) {
        Some((encoding, mark)) => (Some(encoding), bytes.get(mark..).unwrap_or_default()),
        None => (None, bytes),
    };
    if let Some(utf_16) = marked.filter(|&encoding| encoding != UTF_8) {
        return decode_utf_16(utf_16, rest);
    }
    match std::str::from_utf8(rest) {
        Ok(text) => Ok(text.to_owned()),
        Err(error) if marked.is_some() || looks_like_utf_8(rest) => {
            Err(damaged(rest, error.valid_up_to()))
        }
        Err(_) => Ok(WINDOWS_1258
            .decode_without_bom_handling(bytes)
            .0
            .into_owned()),
    }
}

/// Half a letter would become U+FFFD, and the name another name.
fn decode_utf_16(encoding: &'static Encoding, bytes: &[u8]) -> Result<String, Fault> {
    let (text, had_errors) = encoding.decode_without_bom_handling(bytes);
    if !had_errors {
        return Ok(text.into_owned());
    }
    let good = text.split(char::REPLACEMENT_CHARACTER).next();
    let before = good.unwrap_or_default().matches('\n').count();
    Err(Fault {
        line: u32::try_from(before + 1).ok(),
        column: "file".to_owned(),
        found: format!("half a letter of {}", encoding.name()),
        expected: format!("{} throughout, as the file begins", encoding.name()),
    })
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
