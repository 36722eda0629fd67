//! Text that people typed: names, titles, levels. Markup stays text; what cannot be seen is refused.

use unicode_normalization::UnicodeNormalization;

/// Longest name or title, characters after normalisation.
pub const NAME_CHARS_MAX: usize = 200;

/// Why a text is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextFault {
    /// Nothing but white space.
    #[error("blank")]
    Blank,
    /// More characters than allowed.
    #[error("{found} characters, at most {most} allowed")]
    TooLong {
        /// Characters found.
        found: usize,
        /// Characters allowed.
        most: usize,
    },
    /// A control character, an invisible one, or one that turns the direction of writing.
    #[error("the invisible character U+{:04X}", u32::from(*.0))]
    Invisible(char),
    /// What stands for a letter that a conversion lost: the name is another name without it.
    #[error("U+FFFD, in place of a letter that was lost")]
    Lost,
}

/// Trims and composes (NFC) `raw`, or says why it cannot be shown as it stands.
///
/// Control characters and direction overrides are refused, not stripped: a name that would display as
/// another name is a mistake or an attack, and either deserves a human's look.
pub(crate) fn plain(raw: &str, chars_max: usize) -> Result<String, TextFault> {
    let text: String = raw.trim().nfc().collect();
    if text.is_empty() {
        return Err(TextFault::Blank);
    }
    if let Some(c) = text.chars().find(|&c| is_invisible(c)) {
        return Err(TextFault::Invisible(c));
    }
    if text.contains(char::REPLACEMENT_CHARACTER) {
        return Err(TextFault::Lost);
    }
    let found = text.chars().count();
    if found > chars_max {
        return Err(TextFault::TooLong {
            found,
            most: chars_max,
        });
    }
    Ok(text)
}

/// Control characters, zero-width and direction characters, separators that break lines, tags.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{061C}'
            | '\u{200B}'..='\u{200F}'
            | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{FEFF}'
            | '\u{FFF9}'..='\u{FFFB}'
            | '\u{E0000}'..='\u{E007F}')
}

/// `text` for a message: at most 80 characters, with the invisible ones spelled out.
pub(crate) fn excerpt(text: &str) -> String {
    const CHARS_MAX: usize = 80;
    let mut out = String::new();
    for c in text.chars().take(CHARS_MAX) {
        if is_invisible(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    if text.chars().nth(CHARS_MAX).is_some() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_text_like_any_other() {
        assert_eq!(
            plain(" <b>Xã</b> =SUM(A1) ", 200).as_deref(),
            Ok("<b>Xã</b> =SUM(A1)")
        );
    }

    #[test]
    fn decomposed_letters_are_composed() {
        assert_eq!(
            plain("Đo\u{302}ng Tho\u{323}", 200).as_deref(),
            Ok("Đông Thọ")
        );
    }

    #[test]
    fn what_cannot_be_seen_is_refused() {
        for c in [
            '\0',
            '\n',
            '\u{7f}',
            '\u{85}',
            '\u{202E}',
            '\u{2066}',
            '\u{200B}',
            '\u{FEFF}',
            '\u{E0041}',
        ] {
            assert_eq!(
                plain(&format!("Xã {c} Nam"), 200),
                Err(TextFault::Invisible(c)),
                "{c:?}"
            );
        }
    }

    #[test]
    fn a_name_with_a_letter_lost_is_refused() {
        assert_eq!(plain("X\u{FFFD} Nam", 200), Err(TextFault::Lost));
    }

    #[test]
    fn the_limit_counts_letters_not_bytes() {
        assert!(plain(&"ộ".repeat(200), 200).is_ok());
        assert_eq!(
            plain(&"ộ".repeat(201), 200),
            Err(TextFault::TooLong {
                found: 201,
                most: 200
            })
        );
    }

    #[test]
    fn excerpts_are_short_and_visible() {
        assert_eq!(excerpt("a\u{202E}b"), "a\\u{202e}b");
        assert_eq!(excerpt(&"x".repeat(81)), format!("{}…", "x".repeat(80)));
    }
}
