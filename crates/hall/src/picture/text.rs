//! Words in pixels: Be Vietnam Pro, drawn for Vietnamese, embedded.

use super::canvas::{Canvas, Colour};
use ab_glyph::{Font, FontRef, PxScale, PxScaleFont, ScaleFont};
use std::sync::OnceLock;
use unicode_normalization::UnicodeNormalization;

const FONT: &[u8] = include_bytes!("../../font/BeVietnamPro-SemiBold-subset.ttf");

fn font() -> Option<&'static FontRef<'static>> {
    static PARSED: OnceLock<Option<FontRef<'static>>> = OnceLock::new();
    PARSED
        .get_or_init(|| FontRef::try_from_slice(FONT).ok())
        .as_ref()
}

/// The font at a size, pixels from the top of the highest letter to the bottom of the lowest.
pub(crate) struct Lettering {
    font: PxScaleFont<&'static FontRef<'static>>,
}

impl Lettering {
    /// `None` when the embedded font is damaged; a test holds that it is not.
    pub(crate) fn new(size: f32) -> Option<Self> {
        Some(Self {
            font: font()?.as_scaled(PxScale::from(size.max(4.0))),
        })
    }

    /// Height of a line, pixels.
    pub(crate) fn line_height(&self) -> f32 {
        self.font.height() * 1.02
    }

    /// Width of a text, pixels.
    pub(crate) fn width(&self, text: &str) -> f32 {
        self.place(text).last().map_or(0.0, |(_, end)| end)
    }

    /// Every glyph with the x where it ends; its beginning is the end of the one before.
    fn place(&self, text: &str) -> impl Iterator<Item = (ab_glyph::Glyph, f32)> {
        let mut x = 0.0;
        let mut last = None;
        // Composed (NFC): the font has ế as one letter, an import may have it as three.
        text.nfc()
            .filter(|letter| !letter.is_control())
            .collect::<Vec<_>>()
            .into_iter()
            .map(move |letter| {
                let id = self.font.glyph_id(letter);
                x += last.map_or(0.0, |last| self.font.kern(last, id));
                let glyph = id.with_scale_and_position(self.font.scale(), ab_glyph::point(x, 0.0));
                x += self.font.h_advance(id);
                last = Some(id);
                (glyph, x)
            })
    }

    /// Draws a line of text with its top left here.
    pub(crate) fn draw(&self, canvas: &mut Canvas, at: (f32, f32), text: &str, colour: Colour) {
        let baseline = at.1 + self.font.ascent();
        for (mut glyph, _) in self.place(text) {
            glyph.position.x += at.0;
            glyph.position.y = baseline;
            let Some(outline) = self.font.outline_glyph(glyph) else {
                continue;
            };
            let bounds = outline.px_bounds();
            outline.draw(|x, y, cover| {
                let (x, y) = (
                    bounds.min.x as i32 + x.cast_signed(),
                    bounds.min.y as i32 + y.cast_signed(),
                );
                canvas.blend(x, y, colour, cover);
            });
        }
    }

    /// Breaks a text into lines no wider than `width`; a single word may stick out.
    pub(crate) fn wrap(&self, text: &str, width: f32) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for word in text.split_whitespace() {
            let longer = lines.last().map(|line| format!("{line} {word}"));
            match (longer, lines.last_mut()) {
                (Some(longer), Some(line)) if self.width(&longer) <= width => *line = longer,
                _ => lines.push(word.to_owned()),
            }
        }
        lines
    }

    /// The largest size at which a text fits into `lines` lines of this width.
    pub(crate) fn fitting(text: &str, width: f32, lines: usize, sizes: (f32, f32)) -> Option<Self> {
        let (least, most) = sizes;
        let mut size = most;
        loop {
            let lettering = Self::new(size)?;
            let wrapped = lettering.wrap(text, width);
            let fits =
                wrapped.len() <= lines && wrapped.iter().all(|line| lettering.width(line) <= width);
            if fits || size <= least {
                return Some(lettering);
            }
            size = (size * 0.94).max(least);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use openh264::formats::YUVSource;

    const ALPHABET: &str = "aàảãáạăằẳẵắặâầẩẫấậbcdđeèẻẽéẹêềểễếệghiìỉĩíịklmnoòỏõóọôồổỗốộơờởỡớợpqrstuùủũúụưừửữứựvxyỳỷỹýỵ0123456789:/·–";

    #[test]
    fn the_font_has_every_vietnamese_letter() {
        let font = font().expect("the embedded font parses");
        for letter in ALPHABET.chars().chain(ALPHABET.to_uppercase().chars()) {
            assert_ne!(font.glyph_id(letter).0, 0, "no glyph for {letter}");
        }
    }

    #[test]
    fn marks_are_drawn() {
        let ink = |text: &str| {
            let mut canvas = Canvas::new(400, 60);
            let lettering = Lettering::new(40.0).expect("font");
            lettering.draw(&mut canvas, (4.0, 4.0), text, Colour::rgb(255, 255, 255));
            canvas.y().iter().map(|y| u32::from(*y) - 16).sum::<u32>()
        };
        assert!(ink("Hội nghị điểm cầu") > ink("Hoi nghi diem cau"));
        assert_eq!(
            ink("Đông Thọ"),
            ink("\u{110}o\u{302}ng Tho\u{323}"),
            "decomposed text looks the same"
        );
    }

    #[test]
    fn long_names_break_into_lines_that_fit() {
        let name = "Nhà văn hóa phố Đông Phát 2, phường Đông Thọ";
        let lettering = Lettering::fitting(name, 300.0, 2, (8.0, 60.0)).expect("font");
        let lines = lettering.wrap(name, 300.0);
        assert!(lines.len() <= 2, "{lines:?}");
        assert!(
            lines.iter().all(|line| lettering.width(line) <= 300.0),
            "{lines:?}"
        );
        assert_eq!(lines.join(" "), name);
    }
}
