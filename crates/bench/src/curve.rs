//! One picture of a run or of several: how much of a core the halls need.

use crate::case::Place;
use crate::load::Srtp;
use crate::report::{Report, Row};
use crate::statistics::median;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

const WIDTH: f64 = 920.0;
const HEIGHT: f64 = 450.0;
const PANEL_WIDTH: f64 = 360.0;
const PANEL_HEIGHT: f64 = 290.0;
const TOP: f64 = 74.0;
const LEGEND_TOP: f64 = 430.0;
/// Of the legend, about.
const LETTER_WIDTH: f64 = 7.0;
/// Left edges of the two panels.
const LEFT: [f64; 2] = [62.0, 520.0];
/// Beyond this a line leaves the picture: the core is full.
const FULL_PERCENT: f64 = 100.0;
/// Ours first; readable on white, told apart by the colour-blind.
const COLOURS: [&str; 7] = [
    "#0b6e4f", "#c8553d", "#2f5aa8", "#b8860b", "#7b4b94", "#3a3a3a", "#5aa9c4",
];
const FLOOR_COLOUR: &str = "#8a8a8a";

/// A line: a server, and what it needs for so many halls.
struct Line {
    name: String,
    colour: &'static str,
    dashed: bool,
    /// Halls, and per cent of one core.
    points: Vec<(f64, f64)>,
}

/// Draws the rows of all `results`, JSON of earlier runs, into `out`.
///
/// # Errors
/// When a file is no result, or the picture cannot be written.
pub fn draw(results: &[PathBuf], out: &Path) -> Result<()> {
    let mut rows = Vec::new();
    for file in results {
        let read =
            || -> Result<Report> { Ok(serde_json::from_str(&std::fs::read_to_string(file)?)?) };
        rows.extend(
            read()
                .with_context(|| format!("{} is no result of a benchmark", file.display()))?
                .rows,
        );
    }
    std::fs::write(out, svg(&rows)).with_context(|| format!("writing {}", out.display()))
}

/// CPU against halls, paced to the left and in bursts to the right, as SVG. Rows of one hop, one worker apart from the
/// load and the full rate are taken; of several of one server with as many halls, the median.
pub fn svg(rows: &[Row]) -> String {
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"system-ui, sans-serif\" font-size=\"13\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#ffffff\"/>\n\
         <text x=\"{}\" y=\"28\" font-size=\"17\" font-weight=\"600\" fill=\"#1c1c1c\">CPU of one core against halls at 2.4 Mbit/s</text>\n",
        LEFT[0]
    );
    let panels = [
        ("paced", "packets at even distances"),
        ("burst", "a frame of 8 packets at once"),
    ];
    for ((case, title), left) in panels.into_iter().zip(LEFT) {
        panel(&mut out, left, title, &lines(rows, case));
    }
    legend(&mut out, &lines(rows, "paced"));
    out.push_str("</svg>\n");
    out
}

/// Rows that belong into the picture.
fn is_drawn(row: &Row) -> bool {
    matches!(row.case.as_str(), "paced" | "burst")
        && (row.hops, row.workers, row.place, row.pps) == (1, 1, Place::Apart, 250)
        && row.srtp == Srtp::Chromium
}

/// Every server with its colour, in the order of the rows: the same in both panels.
fn servers(rows: &[Row]) -> Vec<(&str, &'static str)> {
    let mut names: Vec<&str> = Vec::new();
    for row in rows.iter().filter(|row| is_drawn(row)) {
        if !names.contains(&row.engine.as_str()) {
            names.push(&row.engine);
        }
    }
    names.into_iter().zip(COLOURS.into_iter().cycle()).collect()
}

