//! Which letters the bytes stand for.

use encoding_rs::{Encoding, WINDOWS_1258};

/// Byte order marks decide; else what is valid UTF-8 is UTF-8, and the rest is Windows-1258, the code page of
/// Vietnamese Windows. (Its bytes above 127 hardly ever form valid UTF-8 by chance.)
pub(super) fn text(bytes: &[u8]) -> String {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        let rest = bytes.get(mark..).unwrap_or_default();
        return encoding.decode_without_bom_handling(rest).0.into_owned();
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => WINDOWS_1258
            .decode_without_bom_handling(bytes)
            .0
            .into_owned(),
    }
}
