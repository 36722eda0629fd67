//! What is on the picture: backdrop, title and name once, clock and movement on every frame.

use super::canvas::{Area, Canvas, Colour};
use super::text::Lettering;

const WHITE: Colour = Colour::rgb(246, 248, 252);
const MUTED: Colour = Colour::rgb(160, 178, 210);
const GOLD: Colour = Colour::rgb(244, 190, 72);
const LIVE: Colour = Colour::rgb(226, 62, 62);
const TOP: (u8, u8, u8) = (14, 32, 78);
const BOTTOM: (u8, u8, u8) = (6, 14, 40);

/// Time in which the light glides once along its line and back, seconds.
const GLIDE_S: f32 = 8.0;

/// Height below which only name, clock and movement are drawn: smaller letters cannot be read.
const FULL_HEIGHT: f32 = 200.0;

/// The words that stay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Caption {
    /// Title of the conference.
    pub(crate) title: String,
    /// Name of the site.
    pub(crate) name: String,
    /// Code of the site.
    pub(crate) code: String,
}

/// What differs from frame to frame.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    /// Since the scene began, seconds.
    pub(crate) elapsed_s: f32,
    /// As it stands on the clock, `08:15:42`.
    pub(crate) clock: String,
    /// As it stands under the clock, `27/3/2021`.
    pub(crate) date: String,
}

/// The picture, with what never changes drawn once.
pub(crate) struct Scene {
    caption: Caption,
    still: Canvas,
    frame: Canvas,
}

impl Scene {
    /// Draws the still layer for a picture of this size.
    pub(crate) fn new(width: usize, height: usize, caption: Caption) -> Self {
        let mut still = Canvas::new(width, height);
        backdrop(&mut still);
        words(&mut still, &caption);
        Self {
            caption,
            frame: still.clone(),
            still,
        }
    }

    /// The words it shows.
    pub(crate) fn caption(&self) -> &Caption {
        &self.caption
    }

    /// The picture at this moment.
    pub(crate) fn draw(&mut self, moment: &Moment) -> &Canvas {
        self.frame.copy_from(&self.still);
        clock(&mut self.frame, moment);
        movement(&mut self.frame, moment.elapsed_s);
        &self.frame
    }
}

fn backdrop(canvas: &mut Canvas) {
    let (width, height) = (canvas.width(), canvas.height());
    for y in 0..height as i32 {
        let part = y as f32 / height;
        let shade = |top: u8, bottom: u8| {
            (f32::from(top) + (f32::from(bottom) - f32::from(top)) * part) as u8
        };
        let colour = Colour::rgb(
            shade(TOP.0, BOTTOM.0),
            shade(TOP.1, BOTTOM.1),
            shade(TOP.2, BOTTOM.2),
        );
        for _ in 0..4 {
            canvas.fill(
                Area {
                    x: 0.0,
                    y: y as f32,
                    width,
                    height: 1.0,
                },
                colour,
                1.0,
            );
        }
    }
    let glow = Colour::rgb(40, 84, 168);
    for ring in 1_u8..12 {
        let radius = height * 0.75 * f32::from(ring) / 12.0;
        canvas.disc((width * 0.86, height * 0.18), radius, glow, 0.035);
    }
    canvas.fill(
        Area {
            x: 0.0,
            y: 0.0,
            width: (width * 0.012).max(2.0),
            height,
        },
        GOLD,
        1.0,
    );
}

fn margin(canvas: &Canvas) -> f32 {
    canvas.width() * 0.055
}

fn words(canvas: &mut Canvas, caption: &Caption) {
    let (width, height, margin) = (canvas.width(), canvas.height(), margin(canvas));
    let room = width - 2.0 * margin;
    let full = height >= FULL_HEIGHT;
    if full {
        let code_width = code(canvas, &caption.code);
        let room = room - code_width - margin;
        let Some(small) =
            Lettering::fitting(&caption.title, room, 2, (height * 0.045, height * 0.062))
        else {
            return;
        };
        let end = lines(
            canvas,
            &small,
            (margin, height * 0.08),
            room,
            2,
            &caption.title,
            GOLD,
        );
        let rule = Area {
            x: margin,
            y: end + height * 0.025,
            width: width * 0.16,
            height: (height * 0.008).max(1.0),
        };
        canvas.fill(rule, GOLD, 0.9);
    }
    let (top, sizes) = if full {
        (0.33, (0.09, 0.19))
    } else {
        (0.08, (0.14, 0.25))
    };
    let Some(large) =
        Lettering::fitting(&caption.name, room, 2, (height * sizes.0, height * sizes.1))
    else {
        return;
    };
    lines(
        canvas,
        &large,
        (margin, height * top),
        room,
        2,
        &caption.name,
        WHITE,
    );
}

