//! A picture in the form the encoder takes: I420, limited range (ITU-T H.264 Annex E, BT.601).

use openh264::formats::YUVSource;

/// A colour, 8-bit limited range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Colour {
    pub(crate) y: u8,
    pub(crate) u: u8,
    pub(crate) v: u8,
}

impl Colour {
    /// From full-range RGB, BT.601.
    pub(crate) const fn rgb(r: u8, g: u8, b: u8) -> Self {
        let (r, g, b) = (r as i32, g as i32, b as i32);
        Self {
            y: (16 + (66 * r + 129 * g + 25 * b + 128) / 256) as u8,
            u: (128 + (-38 * r - 74 * g + 112 * b) / 256) as u8,
            v: (128 + (112 * r - 94 * g - 18 * b) / 256) as u8,
        }
    }
}

/// Where something stands, pixels from the top left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Area {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) width: f32,
    pub(crate) height: f32,
}

/// The pixels. Both sides are even.
#[derive(Clone, Debug)]
pub(crate) struct Canvas {
    width: usize,
    height: usize,
    luma: Vec<u8>,
    blue: Vec<u8>,
    red: Vec<u8>,
}

impl Canvas {
    /// A black picture; odd sides are rounded down to even ones, the least is 2 × 2.
    pub(crate) fn new(width: usize, height: usize) -> Self {
        let (width, height) = ((width & !1).max(2), (height & !1).max(2));
        let quarter = width * height / 4;
        Self {
            width,
            height,
            luma: vec![16; width * height],
            blue: vec![128; quarter],
            red: vec![128; quarter],
        }
    }

    pub(crate) fn width(&self) -> f32 {
        self.width as f32
    }

    pub(crate) fn height(&self) -> f32 {
        self.height as f32
    }

    /// Takes the pixels of a picture of the same size; another size is left alone.
    pub(crate) fn copy_from(&mut self, other: &Self) {
        if (self.width, self.height) == (other.width, other.height) {
            self.luma.copy_from_slice(&other.luma);
            self.blue.copy_from_slice(&other.blue);
            self.red.copy_from_slice(&other.red);
        }
    }

    /// Mixes a colour over one pixel, `cover` from 0 (nothing) to 1. Outside the picture: nothing.
    pub(crate) fn blend(&mut self, x: i32, y: i32, colour: Colour, cover: f32) {
        let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y)) else {
            return;
        };
        if x >= self.width || y >= self.height {
            return;
        }
        mix(self.luma.get_mut(y * self.width + x), colour.y, cover);
        // Chroma is shared by four pixels: each brings its quarter.
        let chroma = (y / 2) * (self.width / 2) + x / 2;
        mix(self.blue.get_mut(chroma), colour.u, cover * 0.45);
        mix(self.red.get_mut(chroma), colour.v, cover * 0.45);
    }

    /// Fills an area; edges between pixels are softened, so that slow movement glides.
    pub(crate) fn fill(&mut self, area: Area, colour: Colour, cover: f32) {
        let (right, bottom) = (area.x + area.width, area.y + area.height);
        for y in area.y.floor() as i32..bottom.ceil() as i32 {
            let rows = overlap(y as f32, area.y, bottom);
            for x in area.x.floor() as i32..right.ceil() as i32 {
                self.blend(
                    x,
                    y,
                    colour,
                    cover * rows * overlap(x as f32, area.x, right),
                );
            }
        }
    }

    /// A filled circle around this centre.
    pub(crate) fn disc(&mut self, centre: (f32, f32), radius: f32, colour: Colour, cover: f32) {
        let (cx, cy) = centre;
        for y in (cy - radius).floor() as i32..=(cy + radius).ceil() as i32 {
            for x in (cx - radius).floor() as i32..=(cx + radius).ceil() as i32 {
                let (dx, dy) = (x as f32 + 0.5 - cx, y as f32 + 0.5 - cy);
                let inside = (radius - dx.hypot(dy) + 0.5).clamp(0.0, 1.0);
                self.blend(x, y, colour, cover * inside);
            }
        }
    }
}

fn overlap(pixel: f32, from: f32, to: f32) -> f32 {
    ((pixel + 1.0).min(to) - pixel.max(from)).clamp(0.0, 1.0)
}

fn mix(below: Option<&mut u8>, above: u8, cover: f32) {
    if let Some(below) = below {
        let value = f32::from(*below);
        *below = (value + (f32::from(above) - value) * cover.clamp(0.0, 1.0)).round() as u8;
    }
}

impl YUVSource for Canvas {
    fn dimensions(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    fn strides(&self) -> (usize, usize, usize) {
        (self.width, self.width / 2, self.width / 2)
    }

    fn y(&self) -> &[u8] {
        &self.luma
    }

    fn u(&self) -> &[u8] {
        &self.blue
    }

    fn v(&self) -> &[u8] {
        &self.red
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_stay_in_the_limited_range() {
        assert_eq!(
            Colour::rgb(0, 0, 0),
            Colour {
                y: 16,
                u: 128,
                v: 128
            }
        );
        let white = Colour::rgb(255, 255, 255);
        assert_eq!((white.y, white.u, white.v), (235, 128, 128));
        let blue = Colour::rgb(0, 0, 255);
        assert!(blue.u > 220 && blue.v < 120 && blue.y < 50, "{blue:?}");
    }

    #[test]
    fn half_a_pixel_covers_half() {
        let mut canvas = Canvas::new(8, 8);
        let area = Area {
            x: 1.5,
            y: 0.0,
            width: 2.0,
            height: 1.0,
        };
        canvas.fill(
            area,
            Colour {
                y: 216,
                u: 128,
                v: 128,
            },
            1.0,
        );
        assert_eq!(&canvas.y()[..5], &[16, 116, 216, 116, 16]);
    }

    #[test]
    fn what_lies_outside_is_cut_off() {
        let mut canvas = Canvas::new(5, 3);
        assert_eq!(canvas.dimensions(), (4, 2));
        canvas.disc((0.0, 0.0), 100.0, Colour::rgb(255, 0, 0), 1.0);
        canvas.fill(
            Area {
                x: -9.0,
                y: -9.0,
                width: 50.0,
                height: 50.0,
            },
            Colour::rgb(0, 0, 0),
            1.0,
        );
        assert_eq!(canvas.y(), &[16; 8]);
    }
}
