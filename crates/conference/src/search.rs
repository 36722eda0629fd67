//! Searching without diacritics: `dong tho` finds `Đông Thọ`.

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// `text` without diacritics and case, with single spaces: what to compare in a search.
pub fn normalise(text: &str) -> String {
    let folded: String = text
        .nfd()
        .filter(|&c| !is_combining_mark(c))
        .map(|c| if matches!(c, 'đ' | 'Đ') { 'd' } else { c })
        .flat_map(char::to_lowercase)
        .collect();
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether `text` contains `query`, both normalised. A blank query finds everything.
pub fn matches(text: &str, query: &str) -> bool {
    normalise(text).contains(&normalise(query))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_without_a_vietnamese_keyboard_finds_the_hall() {
        assert!(matches(
            "Điểm cầu Phường Đông Thọ (điểm cầu chủ)",
            "dong tho"
        ));
        assert!(matches("Nhà văn hóa phố Đội Cung 1", "  DOI   cung "));
        assert!(!matches("Điểm cầu Phường Đông Sơn", "dong tho"));
    }

    #[test]
    fn composed_and_decomposed_spellings_are_the_same() {
        assert_eq!(
            normalise("Triệu Sơn"),
            normalise("Trie\u{323}\u{302}u So\u{31b}n")
        );
        assert_eq!(normalise("ưỞặ Đđ"), "uoa dd");
    }
}