/// The site's code in the upper right corner; answers with its width.
fn code(canvas: &mut Canvas, code: &str) -> f32 {
    let (width, height, margin) = (canvas.width(), canvas.height(), margin(canvas));
    let Some(small) = Lettering::new(height * 0.055) else {
        return 0.0;
    };
    let taken = small.width(code).min(width * 0.3);
    small.draw(
        canvas,
        (width - margin - taken, height * 0.085),
        code,
        MUTED,
    );
    taken
}

/// Draws at most `most` lines, answers with the y below them.
fn lines(
    canvas: &mut Canvas,
    lettering: &Lettering,
    at: (f32, f32),
    room: f32,
    most: usize,
    text: &str,
    colour: Colour,
) -> f32 {
    let mut y = at.1;
    for line in lettering.wrap(text, room).iter().take(most) {
        lettering.draw(canvas, (at.0, y), line, colour);
        y += lettering.line_height();
    }
    y
}

fn clock(canvas: &mut Canvas, moment: &Moment) {
    let (width, height, margin) = (canvas.width(), canvas.height(), margin(canvas));
    let full = height >= FULL_HEIGHT;
    let size = if full { 0.14 } else { 0.24 };
    let Some(large) = Lettering::new(height * size) else {
        return;
    };
    let y = height * 0.86 - large.line_height();
    if full {
        // Placed by the widest time, so that it does not shift from second to second.
        let left = width - margin - large.width("00:00:00");
        large.draw(canvas, (left, y), &moment.clock, WHITE);
        if let Some(small) = Lettering::new(height * 0.06) {
            small.draw(
                canvas,
                (margin + height * 0.05, y + large.line_height() * 0.42),
                &moment.date,
                MUTED,
            );
        }
    } else {
        large.draw(canvas, (margin, y), &moment.clock, GOLD);
    }
    let pulse = 0.55 + 0.45 * (moment.elapsed_s * std::f32::consts::TAU / 2.0).cos();
    let radius = height * 0.018;
    let centre = if full {
        (
            margin + radius,
            y + large.line_height() * 0.42 + height * 0.037,
        )
    } else {
        (width - margin - radius * 2.0, y + large.line_height() * 0.5)
    };
    canvas.disc(centre, radius.max(2.0), LIVE, pulse);
}

fn movement(canvas: &mut Canvas, elapsed_s: f32) {
    let (width, height, margin) = (canvas.width(), canvas.height(), margin(canvas));
    let track = Area {
        x: margin,
        y: height * 0.915,
        width: width - 2.0 * margin,
        height: (height * 0.012).max(2.0),
    };
    canvas.fill(track, MUTED, 0.25);
    let length = track.width * 0.18;
    let part = 0.5 - 0.5 * (elapsed_s * std::f32::consts::TAU / GLIDE_S).cos();
    let light = Area {
        x: track.x + (track.width - length) * part,
        width: length,
        ..track
    };
    canvas.fill(light, GOLD, 1.0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use openh264::formats::YUVSource;

    fn caption() -> Caption {
        Caption {
            title: "Hội nghị trực tuyến toàn tỉnh".to_owned(),
            name: "Phường Đông Thọ".to_owned(),
            code: "TPTH-04".to_owned(),
        }
    }

    fn moment(elapsed_s: f32) -> Moment {
        Moment {
            elapsed_s,
            clock: format!("08:15:{:02}", elapsed_s as u32),
            date: "27/3/2021".to_owned(),
        }
    }

    #[test]
    fn every_frame_differs_and_names_differ() {
        for (width, height) in [(160, 90), (640, 360)] {
            let mut scene = Scene::new(width, height, caption());
            let first = scene.draw(&moment(0.0)).y().to_vec();
            let later = scene.draw(&moment(0.2)).y().to_vec();
            assert_ne!(first, later, "it moves within a fifth of a second");
            let other = Caption {
                name: "Phường Ba Đình".to_owned(),
                ..caption()
            };
            let mut other = Scene::new(width, height, other);
            assert_ne!(
                other.draw(&moment(0.0)).y(),
                first,
                "another hall looks different"
            );
            assert_eq!(
                scene.draw(&moment(0.0)).y(),
                first,
                "the still layer stays clean"
            );
        }
    }

    #[test]
    fn any_size_and_any_words_are_drawn() {
        let odd = Caption {
            title: "\u{7}\n".repeat(50),
            name: "x".repeat(500),
            code: String::new(),
        };
        for (width, height) in [(2, 2), (16, 16), (161, 91), (1280, 720)] {
            Scene::new(width, height, odd.clone()).draw(&moment(3.0));
        }
    }
}