fn lines(rows: &[Row], case: &str) -> Vec<Line> {
    let drawn: Vec<&Row> = rows
        .iter()
        .filter(|row| is_drawn(row) && row.case == case)
        .collect();
    let server = |(name, colour): (&str, &'static str)| Line {
        name: name.to_owned(),
        colour,
        dashed: false,
        points: points(
            drawn.iter().filter(|row| row.engine == name),
            |row| row.cpu_us_per_packet,
            median,
        ),
    };
    let mut lines: Vec<Line> = servers(rows).into_iter().map(server).collect();
    lines.push(Line {
        name: "floor".to_owned(),
        colour: FLOOR_COLOUR,
        dashed: true,
        // Every row has a floor of its own; the floor is the lowest of them.
        points: points(drawn.iter(), |row| row.floor_us_per_packet, least),
    });
    lines
}

/// Halls, and per cent of one core: of all rows with so many halls what `one` makes of them.
fn points<'a>(
    rows: impl Iterator<Item = &'a &'a Row>,
    us_per_packet: fn(&Row) -> f64,
    one: fn(&[f64]) -> f64,
) -> Vec<(f64, f64)> {
    let mut by_halls: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    for row in rows {
        let percents = by_halls.entry(row.legs).or_default();
        percents.push(percent(row, us_per_packet(row)));
    }
    let points = by_halls
        .iter()
        .map(|(halls, percents)| (*halls as f64, one(percents)));
    std::iter::once((0.0, 0.0)).chain(points).collect()
}

fn least(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}

/// Of one core.
fn percent(row: &Row, us_per_packet: f64) -> f64 {
    us_per_packet * f64::from(row.pps) * row.legs as f64 / 1e4
}

fn panel(out: &mut String, left: f64, title: &str, lines: &[Line]) {
    let halls_max = lines
        .iter()
        .flat_map(|line| &line.points)
        .map(|point| point.0)
        .fold(100.0, f64::max);
    let percent_max = lines
        .iter()
        .flat_map(|line| &line.points)
        .map(|point| point.1)
        .fold(10.0, f64::max);
    let percent_max = ((percent_max / 10.0).ceil() * 10.0).min(FULL_PERCENT);
    let at = |(halls, percent): (f64, f64)| {
        (
            left + halls / halls_max * PANEL_WIDTH,
            TOP + PANEL_HEIGHT * (1.0 - percent / percent_max),
        )
    };
    let bottom = TOP + PANEL_HEIGHT;
    let _ = writeln!(
        out,
        "<text x=\"{left}\" y=\"{}\" fill=\"#4a4a4a\">{title}</text>",
        TOP - 16.0
    );
    for step in 0..=5 {
        let share = f64::from(step) / 5.0;
        let y = bottom - share * PANEL_HEIGHT;
        let x = left + share * PANEL_WIDTH;
        let (right, percent, halls) = (left + PANEL_WIDTH, share * percent_max, share * halls_max);
        let _ = write!(
            out,
            "<line x1=\"{left}\" y1=\"{y:.1}\" x2=\"{right}\" y2=\"{y:.1}\" stroke=\"#e4e4e4\"/>\n\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#6a6a6a\">{percent:.0} %</text>\n\
             <text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\" fill=\"#6a6a6a\">{halls:.0}</text>\n",
            left - 8.0,
            y + 4.0,
            bottom + 20.0,
        );
    }
    let _ = write!(
        out,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\" fill=\"#4a4a4a\">halls</text>\n\
         <clipPath id=\"panel{left:.0}\"><rect x=\"{left}\" y=\"{}\" width=\"{}\" height=\"{}\"/></clipPath>\n",
        left + PANEL_WIDTH / 2.0,
        bottom + 40.0,
        TOP - 4.0,
        PANEL_WIDTH + 6.0,
        PANEL_HEIGHT + 8.0,
    );
    for line in lines {
        curve(out, left, line, at);
    }
}

fn curve(out: &mut String, left: f64, line: &Line, at: impl Fn((f64, f64)) -> (f64, f64)) {
    let places: Vec<(f64, f64)> = line.points.iter().map(|point| at(*point)).collect();
    let path: Vec<String> = places
        .iter()
        .map(|(x, y)| format!("{x:.1},{y:.1}"))
        .collect();
    let dash = dash(line);
    let _ = writeln!(
        out,
        "<g clip-path=\"url(#panel{left:.0})\" stroke=\"{0}\" fill=\"{0}\"><polyline points=\"{1}\" fill=\"none\" stroke-width=\"2.5\"{dash}/>",
        line.colour,
        path.join(" ")
    );
    for (x, y) in places.iter().skip(1).filter(|_| !line.dashed) {
        let _ = writeln!(
            out,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\" stroke=\"none\"/>"
        );
    }
    out.push_str("</g>\n");
}

/// One name after the other below the panels.
fn legend(out: &mut String, lines: &[Line]) {
    let mut x = LEFT[0];
    for line in lines {
        let (to, text) = (x + 26.0, x + 34.0);
        let _ = write!(
            out,
            "<line x1=\"{x:.0}\" y1=\"{LEGEND_TOP}\" x2=\"{to:.0}\" y2=\"{LEGEND_TOP}\" stroke=\"{}\" stroke-width=\"2.5\"{}/>\n\
             <text x=\"{text:.0}\" y=\"{}\" fill=\"#1c1c1c\">{}</text>\n",
            line.colour,
            dash(line),
            LEGEND_TOP + 4.0,
            escaped(&line.name)
        );
        x = text + 26.0 + line.name.chars().count() as f64 * LETTER_WIDTH;
    }
}

fn dash(line: &Line) -> &'static str {
    if line.dashed {
        " stroke-dasharray=\"6 4\""
    } else {
        ""
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(engine: &str, case: &str, legs: usize, us: f64) -> Row {
        Row {
            engine: engine.to_owned(),
            case: case.to_owned(),
            legs,
            hops: 1,
            workers: 1,
            pps: 250,
            cpu_us_per_packet: us,
            floor_us_per_packet: 2.0,
            ..Row::default()
        }
    }

    #[test]
    fn a_line_is_per_server_and_the_floor_is_one() {
        let rows = [
            row("a", "paced", 20, 4.0),
            row("a", "paced", 100, 4.0),
            row("b", "paced", 100, 9.0),
            row("a", "burst", 100, 1.0),
        ];
        let paced = lines(&rows, "paced");
        let names: Vec<&str> = paced.iter().map(|line| line.name.as_str()).collect();
        assert_eq!(names, ["a", "b", "floor"]);
        let bursts = lines(&rows, "burst");
        assert!(bursts.iter().zip(&paced).all(|(b, p)| b.colour == p.colour));
        assert_eq!(paced[0].points, [(0.0, 0.0), (20.0, 2.0), (100.0, 10.0)]);
        assert_eq!(paced[2].points, [(0.0, 0.0), (20.0, 1.0), (100.0, 5.0)]);
    }

    #[test]
    fn who_was_measured_often_shows_what_is_usual_and_the_floor_its_best() {
        let mut rows = vec![
            row("a", "paced", 100, 4.0),
            row("a", "paced", 100, 8.0),
            row("a", "paced", 20, 6.0),
            row("b", "paced", 100, 7.0),
        ];
        rows[1].floor_us_per_packet = 1.0;
        let paced = lines(&rows, "paced");
        assert_eq!(paced[0].points, [(0.0, 0.0), (20.0, 3.0), (100.0, 15.0)]);
        assert_eq!(paced[1].points, [(0.0, 0.0), (100.0, 17.5)]);
        assert_eq!(paced[2].points, [(0.0, 0.0), (20.0, 1.0), (100.0, 2.5)]);
    }

    #[test]
    fn the_picture_names_everybody_and_is_closed() {
        let picture = svg(&[row("a<b", "paced", 20, 4.0), row("c", "burst", 20, 4.0)]);
        assert!(
            picture.contains("a&lt;b") && picture.contains(">c<") && picture.ends_with("</svg>\n")
        );
        assert_eq!(
            picture.matches("<g ").count(),
            picture.matches("</g>").count()
        );
    }
}
